"""Scores of probabilities, against values worked out by hand."""

import math

import numpy as np
import pytest

from recommit.learning.scores import calibration, scores

LATE = [0, 0, 1, 1]
CHANCE = [0.1, 0.4, 0.35, 0.8]


def test_scores_are_what_the_formulas_say():
    found = scores(LATE, CHANCE)
    assert found["auc"] == 0.75  # three of four pairs in order
    assert found["average_precision"] == pytest.approx((1 / 1 + 2 / 3) / 2)
    assert found["log_loss"] == pytest.approx(-np.mean([math.log(p) for p in (0.9, 0.6, 0.35, 0.8)]))
    assert found["brier"] == pytest.approx(np.mean([0.01, 0.16, 0.4225, 0.04]))
    assert all(type(value) is float for value in found.values())


def test_the_truth_scores_best_and_prevalence_ranks_nothing():
    assert scores(LATE, LATE) == pytest.approx({"auc": 1, "average_precision": 1, "log_loss": 0, "brier": 0})
    assert scores(LATE, [0.5] * 4)["auc"] == 0.5
    assert scores(LATE, [0.5] * 4)["brier"] == 0.25


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
        ([1, 1], [0.5, 0.5], "both outcomes"),
    ],
)
def test_what_cannot_be_scored_is_refused(late, chance, message):
    with pytest.raises(ValueError, match=message):
        scores(late, chance)
