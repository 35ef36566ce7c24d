"""Yes or no as an answer: what the machinery is told about it."""

import numpy as np
import pytest

from recommit.learning.intervals import blocks
from recommit.task import Binary, Task

TASK: Task = Binary(("punctual", "late"))


@pytest.fixture
def drawn():
    draws = np.random.default_rng(1)
    chance = draws.uniform(0.05, 0.95, size=600)
    return draws.uniform(size=600) < chance, chance, blocks(np.repeat(np.arange(60), 10), 0)


def test_the_loss_among_the_scores_is_the_mean_of_the_losses(drawn):
    truth, chance, days = drawn
    judged = TASK.judge(truth, chance, days)
    assert list(judged) == list(TASK.scores)
    assert judged[TASK.loss].value == pytest.approx(TASK.losses(truth, chance).mean())


def test_the_question_of_detectors_is_the_target_itself():
    assert {words: asked.tolist() for words, asked in TASK.questions([0, 1]).items()} == {"late": [False, True]}


def test_explanations_add_up_in_log_odds():
    assert TASK.moved([0.5, 0.0], [0.5]).round(3).tolist() == [0.0, -16.118]


def test_only_a_number_within_0_to_1_is_a_probability():
    assert TASK.sound([0, 0.5, 1, -0.1, 1.1, np.nan, np.inf]).tolist() == [True] * 3 + [False] * 4


def test_bounds_are_in_nats_and_in_probability(drawn):
    truth, chance, _ = drawn
    scale = TASK.scale(1, TASK.losses(truth, chance))
    assert (scale.loss, scale.answer) == (1, 1)


def test_the_curve_is_the_roc_curve(drawn):
    truth, chance, days = drawn
    curve = TASK.curve(truth, chance, TASK.judge(truth, chance, days))
    area = np.trapezoid(curve.points["y"], curve.points["x"])
    assert area == pytest.approx(TASK.judge(truth, chance, days)["auc"].value, abs=0.01)
    assert curve.by_chance


def test_a_yes_or_no_needs_a_threshold(drawn):
    truth, chance, _ = drawn
    sets = TASK.conform(truth, chance, 0.9)
    assert TASK.answers(TASK.uncalibrated, sets, truth, 0.5).threshold == 0.5
    with pytest.raises(ValueError, match=r"params\.yaml has no prediction\.threshold"):
        TASK.answers(TASK.uncalibrated, sets, truth, None)
