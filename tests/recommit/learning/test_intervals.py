import numpy as np
import pytest

from recommit.learning.intervals import blocks
from recommit.learning.judging import ranking


def _days(rng: np.random.Generator, days: int, rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of days with weather of their own: (day, probability stated, outcome); the probability is the true one."""
    day = np.repeat(np.arange(days), rows)
    weather = rng.normal(size=days)[day]
    probability = 1 / (1 + np.exp(-(weather + rng.normal(size=len(day)) - 1)))
    return day, probability, (rng.uniform(size=len(day)) < probability).astype(float)


def _coverage(hits: list[bool], level: float) -> None:
    share, error = np.mean(hits), np.sqrt(level * (1 - level) / len(hits))
    assert abs(share - level) <= 2 * error, f"{share:.3f} of {len(hits)} intervals hold the truth, not {level}"


def test_intervals_of_a_mean_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(1)
    truth = _days(np.random.default_rng(0), 20_000, 40)[1].mean()
    hits = []
    for _ in range(1000):
        day, _, outcome = _days(rng, 31, 40)
        interval = blocks(day, seed=int(rng.integers(2**31)), replicates=400).ratio(outcome).interval()
        hits.append(interval.low <= truth <= interval.high)
    _coverage(hits, 0.95)


def test_intervals_of_an_area_under_the_curve_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(2)
    day, probability, outcome = _days(np.random.default_rng(0), 20_000, 20)
    truth = ranking(outcome, probability).auc(np.ones(len(day)))
    hits = []
    for _ in range(600):
        day, probability, outcome = _days(rng, 31, 20)
        drawn = blocks(day, seed=int(rng.integers(2**31)), replicates=400)
        interval = drawn.statistic(ranking(outcome, probability).auc).interval(level=0.9)
        hits.append(interval.low <= truth <= interval.high)
    _coverage(hits, 0.9)


def test_intervals_that_hold_together_do_so_as_often_as_they_say() -> None:
    rng = np.random.default_rng(3)
    hits = []
    for _ in range(500):
        shared = rng.normal(size=31)
        values = np.repeat(shared[:, None] + rng.normal(size=(31, 12)), 5, axis=0)
        drawn = blocks(np.repeat(np.arange(31), 5), seed=int(rng.integers(2**31)), replicates=400)
        hits.append(all(one.low <= 0 <= one.high for one in drawn.ratio(values).simultaneous(level=0.9)))
    _coverage(hits, 0.9)


def test_rows_alone_would_be_sure_of_what_only_days_can_tell() -> None:
    day, _, outcome = _days(np.random.default_rng(4), 31, 400)
    by_day = blocks(day, seed=1).ratio(outcome).interval()
    by_row = blocks(np.arange(len(day)), seed=1, replicates=200).ratio(outcome).interval()
    assert by_day.high - by_day.low > 3 * (by_row.high - by_row.low)


def test_a_paired_difference_is_surer_than_its_parts() -> None:
    day, probability, outcome = _days(np.random.default_rng(5), 31, 100)
    drawn = blocks(day, seed=1)
    one, other = drawn.ratio((probability - outcome) ** 2), drawn.ratio((0.9 * probability - outcome) ** 2)
    paired, alone = (one - other).interval(), one.interval()
    assert paired.high - paired.low < (alone.high - alone.low) / 3


def test_the_largest_of_many_is_not_sure_when_it_is_chance() -> None:
    values = np.random.default_rng(6).normal(size=(31, 200))
    estimate = blocks(np.arange(31), seed=1).ratio(values)
    assert any(not one.low <= 0 <= one.high for one in estimate.each())
    assert all(one.low <= 0 <= one.high for one in estimate.simultaneous())


def test_a_number_that_cannot_vary_has_no_interval_that_claims_to_know() -> None:
    values = np.column_stack([np.zeros(10), np.arange(10)])
    constant, varying = blocks(np.arange(10), seed=1).ratio(values).simultaneous()
    assert (constant.low, constant.high) == (-np.inf, np.inf)
    assert np.isfinite([varying.low, varying.high]).all()


def test_the_same_seed_gives_the_same_interval() -> None:
    first, second = (blocks(np.arange(20), seed=3).ratio(np.arange(20)).interval() for _ in range(2))
    assert first == second


def test_one_day_tells_nothing_of_how_days_differ() -> None:
    with pytest.raises(ValueError, match="two blocks or more, there are 1"):
        blocks(["a", "a"], seed=1)
