"""Find rows and groups that are in more than one split, under the same key or under another."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import binom

from recommit.evidence.stages import Leak
from recommit.learning.leakage.cells import is_number, numbers
from recommit.learning.splits import Split

DIGITS = 3
SHARES = 4
_SHOWN = 3
# With fewer columns than this, rows agree in three sets of four by coincidence.
_MANY = 12
# How often more rows than let pass agree by coincidence: once in so many comparisons of two parts.
_CHANCE = 0.001
# Values of a set that more rows than this share do not identify a row.
_COMMON = 3


def disjoint(folds: Sequence[Split], test: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return parts that must share no row, by name: what no fold is judged on, each fold's rows, the rows to test on.

    `folds` are of one table.
    """
    judged = {fold.name: fold.test for fold in folds}
    rest = folds[0].train.drop([index for part in judged.values() for index in part.index], errors="ignore")
    return ({"training": rest} if len(rest) else {}) | judged | {"test": test}


def shared_rows(parts: Mapping[str, pd.DataFrame], key: str, columns: Sequence[str], coincidences: float) -> list[Leak]:
    """Return a leak for rows of one part that are in another: the same key, or the same values under another key.

    `parts` are disjoint splits, each a table with the key and the columns, earlier ones first. Numbers are the same
    when their first `DIGITS` significant digits are: a copy with a little noise is still a copy. Rows that agree in
    every column without being copies do occur where columns are few; `coincidences` is the share (0 to 1) of the
    smaller part's rows that do. As many pass as so many rows may have by chance, which of few rows is a larger share;
    at 0, none passes. Where columns are many, a row is a copy as well when it agrees
    with one and the same row in all columns but those of one in `SHARES` sets of them: so a copy of which some columns
    were changed is found. Noise on most columns that is not small against the third digit hides a copy.
    """
    found = []
    alike = {name: _fingerprints(part, columns) for name, part in parts.items()}
    sets = [list(columns[place::SHARES]) for place in range(SHARES)] if len(columns) >= _MANY else []
    nearly = {name: [_fingerprints(part, some) for some in sets] for name, part in parts.items()}
    for (a, first), (b, second) in combinations(parts.items(), 2):
        same_key = second[key].isin(first[key]).to_numpy()
        where = f"rows of {a} and {b}"
        if same_key.any():
            shown = ", ".join(str(value) for value in second.loc[same_key, key].head(_SHOWN))
            found.append(Leak.of("shared_rows", where, f"{same_key.sum()} have the same {key}: {shown}"))
        copied = (np.isin(alike[b], alike[a]) | _near(nearly[a], nearly[b], len(second))) & ~same_key
        rows = max(min(len(first), len(second)), 1)
        most_by_chance = int(binom.isf(_CHANCE, rows, coincidences))
        if copied.sum() > most_by_chance:
            shown = ", ".join(str(value) for value in second.loc[copied, key].head(_SHOWN))
            most = "nearly " if sets else ""
            how = (
                f"{copied.sum()} of {b} have another {key} and the same values in {most}all {len(columns)} columns, to "
                f"{DIGITS} digits; by chance up to {most_by_chance} of {rows} may have: {key} {shown}"
            )
            found.append(Leak.of("shared_rows", where, how))
    return found


def look_alikes(parts: Mapping[str, pd.DataFrame], columns: Sequence[str]) -> int:
    """Return how many rows agree in all columns, as `shared_rows` compares them, with a row of an earlier part."""
    seen, number = np.empty(0, dtype="uint64"), 0
    for part in parts.values():
        prints = _fingerprints(part, columns)
        number += int(np.isin(prints, seen).sum())
        seen = np.concatenate([seen, prints])
    return number


def shared_groups(parts: Mapping[str, pd.DataFrame], groups: Sequence[str]) -> list[Leak]:
    """Return a leak for groups, such as patients, with rows in several parts; `groups` are the naming columns."""
    found = []
    for group in groups:
        for (a, first), (b, second) in combinations(parts.items(), 2):
            both = np.intersect1d(first[group].dropna().unique(), second[group].dropna().unique())
            if len(both):
                shown = ", ".join(str(value) for value in both[:_SHOWN])
                rows = int(second[group].isin(both).sum())
                how = f"{len(both)} groups, with {rows} of {b}'s {len(second)} rows, are in both: {shown}"
                found.append(Leak.of("shared_groups", f"{group} of {a} and {b}", how))
    return found


def _near(first: Sequence[np.ndarray], second: Sequence[np.ndarray], rows: int) -> np.ndarray:
    """Return which second rows agree with one first row in all sets of columns but one, by their fingerprints."""
    pairs = []
    for a, b in zip(first, second, strict=True):
        there = pd.DataFrame({"print": a, "a": np.arange(len(a))})
        there = there[there.groupby("print")["a"].transform("size") <= _COMMON]
        met = pd.DataFrame({"print": b, "b": np.arange(len(b))}).merge(there, on="print")
        pairs.append(met[["a", "b"]].drop_duplicates())
    found = np.zeros(rows, dtype="bool")
    if pairs:
        agree = pd.concat(pairs).value_counts()
        found[agree.index[agree >= SHARES - 1].get_level_values("b")] = True
    return found


def _fingerprints(table: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:
    rounded = {
        column: _round(numbers(table[column])) if is_number(table[column]) else table[column].astype("str")
        for column in columns
    }
    return pd.util.hash_pandas_object(pd.DataFrame(rounded, index=table.index), index=False).to_numpy()


def _round(values: np.ndarray) -> np.ndarray:
    """Round to `DIGITS` significant digits; zeros of both signs are equal."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        unit = 10.0 ** (np.floor(np.log10(np.abs(values))) - DIGITS + 1)
        rounded = np.round(values / unit) * unit
    return np.where(np.isfinite(values) & (values != 0), rounded, np.abs(values)).round(12)
