"""Charts add up small shifts, and alarm falsely as rarely as is asked."""

import numpy as np
import pytest

from recommit.monitoring import cusum


def alike(days: int, correlation: float, seed: int) -> np.ndarray:
    """Days that are like their neighbours."""
    draws = np.random.default_rng(seed)
    found = np.zeros(days)
    for day in range(1, days):
        found[day] = correlation * found[day - 1] + draws.normal(scale=np.sqrt(1 - correlation**2))
    return found[:, None]


@pytest.mark.parametrize("correlation", [0.0, 0.5])
def test_alarms_are_as_far_apart_as_is_asked(correlation: float) -> None:
    days = alike(365, correlation, 1)
    scores = {"one": cusum.channels(days, np.ones(365, dtype=bool), [True])}
    at = cusum.limits(scores, 0.5, 120, 200, seed=1)
    places = cusum.simulated(np.arange(365), 200, seed=2)
    between = places.size / cusum.together(scores, at, 0.5, places).sum()
    assert between > 100
    assert between < 145 or at["one"] < cusum.FARTHEST - 0.48  # the least limit there is


def test_days_that_are_alike_get_a_higher_limit() -> None:
    own = np.ones(365, dtype=bool)
    limit = [
        cusum.limits({"one": cusum.channels(alike(365, one, 1), own, [True])}, 0.5, 120, 100, 1)["one"]
        for one in (0, 0.6)
    ]
    assert limit[0] is not None
    assert limit[1] is not None
    assert limit[1] > 1.3 * limit[0]


def test_a_small_shift_adds_up_and_its_begin_is_known() -> None:
    days = np.concatenate([np.zeros(10), np.full(20, 1.5)])[:, None]
    path = cusum.path(days, 5.0, 0.5)
    assert path.alarms[0] == 15
    assert path.since[0] == 10
    assert path.sums[15] > 5


def test_no_day_alone_is_an_alarm() -> None:
    days = alike(365, 0.2, 1)
    days[100] = 1000
    scores = cusum.channels(days, np.arange(365) != 100, [True])
    assert scores.max() == cusum.FARTHEST
    at = cusum.limits({"one": scores}, 0.5, 180, 100, 1)["one"]
    assert at is not None
    assert 100 not in cusum.path(scores, at, 0.5).alarms


def test_a_series_that_never_moves_has_no_limit() -> None:
    assert cusum.limits({"one": np.zeros((100, 1))}, 0.5, 120, 10, 1) == {"one": None}
