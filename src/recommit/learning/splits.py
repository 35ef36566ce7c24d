"""Splits by time: learn from what was known before, test on what came after."""

from dataclasses import dataclass
from datetime import datetime

import pandas as pd


@dataclass(frozen=True)
class Split:
    """Rows to learn from and rows to test on, and the period that the test covers.

    Every label in `train` was known before `starts`; every row of `test` was predicted at or
    after `starts` and its label known before `ends` (both UTC).
    """

    train: pd.DataFrame
    test: pd.DataFrame
    starts: pd.Timestamp
    ends: pd.Timestamp


def clock(as_of: str) -> pd.Timestamp:
    """Read the first day of a month, as an ISO date, as midnight UTC. Raises ValueError for anything else."""
    try:
        found = pd.Timestamp(datetime.strptime(str(as_of), "%Y-%m-%d"), tz="UTC")
    except ValueError:
        raise ValueError(f"as_of must be an ISO date like 2013-09-01, not {as_of!r}") from None
    if found.day != 1:
        raise ValueError(f"as_of must be the first of a month, because splits are by month, not {as_of!r}")
    return found


def month_before(as_of: str) -> pd.Timestamp:
    """Return the start of the test month, which ends at the clock (UTC). Raises ValueError as `clock` does."""
    return clock(as_of) - pd.DateOffset(months=1)


def month_after(as_of: str) -> pd.Timestamp:
    """Return the end of the month that begins at the clock (UTC). Raises ValueError as `clock` does."""
    return clock(as_of) + pd.DateOffset(months=1)


def last_month(table: pd.DataFrame, as_of: str) -> Split:
    """Test on the month before the clock; train on all whose outcome was known before that month.

    `table` has one row per prediction, with instants `predicted_at` and `label_known_at` (UTC). A row
    whose outcome is known only at or after the clock is in neither part.

    Raises ValueError when the clock is not in the time that the table covers, or a part is empty.
    """
    return _month_before(table, clock(as_of))


def folds(table: pd.DataFrame, as_of: str, n: int) -> list[Split]:
    """Validate on each of the last n months before the test month, oldest first.

    Each fold is what `last_month` gives with the clock at the end of its month: training rows grow
    from fold to fold and are never newer than the month that they are judged on. No fold sees the
    test month. Same table and errors as `last_month`; also for n below 1.
    """
    if n < 1:
        raise ValueError(f"the number of folds must be 1 or more, not {n}")
    ends = clock(as_of)
    return [_month_before(table, ends - pd.DateOffset(months=k)) for k in range(n, 0, -1)]


def _month_before(table: pd.DataFrame, ends: pd.Timestamp) -> Split:
    if table.empty:
        raise ValueError("no rows to split: the table is empty")
    predicted_at, known_at = table["predicted_at"], table["label_known_at"]
    starts = ends - pd.DateOffset(months=1)
    train = table[known_at < starts]
    test = table[(predicted_at >= starts) & (predicted_at < ends) & (known_at < ends)]
    covered = f"the table covers {predicted_at.min():%Y-%m-%d} to {predicted_at.max():%Y-%m-%d}; move as_of"
    if test.empty:
        raise ValueError(f"no rows to test on within {starts:%Y-%m-%d} to {ends:%Y-%m-%d}: {covered}")
    if train.empty:
        raise ValueError(f"no rows to train on before {starts:%Y-%m-%d}: {covered}")
    return Split(train, test, starts, ends)
