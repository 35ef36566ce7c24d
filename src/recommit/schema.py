"""Checks tables against the declaration of their columns: which rows break which rule."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pandera.pandas as pa

from recommit.columns import ALWAYS, DTYPES, Column, Rule, Table, rules_of_knowing

UNIQUE, NEVER_MISSING = "is unique", "is never missing"
_WORDS = {
    "not_nullable": NEVER_MISSING,
    "field_uniqueness": UNIQUE,
    "column_in_dataframe": "is there",
    "column_in_schema": "is a column that is declared",
}
_FOUND = ["row", "reason"]


@dataclass(frozen=True)
class Broken:
    """A broken rule: its column ("" for a rule between several), and the numbers of the rows, counted from 0.

    Without rows the whole column is at fault: it is absent, not declared, or of another type, which `found` names.
    """

    column: str
    rule: str
    rows: list[int]
    found: str = ""


def column_schema(
    table: Table,
    names: Collection[str] | None = None,
    *,
    so_far: bool = False,
    dtype: Callable[[Column], str] = lambda column: DTYPES[column.kind],
) -> pa.DataFrameSchema:
    """Returns the schema that `table` declares for its columns, each by itself: type, values, key, missing values.

    `names` are the columns that must be there, all by default; other columns are refused. With `so_far`, the table is
    as it was known at some instant, so that values which are not always known may be missing. `dtype` gives the pandas
    type of a column.
    """
    keys = {key[0] for key in table.keys if len(key) == 1}
    to_come = so_far and not table.comes_row_by_row
    return pa.DataFrameSchema(
        {
            name: pa.Column(
                dtype(table[name]),
                _value_check(table[name]),
                nullable=table[name].missing != "never" or (to_come and table[name].known != ALWAYS),
                unique=name in keys,
                metadata={"dtype": dtype(table[name])},
            )
            for name in (table.names if names is None else names)
        },
        strict=True,
    )


def row_rules(table: Table, names: Collection[str] | None = None) -> list[Rule]:
    """Returns the rules between columns that `table` declares, and its keys of several columns.

    With `names`, only the rules between these columns are returned.
    """
    apart = (_apart(key) for key in table.keys if len(key) > 1)
    rules = (*table.rules, *rules_of_knowing(table), *apart)
    return [rule for rule in rules if names is None or set(names).issuperset(rule.columns)]


def broken(frame: pd.DataFrame, schema: pa.DataFrameSchema, rules: Collection[Rule] = ()) -> Iterator[Broken]:
    """Yields every rule that `frame` breaks. Rules between columns are checked if all columns have their types."""
    frame = frame.reset_index(drop=True)
    typed = True
    for one in _broken_columns(frame, schema):
        typed &= len(one.rows) > 0
        yield one
    for rule in rules if typed else ():
        if rows := _places(~rule.holds(frame)):
            yield Broken("", rule.says, rows)


def broken_rows(frame: pd.DataFrame, table: Table, names: Collection[str]) -> pd.DataFrame:
    """Returns one row per fault of the rows to score in `frame`: `row`, counted from 0, and `reason`.

    Only the columns `names` are checked. A row that is given twice breaks no rule: it is scored twice. Text may be
    categories.
    """
    found = [fault for name in names for fault in _broken_values(frame[name], table[name])]
    for rule in table.rules:
        if set(names).issuperset(rule.columns):
            found += [(row, rule.says) for row in _places(~rule.holds(frame))]
    return pd.DataFrame(found, columns=_FOUND).sort_values("row", kind="stable", ignore_index=True)


def outside_drafts(frame: pd.DataFrame, table: Table) -> dict[str, int]:
    """In how many rows each column of the frame has a value outside of what is declared of it as a draft."""
    drafts = (column for column in table.columns if column.draft and column.name in frame)
    counted = {column.name: int(_wrong(frame[column.name], column).sum()) for column in drafts}
    return {name: rows for name, rows in counted.items() if rows}


def demands(column: Column) -> str:
    """Returns in words what the values of `column` must be; "" if every value of its kind is allowed."""
    if column.values:
        return "is a known value"
    if column.within is None:
        return ""
    low, high = (
        f"{end:%Y}" if isinstance(end, pd.Timestamp) else f"{end:g}" if end is not None else "" for end in column.within
    )
    return f"is within {low} to {high}" if high else f"is {low} or more"


def _wrong(values: pd.Series, column: Column) -> pd.Series:
    """Returns for each value whether the declaration forbids it. Missing values are not judged here."""
    if column.values:
        return ~values.isin(column.values) & values.notna()
    low, high = column.within or (None, None)
    wrong = pd.Series(False, index=values.index)
    if low is not None:
        wrong |= values < low
    if high is not None:
        wrong |= values > high
    return wrong


def _value_check(column: Column) -> pa.Check | None:
    if column.draft or not demands(column):
        return None
    return pa.Check(lambda values: ~_wrong(values, column), error=demands(column))


def _broken_columns(frame: pd.DataFrame, schema: pa.DataFrameSchema) -> Iterator[Broken]:
    try:
        schema.validate(frame, lazy=True)
        return
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases
    cases["column"] = cases["column"].where(cases["schema_context"] == "Column", "")
    mistyped = set(cases.loc[cases["check"].str.startswith("dtype("), "column"])
    for (column, rule), found in cases.groupby(["column", "check"], sort=False):
        if rule in ("column_in_dataframe", "column_in_schema"):
            column = found["failure_case"].iloc[0]
        if column in mistyped:
            continue
        yield Broken(column, _WORDS.get(rule, rule), [int(row) for row in found["index"].dropna().unique()])
    for column in (column for column in schema.columns if column in mistyped):
        yield Broken(column, f"is of type {schema.columns[column].metadata['dtype']}", [], str(frame[column].dtype))


def _broken_values(values: pd.Series, column: Column) -> Iterator[tuple[int, str]]:
    if column.missing == "never":
        yield from ((row, f"{column.name} {NEVER_MISSING}") for row in _places(values.isna()))
    for row in _places(_wrong(values, column)) if not column.draft else ():
        yield row, f"rule broken by {values.iloc[row]}: {column.name} {demands(column)}"


def _places(true: pd.Series) -> list[int]:
    return np.flatnonzero(true.to_numpy("bool")).tolist()


def _apart(key: tuple[str, ...]) -> Rule:
    return Rule(f"no two rows have the same {', '.join(key)}", key, lambda t: ~t.duplicated(list(key), keep=False))
