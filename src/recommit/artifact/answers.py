"""What a model's answers are, by kind of task: what the manifest states of them, and how a prediction is written."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic import Discriminator, Field, Tag, model_validator

from recommit.artifact.calibration import AsItIs, Platt, Temperature
from recommit.artifact.closed import Closed, Level, Name, Share
from recommit.artifact.sets import Around, Conformal, Quantile, Several, check_classes, set_words

Columns = dict[str, pa.Array]
Lists = dict[str, list[Any]]


class Calibration(Closed):
    """The straight line in the log-odds that is part of the model file."""

    slope: Annotated[float, Field(gt=0, le=1e6)]
    intercept: Annotated[float, Field(ge=-1e8, le=1e8)]


class Sets(Closed):
    """The level of the sets of outcomes, and the quantile from which they follow: see `recommit.artifact.sets`.

    A list of quantiles has one for each outcome.
    """

    level: Level
    quantile: Annotated[
        Annotated[Share, Tag("one")] | Annotated[list[Share], Tag("each")],
        Discriminator(lambda found: "each" if isinstance(found, list) else "one"),
    ]

    def of(self, outcomes: Sequence[str]) -> Quantile:
        """Return the quantile of `outcomes`, or theirs. Raises ValueError where there are not as many as outcomes."""
        if not isinstance(self.quantile, list):
            return self.quantile
        if len(self.quantile) != len(outcomes):
            raise ValueError(f"conformal.quantile has {len(self.quantile)} numbers for {len(outcomes)} outcomes")
        return tuple(self.quantile)


def sets_of(found: Conformal | Several) -> Sets:
    """Return what a manifest states of fitted sets."""
    quantile = found.quantile
    return Sets(level=found.level, quantile=list(quantile) if isinstance(quantile, tuple) else quantile)


class Intervals(Closed):
    """The level of the intervals, and half their width, in the target's unit: see `recommit.artifact.sets`."""

    level: Level
    half_width: Annotated[float, Field(ge=0)]


class Tempered(Closed):
    """The temperature of the probabilities, which is part of the model file."""

    temperature: Annotated[float, Field(gt=0, le=1e6)]


class BinaryAnswers(Closed):
    """Probabilities of the second of two `outcomes`, each with the set of outcomes that cannot be ruled out."""

    kind: Literal["binary"] = "binary"
    outcomes: Annotated[list[Name], Field(min_length=2, max_length=2)]
    calibration: Calibration
    conformal: Sets
    threshold: Share
    """The smallest probability that counts as a yes; a larger threshold gives fewer of them."""

    column: ClassVar[str] = "probability"
    """The column of the answer in a table of predictions."""
    width: ClassVar[int] = 2
    """How many numbers the model file gives for an answer."""
    shape: ClassVar[tuple[int, ...]] = ()
    """The shape of one answer."""
    parts: ClassVar[tuple[str, ...]] = (column,)
    """The columns of the answer's numbers in a table of predictions."""
    spread: ClassVar[float] = 1.0
    """By how much answers differ: see `distance`."""

    @model_validator(mode="after")
    def _has_a_name_for_each_set(self) -> "BinaryAnswers":
        words = set_words(self.outcomes)
        if len(set(words)) < len(words):
            raise ValueError(f"the outcomes {' and '.join(self.outcomes)} give two sets one name: call them otherwise")
        self.conformal.of(self.outcomes)
        return self

    @property
    def calibrate(self) -> Platt:
        """The calibration that is part of the model file."""
        return Platt(self.calibration.slope, self.calibration.intercept)

    @property
    def sets(self) -> Conformal:
        """What turns an answer into a set."""
        return Conformal(self.conformal.level, self.conformal.of(self.outcomes))

    @property
    def edges(self) -> tuple[float, ...]:
        """The answers at which the set changes."""
        negative, positive = np.broadcast_to(self.sets.quantile, 2).tolist()
        return (1 - positive, negative)

    def columns(self, answer: np.ndarray) -> Columns:
        """Return what is written of each prediction: its probability, (n,), and its set in words."""
        words, code = pa.array(set_words(self.outcomes)), pa.array(self._set(answer))
        return {self.column: pa.array(answer), "set": pa.DictionaryArray.from_arrays(code, words)}

    def lists(self, answer: np.ndarray) -> Lists:
        """Return the same as `columns`, as lists."""
        words = set_words(self.outcomes)
        return {self.column: answer.tolist(), "set": [words[code] for code in self._set(answer).tolist()]}

    def _set(self, answer: np.ndarray) -> np.ndarray:
        """Return the place of each set in `set_words`, (n,) int8."""
        held = self.sets.sets(answer)
        return np.asarray((held[:, 0] + 2 * held[:, 1]).astype("int8"))


class ClassesAnswers(Closed):
    """Probabilities of three `classes` or more, with the most likely one, and the set that cannot be ruled out."""

    kind: Literal["classes"] = "classes"
    classes: Annotated[list[Name], Field(min_length=3, max_length=1000)]
    """In the order of the model file's probabilities."""
    calibration: Tempered
    conformal: Sets

    column: ClassVar[str] = "prediction"
    spread: ClassVar[float] = 1.0

    @model_validator(mode="after")
    def _has_a_name_for_each(self) -> "ClassesAnswers":
        check_classes(self.classes)
        self.conformal.of(self.classes)
        return self

    @property
    def width(self) -> int:
        """How many classes there are."""
        return len(self.classes)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one answer."""
        return (self.width,)

    @property
    def calibrate(self) -> Temperature:
        """The calibration that is part of the model file."""
        return Temperature(self.calibration.temperature)

    @property
    def sets(self) -> Several:
        """What turns an answer into a set."""
        return Several(self.conformal.level, self.conformal.of(self.classes), tuple(self.classes))

    @property
    def edges(self) -> tuple[float, ...]:
        """The probabilities at which a class leaves the set."""
        return tuple(1 - one for one in dict.fromkeys(np.ravel(self.sets.quantile).tolist()))

    @property
    def parts(self) -> tuple[str, ...]:
        """The columns of the probabilities, in order."""
        return probabilities_of(self.classes)

    def columns(self, answer: np.ndarray) -> Columns:
        """Return what is written of each prediction: the most likely class, each probability, (n, k), and the set."""
        likely = answer.argmax(axis=1).astype("int16")
        return {
            self.column: pa.DictionaryArray.from_arrays(likely, pa.array(self.classes)),
            **dict(zip(self.parts, map(pa.array, answer.T), strict=True)),
            "set": pa.array(self.sets.words(answer), pa.string()),
        }

    def lists(self, answer: np.ndarray) -> Lists:
        """Return the same as `columns`, as lists."""
        likely = [self.classes[place] for place in answer.argmax(axis=1).tolist()]
        shares = dict(zip(self.parts, answer.T.tolist(), strict=True))
        return {self.column: likely, **shares, "set": self.sets.words(answer)}


class NumberAnswers(Closed):
    """Numbers in `unit`, each with an interval."""

    kind: Literal["number"] = "number"
    unit: str
    spread: Annotated[float, Field(gt=0)]
    """The standard deviation of the target in training."""
    conformal: Intervals

    column: ClassVar[str] = "prediction"
    width: ClassVar[int] = 1
    shape: ClassVar[tuple[int, ...]] = ()
    parts: ClassVar[tuple[str, ...]] = (column,)
    edges: ClassVar[tuple[float, ...]] = ()
    calibrate: ClassVar[AsItIs] = AsItIs()

    @property
    def sets(self) -> Around:
        """What turns an answer into an interval."""
        return Around(self.conformal.level, self.conformal.half_width)

    def columns(self, answer: np.ndarray) -> Columns:
        """Return what is written of each prediction: the number, (n,), and the ends of its interval."""
        low, high = self.sets.ends(answer).T
        return {self.column: pa.array(answer), "low": pa.array(low), "high": pa.array(high)}

    def lists(self, answer: np.ndarray) -> Lists:
        """Return the same as `columns`, as lists."""
        low, high = self.sets.ends(answer).T.tolist()
        return {self.column: answer.tolist(), "low": low, "high": high}


Answers = BinaryAnswers | ClassesAnswers | NumberAnswers
"""What a manifest states of the answers, with all that a serving process needs to give them."""


def probabilities_of(classes: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of the classes' probabilities in a table of predictions."""
    return tuple(f"probability_{name}" for name in classes)


def from_parts(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Return answers from the columns of their numbers, (n,) each: (n,) where there is one, else (n, k)."""
    return np.column_stack(parts) if len(parts) > 1 else np.asarray(parts[0])


def answers_in(table: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:
    """Return the answers whose numbers are in those `columns` of `table`."""
    return from_parts([table[name].to_numpy() for name in columns])


def to_parts(answer: np.ndarray) -> list[np.ndarray]:
    """Return the columns of the numbers of answers, (n,) each: the inverse of `from_parts`."""
    return [answer] if answer.ndim == 1 else list(answer.T)


def finite(answer: np.ndarray) -> np.ndarray:
    """Return whether each answer is one, (n,) bool: all its numbers are finite."""
    found = np.isfinite(answer)
    return found if found.ndim == 1 else found.all(axis=1)


def farthest(values: np.ndarray) -> np.ndarray:
    """Return the largest of the absolute numbers of each row, (n,)."""
    found = np.abs(values)
    return found if found.ndim == 1 else found.max(axis=1)


def distance(found: np.ndarray, due: np.ndarray, spread: float) -> np.ndarray:
    """Return how far each answer is from the one that is due, (n,), as a share of `spread`: the farthest of k numbers.

    It is a share of the answer due itself where that is larger, because a float32 has seven digits. Of a probability,
    whose spread is 1, it is the difference. An answer that is no number is infinitely far.
    """
    with np.errstate(invalid="ignore"):
        away = np.where(np.isfinite(found), np.abs(found - due) / np.maximum(spread, np.abs(due)), np.inf)
    return away if away.ndim == 1 else away.max(axis=1)
