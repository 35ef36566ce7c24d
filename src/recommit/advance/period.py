"""The periods by which the clock moves, and the line of params.yaml that holds the clock."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from recommit import Refusal
from recommit.learning.calendar import PERIODS, Calendar, clock
from recommit.project.git import blob
from recommit.project.yaml import parse_yaml, refuse_dates

PARAMS = "params.yaml"


@dataclass(frozen=True)
class Clock:
    """The clock of a commit: `at`, a date as in 2013-09-01, in a `calendar` of periods that end where others begin."""

    at: str
    calendar: Calendar

    @property
    def instant(self) -> pd.Timestamp:
        """The instant at which the clock stands."""
        return self.calendar.clock(self.at)

    @property
    def next(self) -> "Clock":
        """The clock one period later."""
        return Clock(self._date(self.calendar.before(self.instant, -1)), self.calendar)

    @property
    def has_come(self) -> bool:
        """Whether this instant has passed on the machine."""
        return bool(self.instant <= pd.Timestamp(datetime.now(UTC)))

    def until(self, goal: str) -> "Clock":
        """Returns the clock at the date `goal`. Raises Refusal unless a period ends there, not before this clock."""
        by, calendar = self.calendar.by, self.calendar
        try:
            instant = clock(goal, calendar.zone)
        except ValueError:
            raise Refusal(f"--to {goal}: expected a date like {self.next.at}") from None
        if (first := calendar.first(instant)) != instant:
            near = f"{self._date(first)} and {self._date(calendar.before(first, -1))}"
            raise Refusal(f"--to {goal}: the clock moves from {by} to {by}: the nearest dates are {near}")
        if instant < self.instant:
            raise Refusal(f"--to {goal}: the clock is at {self.at} already, and moves on only")
        return Clock(goal, calendar)

    def _date(self, instant: pd.Timestamp) -> str:
        return f"{instant.tz_convert(self.calendar.zone):%Y-%m-%d}"


def clock_of(root: Path, revision: str = "HEAD") -> Clock:
    """Returns the clock that params.yaml holds at `revision`. Raises Refusal where rows have no time, or no period."""
    text = blob(root, revision, PARAMS)
    if text is None:
        raise Refusal(f"{revision} has no {PARAMS}: commit the project and its results")
    return clock_in(text)


def clock_in(text: str) -> Clock:
    """Returns the clock in the `text` of params.yaml, as `clock_of` does."""
    params = parse_yaml(text.encode(), PARAMS)
    refuse_dates(params, f"{PARAMS}: ")
    split, at = params.get("split"), params.get("as_of")
    by = split.get("by") if isinstance(split, Mapping) else None
    if not at:
        raise Refusal(f"{PARAMS} has no as_of, so there is no clock to move on: rows have no time, or nobody said so")
    if by not in PERIODS:
        raise Refusal(
            f"{PARAMS}: split.by is {by!r}, so no period ends at a known date: move as_of yourself, then "
            f"`recommit repro`; or take {', '.join(PERIODS)}"
        )
    calendar = Calendar(by, _zone(split))
    try:
        calendar.clock(at)
    except ValueError as error:
        raise Refusal(f"{PARAMS}: {error}") from None
    return Clock(at, calendar)


def moved(text: str, to: str) -> str:
    """Returns the `text` of params.yaml with the clock at the date `to`: one line changes, and keeps its comment."""
    before = parse_yaml(text.encode(), PARAMS)
    found, count = re.subn(r"(?m)^(as_of:[ \t]*)(['\"]?)[\d-]+\2(?=\s|$)", rf"\g<1>\g<2>{to}\g<2>", text, count=1)
    if not count or parse_yaml(found.encode(), PARAMS) != before | {"as_of": to}:
        raise Refusal(f"{PARAMS}: as_of must stand on a line of its own, like as_of: '{to}'")
    return found


def _zone(split: Any) -> str:
    return str(split.get("zone", "UTC"))
