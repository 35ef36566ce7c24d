"""Parts that are drawn by a hash: a new row moves no old one."""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from recommit.learning.calendar import TODO, Calendar
from recommit.learning.split import Split, checked, fold_name, number_of

BLOCKS = 200  # blocks by hash: so many cover the truth as often as they say, from 1,000 rows on


@dataclass(frozen=True)
class Hashed:
    """Parts are drawn by a hash of a column, the row's key or its group, and of a seed.

    Rows that have a time are left out where their target is not known before the clock, `now`.
    """

    column: str
    share: float
    number: int
    seed: int
    target: str | None = None
    instant: str | None = None
    known: str | None = None
    now: pd.Timestamp | None = None
    key: str | None = None
    zone: str = "UTC"
    ordered = False

    @property
    def calendar(self) -> Calendar:
        return Calendar("month", self.zone)

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(name for name in (self.column, self.known) if name)

    def test(self, table: pd.DataFrame) -> Split:
        if self.known and self.now is not None:
            table = table[table[self.known] < self.now]
        drawn = self._drawn(table) < self.share
        return self._split("test", table, drawn)

    def folds(self, table: pd.DataFrame, n: int | None = None) -> list[Split]:
        if number_of(self.number if n is None else n) > self.number:
            raise ValueError(f"{n} folds are asked for, and there are {self.number}: raise folds ({TODO})")
        drawn = self._drawn(table)
        table, drawn = table[drawn >= self.share], drawn[drawn >= self.share]
        place = np.minimum((drawn - self.share) / (1 - self.share) * self.number, self.number - 1).astype("int64")
        found = [self._split(fold_name(k + 1, self.number), table, place == k) for k in range(self.number)]
        return found if n is None else found[-n:]

    def blocks(self, rows: pd.DataFrame) -> pd.Series:
        if self.column not in rows:
            raise ValueError(f"blocks are made from {self.column}, which is not there: name it in the problem's beside")
        found = rows[self.column].astype("str")
        if found.nunique() <= BLOCKS and self.column != self.key:
            return found
        return pd.Series(self._hashes(rows, "block") * BLOCKS, rows.index).astype("int64")

    def span(self, test: pd.DataFrame) -> tuple[None, None]:
        return None, None

    def back(self, table: pd.DataFrame, ends: Any, n: int) -> pd.Timestamp | None:
        raise ValueError(f"parts by {self.column} do not follow each other in time: leave out what needs time ({TODO})")

    def _split(self, name: str, table: pd.DataFrame, drawn: np.ndarray) -> Split:
        found = Split(name, table[~drawn], table[drawn], None, None, self.blocks)
        return checked(found, self.target, f"take another seed, fewer folds or a larger share to test on ({TODO})")

    def _drawn(self, table: pd.DataFrame) -> np.ndarray:
        return self._hashes(table, "part")

    def _hashes(self, table: pd.DataFrame, of: str) -> np.ndarray:
        """A number from 0 up to 1 for each row, the same for the same value of the column."""
        values = table[self.column]
        if values.isna().any():
            raise ValueError(f"{self.column} is missing in {values.isna().sum()} rows, and says in which part a row is")
        codes, names = pd.factorize(values)
        return np.array([_hash(f"{of} {self.seed} {name}") for name in names])[codes]


def _hash(text: str) -> float:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64
