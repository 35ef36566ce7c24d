"""Compares two JSON values, key by key, and two CSV tables, cell by cell."""

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator
from typing import Any

from recommit.proof.compare.comparison import (
    Comparison,
    at,
    counted,
    different,
    exactly,
    excerpt,
    first,
    named,
    numbers,
    reading,
)
from recommit.proof.compare.figure import compare_encoded_figures
from recommit.proof.compare.text import compare_text
from recommit.proof.tolerance import Tolerance

ANOTHER_WAY = Comparison("equal", "the same values, written in another way")


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


@reading("JSON", _read_json)
def compare_json(before: Any, after: Any, tolerance: Tolerance) -> Comparison:
    """Compares two JSON files: floats within tolerance, everything else exactly, so that `1` and `1.0` differ.

    The order of keys does not matter.
    """
    return first([compare_values(before, after, tolerance), ANOTHER_WAY])


class Text(str):
    """A text whose decimal numbers and embedded figures may differ within the tolerance."""


class Picture(str):
    """A PNG file in base64."""


def numbered(noun: str, things: Iterable[Any]) -> dict[str, Any]:
    """Returns `things` by `noun` and number, counted from 1, such as `column 1`, `column 2`."""
    return {f"{noun} {number}": thing for number, thing in enumerate(things, 1)}


def compare_values(was: Any, now: Any, tolerance: Tolerance, place: str = "") -> Comparison:
    """Compares two values as JSON has them: floats within tolerance, everything else exactly.

    `place` is the path to the values. A Text is compared as a text, a Picture by its pixels.
    """
    try:
        return first(_compare_values(was, now, tolerance, place))
    except RecursionError:
        return Comparison("different", "nested too deep to compare")


def _compare_values(was: Any, now: Any, tolerance: Tolerance, place: str) -> Iterator[Comparison]:
    here = place or "the whole"
    if type(was) is not type(now):
        yield at(here, different(_shown(was), _shown(now)))
    elif isinstance(was, dict):
        for key in was | now:
            inside = f"{place}.{named(str(key))}" if place else named(str(key))
            if key in was and key in now:
                yield from _compare_values(was[key], now[key], tolerance, inside)
            else:
                yield Comparison("different", f"{inside} is {'missing' if key in was else 'new'}")
    elif isinstance(was, list):
        for index, (old, new) in enumerate(zip(was, now, strict=False)):
            if type(old) is not type(new) or old != new or isinstance(old, dict | list):
                yield from _compare_values(old, new, tolerance, f"{place}[{index}]")
        if len(was) != len(now):
            yield at(here, different(f"{len(was)} entries", str(len(now))))
    elif isinstance(was, float):
        yield at(here, numbers(was, now, tolerance))
    elif isinstance(was, Text):
        yield at(here, compare_text(was, now, tolerance))
    elif isinstance(was, Picture) and was != now:
        yield at(here, compare_encoded_figures(was, now, tolerance))
    elif was != now:
        yield at(here, exactly(was, now) if isinstance(was, str) else different(_shown(was), _shown(now)))


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


@reading("CSV", _read_csv)
def compare_csv(before: list[list[str]], after: list[list[str]], tolerance: Tolerance) -> Comparison:
    """Compares two CSV files: names in the header, number of rows, then each cell as text. Rows count from 1."""
    names = compare_values(numbered("column", before[0]), numbered("column", after[0]), tolerance)
    if names.verdict == "different":
        return names
    found = first(_compare_rows(before, after, tolerance))
    return first([counted(len(before) - 1, len(after) - 1, "row", found), ANOTHER_WAY])


def _compare_rows(before: list[list[str]], after: list[list[str]], tolerance: Tolerance) -> Iterator[Comparison]:
    for number, (old, new) in enumerate(zip(before, after, strict=False)):
        if old != new:
            for name, was, now in zip(before[0], old, new, strict=True):
                yield at(f"column {named(name)}, row {number}", compare_text(was, now, tolerance))
