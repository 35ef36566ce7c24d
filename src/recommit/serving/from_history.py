"""Rows of a problem with history: read without a table, and answered from what is known at this moment."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recommit.artifact.answers import Lists
from recommit.artifact.model import Unanswered
from recommit.columns import Column, Columns, Rule, as_frame, plain
from recommit.live import Live
from recommit.schema import demands
from recommit.serving.fields import Field
from recommit.serving.known import Known
from recommit.serving.matrix import Matrix, Scored, parted
from recommit.serving.refused import Refused, one_line, wrong
from recommit.serving.rows import arrays, columns

_DATES = np.datetime64("0001-01-01"), np.datetime64("10000-01-01")
AT_ONCE = 64
"""Rows that are answered before others are heard again; more make long requests a little faster."""


@dataclass(frozen=True)
class Ask:
    """Some rows of a request, the first of which is its row `first`, counted from 0."""

    columns: Columns
    size: int
    first: int = 0


class FromHistory:
    """Answers rows by their features, which the problem computes from history and events.

    A row that history does not reach, or that contradicts it, is refused; or, if `flagged`, it is answered, and
    `unheard` says why it should not be trusted.
    """

    def __init__(self, matrix: Matrix, known: Known, fields: Sequence[Field], numbered: str, flagged: bool) -> None:
        """Prepare what does not change between requests."""
        self.known, self.flagged = known, flagged
        self._matrix, self._fields, self._numbered = matrix, tuple(fields), numbered
        self._problem = problem = known.problem
        self._bounds = [_Bounds(one, problem.rows[one.name]) for one in fields if not problem.rows[one.name].draft]
        self._rules = [rule for rule in problem.rows.rules if {*problem.asked}.issuperset(rule.columns)]
        # A row that is as history has it obeys the rules of columns that history must have: they were judged there.
        judged = problem.rows in problem.history and not problem.rows.comes_row_by_row
        used = {*problem.rows.used} if judged else set()
        self._unjudged = [rule for rule in self._rules if not used.issuperset(rule.columns)]

    def predict(self, asked: Sequence[Any]) -> Scored:
        """Returns the answer to rows. Raises `Refused` as `read` and `answers` do."""
        return whole([self.answers([part])[0] for part in self.parts(self.read(asked))])

    def read(self, asked: Sequence[Any]) -> Ask:
        """Returns rows of a request as arrays. Raises `Refused` for the first that is not as it is declared."""
        found = arrays(columns(asked, self._fields), self._fields)
        for one in self._bounds:
            one.refuse(found[one.field.name])
        if self._numbered:
            found[self._numbered] = np.arange(1, len(asked) + 1)
        return Ask(found, len(asked))

    def parts(self, ask: Ask) -> Iterator[Ask]:
        """Yields rows in parts that do not keep others waiting for long."""
        for at in range(0, ask.size, AT_ONCE):
            part = {name: values[at : at + AT_ONCE] for name, values in ask.columns.items()}
            yield Ask(part, min(AT_ONCE, ask.size - at), at)

    def answers(self, asks: Sequence[Ask]) -> list[Scored]:
        """Returns the answers to several, from one state of what is known.

        Raises `Refused` for the first row that has no answer; its number is told where there is one ask.
        """
        rows, many, first = asks[0].columns, [ask.size for ask in asks], asks[0].first
        if len(asks) > 1:
            rows = {name: np.concatenate([ask.columns[name] for ask in asks]) for name in rows}
        size, now = sum(many), self.known.fresh()
        features = self._features(now.live, rows)
        doubts = self._doubts(now.live, rows, features)
        if doubts and not self.flagged:
            row = min(doubts)
            raise Refused(422, f"row {first + row + 1}: {one_line(doubts[row])}")
        self._follow(self._rules if doubts else self._unjudged, rows, first)
        found = {name: written(features[name] if name in features else rows[name]) for name in self._problem.kept}
        numbers = np.array([features[one.name] for one in self._matrix.numbers], "float32").reshape(-1, size)
        texts = [features[one.name].tolist() for one in self._matrix.texts]
        found |= self._answered(numbers, texts, first)
        if self.flagged:
            found["unheard"] = [one_line(doubts[row]) if row in doubts else None for row in range(size)]
        ends = np.cumsum(many).tolist()
        return [
            Scored(numbers[:, at:end], [column[at:end] for column in texts], part, now.states)
            for at, end, part in zip([0, *ends], ends, parted(found, many), strict=False)
        ]

    def _features(self, live: Live, rows: Columns) -> Columns:
        instant = self._problem.instant
        try:
            found = live.answer(rows, self._matrix.scorer.horizon_hours)
            if instant and ((found[instant] < _DATES[0]) | (found[instant] >= _DATES[1])).any():
                raise ValueError(f"{instant} has no date")
        except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError):
            raise Refused(422, "the features of these rows cannot be computed") from None
        return found

    def _doubts(self, live: Live, rows: Columns, features: Columns) -> dict[int, str]:
        """Returns the rows, counted from 0, that history contradicts or does not reach, and why."""
        told = [live.contradicted(rows)]
        if self._problem.instant:
            told.append(live.unheard(rows, features[self._problem.instant]))
        return {row: "; ".join(one[row] for one in told if row in one) for row in {*told[0], *told[-1]}}

    def _follow(self, rules: Sequence[Rule], rows: Columns, first: int) -> None:
        for rule in rules:
            holds = rule.holds(as_frame({name: rows[name] for name in rule.columns})).to_numpy("bool")
            if not holds.all():
                raise Refused(422, f"row {first + int(np.argmin(holds)) + 1}: {rule.says}")

    def _answered(self, numbers: np.ndarray, texts: Sequence[list[Any]], first: int) -> Lists:
        try:
            if not all(isinstance(text, str) for column in texts for text in column):
                raise Unanswered
            found = self._matrix.scored(numbers, texts, numbers.shape[1], first)
        except Unanswered:
            raise Refused(422, "the model has no answer to these rows: a text is none that it knows") from None
        return self._matrix.scorer.task.lists(found)


def whole(parts: Sequence[Scored]) -> Scored:
    """Returns the parts of one request as one, with the states of the last."""
    if len(parts) == 1:
        return parts[0]
    texts = [[text for part in column for text in part] for column in zip(*(one.texts for one in parts), strict=True)]
    found = {name: [value for part in parts for value in part.found[name]] for name in parts[0].found}
    return Scored(np.concatenate([part.numbers for part in parts], axis=1), texts, found, parts[-1].states)


class _Bounds:
    """What the values of a column must be, as arrays are asked for it."""

    def __init__(self, field: Field, column: Column) -> None:
        self.field, self._known = field, frozenset(column.values)
        low, high = column.within or (None, None)
        self._low, self._high = (_end(one) for one in (low, high))
        self._expected = f"one that {demands(column)}" if field.kind == "instant" else field.expected

    def refuse(self, values: np.ndarray) -> None:
        """Raises `Refused` for the first value that is not allowed; None and NaN are missing ones."""
        if self._known:
            if self._known.issuperset(values):
                return
            bad = np.array([value is not None and value not in self._known for value in values.tolist()], "bool")
        else:
            bad = np.zeros(len(values), "bool")
            for end, beyond in ((self._low, np.less), (self._high, np.greater)):
                if end is not None:
                    bad |= beyond(values, end)
        if bad.any():
            row = int(np.argmax(bad))
            raise wrong(row, self.field.name, written(values)[row], self._expected)


def _end(bound: Any) -> Any:
    """Returns a bound as it is compared with arrays: an instant as those are, in UTC."""
    return np.datetime64(bound.tz_convert(None), "us") if hasattr(bound, "tz_convert") else bound


def written(values: np.ndarray) -> list[Any]:
    """Returns values as JSON has them: an instant as ISO 8601 in UTC, a missing value as None."""
    found = plain(values)
    if values.dtype.kind == "M":
        return [one and one.isoformat().replace("+00:00", "Z") for one in found]
    return [None if one != one else one for one in found]
