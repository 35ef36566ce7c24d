"""The result of comparing a recorded output with a new one, and functions that all comparisons share."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from recommit.proof.tolerance import Tolerance, relative_difference
from recommit.proof.verdict import Word

Raw = TypeVar("Raw")
Read = TypeVar("Read")
Rest = ParamSpec("Rest")
_SHOWN = 60


@dataclass(frozen=True)
class Comparison:
    """Whether a result came back: identical, equal within tolerance, or different.

    `where` names the first place that differs, and by how much; it is "" if the result is identical.
    """

    verdict: Word
    where: str = ""


IDENTICAL = Comparison("identical")


def different(was: str, now: str) -> Comparison:
    """Returns that `was` became `now`."""
    return Comparison("different", f"{was} became {now}")


def judged(was: Any, now: Any, distance: float, allowed: float, kind: str = "relative ") -> Comparison:
    """Returns that `was` became `now`: equal if their `distance` is at most `allowed`, else different."""
    was, now = named(str(was)), named(str(now))
    if distance <= allowed:
        return Comparison("equal", f"{was} became {now} ({kind}difference {distance:.2g})")
    return Comparison("different", f"{was} became {now} ({kind}difference {distance:.2g}, allowed {allowed:g})")


def numbers(was: float, now: float, tolerance: Tolerance) -> Comparison:
    """Compares two floats: they are equal if their relative difference is within `tolerance.numbers`."""
    distance = float(relative_difference(was, now))
    return judged(was, now, distance, tolerance.numbers) if distance else IDENTICAL


def at(place: str, found: Comparison, mark: str = ": ") -> Comparison:
    """Returns `found` with `place` and `mark` put before its place, as in `line 3: …` or `column late, row 17: …`."""
    return found if found == IDENTICAL else Comparison(found.verdict, f"{place}{mark}{found.where}")


def first(findings: Iterable[Comparison]) -> Comparison:
    """Returns the first of `findings` that is different, else the first that is equal, else identical."""
    equal = IDENTICAL
    for found in findings:
        if found.verdict == "different":
            return found
        if equal == IDENTICAL:
            equal = found
    return equal


def exactly(was: str, now: str) -> Comparison:
    """Compares two texts without tolerance, and shows both around the first character that differs."""
    if was == now:
        return IDENTICAL
    start = max(0, first_difference(was, now) - _SHOWN // 2)
    return different(excerpt(was, start), excerpt(now, start))


def first_difference(was: str | bytes, now: str | bytes) -> int:
    """Returns the first index at which two texts differ; if one begins with the other, the length of the shorter."""
    places = (place for place, (old, new) in enumerate(zip(was, now, strict=False)) if old != new)
    return next(places, min(len(was), len(now)))


def counted(was: int, now: int, noun: str, found: Comparison) -> Comparison:
    """Returns `found`, the comparison of the parts that both have, if both have the same number of parts.

    Otherwise they are different: `was` parts, called `noun`, became `now` parts.
    """
    if was == now:
        return found
    numbers = f"{count(was, noun)} became {now}"
    return Comparison("different", f"{numbers}; {found.where}" if found.verdict == "different" else numbers)


def count(number: int, noun: str) -> str:
    """Returns the number with its noun: `1 line` or `2 lines`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def named(text: str) -> str:
    """Returns a name or number unchanged, or quoted and cut if it does not fit into a line."""
    return text if text.isprintable() and len(text) <= _SHOWN else excerpt(text)


def excerpt(text: str, start: int = 0) -> str:
    """Returns a quoted piece of `text` from the index `start`, with … where the text continues."""
    piece = text[start : start + _SHOWN]
    return f"{'…' if start else ''}{piece!r}{'…' if start + _SHOWN < len(text) else ''}"


def reading(
    kind: str, read: Callable[[Raw], Read]
) -> Callable[[Callable[Concatenate[Read, Read, Rest], Comparison]], Callable[Concatenate[Raw, Raw, Rest], Comparison]]:
    """Decorates a function that compares two values, so that it compares two contents, which `read` turns into values.

    A content that cannot be read as a `kind` is different, with the reason in one line. Every exception of `read`
    counts, because a broken file may fail in a way that its reader did not foresee.
    """

    def decorated(compare: Callable[Concatenate[Read, Read, Rest], Comparison]) -> Callable[..., Comparison]:
        @wraps(compare)
        def compare_contents(was: Raw, now: Raw, *args: Rest.args, **kwargs: Rest.kwargs) -> Comparison:
            contents = []
            for which, content in (("recorded", was), ("new", now)):
                try:
                    contents.append(read(content))
                except Exception as error:
                    reason = (str(error).splitlines() or [type(error).__name__])[0]
                    return Comparison("different", f"the {which} file is not readable as {kind}: {reason[:200]}")
            return compare(contents[0], contents[1], *args, **kwargs)

        return compare_contents

    return decorated
