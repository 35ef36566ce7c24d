"""Age of training: a world that drifts makes old fits worse, one that does not leaves them as they are."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from recommit.evidence.files import plain
from recommit.learning.staleness import age, as_table, decay, windows
from recommit.task import Binary
from tests.recommit.learning.splitting import by_month

TASK = Binary(("no", "late"))

MONTHS = by_month("2013-09-01", target="came")
JULY = pd.Timestamp("2013-07-01", tz="UTC")


def world(drift: float, seed: int = 3) -> pd.DataFrame:
    """January to August, 40 rows a day, whose outcome leans on `x` less by `drift` each month, and on its day."""
    rng = np.random.default_rng(seed)
    at = pd.date_range("2013-01-01", "2013-08-31 23:59", freq="36min", tz="UTC").as_unit("us")
    month = (at.month + at.day / 31).to_numpy()
    x = rng.normal(size=len(at))
    day = rng.normal(scale=0.3, size=400)[at.day_of_year]
    came = rng.uniform(size=len(at)) < 1 / (1 + np.exp(-(2 - drift * (8 - month)) * x - day))
    known = at + pd.Timedelta(hours=3)
    return pd.DataFrame({"predicted_at": at, "label_known_at": known, "x": x, "came": came})


def curve_of(table: pd.DataFrame, ages: list[int]):
    [split] = MONTHS.folds(table, 1)
    found = windows(table, MONTHS, split.starts, 3, ages)
    return decay(TASK, LogisticRegression, found, split, ["x"], "came", seed=7)


def test_in_a_world_that_drifts_an_older_fit_is_surely_worse():
    curve = curve_of(world(drift=0.8), [0, 1, 2, 3])
    added = [aged.added_loss for aged in curve]
    assert [one.value for one in added] == sorted(one.value for one in added)
    assert plain(added[0]) == {"value": 0, "low": 0, "high": 0, "level": 0.95}
    assert added[3].low > 0.05


@pytest.mark.parametrize("seed", range(5))
def test_in_a_world_that_stays_no_age_is_surely_worse(seed):
    curve = curve_of(world(drift=0, seed=seed), [0, 3])
    assert curve[1].added_loss.low < 0.001
    assert abs(curve[1].added_loss.value) < 0.005


def test_windows_are_equally_long_and_hold_only_what_was_known_by_their_end():
    table = world(drift=0)
    found = windows(table, MONTHS, JULY, 3, [2, 0, 0])
    assert [window.periods_old for window in found] == [0, 2]
    assert [str(window.starts.date()) for window in found] == ["2013-04-01", "2013-02-01"]
    for window in found:
        assert window.ends == JULY - pd.DateOffset(months=window.periods_old)
        assert window.rows["label_known_at"].max() < window.ends
        assert window.rows["predicted_at"].min() >= window.starts


def test_a_window_that_the_table_does_not_cover_is_left_out():
    assert [window.periods_old for window in windows(world(drift=0), MONTHS, JULY, 3, [2, 3, 4, 5])] == [2, 3]
    assert windows(world(drift=0), MONTHS, JULY, 9, [0]) == []
    [split] = MONTHS.folds(world(drift=0), 1)
    assert decay(TASK, LogisticRegression, [], split, ["x"], "came", seed=7) == []


@pytest.mark.parametrize(("months", "ages"), [(0, [0]), (3, []), (3, [-1])])
def test_windows_that_make_no_sense_are_refused(months, ages):
    with pytest.raises(ValueError, match="windows need a period or more"):
        windows(world(drift=0), MONTHS, JULY, months, ages)


def test_a_window_that_reaches_into_the_month_judged_is_refused():
    table = world(drift=0)
    [split] = MONTHS.folds(table, 1)
    late = windows(table, MONTHS, split.starts + pd.DateOffset(months=1), 3, [0])
    with pytest.raises(ValueError, match="after the test begins 2013-07-01"):
        decay(TASK, LogisticRegression, late, split, ["x"], "came", seed=7)


def test_the_age_counts_from_the_newest_label_to_the_first_use():
    assert age(JULY - pd.Timedelta(minutes=1), JULY).age_days < 0.1
    old = age(JULY - pd.Timedelta(days=40), JULY)
    assert plain(old) == {"trained_until": "2013-05-22 00:00:00+00:00", "age_days": 40}


def test_evidence_and_table_say_when_each_fit_learned():
    curve = curve_of(world(drift=0), [0, 1])
    kept = plain(curve[1])
    assert (kept["periods_old"], kept["trained_from"], kept["trained_until"]) == (1, "2013-03-01", "2013-06-01")
    assert set(kept) == {"periods_old", "trained_from", "trained_until", "rows", "loss", "added_loss"}
    assert as_table(curve)["rows"].tolist() == [aged.rows for aged in curve]
