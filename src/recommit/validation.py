"""Hold a project's tables against what is declared of them, and say which rows break which rule."""

from collections.abc import Iterator, Mapping

import pandas as pd

from recommit.columns import DTYPES, Kind, Table, clocks_of, outcome_in_gaps
from recommit.problem import Failure, Problem
from recommit.schema import NEVER_MISSING, UNIQUE, broken, column_schema, demands, outside_drafts, row_rules

FAILURES = ["table", "column", "rule", "rows", "first_rows"]
_SHOWN = 5
_LEARNT: dict[Kind, str] = DTYPES | {"number": "float32", "boolean": "bool"}
"""What a model takes."""


class DataError(ValueError):
    """The data is missing, unreadable or not what it must be."""


def rules(problem: Problem) -> pd.DataFrame:
    """What `problem` declares of its raw tables: one row per column, then one row per rule between columns.

    Its columns are table, column, type, unit, known (from when on), rule.
    """
    rows = []
    for table in problem.tables:
        keys = {key[0] for key in table.keys if len(key) == 1}
        for column in table.columns:
            said = [demands(column) + " (a draft: told, not refused)" * column.draft] * bool(demands(column))
            said += [UNIQUE] * (column.name in keys) + [NEVER_MISSING] * (column.missing == "never")
            known = " or ".join(clocks_of(column)) or column.known
            rows.append((table.name, column.name, DTYPES[column.kind], column.unit, known, "; ".join(said)))
        rows += [(table.name, "", "", "", "", rule.says) for rule in row_rules(table)]
    return pd.DataFrame(rows, columns=["table", "column", "type", "unit", "known", "rule"])


def check(
    problem: Problem, tables: Mapping[str, pd.DataFrame], share: float = 1.0, clock: pd.Timestamp | None = None
) -> pd.DataFrame:
    """Check `tables`, raw ones by name and the one that `problem.features` declares.

    Tables may be absent; a rule between two is checked where both are there. `share` and `clock` go to
    `problem.across`: see there.

    Returns one row per broken rule, none when all is well: table, column ("" for a rule on the whole row), rule, rows
    (how many break it), first_rows (up to five of their keys where there is one, else the index). Raises ValueError
    for a table that is not declared.
    """
    declared = {table.name: table for table in (*problem.tables, problem.features)}
    if unknown := sorted(set(tables) - set(declared)):
        raise ValueError(f"no table {', '.join(unknown)} is declared; there are {', '.join(declared)}")
    failures = [failure for name, table in tables.items() for failure in _broken(problem, declared[name], table)]
    # Rules across rows and tables need columns that are there and of the right type.
    if not failures:
        failures = [*_across(problem, tables), *problem.across(tables, share, clock)]
    return pd.DataFrame(failures, columns=FAILURES)


def outside(problem: Problem, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """What `tables`, raw ones by name, hold beyond the ranges and values that are declared as drafts.

    Returns one row per column: table, column, draft (what its values were expected to be), rows (how many are not).
    """
    found = [
        (table.name, column, demands(table[column]), rows)
        for table in problem.tables
        if table.name in tables
        for column, rows in outside_drafts(tables[table.name], table).items()
    ]
    return pd.DataFrame(found, columns=["table", "column", "draft", "rows"])


def drafts(problem: Problem) -> list[str]:
    """The columns whose range or values are drafts, in order."""
    return [column.name for table in problem.tables for column in table.columns if column.draft]


def check_features(problem: Problem, parts: Mapping[str, pd.DataFrame]) -> None:
    """Check feature tables, by any name, labelled or not. Raises DataError naming the part.

    A labelled part is to learn from: each of its features must be known in some row.
    """
    name = problem.features.name
    stop_on_failure(
        pd.concat([check(problem, {name: part}).assign(table=part_name) for part_name, part in parts.items()])
    )


def stop_on_failure(failures: pd.DataFrame) -> None:
    """Raise DataError when `check` found anything: one line per broken rule, and what to do."""
    if failures.empty:
        return
    lines = [f"{len(failures)} rules on the tables do not hold:"]
    for table, column, rule, rows, first in failures.itertuples(index=False):
        where = f"{table}.{column}" if column else table
        which = f" (first: {first})" if first else ""
        lines.append(f"  {where} {rule}: not so in {rows} rows{which}")
    lines.append("Mend the data in notebooks/ingest.ipynb, or what columns.py declares if the world has changed.")
    raise DataError("\n".join(lines))


def failure(problem: Problem, name: str, table: pd.DataFrame, column: str, rule: str, rows: pd.Index) -> Failure:
    """Return `rule` of a column of the table `name` as broken in `rows`, with the keys of the first of them."""
    first = rows[:_SHOWN]
    ids = table.loc[first, problem.key] if problem.key in table else first
    return name, column, rule, len(rows) if len(rows) else len(table), ", ".join(str(row) for row in ids)


def _broken(problem: Problem, declared: Table, table: pd.DataFrame) -> Iterator[Failure]:
    if declared is problem.features:
        labelled = problem.target in table or problem.known in table
        schema = column_schema(
            declared,
            None if labelled else problem.unlabelled,
            dtype=lambda column: problem.task.dtype if column.name == problem.target else _LEARNT[column.kind],
        )
    else:
        schema = column_schema(declared)
    for one in broken(table, schema, row_rules(declared, list(schema.columns))):
        rule = f"{one.rule}, not {one.found}" if one.found else one.rule
        yield failure(problem, declared.name, table, one.column, rule, table.index[one.rows])


def _telling_gaps(problem: Problem, rows: pd.DataFrame) -> list[str]:
    """Return the columns whose missing values tell the outcome, where there are kinds of outcomes."""
    kind = problem.rows[problem.target].kind
    found: dict[str, None] = {}
    rows = rows[rows[problem.target].notna()]
    for asked in problem.task.questions(rows[problem.target]).values() if kind in ("boolean", "text") else ():
        found |= dict.fromkeys(outcome_in_gaps(rows.assign(**{problem.target: asked}), problem.rows, problem.target))
    return list(found)


def _across(problem: Problem, tables: Mapping[str, pd.DataFrame]) -> Iterator[Failure]:
    rows, asked = tables.get(problem.rows.name), tables.get(problem.features.name)
    if asked is not None and problem.target in asked:
        for column in asked.columns[asked.isna().all()]:
            yield problem.features.name, column, "is known in some row", len(asked), ""
    if rows is None:
        return
    for column in _telling_gaps(problem, rows):
        gaps = rows.index[rows[column].isna()]
        yield failure(problem, problem.rows.name, rows, column, "is missing whatever the outcome", gaps)
    if asked is not None:
        absent = asked.index[~asked[problem.key].isin(rows[problem.key])]
        if len(absent):
            where = f"is in {problem.rows.name}"
            yield failure(problem, problem.features.name, asked, problem.key, where, absent)
