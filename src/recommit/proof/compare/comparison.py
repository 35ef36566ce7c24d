"""What the comparison of a recorded result with one made again found, and what all comparisons share."""

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

    `where` is the first place that differs and by how much, in words; it is empty when identical.
    """

    verdict: Word
    where: str = ""


IDENTICAL = Comparison("identical")


def different(was: str, now: str) -> Comparison:
    """Returns that `was` became `now`."""
    return Comparison("different", f"{was} became {now}")


def judged(was: Any, now: Any, distance: float, allowed: float, kind: str = "relative ") -> Comparison:
    """Returns that `was` became `now`: equal when their `distance` is at most `allowed`, else different."""
    was, now = named(str(was)), named(str(now))
    if distance <= allowed:
        return Comparison("equal", f"{was} became {now} ({kind}difference {distance:.2g})")
    return Comparison("different", f"{was} became {now} ({kind}difference {distance:.2g}, allowed {allowed:g})")


def numbers(was: float, now: float, tolerance: Tolerance) -> Comparison:
    """Compares two floats: equal when their relative difference is within `tolerance.numbers`."""
    distance = float(relative_difference(was, now))
    return judged(was, now, distance, tolerance.numbers) if distance else IDENTICAL


def at(place: str, found: Comparison, mark: str = ": ") -> Comparison:
    """Returns `found` with `place` and `mark` before its own place, as in `line 3: …` or `column late, row 17: …`."""
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
    """Compares two texts that must be the same, and shows them around the first character that differs."""
    if was == now:
        return IDENTICAL
    start = max(0, first_difference(was, now) - _SHOWN // 2)
    return different(excerpt(was, start), excerpt(now, start))


def first_difference(was: str | bytes, now: str | bytes) -> int:
    """Returns the first place, from 0, at which two different texts differ, or the length of the shorter one."""
    places = (place for place, (old, new) in enumerate(zip(was, now, strict=False)) if old != new)
    return next(places, min(len(was), len(now)))


def counted(was: int, now: int, noun: str, found: Comparison) -> Comparison:
    """Returns `found`, what the comparison of the common parts found, unless the number of parts differs.

    Then it is different, and says that so many of `noun` became so many.
    """
    if was == now:
        return found
    numbers = f"{count(was, noun)} became {now}"
    return Comparison("different", f"{numbers}; {found.where}" if found.verdict == "different" else numbers)


def count(number: int, noun: str) -> str:
    """Returns `1 line` or `2 lines`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def named(text: str) -> str:
    """Returns a name or number as it is, or quoted and cut when it would not fit into a line."""
    return text if text.isprintable() and len(text) <= _SHOWN else excerpt(text)


def excerpt(text: str, start: int = 0) -> str:
    """Returns a quoted piece of `text` from `start`, with … where the text goes on."""
    piece = text[start : start + _SHOWN]
    return f"{'…' if start else ''}{piece!r}{'…' if start + _SHOWN < len(text) else ''}"


def reading(
    kind: str, read: Callable[[Raw], Read]
) -> Callable[[Callable[Concatenate[Read, Read, Rest], Comparison]], Callable[Concatenate[Raw, Raw, Rest], Comparison]]:
    """Lets a function that compares two values compare two contents of a `kind`, from which `read` gives the values.

    A content that cannot be read is different, with the reason in one line. All exceptions count, because a file that a
    run or an editor broke may fail in a way that its reader did not foresee.
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
