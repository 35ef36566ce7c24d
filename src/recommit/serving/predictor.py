"""A model with its problem, ready to answer rows of a request: what `recommit predict` writes of the same rows."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from recommit import Refusal
from recommit.artifact.answers import BinaryAnswers
from recommit.batch.job import Job
from recommit.batch.scorer import Scorer
from recommit.batch.source import Batch
from recommit.problem import Problem
from recommit.serving import fields, rows
from recommit.serving.from_history import FromHistory
from recommit.serving.known import Known
from recommit.serving.matrix import Matrix, Scored, single
from recommit.serving.refused import Refused
from recommit.serving.rows import columns, table
from recommit.serving.tensors import OneRow

INLINE_ROWS = 64
"""More rows than these, or rows whose features are computed, are answered beside the loop that takes requests."""


class Predictor:
    """Answers rows, in the problem's own language and as arrays of the model's inputs.

    `fields` are those of a row, and `inputs` those of the model. `rows` says what a row is: see `fields.fields`. Where
    the problem has a history, features are computed from what is `known`; without that, they are given.
    """

    def __init__(self, problem: Problem, scorer: Scorer, known: Known | None = None, flagged: bool = False) -> None:
        """Prepare the answers. Raises `Refusal` when the model is of another problem, or reads what is not declared."""
        self.problem, self.scorer = problem, scorer
        self.rows: fields.Rows = "features" if problem.history and known is None else "asked"
        self.fields = fields.fields(problem, scorer, self.rows)
        self.inputs = fields.inputs(problem, scorer)
        names = {one.name for one in self.inputs}
        rules = tuple(rule for rule in problem.features.rules if names.issuperset(rule.columns))
        self.matrix = Matrix(scorer, self.inputs, rules)
        self.one_row = OneRow(self.inputs)
        self.numbered = problem.form.numbered if problem.form else ""
        self.output_names = tuple(scorer.task.columns(np.empty((0, *scorer.task.shape))))
        self.from_history = FromHistory(self.matrix, known, self.fields, self.numbered, flagged) if known else None
        self._kept = tuple(name for name in problem.kept if name in {one.name for one in self.fields})

    def by(self, scorer: Scorer) -> "Predictor":
        """Returns the same with another model; what is known is shared. Raises `Refusal` as the beginning does."""
        if (here := self.from_history) is None:
            return Predictor(self.problem, scorer)
        return Predictor(self.problem, scorer, here.known, here.flagged)

    def predict(self, asked: Sequence[Any]) -> list[dict[str, Any]]:
        """Returns for each row what a table of predictions has of it, and for two outcomes the decision.

        Raises `Refused` for the first row that is not as it is declared, or has no answer.
        """
        return self.told(self.scored(asked).found)

    def scored(self, asked: Sequence[Any]) -> Scored:
        """Returns the same rows with what the model was given, and the columns of their answers. Raises `Refused`."""
        if self.from_history:
            return self.from_history.predict(asked)
        if self.rows == "asked":
            return self._of_asked(columns(asked, self.fields), len(asked))
        kept, numbers, texts = self.read(asked)
        return Scored(numbers, texts, kept | self.matrix.written(numbers, texts, len(asked)))

    def read(self, asked: Sequence[Any]) -> tuple[dict[str, list[Any]], np.ndarray, list[list[str]]]:
        """Returns what is kept of rows that are features, and their numbers and texts. Raises `Refused`."""
        values, size, numbers = columns(asked, self.fields), len(asked), self.matrix.numbers
        kept = {name: values[name] for name in self._kept if name in values}
        for one in self.fields:
            if one.name in kept and one.kind == "instant":
                rows.instants(kept[one.name], one)
        if size == 1:
            found = single([values[one.name][0] for one in numbers]).reshape(-1, 1)
        else:
            found = np.array([single(values[one.name]) for one in numbers], "float32").reshape(-1, size)
        return kept, found, [values[one.name] for one in self.matrix.texts]

    def told(self, found: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
        """Returns the columns of an answer as rows, with the decision and what names the model."""
        task, scorer = self.scorer.task, self.scorer
        if isinstance(task, BinaryAnswers):
            found = {**found, "decision": [task.outcomes[one >= task.threshold] for one in found[task.column]]}
        told = {"model": scorer.name, "version": scorer.version, "model_sha256": scorer.sha256}
        return [dict(zip(found, row, strict=True)) | told for row in zip(*found.values(), strict=True)]

    def known_until(self) -> float | None:
        """Returns until when all tables tell that features are computed from, in seconds since 1970, or None."""
        until = None
        if self.from_history:
            with suppress(Refused):  # the store is away: then it is not told
                until = self.from_history.known.fresh().live.heard_until()
        return until.timestamp() if until is not None else None

    def _of_asked(self, values: dict[str, list[Any]], size: int) -> Scored:
        built: list[pd.DataFrame] = []

        def build(*given: Any) -> pd.DataFrame:
            built.append(self.problem.build(*given))
            return built[0]

        problem = replace(self.problem, build=build)
        job = Job(problem, self.scorer, "asked", {**problem.asked}, tuple(problem.kept), None, self.numbered)
        batch = Batch(table(values, self.fields), np.arange(1, size + 1))
        try:
            done = job.score(batch)
            found = {name: _plain(done.predictions[name].to_pylist()) for name in done.predictions.column_names}
        except (Refusal, ValueError, ArithmeticError):
            raise Refused(422, "the features of these rows cannot be computed, or the model knows none such") from None
        if done.rejects:
            raise Refused(422, f"row {done.rejects[0].row}: {done.rejects[0].reasons}")
        numbers = [built[0][one.name].to_numpy("float32") for one in self.matrix.numbers]
        texts = [built[0][one.name].tolist() for one in self.matrix.texts]
        return Scored(np.array(numbers, "float32").reshape(-1, size), texts, found)


def _plain(values: list[Any]) -> list[Any]:
    """Returns values as JSON has them: an instant as ISO 8601 in UTC."""
    return [one.isoformat().replace("+00:00", "Z") if isinstance(one, datetime) else one for one in values]
