"""Charts add up small shifts, and alarm falsely as rarely as is asked."""

import numpy as np
import pytest

from recommit.monitoring import cusum


def alike(days: int, correlation: float, seed: int, number: int = 1) -> np.ndarray:
    """Days that are like their neighbours, with so many numbers."""
    draws = np.random.default_rng(seed)
    found = np.zeros((days, number))
    for day in range(1, days):
        found[day] = correlation * found[day - 1] + draws.normal(scale=np.sqrt(1 - correlation**2), size=number)
    return np.minimum((found - found.mean(axis=0)) / found.std(axis=0), cusum.FARTHEST)


@pytest.mark.parametrize("number", [1, 50])
@pytest.mark.parametrize("correlation", [0.0, 0.5])
def test_all_charts_together_alarm_as_rarely_as_is_asked(correlation: float, number: int) -> None:
    scores = {"one": alike(365, correlation, 1, number), "other": alike(365, 0.3, 2)}
    at = cusum.limits(scores, 0.5, 120, 200, seed=1)
    places = cusum.simulated(365, 200, seed=2)
    between = places.size / cusum.together(scores, at, 0.5, places).sum()
    assert 100 < between < 250


def test_a_number_that_is_alike_from_day_to_day_gets_a_higher_limit_than_one_beside_it_that_is_not() -> None:
    scores = np.concatenate([alike(365, 0.0, 1), alike(365, 0.7, 1)], axis=1)
    limits = cusum.limits({"one": scores}, 0.5, 2000, 100, 1)["one"]
    assert limits is not None
    assert limits[1] > 1.3 * limits[0]


def test_a_small_shift_adds_up_and_its_begin_and_its_chart_are_known() -> None:
    days = np.zeros((30, 3))
    days[10:, 1] = 1.5
    path = cusum.path(days, np.full(3, 5.0), 0.5)
    assert (path.alarms[0], path.since[0], path.by[0]) == (15, 10, 1)
    assert path.sums[15] > 1


def test_no_day_alone_is_an_alarm() -> None:
    scores = alike(365, 0.2, 1)
    scores[100:102] = [[cusum.FARTHEST], [-10]]
    limits = cusum.limits({"one": scores}, 0.5, 5, 100, 1)["one"]
    assert limits is not None
    scores[:100] = 0
    assert 100 not in cusum.path(scores, limits, 0.5).alarms


def test_a_series_that_never_moves_has_no_limit() -> None:
    assert cusum.limits({"one": np.zeros((100, 1))}, 0.5, 120, 10, 1) == {"one": None}
