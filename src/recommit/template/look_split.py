"""Which rows are kept for the test: by time, by groups, or by a hash of the key."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import cast

import numpy as np
import pandas as pd

from recommit import Refusal
from recommit.learning.calendar import PERIODS, TODO, Calendar
from recommit.learning.splits import clock, splitter
from recommit.problem import Problem

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
    asked: pd.Series,
    known: pd.Series,
    truth: np.ndarray,
    binary: bool,
    zone: str,
    by: str | None,
    as_of: str | None,
) -> SplitGuess:
    """Returns the split by periods, months if they will do: four before that of the test, one after it to predict.

    `asked` and `known` say of each row when its prediction is asked for and its `truth` is known (UTC). Of each period
    that is tested, so many rows are asked for that are known before it ends, and of two outcomes some of each. The
    clock is the beginning of the last period: its rows are still to come, as in production. `by` and `as_of` are what
    the user said. Raises `Refusal` for a clock beyond the rows, or at which no period begins.
    """
    if by is None:
        rows = pd.DataFrame({"asked": _local(asked, zone), "known": _local(known, zone), "true": truth})
        tried = ((one, least) for least, periods in _TRIED for one in periods)
        by = next((one for one, least in tried if _enough(rows, binary, one, least)), None)
    if by is not None and not by.isdigit() and by not in PERIODS:
        raise Refusal(f"--split {by}: rows have a time: it can be {', '.join(PERIODS)} or a number of rows")
    if by is None or by.isdigit():
        return _by_rows(asked, known, int(by or 0), zone, as_of)
    starts = _periods(_local(asked, zone), by).dt.start_time
    at = _said(as_of, asked, zone, by) if as_of else starts.max()
    before = starts[_local(asked, zone) < at]
    test, to_come = before == before.max(), len(starts) - len(before)
    why = (
        f"{before.nunique()} {by}s before {at:%Y-%m-%d}, the last of them, from {before.max():%Y-%m-%d}, for the test "
        f"({test.sum():,} rows); {to_come:,} rows from {at:%Y-%m-%d} on are taken as still to come"
    )
    return SplitGuess(_split(by, zone), f"{at:%Y-%m-%d}", why)


def _by_rows(asked: pd.Series, known: pd.Series, rows: int, zone: str, as_of: str | None) -> SplitGuess:
    """The split by so many `rows`, or as many as four parts and training rows before them leave."""
    local = _local(asked, zone).sort_values(ignore_index=True)
    at = _said(as_of, asked, zone) if as_of else local.iloc[-max(len(local) // (_BEFORE_TEST + 2), 1)].floor("D")
    if not local.iloc[0] < at:  # all on one day: none is still to come
        at = local.iloc[-1].floor("D") + pd.Timedelta(days=1)
    before = int((_local(known, zone) < at).sum())
    unknown = int((local < at).sum()) - before  # before each part, as many rows are left out
    rows = rows or max((before - (_FOLDS + 1) * unknown) // (_BEFORE_TEST + 1), 1)
    why = (
        f"{rows:,} rows in order of time, of {before:,} that are known before {at:%Y-%m-%d}: no period from day to "
        f"quarter has enough; {(local >= at).sum():,} rows from then on are taken as still to come"
    )
    return SplitGuess(_split(rows, zone), f"{at:%Y-%m-%d}", why)


def _split(by: str | int, zone: str) -> Mapping[str, object]:
    return {"by": by, "folds": _FOLDS} | ({} if zone == "UTC" else {"zone": zone})


def _local(instants: pd.Series, zone: str) -> pd.Series:
    """Instants in local time, without a zone."""
    return Calendar("day", zone).local(instants)


def _periods(local: pd.Series, by: str) -> pd.Series:
    return local.dt.to_period(PERIODS[by].pandas)


def _enough(rows: pd.DataFrame, binary: bool, by: str, least: int) -> bool:
    """Whether the periods before the last are enough, each that is tested has `least` rows, and those before too."""
    periods = _periods(rows["asked"], by)
    order = pd.period_range(periods.min(), periods.max(), freq=PERIODS[by].pandas)
    if len(order) < _BEFORE_TEST + 2:
        return False
    judged = rows["known"] < (periods + 1).dt.start_time
    tested = [judged & (periods == one) for one in order[-_FOLDS - 2 : -1]]
    parts = [rows.loc[part, "true"] for part in (periods < order[-_FOLDS - 2], *tested)]
    if min(len(part) for part in parts) < least:
        return False
    return not binary or min(min(part.sum(), (~part).sum()) for part in parts) >= _OF_EACH


def _said(as_of: str, asked: pd.Series, zone: str, by: str | None = None) -> pd.Timestamp:
    """The clock that the user said, in local time."""
    try:
        at = (Calendar(by, zone).clock(as_of) if by else clock(as_of, zone)).tz_localize(None)
    except ValueError as error:
        raise Refusal(f"--as-of {as_of}: {error}") from None
    local = _local(asked, zone)
    if not local.min() < at:
        raise Refusal(
            f"--as-of {as_of}: no row is before it; rows are from {local.min():%Y-%m-%d} to {local.max():%Y-%m-%d}"
        )
    return at


def objection(rows: pd.DataFrame, split: SplitGuess) -> str:
    """Returns why a project's splitter cannot split the rows so; empty where it can.

    `rows` hold `key`, `group` where there are groups, `time` and `known` where rows have a time, and `target`.
    """
    column = {name: name if name in rows else None for name in ("key", "group", "time", "known", "target")}
    problem = SimpleNamespace(instant=column.pop("time"), **column)
    try:
        parts = splitter(cast(Problem, problem), split.split, split.as_of)
        parts.folds(parts.test(rows).train)
    except ValueError as error:
        return str(error).replace(f" ({TODO})", "")
    return ""
