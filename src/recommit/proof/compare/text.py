"""Compares two texts line by line: words exactly, decimal numbers within tolerance, embedded figures by pixels."""

import math
import re

from recommit.proof.compare.comparison import (
    IDENTICAL,
    Comparison,
    at,
    counted,
    different,
    exactly,
    excerpt,
    first,
    judged,
)
from recommit.proof.compare.figure import compare_encoded_figures
from recommit.proof.tolerance import Tolerance, relative_difference

# A number that stands by itself, with digits after a point or with an exponent. All else is compared as text: whole
# numbers, and digits in a word, a date, a time of day, a version or a unit (`x1.5`, `09:30:12.25`, `1.2.3`).
_DECIMAL = r"(?<![\w.])(?<![0-9]:)[-+]?(?:[0-9]*\.[0-9]+(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)(?!\.?\w)"
_PICTURE = "data:image/png;base64,"
_VARYING = re.compile(rf"({_PICTURE}[A-Za-z0-9+/]+=*|{_DECIMAL})")


def compare_text(was: str, now: str, tolerance: Tolerance) -> Comparison:
    """Compares two texts: equal if only decimal numbers and embedded PNG figures differ, within the tolerance.

    `0.25` and `2.5e-1` are the same number. `1` and `1.0` are different, and so are `1000` and `1e3`, because a whole
    number is a count. Other white space is different. The place is a line, counted from 1, if there are several.
    """
    if was == now:
        return IDENTICAL
    before, after = was.split("\n"), now.split("\n")
    if len(before) == len(after) == 1:
        return _compare_line(was, now, tolerance)
    pairs = enumerate(zip(before, after, strict=False), 1)
    found = first(at(f"line {number}", _compare_line(*pair, tolerance)) for number, pair in pairs)
    return counted(len(before), len(after), "line", found)


def _compare_line(was: str, now: str, tolerance: Tolerance) -> Comparison:
    if was == now:
        return IDENTICAL
    before, after = _VARYING.split(was), _VARYING.split(now)
    if before[::2] != after[::2]:
        return exactly(was, now)
    position, findings = 0, []
    for old, new in zip(before, after, strict=True):
        if old != new:
            found = _compare_varying(old, new, tolerance)
            if old != was and not old.startswith(_PICTURE):
                found = Comparison(found.verdict, f"{found.where} in {excerpt(was, max(0, position - 20))}")
            findings.append(found)
        position += len(old)
    return first(findings)


def _compare_varying(was: str, now: str, tolerance: Tolerance) -> Comparison:
    pictures = [text.startswith(_PICTURE) for text in (was, now)]
    if all(pictures):
        found = compare_encoded_figures(was.removeprefix(_PICTURE), now.removeprefix(_PICTURE), tolerance)
        return at("figure", found)
    if any(pictures) or not all(math.isfinite(float(text)) for text in (was, now)):
        return different(excerpt(was), excerpt(now))
    distance = float(relative_difference(float(was), float(now)))
    return judged(was, now, distance, tolerance.numbers)
