"""Scores one part of a table, whatever engine runs it."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from recommit import Refusal
from recommit.artifact.answers import finite
from recommit.batch.scorer import Scorer
from recommit.batch.source import Batch, Part, Reject, Source
from recommit.batch.typed import Fault, as_kind, refuse_types
from recommit.columns import Kind, Table
from recommit.history import History, read_history
from recommit.problem import Problem
from recommit.schema import broken_rows, outside_drafts


@dataclass(frozen=True)
class Done:
    """A part that was scored: its predictions (or features alone), in order, and the rows that were rejected.

    `outside` says of columns in how many scored rows the value is outside of what is declared as a draft.
    """

    predictions: pa.Table
    rejects: tuple[Reject, ...]
    outside: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """What to do with each row of a table.

    `rows` is "features" for a table with the model's inputs, and "asked" for one whose features are computed from the
    tables in `history`. `read` maps each column that is read to its kind; `kept` are written beside the prediction.
    `numbered` is the key where the table has none and rows are numbered, from 1; else empty. With `features_only`, the
    features are written and no model is asked.
    """

    problem: Problem
    scorer: Scorer
    rows: Literal["features", "asked"]
    read: Mapping[str, Kind]
    kept: tuple[str, ...]
    history: Path | None
    numbered: str = ""
    features_only: bool = False

    @property
    def columns(self) -> list[str]:
        """The columns that are read of the table."""
        return [name for name in self.read if name != self.numbered]

    def run(self, part: Part) -> Done:
        """Scores a part. Raises `Refusal` when it cannot be read, or features cannot be computed."""
        done = [self.score(batch) for batch in part.batches()]
        rejects = (*part.torn, *(reject for one in done for reject in one.rejects))
        tables, outside = [one.predictions for one in done], sum((Counter(one.outside) for one in done), Counter())
        return Done(pa.concat_tables(tables), tuple(sorted(rejects, key=lambda one: one.row)), outside)

    def of_none(self, schema: pa.Schema) -> pa.Table:
        """Returns the predictions of a table with this `schema` that has no rows: their columns alone."""
        empty = schema.empty_table().select(self.columns)
        return self.score(Batch(empty, np.empty(0, "int64"))).predictions

    def score(self, batch: Batch) -> Done:
        """Scores rows that were read. Raises `Refusal` when features cannot be computed."""
        frame, faults = self._typed(batch)
        table, names = self.problem.features, list(self.scorer.columns)
        if self.rows == "asked":
            table, names = self.problem.rows, list(self.problem.asked)
        found = broken_rows(frame, table, names)
        # A placeholder is not judged: its row already has the fault of the value that it stands for.
        untyped = {row for row, _ in faults}
        faults += [(row, why) for row, why in zip(found["row"], found["reason"], strict=True) if row not in untyped]
        if self.rows == "features":
            broken = {row for row, _ in faults}
            faults += [(row, why) for row, why in self._unknown(frame) if row not in broken]
        frame = _without(faults, frame)
        outside = outside_drafts(frame[names], table)
        if self.rows == "asked":
            frame, unanswerable = self._with_features(frame)
            faults += unanswerable
            frame = _without(unanswerable, frame)
        if self.features_only:
            return Done(self._features(frame), _rejects(faults, batch, self.problem.key), outside)
        try:
            answer = self.scorer.answer(frame)
        except ValueError as error:
            rows = f"{batch.numbers[0]} to {batch.numbers[-1]}"
            raise Refusal(f"rows {rows}: {error}; the schema let through what the model does not know", 1) from None
        unanswered = np.flatnonzero(~finite(answer))
        why = f"the model gives no {self.scorer.task.column}: what it needs is missing"
        nothing = [(int(row), why) for row in frame.index[unanswered]]
        faults, frame, answer = faults + nothing, _without(nothing, frame), np.delete(answer, unanswered, axis=0)
        kept = {name: _written(frame[name]) for name in self.kept}
        predictions = pa.table(kept | self.scorer.written(answer))
        return Done(predictions, _rejects(faults, batch, self.problem.key), outside)

    def _typed(self, batch: Batch) -> tuple[pd.DataFrame, list[Fault]]:
        columns, faults = {}, []
        for name, kind in self.read.items():
            if name == self.numbered:
                columns[name] = pd.Series(batch.numbers)
                continue
            columns[name], wrong = as_kind(batch.table[name], name, kind, self.problem.form)
            faults += wrong
        return pd.DataFrame(columns, copy=False), faults

    def _features(self, frame: pd.DataFrame) -> pa.Table:
        """Returns what names each row, its prediction instant, and every feature."""
        names = dict.fromkeys((*self.kept, *self.problem.catalogue.all))
        return pa.table({name: _written(frame[name]) for name in names})

    def _unknown(self, frame: pd.DataFrame) -> Iterator[Fault]:
        """Yields the rows with a text that the model does not know; the schema may allow more texts than the model."""
        for name, known in self.scorer.values.items():
            for row in np.flatnonzero(~frame[name].isin(known).to_numpy()):
                value = frame[name].iloc[row]
                missing = "is missing, which the model does not know"
                yield int(row), f"{name} {missing if pd.isna(value) else f'{value} is no value that the model knows'}"

    def _with_features(self, asked: pd.DataFrame) -> tuple[pd.DataFrame, list[Fault]]:
        """Returns the rows with their features, under the same index, and the rows that history does not answer."""
        history = _history(self.problem, self.history or Path())
        places, asked = asked.index, asked.reset_index(drop=True)
        try:
            built = self.problem.build(history.tables, asked, self.scorer.horizon_hours)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            reason = (str(error).splitlines() or [""])[0][:200]
            why = f"a table lacks {reason}" if isinstance(error, KeyError) else reason
            raise Refusal(f"the features cannot be computed from {self.history}: {why}", 1) from None
        if not np.array_equal(built[self.problem.key], asked[self.problem.key]):
            raise Refusal("the problem's build gave other rows than it was asked for: one for each is due, in order", 1)
        unanswerable = [*history.contradicted(asked, self.problem.rows)]
        if self.problem.instant:
            unanswerable += history.unheard(asked, built[self.problem.instant]).items()
        others = {name: asked[name] for name in self.kept if name not in built}
        return built.assign(**others).set_index(places), [(int(places[row]), why) for row, why in unanswerable]


def _without(faults: list[Fault], frame: pd.DataFrame) -> pd.DataFrame:
    """Returns the rows of `frame` that have no fault; its index is each row's place in its batch."""
    return frame.drop(index=list({row for row, _ in faults})) if faults else frame


def _written(values: pd.Series) -> pa.Array:
    """Returns a column as it is written. Text is written as such: codes would depend on the other rows."""
    found = pa.Array.from_pandas(values)
    return found.cast(pa.string()) if isinstance(values.dtype, (pd.CategoricalDtype, pd.StringDtype)) else found


def _rejects(faults: list[Fault], batch: Batch, key: str) -> tuple[Reject, ...]:
    reasons: dict[int, list[str]] = {}
    for row, why in sorted(faults, key=lambda fault: fault[0]):
        reasons.setdefault(row, []).append(why)
    keys = batch.table[key] if key in batch.table.column_names else None
    found = []
    for row, whys in reasons.items():
        named = None if keys is None else keys[row].as_py()
        found.append(Reject(int(batch.numbers[row]), "" if named is None else str(named), "; ".join(whys)))
    return tuple(found)


def _history(problem: Problem, folder: Path) -> History:
    """Returns the history tables, read and checked once in each process, and again when a file has changed."""
    files = [folder / f"{table.name}.parquet" for table in problem.history]
    try:
        changed = tuple(file.stat().st_mtime_ns for file in files if file.exists())
    except OSError as error:
        raise Refusal(f"{folder}, which features are computed from, cannot be read: {error.strerror}") from None
    return _read(problem.history, folder, changed)


@lru_cache(maxsize=1)
def _read(declared: tuple[Table, ...], folder: Path, changed: tuple[int, ...]) -> History:
    return read_history(declared, folder)


def plan(
    problem: Problem,
    scorer: Scorer,
    source: Source,
    history: Path | None,
    features: bool = False,
    features_only: bool = False,
) -> Job:
    """Returns how a table is to be scored. Its columns tell: the model's inputs, or else those of rows asked.

    Where people write rows in a form of their own, columns may be called like the features that are computed from
    them: then a table that has both is of rows, unless it is said to hold `features`. With `features_only` it must be
    of rows, and their features are written in place of predictions.

    Raises `Refusal` when it has neither, and names what is missing; when a column is of the wrong type; when the model
    is of another problem.
    """
    refuse_other(problem, scorer)
    there, key, form = source.schema.names, problem.key, problem.form
    numbered = key if form and form.numbered == key and key not in there else ""
    inputs: dict[str, Kind] = {name: "number" if kind == "number" else "text" for name, kind in scorer.columns.items()}
    absent = [name for name in inputs if name not in there]
    unasked = [name for name in problem.asked if name not in (*there, numbered)]
    if features_only and unasked:
        raise Refusal(f"{source.path} is no plan, whose features are computed: it lacks {_some(unasked)}")
    asked = features_only or bool(absent) or (form is not None and not unasked and not features)
    if absent and unasked:
        raise Refusal(
            f"{source.path} is neither a plan, whose features are computed (it lacks {_some(unasked)}), "
            f"nor a table of the model's inputs (it lacks {_some(absent)})"
        )
    if asked and history is None and problem.history:
        raise Refusal(f"{source.path} is a plan, and no folder of history is given to compute its features from")
    if key not in (*there, numbered):
        raise Refusal(f"{source.path} has no column {key}, which says what row a prediction is of")
    computed = [problem.instant] if asked and problem.instant else []
    kept = tuple(name for name in problem.kept if name in (*there, *computed, numbered))
    read = {name: kind for name, kind in problem.kept.items() if name in kept and name not in computed}
    read |= problem.asked if asked else inputs
    refuse_types(source.schema, read, str(source.path), form)
    if features_only:
        return Job(problem, scorer, "asked", read, kept, history, numbered, features_only=True)
    if clash := [name for name in scorer.written(np.empty((0, *scorer.task.shape))) if name in kept]:
        raise Refusal(f"{source.path} has a column {clash[0]}, as predictions have one: call it otherwise")
    return Job(problem, scorer, "asked" if asked else "features", read, kept, history, numbered)


def refuse_other(problem: Problem, scorer: Scorer) -> None:
    """Raises `Refusal` when the model is not one of the problem."""
    theirs, ours = (scorer.name, scorer.target, scorer.task.kind), (problem.name, problem.target, problem.task.kind)
    if theirs != ours:
        its, due = (f"{name}, which predicts {target} ({kind})" for name, target, kind in (theirs, ours))
        raise Refusal(f"{scorer.folder} holds the model {its}; this project's is {due}: name a model of this problem")


def _some(names: list[str], most: int = 4) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
