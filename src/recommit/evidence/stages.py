"""What each stage found: one type per file, with the meaning and the unit of every number.

A loss is the mean row loss of the task: log loss in nats, or the squared error of a number. An added loss above 0 is
worse, an improvement above 0 is better. An answer is a probability, or a number in the target's unit; the mean of the
target is the share that came true, or the mean number. A period of time is
written like 2013-08 (a month). A share lies between 0 and 1.
"""

from collections.abc import Mapping
from dataclasses import field
from datetime import date
from typing import Annotated, Any, Literal, get_args

from pydantic import PlainSerializer
from pydantic.dataclasses import dataclass

from recommit.evidence.numbers import CLOSED, Decimals, Instant, Interval, Scale, ScoreName, Scores


@dataclass(frozen=True, config=CLOSED)
class File:
    """A file of evidence. `version` is raised when a reader of the earlier form would misread the new one."""

    version: Literal[1] = field(default=1, kw_only=True)


@dataclass(frozen=True, config=CLOSED)
class LeftOut(File):
    """What a stage writes that `leave_out` in params.yaml leaves out: nothing was measured. `left_out` is its name."""

    left_out: str


@dataclass(frozen=True, config=CLOSED)
class Schema(File):
    """What `validate` found: the number of rules, the rows of each table, and the number of rules that are broken.

    `drafts` are the columns whose declared range or values are drafts.
    """

    rules: int
    rows: dict[str, int]
    broken: int
    drafts: tuple[str, ...] = ()


@dataclass(frozen=True, config=CLOSED)
class Feature:
    """A feature of the catalogue: its source table, its unit, when it is available, what it costs, who owns it."""

    name: str
    description: str
    source: str
    unit: str
    available: str
    cost: str
    owner: str
    kind: str

    @property
    def unasked(self) -> bool:
        """Whether nobody has said yet from when its value is known: `UNASKED` of `recommit.catalogue`."""
        return self.available == "unasked"


@dataclass(frozen=True, config=CLOSED)
class Features(File):
    """What `features` wrote down: the catalogue, and the problem's question in words, "" where it was not written."""

    features: tuple[Feature, ...]
    question: str = ""


@dataclass(frozen=True, config=CLOSED)
class Flag:
    """One number of a period that the other periods do not explain: it was `found`, `low` to `high` is credible.

    `of` is the value of a category, the feed or the other column that the number belongs to; `checks` is how many
    numbers of the table were looked at in that period.
    """

    period: str
    table: str
    column: str
    what: str
    of: str
    found: Interval
    low: Decimals
    high: Decimals
    checks: int

    @property
    def about(self) -> str:
        """The flag's name, which is the same in each run: by it a line in `params.yaml` accepts what is known."""
        return " ".join(word for word in (self.table, self.period, self.column, self.what, self.of) if word)

    def __str__(self) -> str:
        where = ".".join(name for name in (self.table, self.column) if name)
        of = f" {self.of}" if self.of else ""
        return f"{self.period} {where}: {self.what}{of} is {self.found}, expected {self.low:.3f} to {self.high:.3f}"


@dataclass(frozen=True, config=CLOSED)
class Checks:
    """How many numbers of a table were looked at in a period, and how many were flagged."""

    table: str
    period: str
    checks: int
    flags: int


@dataclass(frozen=True, config=CLOSED)
class Volume:
    """The rows a day of a table in a period."""

    table: str
    period: str
    rows_a_day: Interval


@dataclass(frozen=True, config=CLOSED)
class Label:
    """The mean of the target over a period's training rows."""

    period: str
    mean: Interval


@dataclass(frozen=True, config=CLOSED)
class Missing:
    """The share of missing values in a column of a table whose rows have no instant."""

    table: str
    column: str
    rows: int
    missing: float


@dataclass(frozen=True, config=CLOSED)
class Quality(File):
    """What `quality` found: how each period of each table compares with the other periods."""

    judged: str
    """The last period before the clock."""
    until: Instant
    """The clock: nothing later was looked at."""
    checked: int
    """How many numbers of that period were looked at."""
    level: float
    """A sound period of a table has no flag with this probability."""
    flags: tuple[Flag, ...]
    checks: tuple[Checks, ...]
    unjudged: dict[str, tuple[str, ...]]
    """The periods of each table that could not be judged, because it has too few others."""
    volume: tuple[Volume, ...]
    label: tuple[Label, ...]
    without_time: tuple[Missing, ...]


Certainty = Literal["proof", "question"]
Proof = Literal[
    "target_in_columns", "shared_rows", "shared_groups", "time_order", "fitted_beyond", "changes_with_the_future"
]
Question = Literal["strong_columns", "strong_against_shuffled", "stronger_lately", "telling_value"]
"""Strength alone proves nothing: an honest column can be as strong as a leak, and only a person knows what it holds."""


@dataclass(frozen=True, config=CLOSED)
class Leak:
    """A leak that is proved, or a strength that a person must judge: its kind, where it is, and how it is known.

    `worth` is the share of the baseline's loss that the columns of a question save; None where it does not apply.
    """

    certainty: Certainty
    kind: Proof | Question
    where: str
    how: str
    worth: Annotated[float, PlainSerializer(lambda share: round(share, 4))] | None = None

    @classmethod
    def of(cls, kind: Proof | Question, where: str, how: str, worth: float | None = None) -> "Leak":
        """The leak of that kind: the kind says whether it is proved."""
        return cls("proof" if kind in get_args(Proof) else "question", kind, where, how, worth)

    def __str__(self) -> str:
        return f"{self.kind}: {self.where}: {self.how}"


@dataclass(frozen=True, config=CLOSED)
class Looked:
    """What one look for leaks looked at; a number that does not apply to the look is None."""

    kind: Proof | Question
    rows: int | None = None
    columns: int | None = None
    pairs: int | None = None
    parts: int | None = None
    sequences: int | None = None
    models: tuple[str, ...] | None = None


@dataclass(frozen=True, config=CLOSED)
class Strong:
    """How well one column alone ranks the outcome."""

    column: str
    auc: Interval


@dataclass(frozen=True, config=CLOSED)
class Shuffled:
    """Columns that were shuffled together within their day, and the share of the loss that they save."""

    columns: tuple[str, ...]
    share: Interval


@dataclass(frozen=True, config=CLOSED)
class Leakage(File):
    """What `leakage` found in columns, splits and fitted steps."""

    checked: tuple[Looked, ...]
    leaks: tuple[Leak, ...]
    strongest: tuple[Strong, ...]
    shuffled: tuple[Shuffled, ...]


@dataclass(frozen=True, config=CLOSED)
class PointInTime(File):
    """What `point_in_time` found: the instants of the cut (UTC), the rows computed again, and features that changed."""

    instants: tuple[str, ...]
    rows: int
    features: int
    leaks: tuple[Leak, ...]


@dataclass(frozen=True, config=CLOSED)
class Fit(File):
    """What `train` fitted: a model on a feature set, with its parameters, on training rows (`train`: their SHA-256)."""

    fit: str
    model: str
    features: str
    params: dict[str, Any]
    train: str
    trained_rows: int
    trained_until: Instant | None
    """When the last target that it learned from was known; None where rows have no time."""


@dataclass(frozen=True, config=CLOSED)
class Ranked:
    """One fit: its loss over all folds' rows, by how much that is above the best fit's, and whether it is chosen.

    `standard_error` is that of `difference`, which is paired: both fits predicted the same rows.
    """

    fit: str
    mean: Interval
    difference: Interval
    standard_error: float
    chosen: bool


@dataclass(frozen=True, config=CLOSED)
class Selection(File):
    """What `select` chose, by which score and rule, on which folds."""

    metric: ScoreName
    rule: str
    periods: tuple[str, ...]
    """The names of the folds: in time, of their periods."""
    used_until: Instant | None
    """When the last target that the choice used was known; None where rows have no time."""
    best: str
    chosen: str
    table: tuple[Ranked, ...]
    by_period: dict[str, Scores]
    """The chosen fit's scores in each fold, after calibration."""


@dataclass(frozen=True, config=CLOSED)
class Compared:
    """One kind of rows: how many there are, were compared with scikit-learn, and were refused by it, or by both.

    `largest` is the largest difference between the two answers; `beyond` counts the rows above the tolerance.
    """

    rows: int
    compared: int
    refused: int
    refused_by_both: int
    largest: float
    beyond: int


@dataclass(frozen=True, config=CLOSED)
class Parity(File):
    """What `parity` found: the candidate's file against scikit-learn, in all rows and for each kind of rows."""

    fit: str
    md5: str
    same_again: bool
    """Whether the candidate, fitted again, is the same file."""
    tolerance: float
    largest: float
    beyond: int
    rows: int
    compared: int
    kinds: dict[str, Compared]


@dataclass(frozen=True, config=CLOSED)
class Period:
    """The rows to test on: when they start and end, how many blocks and rows there are, and the target's mean.

    `starts` and `ends` are None where parts do not follow each other in time. Blocks are what intervals are made from:
    days, say, or groups. `keys` is the SHA-256 of the rows' keys.
    """

    starts: Instant | None
    ends: Instant | None
    blocks: int
    rows: int
    mean: float
    keys: str


@dataclass(frozen=True, config=CLOSED)
class JudgedModel:
    """A model that was judged: what its manifest says of it, and the MD5 of its file and of its manifest."""

    fit: str
    model: str
    features: str
    params: dict[str, Any]
    task: dict[str, Any]
    """What its answers are: kind, calibration, sets."""
    as_of: str | None
    trained_rows: int
    trained_until: Instant | None
    parity: float
    md5: str
    manifest: str


@dataclass(frozen=True, config=CLOSED)
class Miscalibration:
    """`gap`: mean answer less the mean of what came. `error`: the mean distance of the two over bins of rows."""

    gap: Interval
    error: Interval


@dataclass(frozen=True, config=CLOSED)
class Coverage:
    """The share of conformal sets that held what came: of all rows, and `of` groups of rows by what came.

    `size` is how large sets are on average, by what that means; `level` is what the sets promise.
    """

    level: float
    overall: Interval
    of: dict[str, Interval]
    size: dict[str, Interval]


@dataclass(frozen=True, config=CLOSED)
class Block:
    """A block of the rows to test on, such as a day: its rows, and the sum of each model's losses."""

    block: str
    rows: int
    losses: dict[str, float]


@dataclass(frozen=True, config=CLOSED)
class Test(File):
    """What `evaluate` found on the rows to test on, for the candidate and the models beside it."""

    __test__ = False  # pytest looks for tests in what is called so

    period: Period
    loss: ScoreName
    """The name of the mean row loss among the scores: the gate judges by it."""
    scale: Scale
    candidate: JudgedModel
    champion: JudgedModel
    metrics: dict[str, Scores]
    differences: dict[str, Scores]
    """By how much the candidate is better than each other model: above 0 is better, whichever way a score points."""
    calibration: Miscalibration
    coverage: Coverage
    blocks: tuple[Block, ...]


@dataclass(frozen=True, config=CLOSED)
class Slice:
    """A part of the rows: those with `value` in the column `by`, or with both in a pair, written `a x b`.

    `improvement` is the loss of the reference less that of the forecast: below 0, the answers are worse there. Its
    interval holds for all slices of a search together; those of `gap` (mean answer less mean of the target) and
    `coverage` (share of conformal sets that hold the truth) are each slice's own.
    """

    by: str
    value: str
    rows: int
    mean: float
    loss: Interval
    gap: Interval
    coverage: Interval
    improvement: Interval

    @property
    def pair(self) -> bool:
        """Whether it is a value of two columns."""
        return " x " in self.by


@dataclass(frozen=True, config=CLOSED)
class Slices(File):
    """What `evaluate` found on parts of the rows to test on: how many, the worst, and those of one column."""

    searched: int
    worst: Slice | None
    slices: tuple[Slice, ...]


@dataclass(frozen=True, config=CLOSED)
class Aged:
    """How well a fit on a window of that age did: `added_loss` is its loss less the freshest window's."""

    periods_old: int
    trained_from: date
    trained_until: date
    rows: int
    loss: Interval
    added_loss: Interval


@dataclass(frozen=True, config=CLOSED)
class Age:
    """When the last label that the candidate learned from was known, and how many days before the test begins."""

    trained_until: Instant
    age_days: Decimals


@dataclass(frozen=True, config=CLOSED)
class Staleness(File):
    """What `staleness` found: the fits of older and older windows, judged on one period, and the candidate's age."""

    fit: str
    period: str
    curve: tuple[Aged, ...]
    candidate: Age


@dataclass(frozen=True, config=CLOSED)
class Moved:
    """How a direction test went over the `rows` that the change touched, in `blocks`: mean change and share violating.

    A row that gets no answer at all violates, and is not in the mean, which is None when no row gets one. The
    intervals of the shares hold for all directions together, since the worst of many looks bad by chance.
    """

    name: str
    must_not: Literal["fall", "rise"]
    why: str
    tolerance: float
    rows: int
    blocks: int
    mean_change: Interval | None
    violating: Interval


@dataclass(frozen=True, config=CLOSED)
class Blanked:
    """Columns without values: the mean distance that answers moved, and the added loss.

    Both are over the rows that get an answer at all; `broken` counts the others. None where all are broken.
    """

    name: str
    columns: int
    moved: Interval | None
    added_loss: Interval | None
    broken: int


@dataclass(frozen=True, config=CLOSED)
class Broken:
    """An input for which the model gave no answer: what was put into which columns, and in how many rows."""

    name: str
    value: str
    rows: int


@dataclass(frozen=True, config=CLOSED)
class Robustness(File):
    """What `robustness` found: stated directions, missing values, and inputs that no training row held."""

    fit: str
    md5: str
    period: str
    directions: tuple[Moved, ...]
    unread: tuple[str, ...]
    """Directions whose features the model does not read."""
    untouched: tuple[str, ...]
    """Directions whose change touches no row."""
    missing: tuple[Blanked, ...]
    tried: int
    finite: bool
    """Whether every input gives an answer."""
    broken: tuple[Broken, ...]


Need = Literal["needed", "replaceable", "not measurable", "harmful", "not fitted"]
NEEDS: Mapping[Need, str] = {
    "needed": "a fit without it is worse",
    "replaceable": "the model leans on it, a fit without it is not shown to be worse",
    "not measurable": "neither is shown: what it is worth is less than these rows and fits can tell",
    "harmful": "a fit without it is better",
    "not fitted": "the model leans on others more, so no fit did without it",
}


@dataclass(frozen=True, config=CLOSED)
class Worth:
    """What so many columns are worth: the added loss when they are permuted, or when a fit does not have them.

    `left_out` is None where no fit did without them.
    """

    name: str
    columns: int
    permuted: Interval
    left_out: Interval | None
    need: Need


@dataclass(frozen=True, config=CLOSED)
class FeatureWorth(Worth):
    """What a single feature is worth, beside its source and its cost in the catalogue."""

    source: str
    cost: str


@dataclass(frozen=True, config=CLOSED)
class Contribution:
    """How far a feature's value moved one prediction, in log-odds or its unit, and the standard error of that."""

    feature: str
    value: str | Decimals | None
    moved: Decimals
    error: Decimals


@dataclass(frozen=True, config=CLOSED)
class Others:
    """The features that are not listed, and how far they moved the prediction together."""

    features: int
    moved: Decimals


@dataclass(frozen=True, config=CLOSED)
class Explained:
    """One prediction, of the row `key`: from the usual one, `base`, by contributions to its `answer`."""

    key: str
    base: Decimals
    answer: Decimals
    contributions: tuple[Contribution, ...]
    others: Others


@dataclass(frozen=True, config=CLOSED)
class Importance(File):
    """What `importance` found: what each feature, and all features of one cost, are worth in a period."""

    period: str
    rows: int
    repeats: int
    leave_out_share: float
    leave_out_times: int
    luck: float
    """The standard deviation of the loss between fits with all features."""
    costs: tuple[Worth, ...]
    features: tuple[FeatureWorth, ...]
    explained: Explained


Find = Literal["none", "confirmed", "unconfirmed", "contradicted"]
FINDS: Mapping[Find, str] = {
    "none": "nothing better was found",
    "confirmed": "confirmed: surely better there as well",
    "unconfirmed": "unconfirmed: not surely better there",
    "contradicted": "contradicted: surely worse there",
}
"""Whether a setting was better than that of params.yaml, and whether the fold that was not searched bears it out."""


@dataclass(frozen=True, config=CLOSED)
class Tried:
    """One setting: its loss on the folds searched, and that less the loss of params.yaml's setting (below 0 is better).

    The intervals of all differences hold together, and so does that of the best: it was picked because it looked best.
    """

    params: dict[str, Any]
    mean: Interval
    difference: Interval


@dataclass(frozen=True, config=CLOSED)
class Advice(File):
    """What `search` advises for one model: the setting of params.yaml, the best of those tried, and how to adopt it."""

    used_until: Instant | None
    """When the last target that the search used was known; None where rows have no time."""
    periods: tuple[str, ...]
    """The names of the folds searched: in time, of their periods."""
    confirmed_in: str
    """The name of the fold that was not searched."""
    current: dict[str, Any]
    best: dict[str, Any]
    difference: Interval
    confirmation: Interval | None
    """The loss of the best setting less that of params.yaml's in the fold that was not searched."""
    find: Find
    adopt: str | None
    """The command that trains with the best setting."""
    tried: tuple[Tried, ...]
