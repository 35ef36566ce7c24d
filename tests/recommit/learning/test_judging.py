import numpy as np
import pandas as pd
import pytest

from recommit.learning.intervals import blocks
from recommit.learning.judging import as_coverage, by_group, coverage, deciding, differences
from recommit.task import Binary, Classes, Number

TASK = Binary(("punctual", "late"))


def test_better_is_above_zero_whichever_way_a_score_points() -> None:
    rng = np.random.default_rng(1)
    day = np.repeat(np.arange(20), 50)
    probability = rng.uniform(0.05, 0.95, 1000)
    outcome = (rng.uniform(size=1000) < probability).astype(float)
    days = blocks(day, seed=1)
    good, bad = TASK.judge(outcome, probability, days), TASK.judge(outcome, rng.permutation(probability), days)
    assert all(gain.interval().low > 0 for gain in differences(good, bad).values())


def test_a_forecast_that_is_too_high_shows_a_gap_and_an_honest_one_does_not() -> None:
    rng = np.random.default_rng(2)
    days = blocks(np.repeat(np.arange(31), 100), seed=1)
    probability = rng.uniform(0.1, 0.7, 3100)
    outcome = rng.uniform(size=3100) < probability
    honest, high = (TASK.gap(outcome, probability + more, days).interval() for more in (0, 0.1))
    assert honest.low <= 0 <= honest.high
    assert high.low > 0.05


def test_coverage_is_counted_for_each_outcome() -> None:
    days = blocks([1, 1, 2, 2], seed=1)
    found = coverage(TASK, [0, 1, 1, 0], [True, True, False, True], [False, True, False, False], days)
    assert {name: float(one.value) for name, one in found.items()} == {
        "overall": 0.75,
        "punctual": 1.0,
        "late": 0.5,
        "share that holds both outcomes": 0.25,
    }
    kept = as_coverage(0.9, found)
    assert (kept.level, kept.overall.value, list(kept.of)) == (0.9, 0.75, ["punctual", "late"])


def test_coverage_of_numbers_is_counted_below_and_above_their_median() -> None:
    days = blocks([1, 1, 2, 2], seed=1)
    found = coverage(Number("min"), [1, 2, 3, 4], [True, False, True, True], [8, 8, 8, 8], days)
    assert {name: float(one.value) for name, one in found.items()} == {
        "overall": 0.75,
        "up to 2.5 min": 0.5,
        "above 2.5 min": 1.0,
        "mean width": 8.0,
    }


@pytest.mark.parametrize("task", [TASK, Number("min")])
def test_scores_of_groups_are_those_of_their_rows_alone(task) -> None:
    truth, answer = pd.Series([0, 1, 0, 1.0]), np.array([0.2, 0.7, 0.4, 0.5])
    found = by_group(task, truth, answer, pd.Series(["may", "may", "june", "june"], name="fold"))
    assert found["rows"].to_dict() == {"june": 2, "may": 2}
    assert found.loc["june", task.loss] == pytest.approx(task.losses(truth[2:], answer[2:]).mean())


@pytest.mark.parametrize(
    ("task", "other"), [(TASK, "auc"), (Number("min"), "absolute_error"), (Classes(("a", "b", "c")), "accuracy")]
)
def test_few_numbers_decide_and_what_is_saved_is_above_zero_for_the_lower_loss(task, other) -> None:
    candidate, baseline = (dict.fromkeys(task.scores, value) for value in (0.25, 1.0))
    assert deciding(task, candidate, baseline) == {task.loss: 0.25, other: 0.25, "saved": 0.75}
