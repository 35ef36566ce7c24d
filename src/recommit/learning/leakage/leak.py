"""Leaks for reading: how their columns are named, and how they are laid out."""

from collections.abc import Sequence

import pandas as pd

from recommit.evidence.files import plain
from recommit.evidence.stages import Leak


def named(columns: Sequence[str]) -> str:
    """Return the name of a set of columns in `where`: sorted, so that one set has one name."""
    return ", ".join(sorted(columns))


def as_table(leaks: Sequence[Leak]) -> pd.DataFrame:
    """Return one row per leak: certainty, kind, where, how."""
    columns = ["certainty", "kind", "where", "how"]
    return pd.DataFrame(plain(leaks), columns=columns)
