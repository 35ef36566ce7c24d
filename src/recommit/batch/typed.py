"""Columns of a file as the types that features are computed from, and what of them has no such value."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from recommit import Refusal
from recommit.problem import Kind

Fault = tuple[int, str]
"""A row's place in its batch, from 0, and what is wrong with it."""
_WORDS = {
    "number": "a number",
    "whole": "a whole number",
    "text": "text",
    "instant": "an instant with its time zone, like 2013-09-01T06:15:00Z",
}
_ZONE = r"(?:Z|[+-]\d\d:?\d\d)$"
_NUMBER = r"(?i)^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|nan|inf|infinity)$"
"""What Arrow reads as a number; in text too, NaN is a missing one."""
_MOST = 2**63 - 1
_YEARS = (-62_135_596_800, 253_402_300_800)
"""Seconds from 1970 to the first instant of the year 1, and to that after 9999: those that have a date."""
_TICKS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_BELOW_MICROSECONDS = r"(\.\d{6})\d+"


def refuse_types(schema: pa.Schema, kinds: Mapping[str, Kind], where: str) -> None:
    """Raise `Refusal` when a column is of a type that cannot be the kind demanded of it: no row of it could be used."""
    wrong = [name for name, kind in kinds.items() if name in schema.names and not _fits(schema.field(name).type, kind)]
    if wrong:
        found = "; ".join(f"{name} is {schema.field(name).type}, not {_WORDS[kinds[name]]}" for name in wrong)
        raise Refusal(f"{where}: {found}")


def as_kind(values: pa.ChunkedArray, name: str, kind: Kind) -> tuple[pd.Series, list[Fault]]:
    """A column as float32, int64, text or datetime64[us, UTC], and the rows whose value is not of that kind.

    Such a row's value is a placeholder. A missing value is one that a number, text or instant may have; a whole number
    may not. Text may come as codes of its distinct values, and then goes so. What becomes of a value does not depend
    on the others.
    """
    if kind == "text":
        return values.to_pandas(), []
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if kind == "number":
        return _number(values, name)
    if kind == "whole":
        return _whole(values, name)
    return _instant(values, name)


def _fits(found: pa.DataType, kind: Kind) -> bool:
    if pa.types.is_dictionary(found):
        found = found.value_type
    if pa.types.is_string(found) or pa.types.is_large_string(found):
        return True  # of numbers in a CSV file too
    if kind == "instant":
        return pa.types.is_timestamp(found) and found.tz is not None
    return kind != "text" and (pa.types.is_integer(found) or pa.types.is_floating(found))


def _number(values: pa.ChunkedArray, name: str) -> tuple[pd.Series, list[Fault]]:
    numbers, faults = _parsed(values, name, pa.float32(), "number")
    infinite = np.flatnonzero(np.isinf(numbers))
    return pd.Series(numbers), faults + [(int(row), f"{name} is infinite") for row in infinite]


def _whole(values: pa.ChunkedArray, name: str) -> tuple[pd.Series, list[Fault]]:
    if pa.types.is_integer(values.type):
        return _whole_of_integers(values, name)
    numbers, faults = _parsed(values, name, pa.float64(), "whole")
    told = {row for row, _ in faults}
    with np.errstate(invalid="ignore"):
        broken = np.flatnonzero(~(np.abs(numbers) < 2**53) | (numbers != np.floor(numbers)))
    for row in (int(row) for row in broken if row not in told):
        value = values[row].as_py()
        missing = np.isnan(numbers[row])
        faults.append((row, f"{name} is missing" if missing else f"{name} is {value}, not {_WORDS['whole']}"))
    placeholders = np.zeros(len(numbers), dtype=bool)
    placeholders[broken] = True
    return pd.Series(np.where(placeholders, 0, numbers).astype("int64")), faults


def _whole_of_integers(values: pa.ChunkedArray, name: str) -> tuple[pd.Series, list[Fault]]:
    large = np.zeros(len(values), dtype=bool)
    if pa.types.is_uint64(values.type):
        large = pc.fill_null(pc.greater(values, pa.scalar(_MOST, pa.uint64())), False).to_numpy()
    usable = values if not large.any() else pc.if_else(large, pa.scalar(0, values.type), values)
    faults = [(int(row), f"{name} is missing") for row in np.flatnonzero(values.is_null().to_numpy())]
    faults += [(int(row), f"{name} is {values[int(row)].as_py()}, above {_MOST}") for row in np.flatnonzero(large)]
    return pd.Series(usable.fill_null(0).cast(pa.int64()).to_numpy()), faults


def _parsed(values: pa.ChunkedArray, name: str, wanted: pa.DataType, kind: Kind) -> tuple[np.ndarray, list[Fault]]:
    """Numbers, NaN where missing or not one: each by its own value, whatever values come with it."""
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        return values.cast(wanted, safe=False).to_numpy(), []
    texts = pc.ascii_trim_whitespace(values)
    looks = pc.match_substring_regex(texts, _NUMBER)
    broken = np.flatnonzero(pc.fill_null(pc.invert(looks), False).to_numpy())
    faults = [(int(row), f"{name} is {values[int(row)].as_py()!r}, not {_WORDS[kind]}") for row in broken]
    if faults:
        texts = pc.if_else(looks, texts, pa.scalar(None, texts.type))
    return texts.cast(wanted).to_numpy(), faults


def _instant(values: pa.ChunkedArray, name: str) -> tuple[pd.Series, list[Fault]]:
    if pa.types.is_timestamp(values.type):
        return _instant_of_timestamps(values, name)
    texts = values.cast(pa.string())
    # With one finer instant all would be read in nanoseconds, which have no years before 1677 or after 2262.
    texts = pc.replace_substring_regex(texts, _BELOW_MICROSECONDS, r"\1")
    zoned = pc.fill_null(pc.match_substring_regex(texts, _ZONE), False).to_numpy()
    parsed = pd.to_datetime(texts.to_pandas().where(zoned), utc=True, errors="coerce", format="ISO8601")
    broken = np.flatnonzero(parsed.isna() & texts.is_valid().to_numpy())
    faults = [(int(row), f"{name} is {values[int(row)].as_py()!r}, not {_WORDS['instant']}") for row in broken]
    found, far = _instant_of_timestamps(pa.chunked_array([pa.Array.from_pandas(parsed)]), name)
    return found, faults + far


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
