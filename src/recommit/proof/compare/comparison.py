"""What comparing a recorded result with one made again found."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

Verdict = Literal["identical", "equal", "different"]
Raw = TypeVar("Raw")
Read = TypeVar("Read")
_SHOWN = 60


@dataclass(frozen=True)
class Comparison:
    """Whether a result came back: the same, the same within tolerance, or not.

    `where` is the first place that differs and by how much, in plain words; "" when identical.
    """

    verdict: Verdict
    where: str = ""


IDENTICAL = Comparison("identical")


def different(was: str, now: str) -> Comparison:
    """What stood there, and what stands there now."""
    return Comparison("different", f"{was} became {now}")


def judged(was: Any, now: Any, distance: float, allowed: float, kind: str = "relative ") -> Comparison:
    """Two numbers that are `distance` apart, as equal when that is `allowed`."""
    was, now = named(str(was)), named(str(now))
    if distance <= allowed:
        return Comparison("equal", f"{was} became {now} ({kind}difference {distance:.2g})")
    return Comparison("different", f"{was} became {now} ({kind}difference {distance:.2g}, allowed {allowed:g})")


def at(place: str, found: Comparison) -> Comparison:
    """The same finding, with the place before it."""
    return found if found == IDENTICAL else Comparison(found.verdict, f"{place}: {found.where}")


def within(place: str, found: Comparison) -> Comparison:
    """The same finding, with a wider place before the one that it names: `column late, row 17: …`."""
    return found if found == IDENTICAL else Comparison(found.verdict, f"{place}, {found.where}")


def first(findings: Iterable[Comparison]) -> Comparison:
    """The first that is different, else the first that is only equal, else identical."""
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
    same = next((i for i, (a, b) in enumerate(zip(was, now, strict=False)) if a != b), min(len(was), len(now)))
    start = max(0, same - _SHOWN // 2)
    return different(excerpt(was, start), excerpt(now, start))


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


def read_both(kind: str, read: Callable[[Raw], Read], was: Raw, now: Raw) -> tuple[Read, Read] | Comparison:
    """Both contents as `read` gives them, or what keeps one from being read, in one line.

    A file that a run or an editor broke may fail in whatever way the reader never thought of.
    """
    contents = []
    for which, content in (("recorded", was), ("new", now)):
        try:
            contents.append(read(content))
        except Exception as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            return Comparison("different", f"the {which} file is not readable as {kind}: {reason[:200]}")
    return contents[0], contents[1]
