"""Texts as numbers and instants; what a text is must not depend on the other rows."""

from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from recommit.rawtable.form import Form

MISSING = ("", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NULL", "null")
"""Texts that stand for a missing value, in every column."""
OUTCOMES = {"yes": "no", "true": "false", "1": "0", "t": "f", "y": "n"}
"""Words whose meaning is plain, for true and for false, in small letters."""
_NUMBER = r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$"
_WITH_COMMA = r"^[+-]?(?:\d+|\d{1,3}(?:\.\d{3})+)(?:,\d+)?(?:[eE][+-]?\d+)?$"
_WHOLE = r"^[+-]?\d{1,18}$"
# What may follow a date: a time of day, also with AM or PM, and a time zone.
_CLOCK = (
    r"(?:[T ,]+(?P<hour>\d{1,2}):?(?P<minute>\d\d)(?::?(?P<second>\d\d)(?:[.,](?P<part>\d+))?)?"
    r"\s*(?P<half>[AaPp])?(?:\.?[Mm]\.?)?\s*(?P<offset>Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?)?$"
)
_YEAR_FIRST = r"^(?P<year>\d{4})[-/.](?P<month>\d{1,2})(?:[-/.](?P<day>\d{1,2}))?" + _CLOCK
_COMPACT = r"^(?P<year>(?:19|20)\d\d)(?P<month>\d\d)(?P<day>\d\d)" + _CLOCK
_YEAR_LAST = r"^(?P<one>\d{1,2})[/.-](?P<two>\d{1,2})[/.-](?P<year>\d{4})" + _CLOCK


class Instants(NamedTuple):
    """`found` are instants, datetime64[us, UTC], NaT where there is none; `wrong` says which texts are none, bool (n,).

    `ambiguous` is a text of which nothing says whether the day comes first; empty where there is none, and `day_first`
    is what was taken: None where no text asks for it. `zoned` says whether every text has its time zone. Of the wrong
    ones, `twice` are in an hour that the clocks of the zone show twice, and `never` in one that they leave out.
    """

    found: pd.Series
    wrong: np.ndarray
    ambiguous: str
    zoned: bool
    day_first: bool | None
    twice: np.ndarray
    never: np.ndarray


def present(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """The texts, null where they stand for a missing value."""
    trimmed = pc.utf8_trim_whitespace(texts)
    absent = pc.is_in(trimmed, value_set=pa.array(MISSING, texts.type))
    return pc.if_else(absent, pa.scalar(None, texts.type), texts)


def numbers(texts: pa.ChunkedArray, decimal: str = ".") -> tuple[np.ndarray, np.ndarray]:
    """The texts as float64, (n,), NaN where there is none, and which texts are no number, bool (n,).

    `texts` are null where a value is missing. With a decimal comma, a point parts thousands.
    """
    if decimal == ",":
        pointed, wrong = points(texts)
        return pointed.cast(pa.float64()).to_numpy(), wrong
    texts = pc.utf8_trim_whitespace(texts)
    try:
        found = texts.cast(pa.float64()).to_numpy()
        if np.isfinite(found[texts.is_valid().to_numpy()]).all():
            return found, np.zeros(len(found), "bool")
    except pa.ArrowInvalid:
        pass
    looks = pc.match_substring_regex(texts, _NUMBER)
    return pc.if_else(looks, texts, pa.scalar(None, texts.type)).cast(pa.float64()).to_numpy(), _false(looks)


def points(texts: pa.ChunkedArray) -> tuple[pa.ChunkedArray, np.ndarray]:
    """Numbers with a decimal comma, in which a point parts thousands, as texts with a point; null where there is none.

    Then which texts are no such number, bool (n,).
    """
    texts = pc.utf8_trim_whitespace(texts)
    looks = pc.match_substring_regex(texts, _WITH_COMMA)
    texts = pc.if_else(looks, texts, pa.scalar(None, texts.type))
    return pc.replace_substring(pc.replace_substring(texts, ".", ""), ",", "."), _false(looks)


def all_whole(texts: pa.ChunkedArray) -> bool:
    """Whether every text that is not missing is a whole number, without point or exponent."""
    return bool(pc.all(pc.match_substring_regex(pc.utf8_trim_whitespace(texts), _WHOLE), min_count=0).as_py())


def instants(texts: pa.ChunkedArray, form: Form) -> Instants:
    """The texts as instants; those without a time zone are in that of the form.

    A text is an ISO date or instant, year/month/day, or day, month and year in the order that the form says, or else
    that a number above 12 says; a time of day may follow.
    """
    encoded = pc.utf8_trim_whitespace(texts).combine_chunks().dictionary_encode()
    distinct = encoded.dictionary
    parts = _parts(distinct, _YEAR_FIRST)
    others = np.flatnonzero(parts["year"].isna())
    parts = parts.fillna(_parts(distinct, _COMPACT, others))
    last = _parts(distinct, _YEAR_LAST, others).dropna(subset="year")
    first = _day_first(last) if form.day_first is None else form.day_first
    ambiguous = str(distinct[int(last.index[0])]) if len(last) and first is None else ""
    day, month = ("one", "two") if first else ("two", "one")
    if first is not None:
        parts = parts.fillna(last.rename(columns={day: "day", month: "month"}))
    known, twice, never = _in_utc(parts, form)
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    found = pd.Series(known.array.take(codes, allow_fill=True))
    zoned = bool((parts["offset"].fillna("") != "").all())
    there = codes >= 0
    at_change = [there & np.append(one.to_numpy("bool"), False)[codes] for one in (twice, never)]
    first = first if len(last) else None
    return Instants(found, there & found.isna().to_numpy(), ambiguous, zoned, first, *at_change)


def _parts(texts: pa.Array, pattern: str, places: np.ndarray | None = None) -> pd.DataFrame:
    """The named groups of a pattern in those texts, one row per text, missing where it does not match.

    `half` and `offset` are texts, the others numbers.
    """
    found = pc.extract_regex(texts if places is None else texts.take(pa.array(places)), pattern)
    names = [found.type.field(place).name for place in range(found.type.num_fields)]
    groups = {name: pc.struct_field(found, name) for name in names}
    groups["part"] = pc.binary_join_element_wise("0", groups["part"], ".")
    columns = {
        name: group.to_pandas() if name in ("half", "offset") else _number_or_none(group)
        for name, group in groups.items()
    }
    return pd.DataFrame(columns).set_axis(range(len(texts)) if places is None else places)


def _number_or_none(digits: pa.Array) -> np.ndarray:
    empty = pc.equal(digits, "")
    return pc.if_else(empty, pa.scalar(None, digits.type), digits).cast(pa.float64()).to_numpy(zero_copy_only=False)


def _day_first(parts: pd.DataFrame) -> bool | None:
    """Whether the first of two numbers is the day, which a number above 12 says; None where none does, or both do."""
    one, two = (bool((parts[name] > 12).any()) for name in ("one", "two"))
    return None if one == two else one


def _in_utc(parts: pd.DataFrame, form: Form) -> tuple[pd.Series, pd.Series, pd.Series]:
    """The instants of which these are the parts, NaT where they make none; then `twice` and `never` of `Instants`."""
    date = parts[["year", "month", "day"]].fillna({"day": 1})
    hour, minute, second = (parts[name].fillna(0) for name in ("hour", "minute", "second"))
    half = parts["half"].fillna("").str.lower()
    hour = hour.where(half == "", hour % 12 + 12 * (half == "p"))
    seconds = hour * 3600 + minute * 60 + second + parts["part"].fillna(0)
    local = pd.to_datetime(date, errors="coerce").dt.as_unit("us") + pd.to_timedelta((seconds * 1e6).round(), unit="us")
    local = local.where((hour < 24) & (minute < 60) & (second < 60))
    offset = parts["offset"].fillna("")
    minutes = offset.map({one: _minutes(one) for one in offset.unique()})
    zoned = (local - pd.to_timedelta(minutes, unit="m")).dt.tz_localize("UTC")
    found, twice, never = _from_zone(local.where(offset == ""), form)
    return zoned.where(offset != "", found).dt.as_unit("us"), twice, never


def _minutes(offset: str) -> int:
    """The minutes by which an offset like +02, -0430 or +05:30 is ahead of UTC."""
    digits = offset.replace(":", "")
    if not digits[1:].isdigit():
        return 0
    return int(digits[0] + "1") * (int(digits[1:3]) * 60 + int(digits[3:] or 0))


def _from_zone(local: pd.Series, form: Form) -> tuple[pd.Series, pd.Series, pd.Series]:
    """Local times of the form's zone as instants; of each, whether clocks show it twice unsaid, or leave it out."""
    summer, winter = (
        local.dt.tz_localize(form.zone, ambiguous=np.full(len(local), one), nonexistent="NaT").dt.tz_convert("UTC")
        for one in (True, False)
    )
    later = summer.where(summer > winter, winter)
    found = later if form.repeated_hour == "second" else summer.where(summer < winter, winter)
    twice = found.notna() & (summer != winter) & (not form.repeated_hour)
    return found.where(~twice), twice, found.isna() & local.notna()


def _false(true: pa.ChunkedArray) -> np.ndarray:
    return pc.fill_null(pc.invert(true), False).to_numpy()
