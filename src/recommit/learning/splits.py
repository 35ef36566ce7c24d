"""Splits: which rows are learned from, and which are judged on: by time, by groups, or by a hash of the row's key.

Time is the strictest: what is judged on comes after all that was learned from. Where rows have no time, a hash of the
row's key, or of its group, says in which part the row is. The hash does not depend on other rows, so a new row moves
no old one from part to part.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from recommit.learning.calendar import PERIODS, TODO, Calendar, clock
from recommit.learning.split import Split, Splitter, number_of
from recommit.learning.split_by_hash import Hashed
from recommit.learning.split_in_time import Periods, Runs
from recommit.problem import Problem

__all__ = ["Split", "Splitter", "clock", "known_until", "needed", "sample", "splitter"]


def splitter(problem: Problem, split: Mapping[str, Any], as_of: str | None = None) -> Splitter:
    """Return how a problem's rows are cut into parts, by `split` of params.yaml, at the clock `as_of`.

    `split` holds `by`: day, week, month or quarter, a number of rows, "group", or "hash"; `folds`: how many parts
    models are chosen on; `zone`: whose local time days are of, UTC by default. For group and hash also `test`, the
    share to test on (0.2 by default), and `seed`: another one draws other parts. Raises ValueError, in one line, for
    what does not fit together.
    """
    if extra := sorted(set(split) - {"by", "folds", "zone", "test", "seed"}):
        raise ValueError(f"{TODO}: there is no {extra[0]}; take by, folds, zone, test, seed")
    by, number, zone = split.get("by"), number_of(split.get("folds", 1)), split.get("zone", "UTC")
    if by in ("group", "hash"):
        return _hashed(problem, split, by, number, None if as_of is None or not problem.known else clock(as_of, zone))
    if by not in PERIODS and (isinstance(by, bool) or not isinstance(by, int) or by < 1):
        raise ValueError(f"{TODO}: by is {by!r}; take {', '.join(PERIODS)}, a number of rows, group or hash")
    if drawn := sorted(set(split) & {"test", "seed"}):
        raise ValueError(f"{TODO}: {drawn[0]} is for parts by group or hash, and by is {by}")
    if problem.instant is None or problem.known is None:
        raise ValueError(f"{TODO}: by is {by}, and rows have no time; take group or hash")
    if as_of is None:
        raise ValueError(f"as_of is not in params.yaml, and splits by {by} need it: an ISO date like 2013-09-01")
    told = problem.instant, problem.known, problem.target
    if isinstance(by, int):
        return Runs(clock(as_of, zone), number, *told, rows=by, zone=zone)
    calendar = Calendar(by, zone)
    return Periods(calendar.clock(as_of), number, *told, parts=calendar)


def needed(splits: Splitter, *columns: str) -> list[str]:
    """Return the columns to read of a table that is split: those of the splitter and `columns`, each once."""
    return list(dict.fromkeys([*splits.columns, *columns]))


def known_until(rows: pd.DataFrame, splits: Splitter) -> pd.Timestamp | None:
    """Return when the last target of `rows` was known; None where rows have no time."""
    return rows[splits.known].max() if splits.known else None


def sample(table: pd.DataFrame, most: int, seed: int) -> pd.DataFrame:
    """Return `most` rows of a table, drawn with a seed, in their order; all where there are fewer."""
    return table.sample(min(most, len(table)), random_state=seed).sort_index()


def _hashed(problem: Problem, split: Mapping[str, Any], by: str, number: int, now: pd.Timestamp | None) -> Hashed:
    share, seed = split.get("test", 0.2), split.get("seed", 0)
    if not 0 < share < 1:
        raise ValueError(f"{TODO}: test is {share}; take a share of the rows above 0 and below 1")
    if number < 2:
        raise ValueError(f"{TODO}: folds is {number}; parts by {by} need two or more")
    column = problem.group if by == "group" else problem.key
    if column is None:
        raise ValueError(f"{TODO}: by is group, and the problem names no group; name the column, or take hash")
    told = problem.target, problem.instant, problem.known, now, problem.key, split.get("zone", "UTC")
    return Hashed(column, share, number, seed, *told)
