"""What comparing a recorded result with one made again found."""

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

    `where` is the first place that differs and by how much, in plain words; "" when identical.
    """

    verdict: Word
    where: str = ""


IDENTICAL = Comparison("identical")


def different(was: str, now: str) -> Comparison:
    """`was` stood there, and `now` stands there."""
    return Comparison("different", f"{was} became {now}")


def judged(was: Any, now: Any, distance: float, allowed: float, kind: str = "relative ") -> Comparison:
    """Two numbers that are `distance` apart: equal when that is at most `allowed`, else different."""
    was, now = named(str(was)), named(str(now))
    if distance <= allowed:
        return Comparison("equal", f"{was} became {now} ({kind}difference {distance:.2g})")
    return Comparison("different", f"{was} became {now} ({kind}difference {distance:.2g}, allowed {allowed:g})")


def numbers(was: float, now: float, tolerance: Tolerance) -> Comparison:
    """Two floats: equal when they are within `tolerance.numbers`."""
    distance = float(relative_difference(was, now))
    return judged(was, now, distance, tolerance.numbers) if distance else IDENTICAL


def at(place: str, found: Comparison, mark: str = ": ") -> Comparison:
    """The same comparison with `place` before its own, as in `line 3: …`."""
    return found if found == IDENTICAL else Comparison(found.verdict, f"{place}{mark}{found.where}")


def within(place: str, found: Comparison) -> Comparison:
    """The same comparison with a wider `place` before the one that it names, as in `column late, row 17: …`."""
    return at(place, found, ", ")


def first(findings: Iterable[Comparison]) -> Comparison:
    """The first of `findings` that is different, else the first that is only equal, else identical."""
    equal = IDENTICAL
    for found in findings:
        if found.verdict == "different":
            return found
        if equal == IDENTICAL:
            equal = found
    return equal


def exactly(was: str, now: str) -> Comparison:
    """Two texts that must be the same, shown around the first character that differs."""
    if was == now:
        return IDENTICAL
    start = max(0, first_difference(was, now) - _SHOWN // 2)
    return different(excerpt(was, start), excerpt(now, start))


def first_difference(was: str | bytes, now: str | bytes) -> int:
    """The first place, from 0, at which two different texts differ, or where the shorter one ends."""
    places = (place for place, (old, new) in enumerate(zip(was, now, strict=False)) if old != new)
    return next(places, min(len(was), len(now)))


def counted(was: int, now: int, noun: str, found: Comparison) -> Comparison:
    """`found` of the parts that both have; different when there `was` another number of `noun` than there is `now`."""
    if was == now:
        return found
    numbers = f"{count(was, noun)} became {now}"
    return Comparison("different", f"{numbers}; {found.where}" if found.verdict == "different" else numbers)


def count(number: int, noun: str) -> str:
    """`1 line`, `2 lines`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def named(text: str) -> str:
    """A name or number as it is, or quoted and cut when it would not fit into a line."""
    return text if text.isprintable() and len(text) <= _SHOWN else excerpt(text)


def excerpt(text: str, start: int = 0) -> str:
    """A quoted piece of a text from `start`, with … where it goes on."""
    piece = text[start : start + _SHOWN]
    return f"{'…' if start else ''}{piece!r}{'…' if start + _SHOWN < len(text) else ''}"


def reading(
    kind: str, read: Callable[[Raw], Read]
) -> Callable[[Callable[Concatenate[Read, Read, Rest], Comparison]], Callable[Concatenate[Raw, Raw, Rest], Comparison]]:
    """Let a function that compares what `read` gives compare two contents of this `kind`.

    A content that cannot be read is different, with the reason in a line: a file that a run or an editor broke may fail
    in a way that its reader did not foresee.
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
