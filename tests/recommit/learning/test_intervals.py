import numpy as np
import pytest

from benchmarks.coverage import MONTH, Month, chain, long_run, measured_months, truth_in
from recommit.learning.intervals import Estimate, Interval, blocks, from_sums
from recommit.task.probabilities import log_losses


def _days(rng: np.random.Generator, days: int, rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of days with weather of their own: (day, probability stated, outcome); the probability is the true one."""
    day = np.repeat(np.arange(days), rows)
    weather = rng.normal(size=days)[day]
    probability = 1 / (1 + np.exp(-(weather + rng.normal(size=len(day)) - 1)))
    return day, probability, (rng.uniform(size=len(day)) < probability).astype(float)


def _lag(month: Month, values: np.ndarray) -> float:
    by_day = np.bincount(month.day, weights=month.rows * values)
    return float(np.corrcoef(by_day[1:], by_day[:-1])[0, 1])


def _alike_within_days(month: Month, values: np.ndarray) -> float:
    """The intra-day correlation: the variance between days as a share of all variance."""
    rows = month.rows[month.day == 0].sum()
    by_day, squares = (np.bincount(month.day, weights=month.rows * power) / rows for power in (values, values**2))
    within = (squares - by_day**2).mean() * rows / (rows - 1)
    between = by_day.var(ddof=1) - within / rows
    return float(between / (between + within))


@pytest.fixture(scope="module", params=[0.0, 0.25, 0.47], ids=lambda correlation: f"correlation {correlation}")
def simulated(request: pytest.FixtureRequest) -> tuple[float, dict[str, float], list[dict[str, Estimate]]]:
    """(correlation of neighbouring days, the true numbers, those of many months of 31 days)."""
    long = long_run(request.param)
    loss = log_losses(long.outcome, long.forecast)
    assert _lag(long, long.outcome) == pytest.approx(request.param, abs=0.03)
    assert _lag(long, loss) == pytest.approx(request.param, abs=0.06)
    assert _alike_within_days(long, long.outcome) == pytest.approx(0.13, abs=0.02)
    assert 0.03 <= _alike_within_days(long, loss) <= 0.05
    return request.param, truth_in(long), measured_months(request.param, 500)


def _held(found: list[Interval], truth: float) -> float:
    return float(np.mean([one.low <= truth <= one.high for one in found]))


def _not_above(gains: list[Interval], truth: dict[str, float]) -> float:
    return float(np.mean([gain.low <= truth["gain over the baseline"] for gain in gains]))


def _least(share: float, number: int) -> float:
    return share - 2 * np.sqrt(share * (1 - share) / number)


def test_intervals_hold_the_truth_when_neighbouring_days_are_alike(simulated: tuple) -> None:
    _, truth, months = simulated
    held = {name: _held([month[name].interval() for month in months], truth[name]) for name in truth}
    gain = held.pop("gain over the baseline")
    assert {name: share for name, share in held.items() if share < _least(0.92, len(months))} == {}
    # The gain is skewed, since good and bad weather alike add to it: its intervals miss more often, and nearly always
    # below the truth, so that no more than is stated is claimed too much.
    assert gain >= _least(0.88, len(months))
    assert _not_above([month["gain over the baseline"].interval() for month in months], truth) >= _least(
        0.975, len(months)
    )


def test_intervals_at_a_high_level_hold_the_truth_when_neighbouring_days_are_alike(simulated: tuple) -> None:
    """So that a level may be divided by the number of looks."""
    _, truth, months = simulated
    level = 1 - 0.05 / 16
    held = {name: _held([month[name].interval(level) for month in months], truth[name]) for name in truth}
    assert held.pop("gain over the baseline") >= _least(0.95, len(months))
    assert {name: share for name, share in held.items() if share < _least(0.98, len(months))} == {}
    assert _not_above([month["gain over the baseline"].interval(level) for month in months], truth) >= 0.99


def test_intervals_are_hardly_wider_than_needed_when_days_are_independent(simulated: tuple) -> None:
    correlation, _, months = simulated
    if correlation:
        pytest.skip("about independent days")
    for name in ("difference", "gap", "share"):
        widths = [month[name].interval().high - month[name].interval().low for month in months]
        classic = [month[name].interval(alike=False) for month in months]
        assert np.mean(widths) < 1.2 * np.mean([one.high - one.low for one in classic])


def test_intervals_of_independent_blocks_would_hold_far_less(simulated: tuple) -> None:
    correlation, truth, months = simulated
    held = _held([month["log loss"].interval(alike=False) for month in months], truth["log loss"])
    assert held < 0.82 if correlation > 0.4 else held > _least(0.85, len(months))


@pytest.mark.parametrize("correlation", [0, 0.25, 0.45])
def test_intervals_that_hold_together_do_so_when_neighbouring_days_are_alike(correlation: float) -> None:
    rng, hits = np.random.default_rng(3), []
    for _ in range(120):
        values = np.column_stack([chain(rng, MONTH, correlation) for _ in range(9)])
        found = blocks(np.arange(MONTH), seed=1).ratio(values[:, :1] + values[:, 1:]).simultaneous()
        hits.append(all(one.low <= 0 <= one.high for one in found))
    assert np.mean(hits) >= _least(0.92, len(hits))


@pytest.mark.parametrize("days", [2, 3, 7, 14, 92])
def test_intervals_hold_the_truth_for_few_and_for_many_independent_days(days: int) -> None:
    rng = np.random.default_rng(days)
    values = rng.normal(size=(days, 2000))
    found = blocks(np.arange(days), seed=1).ratio(values).each()
    assert _held(found, 0.0) >= _least(0.95, len(found))


def test_days_sums_give_the_interval_of_the_rows_at_any_level() -> None:
    month = Month.drawn(np.random.default_rng(5), MONTH, 0.4)
    days = blocks(month.day, seed=1)
    late = month.rows * month.outcome
    again = from_sums(days.sums(late), days.sums(month.rows))
    for level in (0.8, 0.95, 1 - 0.05 / 16, 1 - 0.05 / 1000):
        assert again.interval(level) == days.ratio(late, month.rows).interval(level)
    widths = [again.interval(level).high - again.interval(level).low for level in (0.8, 0.95, 0.997, 0.99995)]
    assert widths == sorted(set(widths))


def test_no_interval_of_a_share_is_beyond_none_or_all() -> None:
    found = blocks(np.arange(10), seed=1).ratio(np.eye(10)[0]).interval()
    assert (found.low, found.high < 1) == (0, True)
    nearly = blocks(np.arange(10), seed=1).ratio(1 - np.eye(10)[0]).interval()
    assert (nearly.low > 0, nearly.high) == (True, 1)


def test_a_number_that_one_day_alone_can_tell_has_no_interval_that_claims_to_know() -> None:
    late = np.array([0, 0, 3.0, 0, 0])
    assert vars(from_sums(late, late).interval()) == {"value": 1, "low": 0, "high": 1, "level": 0.95}
    assert from_sums(-late, late).interval().low == -np.inf


def test_rows_alone_would_be_sure_of_what_only_days_can_tell() -> None:
    day, _, outcome = _days(np.random.default_rng(4), 31, 400)
    by_day = blocks(day, seed=1).ratio(outcome).interval()
    by_row = blocks(np.arange(len(day)), seed=1).ratio(outcome).interval()
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
    values = np.column_stack([np.zeros(10), np.arange(10) - 5])
    constant, varying = blocks(np.arange(10), seed=1).ratio(values).simultaneous()
    assert (constant.low, constant.high) == (-np.inf, np.inf)
    assert np.isfinite([varying.low, varying.high]).all()


def test_the_same_seed_gives_the_same_interval() -> None:
    first, second = (blocks(np.arange(20), seed=3).ratio(np.arange(20)).interval() for _ in range(2))
    assert first == second


def test_one_day_tells_nothing_of_how_days_differ() -> None:
    number = blocks(["a", "a"], seed=1).ratio([[0.0, 2.0], [1.0, 4.0]])
    assert list(number.value) == [0.5, 3.0]
    assert np.isnan(number.error).all()
    for one in (*number.each(), *number.simultaneous()):
        assert (one.low, one.high) == (0.0, np.inf)
