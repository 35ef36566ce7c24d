"""A table of texts as the declaration of its columns says, or a refusal that names the first text that does not fit."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from recommit import Refusal
from recommit.columns import DTYPES, Column, Kind, Table
from recommit.rawtable.form import PLAIN, Form
from recommit.rawtable.values import OUTCOMES, all_whole, instants, numbers, present

_WORDS: dict[Kind, str] = {
    "number": "a number",
    "whole": "a whole number",
    "text": "text",
    "instant": "a date or instant like 2013-09-01T06:15:00Z",
    "boolean": "one of the two outcomes",
}


def typed(texts: pa.Table, table: Table, form: Form = PLAIN) -> pd.DataFrame:
    """Returns the columns of a declared table, in its order, of the types in `columns.DTYPES`, all rows in their order.

    Raises `Refusal` for a column that is not declared or not there, and for a text that is not of its column's kind: it
    names the first such row. No row and no column is left out.
    """
    there = [*texts.column_names, *form.added]
    if unknown := table.undeclared(there):
        raise Refusal(f"the file has the column {', '.join(unknown)}, which {table.name} does not declare: declare it")
    if absent := [name for name in table.names if name not in there]:
        raise Refusal(f"the file has no column {', '.join(absent)}, which {table.name} declares")
    columns = {name: _typed(present(texts[name]), table[name], form) for name in texts.column_names}
    if form.numbered:
        columns[form.numbered] = pd.Series(np.arange(1, texts.num_rows + 1))
    if form.known:
        columns[form.known] = columns[form.time] + pd.Timedelta(hours=form.known_after_hours)
    return pd.DataFrame({name: columns[name].astype(_dtype(table[name])) for name in table.names})


def _dtype(column: Column) -> Any:
    return DTYPES[column.kind]


def _typed(texts: pa.ChunkedArray, column: Column, form: Form) -> pd.Series:
    if column.kind == "text":
        return texts.to_pandas()
    twice = np.zeros(len(texts), "bool")
    if column.kind == "instant":
        read = instants(texts, form)
        found, wrong, twice = read.found, read.wrong, read.twice
    elif column.kind == "boolean":
        found, wrong = _outcomes(texts, form)
    else:
        values, wrong = numbers(texts, form.decimal or ".")
        found = pd.Series(values)
        if column.kind == "whole":
            wrong = wrong | texts.is_null().to_numpy() | (values != np.floor(values))
            if not wrong.any() and all_whole(texts):  # beyond 2**53, a float has lost digits
                return pc.ascii_ltrim(pc.utf8_trim_whitespace(texts), "+").cast(pa.int64()).to_pandas()
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        said = texts[row].as_py()
        raise Refusal(
            f"{column.name} is {'missing' if said is None else repr(said)} in row {row + 1}, not {_WORDS[column.kind]}"
            + (f" ({wrong.sum():,} such rows)" if wrong.sum() > 1 else "")
            + (f": clocks of {form.zone} show it twice: say which by repeated_hour in FORM" if twice[row] else "")
        )
    return found


def _outcomes(texts: pa.ChunkedArray, form: Form) -> tuple[pd.Series, np.ndarray]:
    said = texts.to_pandas().str.strip()
    no, yes = ({form.outcomes[0]}, {form.outcomes[1]}) if form.outcomes else (set(OUTCOMES.values()), set(OUTCOMES))
    if form.outcomes is None:
        said = said.str.lower()
    found = pd.Series(pd.NA, index=said.index, dtype="boolean").mask(said.isin(no), False).mask(said.isin(yes), True)
    return found, (found.isna() & said.notna()).to_numpy()
