"""What the machinery is told of a problem: the one interface between `recommit` and the project's own package."""

import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pandas as pd

from recommit import Refusal
from recommit.catalogue import Catalogue
from recommit.columns import Columns, Kind, Table, Tables, as_frame, as_known_at
from recommit.directions import Direction
from recommit.project.named import named_problem

if TYPE_CHECKING:
    from recommit.learning.periods import Monitored
    from recommit.rawtable.form import Form
    from recommit.task import Task

_AT_ONCE = 30_000
"""Rows that a state is asked for at once. Of more rows, what is looked up does not fit into a processor's cache."""
Failure = tuple[str, str, str, int, str]
"""A broken rule: table, column ("" for the whole row), rule, number of rows, the first of them as text."""


def _no_rules(tables: Mapping[str, pd.DataFrame], share: float, clock: pd.Timestamp | None) -> Iterator[Failure]:
    return iter(())


class State(Protocol):
    """What features are computed from, made of the history's tables once, so that a row is answered at once."""

    def answer(self, rows: Columns, horizon_hours: float) -> Columns:
        """Returns what `build` does: one value of each column per row, in the same order. No row changes another's."""

    def update(self, table: str, gone: Columns, come: Columns) -> None:
        """Takes rows of a history table out and puts others in, with the columns that are declared as used.

        From then on it answers as one that was made of the changed tables, to the bit, in whatever order rows changed.
        """


@dataclass(frozen=True)
class Problem:
    """A problem: what is predicted, of which rows, from what.

    Its functions are those of a module, so that a worker process finds them by name.
    """

    name: str
    """The model's name in the registry."""
    question: str
    """What is asked of each row, in one sentence."""
    task: "Task"
    """What kind of answer is asked for: see `recommit.task`."""
    target: str
    """The column that is predicted, of the type that the task has for it."""
    rows: Table
    """The declared table that rows to score are of: its given columns come with them, its first key names one."""
    features: Table
    """The declared table that `build` gives, with `known` and the target: the model's inputs are among its columns."""
    catalogue: Catalogue
    """Every feature, and the sets of features that a model may be given."""
    build: Callable[[Tables, pd.DataFrame, float], pd.DataFrame]
    """`build(history, rows, horizon_hours)` returns the key, the prediction instant and every feature.

    One row per input row, in the same order.
    """
    tables: tuple[Table, ...]
    """Every raw table that `ingest` writes, as data/raw/NAME.parquet: `rows` first."""
    history: tuple[Table, ...] = ()
    """Those of the tables that features are computed from; none where a row's own columns are its features."""
    state: Callable[[Tables], State] | None = None
    """`state(history)` is what `build` computes features with, kept to be asked again; None: `build` is called anew."""
    looks_back_hours: float | None = None
    """No feature needs a row of history all of whose instants are older, at the prediction; None: none is forgotten."""
    beside: tuple[str, ...] = ()
    """Given columns that go with a row's prediction, after its key."""
    instant: str | None = None
    """The column of the built features that says when the prediction is asked for (UTC); None: rows have no time."""
    known: str | None = None
    """The column of `rows` that says from when the target is known (UTC); None where rows have no time."""
    event: str | None = None
    """The column of `rows` by which one is still to come: its instant is at or after the clock."""
    group: str | None = None
    """The column of the built features whose values must not be in two parts; None: rows are not grouped."""
    form: "Form | None" = None
    """How the file is written that `ingest` reads the rows from, and so a table to score; None: see docs/predict.md."""
    when: str = "when it is asked for"
    """At which instant a prediction is asked for, in words."""
    horizon: str = "horizon_hours"
    """The parameter, in hours, that `build` takes."""
    across: Callable[[Mapping[str, pd.DataFrame], float, pd.Timestamp | None], Iterator[Failure]] = _no_rules
    """`across(tables, share, clock)` yields the rules across rows and tables that are broken.

    `share` is the parameter `sample`. What is known only from `clock` on (UTC) is not judged.
    """
    monitored: "Callable[[], Mapping[str, Monitored]] | None" = None
    """What is looked at in each table, period by period; None: what the tables declare."""
    slices: Callable[[pd.DataFrame], pd.DataFrame] | None = None
    """`slices(features)` says of each row which parts it is judged among, a column a kind; None: by each category."""
    directions: tuple[Direction, ...] = ()
    """Which way the answer must not move when one thing alone gets worse."""
    _declared: Mapping[str, Table] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Raise ValueError where the tables do not declare what is said of them."""
        object.__setattr__(self, "_declared", {table.name: table for table in self.tables})
        if len(self.rows.keys[0]) > 1:
            raise ValueError(f"the first key of {self.rows.name} must be one column, which names a row")
        if absent := [name for name in (self.key, *self.beside) if name not in self.rows.given]:
            raise ValueError(f"{self.rows.name} declares no given column {', '.join(absent)}")
        used = (*filter(None, (self.instant, self.known, self.group)), self.target, *self.catalogue.all)
        if absent := [name for name in used if name not in self.features.names]:
            raise ValueError(f"{self.features.name} declares no column {', '.join(absent)}")
        if absent := [table.name for table in (self.rows, *self.history) if table.name not in self._declared]:
            raise ValueError(f"{', '.join(absent)} is none of the problem's tables")
        if len({self.instant is None, self.known is None, self.event is None}) > 1:
            raise ValueError("instant, known and event are all given, where rows have a time, or none of them is")
        if self.directions and len(self.task.parts) > 1:
            raise ValueError("directions say which way one number must not move: an answer of several has no such way")
        if untold := [name for name, kind in self.asked.items() if kind == "boolean"]:
            raise ValueError(f"{untold[0]} is given and a boolean, which no table to score is read for: take a text")

    @property
    def key(self) -> str:
        """The column that names a row."""
        return self.rows.keys[0][0]

    @property
    def asked(self) -> dict[str, Kind]:
        """Columns that a row needs for its features to be computed: those that are given with it."""
        return {name: self.rows[name].kind for name in self.rows.given}

    @property
    def kept(self) -> dict[str, Kind]:
        """Columns that go with a row's prediction where there are such, in order: the key first, the instant last."""
        kept = {name: self.rows[name].kind for name in (self.key, *self.beside)}
        return kept | ({self.instant: "instant"} if self.instant else {})

    @property
    def unlabelled(self) -> list[str]:
        """The columns that a row of the feature table has before its outcome is known."""
        return [name for name in self.features.names if name not in (self.known, self.target)]

    def as_known_at(self, tables: Tables, instant: pd.Timestamp) -> Tables:
        """Return `tables`, raw ones by name, as they were known at `instant` (tz-aware): see `columns.as_known_at`."""
        return {name: as_known_at(table, self._declared[name], instant) for name, table in tables.items()}


def answered(state: State, rows: Columns, horizon_hours: float) -> pd.DataFrame:
    """Returns the features of all `rows` as a table: what `build` returns where a problem has a state."""
    starts = range(0, max(len(next(iter(rows.values()))), 1), _AT_ONCE)
    parts = [{name: values[at : at + _AT_ONCE] for name, values in rows.items()} for at in starts]
    answers = [state.answer(part, horizon_hours) for part in parts]
    return as_frame({name: np.concatenate([answer[name] for answer in answers]) for name in answers[0]})


def load_problem(root: Path) -> Problem:
    """The problem of the project in `root`: see `named_problem`.

    Raises `Refusal` where it is not named, not there, or no `Problem`.
    """
    module, name = named_problem(root)
    said = f"the problem '{module}:{name}' of {root}"
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ImportError as error:
        raise Refusal(f"{said} cannot be imported: {error}") from None
    if not isinstance(found, Problem):
        what = "is not there" if found is None else f"is a {type(found).__name__}"
        raise Refusal(f"{said} {what}: it must be a recommit.problem.Problem")
    return found
