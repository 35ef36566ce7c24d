"""What `monitor` found: whether a model is still right, day by day since its clock."""

from datetime import date
from typing import Literal

from pydantic.dataclasses import dataclass

from recommit.evidence.numbers import CLOSED, Decimals, Interval, Scores
from recommit.evidence.stages import Coverage, File, Slice

SeriesName = Literal["input", "prediction", "outcome"]


@dataclass(frozen=True, config=CLOSED)
class Shift:
    """How far a column of the input, or a number of the prediction or outcome, is from the reference days.

    `what` says of what kind the shift is. `shift` is in standard deviations between days, `usual` what it is on a
    reference day. `worth` is the column's share of what all columns are worth, and `cost` estimates which share of that
    is lost: 0 where it is as usual, `worth` where it is as far off as is measured.
    """

    name: str
    what: str
    shift: Decimals
    usual: Decimals
    worth: Decimals
    cost: Decimals


@dataclass(frozen=True, config=CLOSED)
class Alert:
    """A series was above its limit on `day`, having been added up from the day `since` on; `shifts` say by what.

    `until` is the last day on which it was above the limit again, without having been as usual in between.
    """

    series: SeriesName
    day: date
    since: date
    until: date
    cost: Decimals
    shifts: tuple[Shift, ...]

    def __str__(self) -> str:
        said = "; ".join(f"{one.name}: {one.what}" for one in self.shifts[:3])
        return f"{self.day} {self.series}: unlike the reference since {self.since} ({said})"


@dataclass(frozen=True, config=CLOSED)
class Day:
    """A watched day: its rows, how far it is off in standard deviations, and the largest cumulative sum over its limit.

    `off` is None where nothing is known of that day. A sum above 1 is an alarm; all sums then begin anew.
    """

    day: date
    rows: int
    off: Decimals | None
    sum: Decimals


@dataclass(frozen=True, config=CLOSED)
class Series:
    """A series of days, of which so many numbers are `followed`. 0: too few reference days, or they do not differ.

    `band` is what the largest of so many sound days reaches: a day beyond it is unusual, all days taken together.
    """

    name: SeriesName
    followed: int
    band: Decimals | None
    reference_days: int
    days: tuple[Day, ...]


@dataclass(frozen=True, config=CLOSED)
class Week:
    """A week, named by its Monday: input, prediction and, where it is known, outcome.

    Intervals of one number hold for all weeks together; they are None where nothing is known. `missing` and `outside`
    are shares of all values of all columns. `said` is the mean answer, `size` how large sets are, `yes` the share at or
    above the threshold. `estimated` is the mean loss that the answers themselves promise; `loss` is what came.
    """

    week: date
    rows: int
    missing: Decimals
    outside: Decimals
    said: Interval | None = None
    size: Interval | None = None
    yes: Interval | None = None
    estimated: Interval | None = None
    judged: int = 0
    loss: Interval | None = None
    gap: Interval | None = None
    coverage: Interval | None = None


@dataclass(frozen=True, config=CLOSED)
class Joint:
    """How well a classifier tells rows of now from those of then, by the area under its curve: 0.5 is not at all."""

    rows: int
    auc: Interval
    by: tuple[str, ...]
    """The columns that it tells them by, the most telling first."""


@dataclass(frozen=True, config=CLOSED)
class Came:
    """What came of rows whose outcome is known: scores, calibration gap, coverage of sets."""

    rows: int
    scores: Scores
    gap: Interval
    coverage: Coverage
    estimated: Interval | None
    """The mean loss that the answers themselves promise for the same rows."""


@dataclass(frozen=True, config=CLOSED)
class FalseAlarms:
    """Days between false alarms: `asked` for, and `found` in so many simulated `years` of blocks of reference days.

    The years are others than those that limits were set on. None: no series has a limit.
    """

    asked: Decimals
    found: Interval | None
    years: int


@dataclass(frozen=True, config=CLOSED)
class Monitor(File):
    """What `monitor` found."""

    model_sha256: str | None
    clock: str | None
    """The champion's clock: what comes from it on is watched."""
    reference_rows: int
    reference_days: int
    watched_rows: int
    watched_days: int
    logged: int
    """Watched rows whose answer is that of the log of predictions; the model was asked for the others again."""
    false_alarms: FalseAlarms
    alerts: tuple[Alert, ...]
    lines: tuple[Alert, ...]
    """Alarms of the input that cost less than the bound, or are of columns that are worth less."""
    features: tuple[Shift, ...]
    """The columns that shifted most over the watched days, the costliest first, whether alarmed or not."""
    series: tuple[Series, ...]
    weeks: tuple[Week, ...]
    joint: Joint | None
    promised: Came | None
    """Of reference rows that the model did not learn from."""
    came: Came | None
    """Of watched rows."""
    parts: tuple[Slice, ...]
    """The parts of the watched rows on which answers are worst."""
