"""Which rows are kept for the test: by time, by groups, or by a hash of the key."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from recommit import Refusal

PERIODS = {"month": "M", "quarter": "Q", "week": "W-SUN", "day": "D"}
"""Lengths of a period, and their names in pandas."""
_BEFORE_TEST, _FOLDS, _SHARE = 4, 3, 0.2
# How many rows a period must have, and the periods of which the first that has them is taken; if none has, the next.
_TRIED = ((200, ("month", "quarter", "week", "day")), (30, ("quarter", "month", "week", "day")))
_OF_EACH = 5


@dataclass(frozen=True)
class SplitGuess:
    """What goes under `split` in params.yaml, the clock (None: rows have no time), and why."""

    split: Mapping[str, object]
    as_of: str | None
    because: str


def unordered(group: str | None, by: str | None, as_of: str | None) -> SplitGuess:
    """Returns the split of rows without a time: by groups where there is such a column, else by a hash of the key.

    Raises `Refusal` where `by` or `as_of`, which are what the user said, need a time or a group.
    """
    if as_of:
        raise Refusal(f"--as-of {as_of} needs a time, and rows have none: add --time")
    if by not in (None, "hash" if group is None else "group"):
        can = "hash" if group is None else "group"
        raise Refusal(f"--split {by}: rows have no time{'' if group else ' and no group'}: it can be {can}")
    split = {"by": "group" if group else "hash", "folds": _FOLDS, "test": _SHARE}
    why = (
        f"rows of one {group} are in one part only"
        if group
        else "rows have no time: a hash of the key decides the part"
    )
    return SplitGuess(split, None, why)


def by_time(
    instants: pd.Series, truth: np.ndarray, binary: bool, zone: str, by: str | None, as_of: str | None
) -> SplitGuess:
    """Returns the split by periods, months if they will do: four before that of the test, one after it to predict.

    `instants` are those of the rows (UTC), `truth` is the target. Of each period that is tested, so many rows are asked
    for, and of two outcomes some of each. The clock is the beginning of the last period: its rows are still to come, as
    in production. `by` and `as_of` are what the user said. Raises `Refusal` for a clock beyond the rows.
    """
    if by is None:
        tried = ((one, rows) for rows, periods in _TRIED for one in periods)
        by = next((one for one, rows in tried if _enough(instants, truth, binary, zone, one, rows)), None)
    if by is not None and not by.isdigit() and by not in PERIODS:
        raise Refusal(f"--split {by}: rows have a time: it can be {', '.join(PERIODS)} or a number of rows")
    if by is None or by.isdigit():
        return _by_rows(instants, int(by) if by else max(len(instants) // (_BEFORE_TEST + 2), 1), zone, as_of)
    starts = _periods(instants, zone, by)
    at = starts.max() if as_of is None else _clock(as_of, instants, zone)
    before = starts[instants.dt.tz_convert(zone).dt.tz_localize(None) < at]
    test, to_come = before == before.max(), len(starts) - len(before)
    why = (
        f"{before.nunique()} {by}s before {at:%Y-%m-%d}, the last of them, from {before.max():%Y-%m-%d}, for the test "
        f"({test.sum():,} rows); {to_come:,} rows from {at:%Y-%m-%d} on are taken as still to come"
    )
    return SplitGuess(_split(by, zone), f"{at:%Y-%m-%d}", why)


def _by_rows(instants: pd.Series, rows: int, zone: str, as_of: str | None) -> SplitGuess:
    ordered = instants.sort_values(ignore_index=True)
    at = ordered.iloc[-min(rows, len(ordered))] if as_of is None else _clock(as_of, instants, zone).tz_localize(zone)
    to_come = int((instants >= at).sum())
    why = (
        f"no period from day to quarter has enough rows: {rows:,} rows in order of time; {to_come:,} are still to come"
    )
    return SplitGuess(_split(rows, zone), f"{at.tz_convert('UTC'):%Y-%m-%dT%H:%M:%SZ}", why)


def _split(by: str | int, zone: str) -> Mapping[str, object]:
    return {"by": by, "folds": _FOLDS} | ({} if zone == "UTC" else {"zone": zone})


def _periods(instants: pd.Series, zone: str, by: str) -> pd.Series:
    """The beginning of each row's period, in local time without a zone."""
    return instants.dt.tz_convert(zone).dt.tz_localize(None).dt.to_period(PERIODS[by]).dt.start_time


def _enough(instants: pd.Series, truth: np.ndarray, binary: bool, zone: str, by: str, rows: int) -> bool:
    counts = pd.DataFrame({"period": _periods(instants, zone, by), "true": truth}).groupby("period")["true"]
    size = counts.size()
    ahead = pd.period_range(size.index.min(), size.index.max(), freq=PERIODS[by])
    size = size.reindex(ahead.start_time, fill_value=0)
    if len(size) < _BEFORE_TEST + 2:
        return False
    tested = size.iloc[-_FOLDS - 2 : -1]
    if tested.min() < rows:
        return False
    yes = counts.sum().reindex(tested.index) if binary else tested
    return not binary or bool((yes >= _OF_EACH).all() and (tested - yes >= _OF_EACH).all())


def _clock(as_of: str, instants: pd.Series, zone: str) -> pd.Timestamp:
    local = instants.dt.tz_convert(zone).dt.tz_localize(None)
    try:
        at = pd.Timestamp(as_of)
        at = at.tz_convert(zone).tz_localize(None) if at.tzinfo else at
    except ValueError:
        raise Refusal(f"--as-of {as_of}: it must be a date like 2013-09-01") from None
    if not local.min() < at:
        raise Refusal(
            f"--as-of {as_of}: no row is before it; rows are from {local.min():%Y-%m-%d} to {local.max():%Y-%m-%d}"
        )
    return at
