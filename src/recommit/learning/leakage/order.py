"""Check the order of time between splits: each training label is known before the first prediction made with it."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import pandas as pd

from recommit.evidence.stages import Leak
from recommit.learning.splits import Split


def time_order(parts: Mapping[str, pd.DataFrame], asked: str, known: str) -> list[Leak]:
    """Return a leak for rows that break the order of time; the order of rows within a part does not matter.

    `parts` are splits in the order that they are used, training first, each with the columns `asked` and `known`: the
    instants (with a time zone) at which a prediction is asked for and at which its label is known. It finds rows
    without an instant, rows whose label was known before they were asked about, parts that reach into the time of the
    next, and labels known only at or after the first prediction of the next part.
    """
    found = [leak for name, part in parts.items() for leak in _within(name, part, asked, known)]
    filled = [(name, part) for name, part in parts.items() if part[asked].notna().any()]
    for (a, first), (b, second) in pairwise(filled):
        found += _between(a, first, b, second, asked, known)
    return found


def sequences(folds: Sequence[Split], train: pd.DataFrame, test: pd.DataFrame) -> list[dict[str, pd.DataFrame]]:
    """Return parts in the order that they are used, for `time_order`; none where parts do not follow each other."""
    if any(fold.starts is None for fold in folds):
        return []
    found = [{"training": fold.train, fold.name: fold.test, "test": test} for fold in folds]
    return [*found, {"training": train, "test": test}]


def spans_of(parts: Mapping[str, pd.DataFrame], asked: str | None, known: str | None) -> pd.DataFrame:
    """Return one row per part: its rows and, where rows have a time, its first prediction and its last known label."""
    found = pd.DataFrame({"rows": {name: len(part) for name, part in parts.items()}})
    if asked and known:
        found["asked about from"] = {name: f"{part[asked].min():%Y-%m-%d %H:%M}" for name, part in parts.items()}
        found["last label known at"] = {name: f"{part[known].max():%Y-%m-%d %H:%M}" for name, part in parts.items()}
    return found


def _within(name: str, part: pd.DataFrame, asked: str, known: str) -> list[Leak]:
    found = []
    blank = part[[asked, known]].isna().any(axis=1)
    if blank.any():
        found.append(_leak(f"rows of {name}", f"{blank.sum()} of {len(part)} have no {asked} or no {known}"))
    answered = part[part[asked] >= part[known]]
    if len(answered):
        row = answered.iloc[0]
        how = f"{len(answered)} of {len(part)} were asked about when their label was known"
        found.append(_leak(f"rows of {name}", f"{how}: one at {row[asked]}, known at {row[known]}"))
    return found


def _between(a: str, first: pd.DataFrame, b: str, second: pd.DataFrame, asked: str, known: str) -> list[Leak]:
    starts = second[asked].min()
    after = first[asked] >= starts
    if after.any():
        how = f"{after.sum()} of {len(first)} are asked about at or after {starts}, when {b} begins"
        return [_leak(f"rows of {a}", f"{how}; {a} reaches to {first[asked].max()}")]
    open_labels = first[known] >= starts
    if open_labels.any():
        how = f"{open_labels.sum()} of {len(first)} have a label known only at or after {starts}, when {b} begins"
        return [_leak(f"rows of {a}", f"{how}; the last at {first[known].max()}")]
    return []


def _leak(where: str, how: str) -> Leak:
    return Leak.of("time_order", where, how)
