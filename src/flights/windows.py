"""Sums over what happened to a group in the seconds before an instant, exact to the last bit.

Events are sorted by (group, second at which they were known) and summed up in whole numbers, so that a window is a
difference of two running sums. Whole numbers make that exact: no event outside a window, and no other group, can change
a bit of it. Nor can the order in which events came: newer ones stand in a second, small part, whose sums are added.
"""

import numpy as np

_SECOND_BITS = 34  # seconds since 1970, good until the year 2514
_NEWER = 2048
"""Entries of the small part, at most: with more, an update takes longer; with fewer, all is sorted anew more often."""

Entries = tuple[np.ndarray, np.ndarray]
"""Keys (n,) int64 of events, and whole numbers to sum up, (k, n) int64."""


def seconds(instants: np.ndarray, up: bool = False) -> np.ndarray:
    """Instants (UTC, datetime64[us]) as whole seconds since 1970 (int64); rounded down, or up if asked to."""
    micros = instants.astype("int64")
    return -(-micros // 1_000_000) if up else micros // 1_000_000


def keys(groups: np.ndarray) -> np.ndarray:
    """The key at which each group (int64, from 0) begins: that of an event is so many seconds further."""
    return groups << _SECOND_BITS


def means(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Sums over counts, float32; NaN where nothing was counted."""
    found = np.full(sums.shape, np.nan)
    np.divide(sums, counts, out=found, where=counts > 0)
    return found.astype("float32")


class Log:
    """Events of one kind, each in every group that it is of."""

    def __init__(self, entries: Entries) -> None:
        self._base = _Sorted(entries)
        self._newer: list[_Sorted] = []

    def change(self, gone: Entries, come: Entries) -> None:
        """Take events back and add others, whenever they were known."""
        newer = _Sorted(_together(*(part.entries for part in self._newer), (gone[0], -gone[1]), come))
        if len(newer.keys) > _NEWER:
            self._base, self._newer = _Sorted(_together(self._base.entries, newer.entries)), []
        else:
            self._newer = [newer]

    def upto(self, keys: np.ndarray) -> np.ndarray:
        """Sums over all events up to and including each key of (...): (k, ...) int64.

        The difference of two, in one group, is that of the events after the first and up to the second.
        """
        found = self._base.upto(keys)
        for part in self._newer:
            found = found + part.upto(keys)
        return found


class _Sorted:
    def __init__(self, entries: Entries) -> None:
        keys, values = entries
        order = np.argsort(keys, kind="stable")
        self.keys, self._values = keys[order], values.take(order, axis=1)
        self._sums = np.zeros((len(values), len(keys) + 1), dtype="int64")
        np.cumsum(self._values, axis=1, out=self._sums[:, 1:])

    @property
    def entries(self) -> Entries:
        return self.keys, self._values

    def upto(self, keys: np.ndarray) -> np.ndarray:
        return self._sums.take(self.keys.searchsorted(keys, side="right"), axis=1)


def _together(*entries: Entries) -> Entries:
    return np.concatenate([one[0] for one in entries]), np.concatenate([one[1] for one in entries], axis=-1)


class Readings:
    """The values (k, n) of readings, kept as float32: the last one before an instant is asked for, never a sum."""

    def __init__(self, keys: np.ndarray, values: np.ndarray) -> None:
        order = np.argsort(keys, kind="stable")
        self._keys = keys[order]
        none = np.full((len(values), 1), np.nan)
        self._values = np.concatenate([values.take(order, axis=1), none], axis=1, dtype="float32", casting="same_kind")

    def changed(self, gone: np.ndarray, keys: np.ndarray, values: np.ndarray) -> "Readings":
        """Return them without those of the keys `gone`, and with others."""
        kept = np.flatnonzero(~np.isin(self._keys, gone))
        return Readings(*_together((self._keys[kept], self._values.take(kept, axis=1)), (keys, values)))

    def latest(self, groups: np.ndarray, now: np.ndarray, within: int) -> tuple[np.ndarray, np.ndarray]:
        """The last reading in the seconds `within` up to and including `now`: whether there is one, and its values.

        `groups` are keys of groups, and `now` (...) says when for each. Values are (k, ...), NaN without a reading.
        """
        last, first = (self._keys.searchsorted(groups + at, side="right") for at in (now, now - within))
        return last > first, self._values.take(np.where(last > first, last - 1, len(self._keys)), axis=1)
