"""Days, weeks, months and quarters in the local time of a zone."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

TODO = "split in params.yaml"


@dataclass(frozen=True)
class Calendar:
    """Days, weeks (from Monday), months or quarters, in the local time of a zone."""

    by: str
    zone: str = "UTC"

    def clock(self, as_of: str) -> pd.Timestamp:
        """Read an ISO date at which a period begins, as midnight. Raises ValueError for anything else."""
        found = clock(as_of, self.zone)
        if self.first(found) != found:
            near = f"{self.first(found):%Y-%m-%d} is one"
            raise ValueError(f"as_of must be the first of a {self.by}, because splits are by {self.by}: {near}")
        return found

    def first(self, instant: pd.Timestamp) -> pd.Timestamp:
        """Return the start of the period that an instant is in."""
        naive = instant.tz_convert(self.zone).tz_localize(None)
        return localized(naive.to_period(PERIODS[self.by].pandas).start_time, self.zone)

    def before(self, start: pd.Timestamp, n: int = 1) -> pd.Timestamp:
        """Return the start n periods earlier."""
        return localized(start.tz_convert(self.zone).tz_localize(None) - n * PERIODS[self.by].length, self.zone)

    def name(self, start: pd.Timestamp) -> str:
        """Return the name of the period that begins at `start`, as 2013-05: names sort in the order of time."""
        if self.first(start) != start:
            return f"{start:%Y-%m-%d}"
        return PERIODS[self.by].name(start)

    def day(self, instant: pd.Timestamp) -> pd.Timestamp:
        """Return the midnight before an instant."""
        return localized(instant.tz_convert(self.zone).tz_localize(None).floor("D"), self.zone)

    def days(self, starts: pd.Timestamp, instants: pd.Series) -> pd.Series:
        """Return on which day after that of `starts` each instant is, from 0."""
        return (self.local(instants).dt.floor("D") - self.day(starts).tz_localize(None)).dt.days

    def names(self, instants: pd.Series) -> pd.Series:
        """Return the name of the period that each instant is in."""
        starts = self.local(instants).dt.to_period(PERIODS[self.by].pandas).dt.start_time
        return starts.map({start: self.name(localized(start, self.zone)) for start in starts.unique()})

    def local(self, instants: pd.Series) -> pd.Series:
        """Return instants in the local time of the zone, without it."""
        return instants.dt.tz_convert(self.zone).dt.tz_localize(None)


@dataclass(frozen=True)
class _Period:
    """A length of time, its name in pandas, the blocks within it, and how one is named by its start."""

    length: pd.DateOffset
    pandas: str
    block: str
    name: Callable[[pd.Timestamp], str]


# Blocks are parts of a day where a period has too few days to be blocks.
PERIODS = {
    "day": _Period(pd.DateOffset(days=1), "D", "h", "{:%Y-%m-%d}".format),
    "week": _Period(pd.DateOffset(weeks=1), "W-SUN", "6h", "{:%G-W%V}".format),
    "month": _Period(pd.DateOffset(months=1), "M", "D", "{:%Y-%m}".format),
    "quarter": _Period(pd.DateOffset(months=3), "Q", "D", lambda start: f"{start.year}-Q{start.quarter}"),
}


def clock(as_of: str, zone: str = "UTC") -> pd.Timestamp:
    """Read an ISO date as midnight in a time zone. Raises ValueError for anything else."""
    try:
        return localized(pd.Timestamp(datetime.strptime(str(as_of), "%Y-%m-%d")), zone)
    except ValueError:
        raise ValueError(f"as_of must be an ISO date like 2013-09-01, not {as_of!r}") from None
    except KeyError:  # of zoneinfo, for a name that it does not know
        raise ValueError(f"{TODO}: there is no zone {zone!r}; take one like Europe/Berlin") from None


def localized(naive: pd.Timestamp, zone: str) -> pd.Timestamp:
    """Return a time of the zone as an instant; one that a clock skips or shows twice as the later or the first."""
    return naive.tz_localize(zone, ambiguous=True, nonexistent="shift_forward")
