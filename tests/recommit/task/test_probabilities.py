"""Scores of probabilities, against values worked out by hand and scikit-learn's."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from recommit.learning import judging
from recommit.task import Binary
from recommit.task.bins import calibration
from recommit.task.probabilities import log_losses, ranking

TASK = Binary(("punctual", "late"))
LATE = [0, 0, 1, 1]
CHANCE = [0.1, 0.4, 0.35, 0.8]


def test_scores_are_what_the_formulas_say():
    found = judging.scores(TASK, LATE, CHANCE)
    assert found["auc"] == 0.75  # three of four pairs in order
    assert found["average_precision"] == pytest.approx((1 / 1 + 2 / 3) / 2)
    assert found["log_loss"] == pytest.approx(-np.mean([math.log(p) for p in (0.9, 0.6, 0.35, 0.8)]))
    assert found["brier"] == pytest.approx(np.mean([0.01, 0.16, 0.4225, 0.04]))
    assert all(type(value) is float for value in found.values())


def test_the_truth_scores_best_and_prevalence_ranks_nothing():
    best = {"auc": 1, "average_precision": 1, "log_loss": 0, "brier": 0, "calibration_error": 0}
    assert judging.scores(TASK, LATE, LATE) == pytest.approx(best)
    assert judging.scores(TASK, LATE, [0.5] * 4)["auc"] == 0.5
    assert judging.scores(TASK, LATE, [0.5] * 4)["brier"] == 0.25


def test_calibration_bins_hold_all_rows_in_order():
    chance = np.linspace(0.01, 0.99, 1000)
    late = np.random.default_rng(0).uniform(size=1000) < chance
    bins = calibration(late, chance, bins=5)
    assert bins["rows"].tolist() == [200] * 5
    assert bins["predicted"].is_monotonic_increasing
    np.testing.assert_allclose(bins["observed"], bins["predicted"], atol=0.1)


def test_equal_probabilities_share_a_bin():
    bins = calibration([0, 1, 1, 1], [0.3] * 4)
    assert bins.to_dict("list") == {"predicted": [pytest.approx(0.3)], "observed": [0.75], "rows": [4]}


@pytest.mark.parametrize(
    ("late", "chance", "message"),
    [
        ([0, 1], [0.5], "do not match"),
        ([], [], "do not match"),
        ([0, 2], [0.5, 0.5], "0 or 1"),
        ([0, 1], [0.5, math.nan], "within 0 to 1"),
        ([0, 1], [0.5, 1.2], "within 0 to 1"),
    ],
)
def test_what_cannot_be_scored_is_refused(late, chance, message):
    with pytest.raises(ValueError, match=message):
        log_losses(late, chance)


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
    assert np.isnan(judging.scores(TASK, [1, 1], [0.5, 0.5])["auc"])
