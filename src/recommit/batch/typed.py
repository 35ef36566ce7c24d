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
_ZONES = (
    (r"(?i)\s*(?:UTC|GMT|Z)$", "Z"),
    (r"\s+([+-]\d\d(?::?\d\d)?)$", r"\1"),
    (r"(:\d\d(?:\.\d+)?[+-]\d\d)$", r"\1:00"),
)
"""How others write the zone: ` UTC`, a blank before an offset, an offset of hours alone (so Postgres and DuckDB)."""
_DIGITS = r"^[+-]?\d+$"
_SURELY_64_BITS = 18  # so many digits
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


def as_kind(values: pa.ChunkedArray, name: str, kind: Kind, codes: bool = True) -> tuple[pd.Series, list[Fault]]:
    """A column as float32, int64, text or datetime64[us, UTC], and the rows whose value is not of that kind.

    Such a row's value is a placeholder. A missing value is one that a number, text or instant may have; a whole number
    may not. Text that comes as codes of its distinct values goes so, with `codes`. What becomes of a value does not
    depend on the others.
    """
    if kind == "text" and codes and pa.types.is_dictionary(values.type) and _is_string(values.type.value_type):
        return values.to_pandas(), []
    values, undecoded = _plain(values, name, kind)
    convert = {"text": _text, "number": _number, "whole": _whole, "instant": _instant}[kind]
    found, faults = convert(values, name)
    told = {row for row, _ in undecoded}
    return found, undecoded + [fault for fault in faults if fault[0] not in told]


def _fits(found: pa.DataType, kind: Kind) -> bool:
    if pa.types.is_dictionary(found):
        found = found.value_type
    if _is_string(found) or _is_binary(found) or pa.types.is_null(found):
        return True  # of numbers in a CSV file too
    if kind == "instant":
        return pa.types.is_timestamp(found) and found.tz is not None
    return kind != "text" and (pa.types.is_integer(found) or pa.types.is_floating(found) or pa.types.is_decimal(found))


def _is_string(found: pa.DataType) -> bool:
    return pa.types.is_string(found) or pa.types.is_large_string(found) or pa.types.is_string_view(found)


def _is_binary(found: pa.DataType) -> bool:
    return pa.types.is_binary(found) or pa.types.is_large_binary(found) or pa.types.is_binary_view(found)


def _plain(values: pa.ChunkedArray, name: str, kind: Kind) -> tuple[pa.ChunkedArray, list[Fault]]:
    """Values of the types that have the same meaning as text or numbers, as those; and the bytes that are no text.

    A decimal goes the way of its digits in a CSV file. A column of type null has missing values alone, of any kind.
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


def _text(values: pa.ChunkedArray, name: str) -> tuple[pd.Series, list[Fault]]:
    return values.to_pandas(), []


def _number(values: pa.ChunkedArray, name: str) -> tuple[pd.Series, list[Fault]]:
    numbers, faults = _parsed(values, name, pa.float32(), "number")
    infinite = np.flatnonzero(np.isinf(numbers))
    return pd.Series(numbers), faults + [(int(row), f"{name} is infinite") for row in infinite]


def _whole(values: pa.ChunkedArray, name: str) -> tuple[pd.Series, list[Fault]]:
    if pa.types.is_integer(values.type):
        return _whole_of_integers(values, name)
    if _is_string(values.type):
        return _whole_of_texts(values, name)
    return _whole_of_floats(values, name)


def _whole_of_texts(values: pa.ChunkedArray, name: str) -> tuple[pd.Series, list[Fault]]:
    """Digits alone are read as 64-bit integers, to the last one; all else, 1.0 and 1e3 say, as float64."""
    texts = pc.ascii_trim_whitespace(values)
    digits = pc.fill_null(pc.match_substring_regex(texts, _DIGITS), False)
    others, faults = _whole_of_floats(pc.if_else(digits, pa.scalar("0", values.type), values), name)
    plain = pc.replace_substring_regex(texts, r"^\+?(-?)0*(\d+)$", r"\1\2")
    long = pc.fill_null(pc.and_(digits, pc.greater(pc.utf8_length(plain), _SURELY_64_BITS)), False)
    short = pc.if_else(pc.and_(digits, pc.invert(long)), plain, pa.scalar("0", values.type))
    numbers = np.where(digits.to_numpy(), short.cast(pa.int64()).to_numpy(), others)
    for row in (int(row) for row in np.flatnonzero(long.to_numpy())):
        text = plain[row].as_py()
        number = int(text[:21])  # one digit more than 64 bits have: the rest of it would not bring it back
        if -_MOST - 1 <= number <= _MOST:
            numbers[row] = number
        else:
            bound = f"above {_MOST}" if number > 0 else f"below {-_MOST - 1}"
            faults.append((row, f"{name} is {text}, {bound}"))
    return pd.Series(numbers), faults


def _whole_of_floats(values: pa.ChunkedArray, name: str) -> tuple[pd.Series, list[Fault]]:
    numbers, faults = _parsed(values, name, pa.float64(), "whole")
    told = {row for row, _ in faults}
    with np.errstate(invalid="ignore"):
        broken = np.flatnonzero(~(np.abs(numbers) < 2**53) | (numbers != np.floor(numbers)))
    for row in (int(row) for row in broken if row not in told):
        value = values[row].as_py()
        if np.isnan(numbers[row]):
            why = "missing"
        elif np.isfinite(numbers[row]) and numbers[row] == np.floor(numbers[row]):
            why = f"{value}: beyond 2**53 a number of this type may have lost digits"
        else:
            why = f"{value}, not {_WORDS['whole']}"
        faults.append((row, f"{name} is {why}"))
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
    if not _is_string(values.type):
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
    texts = pc.ascii_trim_whitespace(values)
    for written, read in _ZONES:
        texts = pc.replace_substring_regex(texts, written, read)
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
