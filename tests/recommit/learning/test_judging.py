import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from recommit.learning.intervals import blocks
from recommit.learning.judging import calibration_gap, coverage, differences, judge, ranking


@given(st.integers(0, 10_000))
def test_ranking_scores_are_scikit_learns_with_weights_and_ties(seed: int) -> None:
    rng = np.random.default_rng(seed)
    outcome = np.append(rng.integers(0, 2, 30), [0, 1])
    probability = rng.integers(0, 8, 32) / 8
    weights = np.append(rng.integers(0, 3, 30), [1, 1]).astype(float)
    ranked = ranking(outcome, probability)
    assert ranked.auc(weights) == pytest.approx(metrics.roc_auc_score(outcome, probability, sample_weight=weights))
    expected = metrics.average_precision_score(outcome, probability, sample_weight=weights)
    assert ranked.average_precision(weights) == pytest.approx(expected)


def test_rows_with_one_outcome_alone_have_no_ranking() -> None:
    assert np.isnan(ranking([0, 1], [0.2, 0.8]).auc(np.array([1.0, 0.0])))


def test_better_is_above_zero_whichever_way_a_score_points() -> None:
    rng = np.random.default_rng(1)
    day = np.repeat(np.arange(20), 50)
    probability = rng.uniform(0.05, 0.95, 1000)
    outcome = (rng.uniform(size=1000) < probability).astype(float)
    days = blocks(day, seed=1)
    good, bad = judge(outcome, probability, days), judge(outcome, rng.permutation(probability), days)
    assert all(gain.interval().low > 0 for gain in differences(good, bad).values())


def test_a_forecast_that_is_too_high_shows_a_gap_and_an_honest_one_does_not() -> None:
    rng = np.random.default_rng(2)
    days = blocks(np.repeat(np.arange(31), 100), seed=1)
    probability = rng.uniform(0.1, 0.7, 3100)
    outcome = rng.uniform(size=3100) < probability
    honest, high = (calibration_gap(outcome, probability + more, days).interval() for more in (0, 0.1))
    assert honest.low <= 0 <= honest.high
    assert high.low > 0.05


def test_coverage_is_counted_for_each_outcome() -> None:
    days = blocks([1, 1, 2, 2], seed=1)
    sets = np.array([[True, False], [True, True], [True, False], [True, False]])
    found = coverage([0, 1, 1, 0], [True, True, False, True], sets, days)
    assert {name: float(one.value) for name, one in found.items()} == {
        "overall": 0.75,
        "positive": 0.5,
        "negative": 1.0,
        "both": 0.25,
    }
