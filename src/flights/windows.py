"""Sums over what happened to a group in the hours before an instant, exact to the last bit.

Events are sorted by (group, instant at which they were known) and summed up in whole numbers, so
that a window is a difference of two running sums. Whole numbers make that exact: no event outside a
window, and no other group, can change a bit of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

_TIME_BITS = 34  # seconds since 1970, good until the year 2514


def seconds(instants: pd.Series, up: bool = False) -> np.ndarray:
    """Instants (UTC) as whole seconds since 1970 (int64); rounded down, or up if asked to."""
    micros = instants.astype("datetime64[us, UTC]").astype("int64").to_numpy()
    return -(-micros // 1_000_000) if up else micros // 1_000_000


def codes(columns: Sequence[str], events: pd.DataFrame, rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Number the groups that the columns make: (code of each event, code of each row), int64.

    A row whose group has no event gets a code that no event has.
    """
    combined = np.zeros(len(events) + len(rows), dtype="int64")
    for column in columns:
        both = pd.concat([events[column], rows[column]], ignore_index=True)
        code, values = pd.factorize(both, use_na_sentinel=False)
        combined = combined * len(values) + code
    if len(combined) and combined.max() >= 1 << (63 - _TIME_BITS):
        combined = pd.factorize(combined)[0].astype("int64")
    return combined[: len(events)], combined[len(events) :]


@dataclass(frozen=True)
class Log:
    """Events of one kind in order of (group, known at), with running sums of whole numbers.

    `keys` (n,) int64 holds group and second; `order` (n,) the place that each event came from;
    `sums` maps a name to (n + 1,) int64 running sums.
    """

    keys: np.ndarray
    order: np.ndarray
    sums: dict[str, np.ndarray]

    def window(self, group: np.ndarray, now: np.ndarray, hours: float | None = None) -> "Window":
        """Take, for each row, its group's events known in the `hours` up to and including `now`.

        `group` and `now` (seconds) are (m,) int64. Without `hours`, everything up to `now`.
        """
        base = group << _TIME_BITS
        since = 0 if hours is None else now - round(hours * 3600)
        first = np.searchsorted(self.keys, base + since, side="right")
        return Window(self, first, np.searchsorted(self.keys, base + now, side="right"))


@dataclass(frozen=True)
class Window:
    """The events first to last (exclusive) of a log, for each of m rows."""

    log: Log
    first: np.ndarray
    last: np.ndarray

    def count(self) -> np.ndarray:
        """Number of events, (m,) int64."""
        return self.last - self.first

    def sum(self, name: str) -> np.ndarray:
        """Sum of a value over the events, (m,) int64."""
        return self.log.sums[name][self.last] - self.log.sums[name][self.first]

    def mean(self, name: str, over: str | None = None) -> np.ndarray:
        """Mean of a value over the events, (m,) float32; NaN where there is none.

        `over` names a 0/1 value: the mean is then over the events that have it.
        """
        count = self.count() if over is None else self.sum(over)
        mean = np.full(len(count), np.nan)
        np.divide(self.sum(name), count, out=mean, where=count > 0)
        return mean.astype("float32")

    def latest(self, values: np.ndarray) -> np.ndarray:
        """Value (of n, in the order given to `log`) of the last event, (m,) float32, else NaN."""
        latest = np.full(len(self.last), np.nan, dtype="float32")
        some = self.last > self.first
        latest[some] = values[self.log.order[self.last[some] - 1]]
        return latest


def log(group: np.ndarray, known_at: np.ndarray, values: dict[str, np.ndarray]) -> Log:
    """Put events in order. All arrays are (n,): group and second int64, values whole numbers."""
    keys = (group << _TIME_BITS) + known_at
    order = np.argsort(keys, kind="stable")
    sums = {name: np.concatenate([[0], np.cumsum(value[order].astype("int64"))]) for name, value in values.items()}
    return Log(keys[order], order, sums)
