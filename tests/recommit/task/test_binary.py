"""Yes or no as an answer: the task gives what the functions for probabilities give."""

import numpy as np
import pytest

from recommit.learning.intervals import blocks
from recommit.learning.judging import judge
from recommit.learning.scores import log_losses
from recommit.task import Binary, Task

TASK: Task = Binary(("punctual", "late"))


@pytest.fixture
def drawn():
    draws = np.random.default_rng(1)
    chance = draws.uniform(0.05, 0.95, size=600)
    return draws.uniform(size=600) < chance, chance, blocks(np.repeat(np.arange(60), 10), 0)


def test_scores_and_losses_are_those_of_probabilities(drawn):
    truth, chance, days = drawn
    judged = TASK.judge(truth, chance, days)
    assert set(judged) == set(TASK.scores)
    assert {name: one.value for name, one in judged.items()} == {
        name: one.value for name, one in judge(truth, chance, days).items()
    }
    assert (TASK.losses(truth, chance) == log_losses(truth, chance)).all()


def test_the_question_of_detectors_is_the_target_itself():
    assert {words: asked.tolist() for words, asked in TASK.questions([0, 1]).items()} == {"late": [False, True]}


def test_explanations_add_up_in_log_odds():
    assert TASK.moved([0.5, 0.0]).round(3).tolist() == [0.0, -16.118]
