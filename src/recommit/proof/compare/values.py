"""Compare two JSON values, key by key, and two CSV tables, cell by cell."""

import csv
import io
import itertools
import json
import math
from collections.abc import Iterator
from typing import Any

from recommit.proof.compare.comparison import (
    Comparison,
    at,
    count,
    different,
    exactly,
    excerpt,
    first,
    judged,
    named,
    read_both,
)
from recommit.proof.compare.text import compare_text
from recommit.proof.tolerance import Tolerance, relative_difference

ANOTHER_WAY = Comparison("equal", "the same values, written in another way")


def compare_json(was: bytes, now: bytes, tolerance: Tolerance) -> Comparison:
    """Two JSON files: floats within tolerance, all else exactly; `1` and `1.0` differ; the order of keys is free."""
    values = read_both("JSON", _read_json, was, now)
    if isinstance(values, Comparison):
        return values
    before, after = values
    return first([compare_values(before, after, tolerance), ANOTHER_WAY])


def compare_values(was: Any, now: Any, tolerance: Tolerance, place: str = "") -> Comparison:
    """Two values as JSON has them: floats within tolerance, all else exactly. `place` is the path to them."""
    try:
        return first(_compare_values(was, now, tolerance, place))
    except RecursionError:
        return Comparison("different", "nested too deep to compare")


def compare_csv(was: bytes, now: bytes, tolerance: Tolerance) -> Comparison:
    """Two CSV files with a header: its names, the number of rows, then each cell as a text. Rows count from 1."""
    tables = read_both("CSV", _read_csv, was, now)
    if isinstance(tables, Comparison):
        return tables
    before, after = tables
    header = _compare_headers(before[0], after[0])
    if header:
        return header
    found = first(_compare_rows(before, after, tolerance))
    if len(before) != len(after):
        counts = f"{count(len(before) - 1, 'row')} became {len(after) - 1}"
        return Comparison("different", f"{counts}; {found.where}" if found.verdict == "different" else counts)
    return first([found, ANOTHER_WAY])


def _read_json(content: bytes) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise ValueError(f"a key is there twice, in {excerpt(str(pairs))}")
        return found

    def finite(text: str) -> float:
        if math.isinf(number := float(text)):
            raise ValueError(f"{text} is larger than a float can be")
        return number

    return json.loads(content.decode(), object_pairs_hook=unique, parse_float=finite)


def _compare_values(was: Any, now: Any, tolerance: Tolerance, place: str) -> Iterator[Comparison]:
    if type(was) is not type(now):
        yield at(place or "the whole", different(_shown(was), _shown(now)))
    elif isinstance(was, dict):
        for key, value in was.items():
            inside = f"{place}.{named(str(key))}" if place else named(str(key))
            if key in now:
                yield from _compare_values(value, now[key], tolerance, inside)
            else:
                yield Comparison("different", f"{inside} is missing")
        for key in (key for key in now if key not in was):
            yield Comparison("different", f"{place}.{named(str(key))} is new" if place else f"{named(str(key))} is new")
    elif isinstance(was, list):
        for index, (old, new) in enumerate(zip(was, now, strict=False)):
            if type(old) is not type(new) or old != new or isinstance(old, dict | list):
                yield from _compare_values(old, new, tolerance, f"{place}[{index}]")
        if len(was) != len(now):
            yield at(place or "the whole", different(f"{len(was)} entries", str(len(now))))
    elif isinstance(was, float):
        distance = float(relative_difference(was, now))
        if distance:
            yield at(place or "the whole", judged(was, now, distance, tolerance.numbers))
    elif isinstance(was, str):
        yield at(place or "the whole", exactly(was, now))
    elif was != now:
        yield at(place or "the whole", different(_shown(was), _shown(now)))


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    return excerpt(value) if isinstance(value, str) else named(json.dumps(value, default=str))


def _read_csv(content: bytes) -> list[list[str]]:
    rows = list(csv.reader(io.StringIO(content.decode(), newline=""), strict=True))
    if not rows:
        raise ValueError("it is empty")
    for number, row in enumerate(rows):
        if len(row) != len(rows[0]):
            raise ValueError(f"row {number} has {len(row)} cells under a header of {len(rows[0])}")
    return rows


def _compare_headers(was: list[str], now: list[str]) -> Comparison | None:
    for number, (old, new) in enumerate(itertools.zip_longest(was, now), 1):
        if old != new:
            names = ("no column" if name is None else excerpt(name) for name in (old, new))
            return at(f"column {number}", different(*names))
    return None


def _compare_rows(before: list[list[str]], after: list[list[str]], tolerance: Tolerance) -> Iterator[Comparison]:
    for number, (old, new) in enumerate(zip(before, after, strict=False)):
        if old != new:
            for name, was, now in zip(before[0], old, new, strict=True):
                yield at(f"column {named(name)}, row {number}", compare_text(was, now, tolerance))
