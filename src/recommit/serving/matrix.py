"""Rows as arrays: checked against what is declared, and given to the model without a table in between."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from recommit.artifact.answers import Lists, finite
from recommit.artifact.model import WIDTH, Unanswered
from recommit.batch.scorer import Scorer
from recommit.columns import Rule
from recommit.serving.fields import Field
from recommit.serving.refused import Refused, wrong

Ask = tuple[np.ndarray, Sequence[Sequence[Any]], int]
"""Numbers, texts and how many rows."""


@dataclass(frozen=True)
class Scored:
    """Rows with their answers: what the model was given, as `Matrix` has it, and the columns of what is answered.

    `states` are the hashes of the tables, by name, that the features were computed from as they were then.
    """

    numbers: np.ndarray
    texts: Sequence[Sequence[Any]]
    found: Mapping[str, list[Any]]
    states: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Matrix:
    """What a model reads, as arrays: its numbers are (k, rows) float32, its texts k lists of `rows` texts."""

    scorer: Scorer
    inputs: tuple[Field, ...]
    rules: tuple[Rule, ...] = ()
    """Rules between inputs, which look at a table."""
    numbers: tuple[Field, ...] = field(init=False)
    texts: tuple[Field, ...] = field(init=False)
    _low: np.ndarray = field(init=False)
    _high: np.ndarray = field(init=False)
    _needed: np.ndarray = field(init=False)
    _known: tuple[frozenset[str], ...] = field(init=False)

    def __post_init__(self) -> None:
        """Lay out the bounds as columns beside the numbers."""
        numbers = tuple(one for one in self.inputs if one.kind == "number")
        texts = tuple(one for one in self.inputs if one.kind == "text")
        bounds = ([-np.inf if one.low is None else one.low for one in numbers],
                  [np.inf if one.high is None else one.high for one in numbers])  # fmt: skip
        low, high = (np.array(ends, "float32").reshape(-1, 1) for ends in bounds)
        largest = np.finfo("float32").max
        made = {
            "numbers": numbers,
            "texts": texts,
            "_low": np.maximum(low, -largest),
            "_high": np.minimum(high, largest),
            "_needed": np.array([not one.nullable for one in numbers], "bool").reshape(-1, 1),
            "_known": tuple(frozenset(one.values) for one in texts),
        }
        for name, value in made.items():
            object.__setattr__(self, name, value)

    def answer(self, numbers: np.ndarray, texts: Sequence[Sequence[Any]], rows: int) -> np.ndarray:
        """Returns the answers to `rows` rows, (rows,) or (rows, k) float64: the bits that `recommit predict` writes.

        Raises `Refused` with the first value that is not allowed, or the first row that has no answer.
        """
        self._check(numbers, texts)
        return self.scored(numbers, texts, rows)

    def scored(self, numbers: np.ndarray, texts: Sequence[Sequence[Any]], rows: int, first: int = 0) -> np.ndarray:
        """Returns the same without a check, which a table has none of either where features are computed.

        `first` is the place of the first row in what was sent.
        """
        padded = -(-rows // WIDTH) * WIDTH
        feed: dict[str, np.ndarray] = {}
        if len(self.numbers):
            filled = np.empty((len(self.numbers), padded, 1), "float32")
            filled[:, :rows, 0] = numbers
            filled[:, rows:] = filled[:, rows - 1 : rows]
            feed = dict(zip((one.name for one in self.numbers), filled, strict=True))
        for one, values in zip(self.texts, texts, strict=True):
            column = np.empty((padded, 1), object)
            column[:rows, 0] = values
            column[rows:] = values[-1]
            feed[one.name] = column
        try:
            found = self.scorer.run(feed)[:rows]
        except Unanswered:
            raise Refused(422, "the model has no answer to these rows: a text is none that it knows") from None
        if not (answered := finite(found)).all():
            row = first + int(np.argmin(answered)) + 1
            raise Refused(422, f"row {row}: the model gives no {self.scorer.task.column}: what it needs is missing")
        return found

    def written(self, numbers: np.ndarray, texts: Sequence[Sequence[Any]], rows: int) -> dict[str, list[Any]]:
        """Returns the answers as the task writes them: the columns of a table of predictions, as lists."""
        return self.scorer.task.lists(self.answer(numbers, texts, rows))

    def each(self, asks: Sequence[Ask]) -> list[Lists]:
        """Returns what is written of several, each as in `written`."""
        if len(asks) == 1:
            return [self.written(*asks[0])]
        texts = [[text for part in column for text in part] for column in zip(*(one[1] for one in asks), strict=True)]
        many = [rows for _, _, rows in asks]
        return parted(self.written(np.concatenate([one[0] for one in asks], axis=1), texts, sum(many)), many)

    def _check(self, numbers: np.ndarray, texts: Sequence[Sequence[Any]]) -> None:
        broken = (numbers < self._low) | (numbers > self._high) | (np.isnan(numbers) & self._needed)
        if broken.any():
            row, place = (int(where[0]) for where in np.nonzero(broken.T))
            found = float(numbers[place, row])
            raise wrong(row, self.numbers[place].name, None if found != found else found, self.numbers[place].expected)
        for one, known, values in zip(self.texts, self._known, texts, strict=True):
            if known and not known.issuperset(values):
                row = next(place for place, value in enumerate(values) if value not in known)
                raise wrong(row, one.name, values[row], one.expected)
        if self.rules:
            columns = dict(zip((one.name for one in self.numbers), numbers, strict=True))
            frame = pd.DataFrame(
                columns | {one.name: list(values) for one, values in zip(self.texts, texts, strict=True)}
            )
            _follow(self.rules, frame)


def parted(found: Lists, many: Sequence[int]) -> list[Lists]:
    """Returns lists in parts of so `many` values each."""
    ends = np.cumsum(many).tolist()
    return [
        {name: values[end - size : end] for name, values in found.items()} for end, size in zip(ends, many, strict=True)
    ]


def _follow(rules: Sequence[Rule], frame: pd.DataFrame) -> None:
    for rule in rules:
        holds = rule.holds(frame).to_numpy("bool")
        if not holds.all():
            raise Refused(422, f"row {int(np.argmin(holds)) + 1}: found a broken rule, expected that {rule.says}")


def single(values: Sequence[int | float | None]) -> np.ndarray:
    """Returns numbers of a request as float32; a null is a missing number, NaN. Whole ones are rounded once."""
    kinds = {*map(type, values)}
    with np.errstate(over="ignore"):
        if kinds == {int} and max(map(abs, values)) > 2**53:  # type: ignore[arg-type]
            return np.array([np.array(value).astype("float32") for value in values], "float32")
        return np.array(values, "float64").astype("float32")
