"""Leaks for reading: how their columns are named, and how they are laid out."""

import csv
from collections.abc import Sequence

import pandas as pd

from recommit.evidence.files import plain
from recommit.evidence.stages import Leak


def named(columns: Sequence[str]) -> str:
    """Return the name of a set of columns in `where`: sorted, so that one set has one name, quoted as in a CSV file."""
    quoted = {name: '"' + name.replace('"', '""') + '"' for name in columns if {*name} & {*',"'} or name[:1] == " "}
    return ", ".join(quoted.get(name, name) for name in sorted(columns))


def columns_of(leak: Leak) -> set[str]:
    """Return the columns of a leak whose `where` is of `named`."""
    return set(next(csv.reader([leak.where], skipinitialspace=True)))


def as_table(leaks: Sequence[Leak]) -> pd.DataFrame:
    """Return one row per leak: certainty, kind, where, how."""
    columns = ["certainty", "kind", "where", "how"]
    return pd.DataFrame(plain(leaks), columns=columns)
