"""Splits by month of the tables of these tests, whose rows have `predicted_at` and `label_known_at` (UTC)."""

from types import SimpleNamespace
from typing import Any

import pandas as pd

from recommit.learning.splits import Split, Splitter, splitter

NAMES = {"key": "key", "target": "late", "instant": "predicted_at", "known": "label_known_at", "group": None}


def by_month(as_of: str, n: int = 3, **names: Any) -> Splitter:
    """Parts by month; `names` are of columns that are called otherwise."""
    return splitter(SimpleNamespace(**NAMES | names), {"by": "month", "folds": n}, as_of)


def folds(table: pd.DataFrame, as_of: str, n: int) -> list[Split]:
    """The last n months before the test month, oldest first, whatever classes they hold."""
    return by_month(as_of, target="none").folds(table, n)
