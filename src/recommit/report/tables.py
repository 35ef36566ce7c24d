"""Tables for people: values and intervals as text, in cells that say how to show them."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from recommit.evidence.numbers import Interval

Look = Literal["", "text", "good", "bad"]
LONGEST = 12
"""A table of more rows is folded at first."""
FEW, MANY = 3, 7
"""A table of at most so many rows and at least so many columns is turned."""
_FINE = 0.01
_TINY = 0.0005
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(?::00)?(?:\+00:00|Z)")


@dataclass(frozen=True)
class Cell:
    """The text of a cell, and its look: a number (""), words, or good or bad news."""

    text: str
    look: Look = ""


@dataclass(frozen=True)
class Row:
    """A row: its name and its cells, the look of the name, and a sentence `about` it. A `chosen` row is highlighted."""

    name: str
    cells: tuple[Cell, ...]
    chosen: bool = False
    look: Look = ""
    about: str = ""


@dataclass(frozen=True)
class Table:
    """A table: title, heads of the first and the other columns, rows, a note, and whether it is folded at first."""

    title: str
    head: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    note: str = ""
    folded: bool = False


def interval_in(value: Any) -> Interval | None:
    """Return `value` as an interval if it is one, also in the form {value, low, high} of JSON; else None."""
    if isinstance(value, Mapping) and all(isinstance(value.get(end), int | float) for end in ("value", "low", "high")):
        return Interval(value["value"], value["low"], value["high"])
    return value if isinstance(value, Interval) else None


def shown(value: Any) -> str:
    """Return any value of evidence as people read it: `0.764 [0.731, 0.795]`, `27,123`, `yes`, `a, b`."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.1e}" if 0 < abs(value) < _TINY else _decimal(value, 4 if 0 < abs(value) < _FINE else 3)
    if interval := interval_in(value):
        return _interval(interval)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {shown(part)}" for key, part in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(shown, value))
    instant = _INSTANT.fullmatch(str(value))
    if instant is None:
        return str(value)
    return instant[1] if instant[2] == "00:00" else f"{instant[1]} {instant[2]} UTC"


def percent(value: Any) -> str:
    """Return a share, or its interval, in percent: `26.3 %`, `90.1 % [88.9 %, 91.2 %]`."""
    if interval := interval_in(value):
        middle, low, high = (_decimal(100 * end, 1) for end in (interval.value, interval.low, interval.high))
        return f"{middle} % [{low} %, {high} %]"
    return f"{_decimal(100 * value, 1)} %"


def words(name: str) -> str:
    """Return a name in code as words: `log_loss` is `log loss`."""
    return name.replace("_", " ").replace("-", " ")


def heading(name: str) -> str:
    """Return a name in code as a heading: `log_loss` is `Log loss`."""
    text = words(name)
    return "AUC" if text == "auc" else text[:1].upper() + text[1:]


def cell(value: Any) -> Cell:
    """Return the cell for a value of evidence: numbers and intervals are aligned right, the rest is words."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return Cell(shown(value), "" if number or interval_in(value) or value is None else "text")


def better(interval: Interval) -> Cell:
    """Return the cell for an improvement: good or bad news if its interval excludes 0, else neither."""
    return Cell(shown(interval), "good" if interval.low > 0 else "bad" if interval.high < 0 else "")


def listed(title: str, rows: Sequence[Mapping[str, Any]], note: str = "") -> Table:
    """Return a table with one row per mapping and one column per key. The values of the first key name the rows.

    A table that is too wide for a page is turned.
    """
    head, *columns = dict.fromkeys(key for row in rows for key in row)
    worded = {column for column in columns if any(cell(row.get(column)).look for row in rows)}
    made = tuple(
        Row(
            shown(row.get(head)),
            tuple(Cell(shown(row.get(column)), "text" if column in worded else "") for column in columns),
        )
        for row in rows
    )
    found = Table(title, heading(head), tuple(map(heading, columns)), made, note, folded=len(rows) > LONGEST)
    return turned_if_wide(found)


def turned_if_wide(table: Table) -> Table:
    """Return a table of few rows and many columns with its columns as rows, and any other as it is."""
    if not len(table.rows) <= FEW < MANY <= len(table.columns):
        return table
    cells = zip(*(row.cells for row in table.rows), strict=True)
    rows = tuple(Row(column, row) for column, row in zip(table.columns, cells, strict=True))
    return replace(table, columns=tuple(row.name for row in table.rows), rows=rows)


def paired(title: str, values: Mapping[str, Any], note: str = "") -> Table:
    """Return a table with one row per name and value in `values`."""
    rows = tuple(Row(heading(name), (Cell(shown(value), "text"),)) for name, value in values.items())
    return Table(title, "", (), rows, note)


def found_in(evidence: Mapping[str, Any], skip: Iterable[str] = ()) -> tuple[Table, ...]:
    """Return tables of everything in `evidence` but `skip`: one for its single values, one for each list of rows."""
    single: dict[str, Any] = {}
    tables = []
    for key, value in ((key, value) for key, value in evidence.items() if key not in skip):
        if isinstance(value, Mapping) and value and all(_is_row(row) for row in value.values()):
            tables.append(listed(heading(key), [{"name": name} | dict(row) for name, row in value.items()]))
        elif isinstance(value, list) and value and all(_is_row(row) for row in value):
            tables.append(listed(heading(key), value))
        elif isinstance(value, Mapping) and any(isinstance(part, list | Mapping) for part in value.values()):
            tables += [
                replace(table, title=f"{heading(key)} {table.title.lower()}".strip()) for table in found_in(value)
            ]
        elif value not in ([], {}):
            single[key] = value
    return (*([paired("", single)] if single else []), *tables)


def _is_row(value: Any) -> bool:
    return isinstance(value, Mapping) and bool(value) and not interval_in(value)


def _interval(interval: Interval) -> str:
    # With three decimals, both ends of a narrow interval would look the same.
    places = 4 if 0 < interval.high - interval.low < _FINE else 3
    middle, low, high = (_decimal(end, places) for end in (interval.value, interval.low, interval.high))
    return f"{middle} [{low}, {high}]"


def _decimal(number: float, places: int) -> str:
    if math.isnan(number):
        return "–"
    if math.isinf(number):
        return "∞" if number > 0 else "-∞"
    text = f"{number:,.{places}f}"
    return text.lstrip("-") if not text.strip("-0.,") else text
