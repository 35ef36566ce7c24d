"""How a file of rows is written, where it is not what one would expect."""

from dataclasses import dataclass
from typing import Literal

UNNAMED = "unnamed"
"""The name of a column that has none."""


@dataclass(frozen=True)
class Form:
    """How a file of rows is written; what is not said here is as expected, and refused where it seems otherwise.

    `separator` stands between columns: a comma, in a .tsv file a tab. `decimal` is the point or comma in numbers.
    `day_first` says of dates like 03/04/2013 whether the day comes first. Instants without a time zone are in `zone`;
    those in an hour that its clocks show twice are in the `repeated_hour` of the two.
    `outcomes` are the words of the boolean target for false and for true. Two columns are added, where they are named:
    `numbered` holds each row's number in the file, from 1; `known` holds the instant from which the target is known,
    `known_after_hours` after that in the column `time`.
    """

    separator: str = ""
    encoding: str = "utf-8"
    decimal: Literal["", ".", ","] = ""
    day_first: bool | None = None
    zone: str = "UTC"
    repeated_hour: Literal["", "first", "second"] = ""
    outcomes: tuple[str, str] | None = None
    numbered: str = ""
    known: str = ""
    time: str = ""
    known_after_hours: float = 0.0

    @property
    def added(self) -> tuple[str, ...]:
        """The columns that the file does not have."""
        return tuple(name for name in (self.numbered, self.known) if name)


PLAIN = Form()
"""A file as one expects it."""
