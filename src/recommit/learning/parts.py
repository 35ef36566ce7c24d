"""The rows to learn from and the rows to come, with every feature as it was when the prediction was asked for."""

import pandas as pd

from recommit.columns import Tables
from recommit.problem import Problem


def settled(problem: Problem, tables: Tables, now: pd.Timestamp | None, horizon: float) -> pd.DataFrame:
    """Return the features and the target of all rows whose target was known before `now` (UTC).

    `tables` are the problem's raw tables by name. Features are computed from what was known at `now`. Where rows have
    no time, `now` is None, and rows are those with a target. The columns are the key, `problem.beside`, the instant,
    `problem.known`, the target, then the features. Rows without a
    target are left out where it may be missing, as declared; elsewhere they raise ValueError.
    """
    known = tables if now is None else problem.as_known_at(tables, now)
    rows = known[problem.rows.name]
    past = rows if now is None else rows[rows[str(problem.known)] < now]
    if now is None or _may_be_missing(problem):
        past = past[past[problem.target].notna()]
    truth = [*problem.beside, *filter(None, [problem.known]), problem.target]
    table = _with(problem, _features(problem, known, past, horizon), past, truth)
    if (unknown := table[problem.target].isna()).any():
        raise ValueError(f"{unknown.sum()} of {len(table)} rows have no known outcome to learn")
    return table.astype({problem.target: problem.task.dtype})


def to_come(problem: Problem, tables: Tables, now: pd.Timestamp | None, horizon: float) -> pd.DataFrame:
    """Return the features of the rows to come, without outcomes: those whose event is at or after `now` (UTC).

    `tables` are the problem's raw tables by name, with what happens after `now`: `problem.build` uses only what is
    known when each prediction is asked for. Rows without a target are to come too, where it may be missing, as
    declared. Where rows have no time, `now` is None, and they alone are to come.
    """
    rows = tables[problem.rows.name]
    open_ones = rows[problem.target].isna() & (now is None or _may_be_missing(problem))
    ahead = rows[open_ones if now is None else open_ones | (rows[str(problem.event)] >= now)]
    return _with(problem, _features(problem, tables, ahead, horizon), ahead, [*problem.beside])


def built(problem: Problem, tables: Tables, keys: pd.Series, horizon: float) -> pd.DataFrame:
    """Return the features of the rows of those `keys`, computed from `tables`, the problem's raw tables by name."""
    rows = tables[problem.rows.name]
    return _features(problem, tables, rows[rows[problem.key].isin(keys)], horizon)


def _may_be_missing(problem: Problem) -> bool:
    return problem.rows[problem.target].missing == "may be"


def _features(problem: Problem, tables: Tables, rows: pd.DataFrame, horizon: float) -> pd.DataFrame:
    return problem.build({table.name: tables[table.name] for table in problem.history}, rows, horizon)


def _with(problem: Problem, features: pd.DataFrame, rows: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Add `columns` of `rows` to the built `features`; what is no feature stands first, in the declared order."""
    added = [problem.key, *(name for name in columns if name not in features)]
    table = features.merge(rows[added], on=problem.key, how="left", validate="many_to_one")
    order = [name for name in problem.features.names if name in table and name not in problem.catalogue.all]
    return table[[*order, *(name for name in features if name not in order)]]
