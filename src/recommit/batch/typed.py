"""Reads columns of a file as the types that features are computed from, and tells which values are of another."""

import math
import re
import string
from collections.abc import Mapping
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from recommit import Refusal
from recommit.columns import Kind
from recommit.rawtable.form import Form
from recommit.rawtable.values import instants, points, present

Fault = tuple[int, str]
"""A row's place in its batch, from 0, and what is wrong with it."""
_WORDS = {
    "number": "a number",
    "whole": "a whole number",
    "text": "text",
    "instant": "an instant with its time zone, like 2013-09-01T06:15:00Z",
}
_ZONE = r"(?:Z|[+-]\d\d:?\d\d)$"
_ZONES = (
    (r"(?i)\s*(?:UTC|GMT|Z)$", "Z"),
    (r"\s+([+-]\d\d(?::?\d\d)?)$", r"\1"),
    (r"(:\d\d(?:\.\d+)?[+-]\d\d)$", r"\1:00"),
)
"""How others write the zone: ` UTC`, a blank before an offset, an offset of hours alone (so Postgres and DuckDB)."""
_NUMBER = r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[nN][aA][nN]|[iI][nN][fF](?:[iI][nN][iI][tT][yY])?)"
"""What Arrow reads as a number; in text too, NaN is a missing one."""
_MOST = 2**63 - 1
_YEARS = (-62_135_596_800, 253_402_300_800)
"""Seconds from 1970 to the first instant of the year 1, and to that after 9999: those that have a date."""
_TICKS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_BELOW_MICROSECONDS = r"(\.\d{6})\d+"


def refuse_types(schema: pa.Schema, kinds: Mapping[str, Kind], where: str, form: Form | None = None) -> None:
    """Raises `Refusal` when a column's type cannot hold the kind that it must be: no row of it could be used."""
    types = {name: schema.field(name).type for name in kinds if name in schema.names}
    wrong = [name for name, found in types.items() if not _fits(found, kinds[name], form)]
    if wrong:
        found = "; ".join(f"{name} is {schema.field(name).type}, not {_WORDS[kinds[name]]}" for name in wrong)
        raise Refusal(f"{where}: {found}")


def as_kind(values: pa.ChunkedArray, name: str, kind: Kind, form: Form | None = None) -> tuple[pd.Series, list[Fault]]:
    """Returns a column as float32, int64, text or datetime64[us, UTC], and the rows whose value is not of that `kind`.

    Such a row's value is a placeholder. A number, text or instant may be missing; a whole number may not. What a value
    becomes does not depend on the other rows. Text is read as `ingest` reads a file of that `form`.
    """
    if form and _written_out(values.type, kind):
        values = values.cast(pa.string())
    values, undecoded = _plain(values, name, kind)
    if form and _is_string(values.type):
        values, misread = _of_form(values, name, kind, form)
        undecoded += misread
    if kind == "text":
        return values.to_pandas(), undecoded
    convert = {"number": _number, "whole": _whole, "instant": _instant}[kind]
    found, faults = convert(values, name)
    told = {row for row, _ in undecoded}
    return found, undecoded + [fault for fault in faults if fault[0] not in told]


def _fits(found: pa.DataType, kind: Kind, form: Form | None) -> bool:
    if pa.types.is_dictionary(found):
        found = found.value_type
    if _is_string(found) or _is_binary(found) or pa.types.is_null(found):
        return True  # of numbers in a CSV file too
    if form and _written_out(found, kind):
        return True
    if kind == "instant":
        return pa.types.is_timestamp(found) and found.tz is not None
    return kind != "text" and (pa.types.is_integer(found) or pa.types.is_floating(found) or pa.types.is_decimal(found))


def _written_out(found: pa.DataType, kind: Kind) -> bool:
    """Whether values of a type are read by what they look like as text: where a form says what that means."""
    if kind == "instant":
        return pa.types.is_date(found) or (pa.types.is_timestamp(found) and found.tz is None)
    return kind == "text" and (pa.types.is_integer(found) or pa.types.is_floating(found) or pa.types.is_boolean(found))


def _of_form(values: pa.ChunkedArray, name: str, kind: Kind, form: Form) -> tuple[pa.ChunkedArray, list[Fault]]:
    """Returns texts of a form as plain ones, or as instants, and the rows whose text is of another form."""
    values = present(values.cast(pa.string()))
    if kind == "instant":
        read = instants(values, form)
        found = pa.chunked_array([pa.Array.from_pandas(read.found.dt.as_unit("us"))])
        return found, _not_so(values, pa.array(read.wrong), name, kind)
    if kind in ("number", "whole") and form.decimal == ",":
        pointed, wrong = points(values)
        return pointed, _not_so(values, pa.array(wrong), name, kind)
    return values, []


def _is_string(found: pa.DataType) -> bool:
    return pa.types.is_string(found) or pa.types.is_large_string(found) or pa.types.is_string_view(found)


def _is_binary(found: pa.DataType) -> bool:
    return pa.types.is_binary(found) or pa.types.is_large_binary(found) or pa.types.is_binary_view(found)


def _plain(values: pa.ChunkedArray, name: str, kind: Kind) -> tuple[pa.ChunkedArray, list[Fault]]:
    """Returns values of other types with the same meaning as text or numbers, and the rows whose bytes are no text.

    A decimal is read by its digits, as in a CSV file. A column of type null has missing values of any kind.
    """
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if pa.types.is_null(values.type):
        of_kind = {"number": pa.float32(), "whole": pa.int64(), "instant": pa.timestamp("us", "UTC")}
        return values.cast(of_kind.get(kind, pa.large_string())), []
    if pa.types.is_decimal(values.type):
        return pc.replace_substring_regex(values.cast(pa.large_string()), r"\.0+$", ""), []
    if pa.types.is_string_view(values.type):
        return values.cast(pa.large_string()), []
    if not _is_binary(values.type):
        return values, []
    try:
        return values.cast(pa.large_string()), []
    except pa.ArrowInvalid:
        texts = [_decoded(value) for value in values.to_pylist()]
        bad = np.flatnonzero(values.is_valid().to_numpy() & np.array([text is None for text in texts]))
        return pa.chunked_array([pa.array(texts, pa.large_string())]), [(int(r), f"{name} is not UTF-8") for r in bad]


def _decoded(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None


def _number(values: pa.ChunkedArray, name: str) -> tuple[pd.Series, list[Fault]]:
    faults: list[Fault] = []
    if _is_string(values.type):
        texts = pc.ascii_trim_whitespace(values)
        looks = pc.match_substring_regex(texts, f"^{_NUMBER}$")
        faults = _not_so(values, pc.invert(looks), name, "number")
        values = pc.if_else(looks, texts, pa.scalar(None, texts.type))
    numbers = values.cast(pa.float32(), safe=False).to_numpy()
    infinite = np.flatnonzero(np.isinf(numbers))
    return pd.Series(numbers), faults + [(int(row), f"{name} is infinite") for row in infinite]


def _whole(values: pa.ChunkedArray, name: str) -> tuple[pd.Series, list[Fault]]:
    """Reads whole numbers: by Arrow, a column at once, where that is sure to be right, and the others one by one."""
    found, sure = values, pc.is_valid(values)
    if _is_string(values.type):
        found = pc.replace_substring_regex(pc.ascii_trim_whitespace(values), r"^\+?(-?)0*(\d{1,15})\.0*$", r"\1\2")
        sure = pc.match_substring_regex(found, r"^[+-]?\d{1,18}$")
        found = pc.ascii_ltrim(found, "+")
    elif pa.types.is_floating(values.type):
        found = values.cast(pa.float64())
        sure = pc.and_(pc.less(pc.abs(found), 2.0**53), pc.equal(pc.floor(found), found))
    elif pa.types.is_uint64(values.type):
        sure = pc.less_equal(values, pa.scalar(_MOST, pa.uint64()))
    sure = pc.fill_null(sure, False)
    numbers = pc.if_else(sure, found, pa.scalar("0").cast(found.type)).cast(pa.int64()).to_numpy().copy()
    faults = []
    for row in np.flatnonzero(~sure.to_numpy()).tolist():
        try:
            numbers[row] = _one_whole(values[row].as_py())
        except ValueError as error:
            faults.append((row, f"{name} is {error}"))
    return pd.Series(numbers), faults


def _one_whole(value: str | float | None) -> int:
    """Returns a whole number of 64 bits. Raises ValueError that says what the value is instead."""
    text = "nan" if value is None else str(value).strip(string.whitespace)
    if not re.fullmatch(_NUMBER, text, re.ASCII):
        raise ValueError(f"{value!r}, not {_WORDS['whole']}")
    if text.lstrip("+-").isdigit():
        digits = Decimal(text)  # int refuses thousands of them
        if not -_MOST - 1 <= digits <= _MOST:
            raise ValueError(f"{digits}, {f'above {_MOST}' if digits > 0 else f'below {-_MOST - 1}'}")
        return int(digits)
    number = float(text)
    if math.isnan(number):
        raise ValueError("missing")
    if not number.is_integer():
        raise ValueError(f"{value}, not {_WORDS['whole']}")
    if abs(number) >= 2**53:
        raise ValueError(f"{value}: beyond 2**53 a number of this type may have lost digits")
    return int(number)


def _instant(values: pa.ChunkedArray, name: str) -> tuple[pd.Series, list[Fault]]:
    if pa.types.is_timestamp(values.type):
        return _instant_of_timestamps(values, name)
    texts = pc.ascii_trim_whitespace(values)
    for written, read in _ZONES:
        texts = pc.replace_substring_regex(texts, written, read)
    # One finer instant would make all be read in nanoseconds, which have no years before 1677 or after 2262.
    texts = pc.replace_substring_regex(texts, _BELOW_MICROSECONDS, r"\1")
    zoned = pc.fill_null(pc.match_substring_regex(texts, _ZONE), False).to_numpy()
    parsed = pd.to_datetime(texts.to_pandas().where(zoned), utc=True, errors="coerce", format="ISO8601")
    faults = _not_so(values, pa.array(parsed.isna() & texts.is_valid().to_numpy()), name, "instant")
    found, far = _instant_of_timestamps(pa.chunked_array([pa.Array.from_pandas(parsed)]), name)
    return found, faults + far


def _not_so(values: pa.ChunkedArray, broken: pa.ChunkedArray, name: str, kind: Kind) -> list[Fault]:
    """Returns a fault for each row that is `broken`: its value is not of the `kind`."""
    rows = np.flatnonzero(pc.fill_null(broken, False).to_numpy(zero_copy_only=False)).tolist()
    return [(row, f"{name} is {values[row].as_py()!r}, not {_WORDS[kind]}") for row in rows]


def _instant_of_timestamps(values: pa.ChunkedArray, name: str) -> tuple[pd.Series, list[Fault]]:
    per_second = _TICKS[values.type.unit]
    first, last = max(_YEARS[0] * per_second, -_MOST - 1), min(_YEARS[1] * per_second - 1, _MOST)
    ticks = values.cast(pa.int64())
    dated = pc.and_(pc.greater_equal(ticks, first), pc.less_equal(ticks, last))
    far = np.flatnonzero(pc.fill_null(pc.invert(dated), False).to_numpy())
    faults = [(int(row), f"{name} is outside the years 1 to 9999") for row in far]
    if faults:
        values = pc.if_else(dated, values, pa.scalar(None, values.type))
    return values.cast(pa.timestamp("us", "UTC"), safe=False).to_pandas(), faults
