"""What each column of a table of texts seems to hold, and why."""

import re
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from recommit import Refusal
from recommit.columns import Kind
from recommit.rawtable.form import Form
from recommit.rawtable.values import OUTCOMES, Instants, all_whole, instants, numbers, present

MOST_VALUES = 100
"""Of a text, so many values at most are told apart by a model: the commonest."""
_UNIQUE, _FEW_ROWS = 0.95, 20
_COVERED = 0.5
_STRAY = 0.1
_SAMPLE = 1000
_LARGEST = float(np.finfo("float32").max)
_ID = re.compile(r"(?:^|[\W_])(?:id|key|uuid|guid)$|[a-z](?:ID|Id|Key)$", re.ASCII)


@dataclass(frozen=True)
class Guess:
    """What a column seems to hold: its kind with the reason, and its values of that kind.

    `values` are float64 for numbers, datetime64[us, UTC] for instants, else str. `unfit` says why it is no feature as
    it comes; empty where it can be one. `keylike`: nearly every row has its own value, or its name says so. `zoned`:
    its instants have a time zone. `ambiguous` is a date of which nothing says whether the day comes first, and
    `day_first` what was taken. `twice` says of which instants clocks show the hour twice; the first was taken.
    """

    name: str
    kind: Kind
    because: str
    values: pd.Series
    distinct: int
    unfit: str = ""
    keylike: bool = False
    zoned: bool = True
    ambiguous: str = ""
    day_first: bool | None = None
    twice: str = ""

    @property
    def missing(self) -> float:
        """The share of rows without a value."""
        return float(self.values.isna().mean())

    def of(self, rows: np.ndarray) -> "Guess":
        """The same of some rows alone: bool, one per row."""
        return self if rows.all() else replace(self, values=self.values[rows].reset_index(drop=True))

    @property
    def unique(self) -> bool:
        """Whether every row has a value, and no two the same."""
        return self.distinct == len(self.values)


def guess(name: str, texts: pa.ChunkedArray, form: Form) -> Guess:
    """Returns what a column of texts seems to hold. Raises `Refusal` for a decimal comma that nobody named.

    Numbers with leading zeros are text. Whole numbers of which nearly every row has its own, or whose name ends in id
    or key, are a key: no feature as they come.
    """
    there = present(texts)
    rows, distinct = len(there) - there.null_count, pc.count_distinct(there).as_py()
    if rows == 0:
        return Guess(name, "text", "no row has a value", _texts(there), 0, unfit="no row has a value")
    found = _boolean(name, there, distinct) or _number(name, there, distinct, form)
    found = found or _instant(name, there, distinct, form) or _text(name, there, distinct)
    if distinct == 1 and there.null_count == 0:
        return Guess(name, found.kind, found.because, found.values, 1, unfit=f"always {_first(there)!r}")
    return found


def as_text(name: str, texts: pa.ChunkedArray, because: str) -> Guess:
    """Returns a column as text, whatever it seems to hold."""
    there = present(texts)
    return Guess(name, "text", because, _texts(there), pc.count_distinct(there).as_py())


def as_instant(name: str, texts: pa.ChunkedArray, form: Form) -> Guess:
    """Returns a column as the instant of its rows. Raises `Refusal` where one is missing, no instant, or ambiguous."""
    there = present(texts)
    read, twice = _read_instants(name, there, form)
    if read.ambiguous:
        raise Refusal(
            f"the time {name} has dates like {read.ambiguous!r}, and nothing says whether the day comes first: "
            "add --day-first or --month-first"
        )
    wrong = read.wrong | there.is_null().to_numpy()
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        what = "missing" if there[row].as_py() is None else repr(there[row].as_py())
        raise Refusal(
            f"the time {name} is no instant in {_rows(wrong.sum())}, the first row {row + 1}: it is {what}; wanted is "
            "one like 2013-09-01, 2013-09-01T06:15:00Z or 31/12/2013 18:00"
        )
    return Guess(
        *(name, "instant", "dates or instants", read.found, read.found.nunique()),
        zoned=read.zoned,
        day_first=read.day_first,
        twice=twice,
    )


def _boolean(name: str, there: pa.ChunkedArray, distinct: int) -> Guess | None:
    if distinct > 2:
        return None
    words = {str(word).strip().lower() for word in pc.unique(there).to_pylist() if word is not None}
    if any(words <= {yes, no} for yes, no in OUTCOMES.items() if yes != "1"):
        return Guess(name, "boolean", f"only {' and '.join(sorted(words))}", _texts(there), distinct)
    return None


def _number(name: str, there: pa.ChunkedArray, distinct: int, form: Form) -> Guess | None:
    if not form.decimal:
        _refuse_comma(name, there)
    some = there[:_SAMPLE].drop_null()
    if len(some) and numbers(some, form.decimal or ".")[1].mean() > 0.5:
        return None
    values, wrong = numbers(there, form.decimal or ".")
    rows, strays = len(there) - there.null_count, int(wrong.sum())
    if strays > _STRAY * rows:
        return None
    if strays:
        row = int(np.flatnonzero(wrong)[0])
        strange = f"numbers, but in {_rows(strays)}, as {there[row].as_py()!r} in row {row + 1}"
        return Guess(name, "text", strange, _texts(there), distinct, unfit=f"{strange}: mend them, then it can be one")
    if zero := _first_like(there, r"^\s*[+-]?0\d"):
        return _text(name, there, distinct, f"leading zeros, as in {zero!r}")
    found = pd.Series(values)
    if found.abs().max() > _LARGEST:
        unfit = f"numbers as large as {found.abs().max():.3g}: a model's have 32 bits"
        return Guess(name, "number", "numbers beyond 32 bits", found, distinct, unfit=unfit)
    if not all_whole(there):
        return Guess(name, "number", "numbers with decimals", found, distinct)
    if _ID.search(name) or (distinct >= _UNIQUE * rows and rows >= _FEW_ROWS):
        why = f"whole numbers, {distinct:,} different ones in {rows:,} rows"
        return Guess(name, "whole", why, found, distinct, keylike=True)
    if there.null_count:
        return Guess(name, "number", f"whole numbers, missing in {_rows(there.null_count)}", found, distinct)
    return Guess(name, "whole", "whole numbers in every row", found, distinct)


def _refuse_comma(name: str, there: pa.ChunkedArray) -> None:
    some = there.drop_null()[:_SAMPLE]
    _, wrong = numbers(some, ",")
    if (comma := _first_like(some, ",")) and wrong.sum() <= _STRAY * len(some):
        raise Refusal(
            f"the column {name} has numbers with commas, as {comma!r}: add --decimal , if that is a decimal comma; "
            "if it parts thousands, write them without; --decimal . takes the column as text"
        )


def _instant(name: str, there: pa.ChunkedArray, distinct: int, form: Form) -> Guess | None:
    some = there.drop_null()[:_SAMPLE]
    read, _ = _read_instants(name, some, form)
    if read.wrong.sum() > _STRAY * len(some) and not read.ambiguous:
        return None
    read, twice = _read_instants(name, there, form)
    if read.ambiguous:
        why = f"dates like {read.ambiguous!r}, and nothing says whether the day comes first"
        how = f"{why}: --day-first or --month-first"
        return Guess(name, "text", why, _texts(there), distinct, unfit=how, ambiguous=read.ambiguous)
    if read.wrong.any():
        row = int(np.flatnonzero(read.wrong)[0])
        why = f"dates, but in {_rows(read.wrong.sum())}, as {there[row].as_py()!r} in row {row + 1}"
        return Guess(name, "text", why, _texts(there), distinct, unfit=f"{why}: mend them")
    unfit = "an instant is no feature as it comes: compute one in features.py"
    return Guess(
        *(name, "instant", "dates or instants", read.found, distinct, unfit),
        zoned=read.zoned,
        day_first=read.day_first,
        twice=twice,
    )


def _read_instants(name: str, there: pa.ChunkedArray, form: Form) -> tuple[Instants, str]:
    """The texts as instants, and which of them are in an hour that clocks show twice: the first of the two is taken."""
    read = instants(there, form)
    if read.never.any():
        row = int(np.flatnonzero(read.never)[0])
        raise Refusal(
            f"the column {name}: {there[row].as_py()!r} in row {row + 1} is in an hour that clocks of {form.zone} "
            f"leave out ({_rows(read.never.sum())}): leave out --zone to read it as UTC, or write its offsets"
        )
    if not read.twice.any():
        return read, ""
    row = int(np.flatnonzero(read.twice)[0])
    said = f"{there[row].as_py()!r} in row {row + 1}, {_rows(read.twice.sum())} in all"
    return instants(there, replace(form, repeated_hour="first")), said


def _text(name: str, there: pa.ChunkedArray, distinct: int, because: str = "") -> Guess:
    rows = len(there) - there.null_count
    because = because or f"text, {distinct:,} different {'value' if distinct == 1 else 'values'}"
    values = _texts(there)
    if distinct >= _UNIQUE * rows and rows >= _FEW_ROWS:
        return Guess(name, "text", because, values, distinct, keylike=True)
    covered = values.value_counts().iloc[:MOST_VALUES].sum() / rows
    if covered < _COVERED:
        unfit = f"free text: its {MOST_VALUES} commonest values are {covered:.0%} of the rows"
        return Guess(name, "text", because, values, distinct, unfit=unfit)
    if distinct > MOST_VALUES:
        because = (
            f"{because}; the {distinct - MOST_VALUES:,} rarest together are 'unknown', {1 - covered:.1%} of the rows"
        )
    return Guess(name, "text", because, values, distinct)


def _texts(there: pa.ChunkedArray) -> pd.Series:
    return there.to_pandas().astype("str")


def _first(there: pa.ChunkedArray) -> str:
    return str(there.drop_null()[0])


def _first_like(there: pa.ChunkedArray, pattern: str) -> str:
    """The first text that a pattern is found in; empty where there is none."""
    place = pc.index(pc.fill_null(pc.match_substring_regex(there, pattern), False), True).as_py()
    return "" if place < 0 else str(there[place])


def _rows(number: int) -> str:
    return f"{number:,} {'row' if number == 1 else 'rows'}"
