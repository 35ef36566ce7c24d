"""Which way a model's answer must not move when one thing alone gets worse."""

from dataclasses import dataclass
from typing import Literal

import pandas as pd


@dataclass(frozen=True)
class Change:
    """A change of a feature: set to `amount` where below ("at least") or above ("at most"), or raised by it ("plus").

    A missing value stays missing. `amount` is in the feature's own unit.
    """

    feature: str
    how: Literal["at least", "at most", "plus"]
    amount: float

    def apply(self, values: pd.Series) -> pd.Series:
        """Return the changed values, of the same dtype."""
        if self.how == "plus":
            changed = values + self.amount
        else:
            changed = values.clip(lower=self.amount) if self.how == "at least" else values.clip(upper=self.amount)
        return changed.astype(values.dtype)


@dataclass(frozen=True)
class Direction:
    """A change of inputs after which no row's answer may `fall` (or `rise`) by more than `tolerance`, in its unit."""

    name: str
    changes: tuple[Change, ...]
    must_not: Literal["fall", "rise"]
    why: str
    tolerance: float
