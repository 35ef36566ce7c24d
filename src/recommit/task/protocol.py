"""The interface of a task: all that the machinery asks about the kind of answer.

A truth is (n,), as the target's column holds it: false and true, names of classes, or numbers. An answer is float64:
the probability of a yes or the predicted number, (n,), or the probability of each of k classes, (n, k).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from recommit.artifact.answers import Answers
from recommit.evidence.numbers import Scale
from recommit.evidence.scores import Score
from recommit.task.words import Curve, Words

if TYPE_CHECKING:
    from recommit.learning.intervals import Blocks, Estimate


class Calibration(Protocol):
    """What turns a model's raw answers into the ones that it gives: a line in log-odds, or nothing at all."""

    def __call__(self, answer: ArrayLike) -> np.ndarray:
        """Return the calibrated answers, in the shape of `answer`."""
        ...

    def into(self, content: bytes) -> bytes:
        """Return the bytes of the model file in `content` with this calibration in it."""
        ...


class Sets(Protocol):
    """Which truths cannot be ruled out beside an answer, at a stated level: sets of outcomes, or intervals."""

    @property
    def level(self) -> float:
        """The share of rows whose set is to hold the truth."""
        ...

    @property
    def quantile(self) -> float | tuple[float, ...]:
        """The number from which all sets follow, or one for each outcome; a larger one makes larger sets."""
        ...

    def covered(self, truth: ArrayLike, answer: ArrayLike) -> np.ndarray:
        """Return whether the set beside each answer holds the truth, (n,) bool."""
        ...

    def sizes(self, answer: ArrayLike) -> np.ndarray:
        """Return how large each set is, (n,): whether it holds both outcomes, how many classes, or how wide it is."""
        ...


class Task(Protocol):
    """A kind of answer: `Binary`, `Classes` or `Number`."""

    @property
    def kind(self) -> str:
        """The kind in one word, as manifests and parameters state it: "binary", "classes" or "number"."""
        ...

    @property
    def column(self) -> str:
        """The column of the answer in a table of predictions: "probability" or "prediction"."""
        ...

    @property
    def dtype(self) -> str:
        """The dtype of the target in a table of features: "bool", "str" or "float64"."""
        ...

    @property
    def loss(self) -> str:
        """The name of the score that is the mean row loss, which selection, search, slices and gate compare."""
        ...

    @property
    def loss_unit(self) -> str:
        """The unit of a row's loss: "nats", or the target's unit squared."""
        ...

    @property
    def scores(self) -> Mapping[str, Score]:
        """The scores that `judge` gives, by name, in the order in which they are shown."""
        ...

    @property
    def parts(self) -> tuple[str, ...]:
        """The columns of an answer's numbers in the tables of the folds: "answer", or one per class."""
        ...

    @property
    def limits(self) -> tuple[float, float] | None:
        """The least and the greatest possible answer; None where there are none."""
        ...

    @property
    def size(self) -> str:
        """What the mean of `Sets.sizes` is, in words."""
        ...

    @property
    def uncalibrated(self) -> Calibration:
        """The calibration that changes no answer."""
        ...

    def fit(self, model: Any, rows: pd.DataFrame, truth: ArrayLike) -> Any:
        """Return `model`, an unfitted one of scikit-learn, fitted on `rows` and their truth."""
        ...

    def answer(self, fitted: Any, rows: pd.DataFrame) -> np.ndarray:
        """Return what a model from `fit` answers for `rows`."""
        ...

    def constant(self, truth: ArrayLike) -> np.ndarray:
        """Return the one answer, (1,) or (1, k), that is given without any column: the mean, or shares, of `truth`."""
        ...

    def sound(self, answer: ArrayLike) -> np.ndarray:
        """Return whether each answer can be one, (n,) bool: a finite number, within 0 to 1 for a probability."""
        ...

    def losses(self, truth: ArrayLike, answer: ArrayLike) -> np.ndarray:
        """Return the loss of each row, (n,): lower is better. Raises ValueError for what is no truth or no answer."""
        ...

    def judge(self, truth: ArrayLike, answer: ArrayLike, blocks: "Blocks") -> "dict[str, Estimate]":
        """Return each of `scores`, with the blocks from which its interval comes."""
        ...

    def gap(self, truth: ArrayLike, answer: ArrayLike, blocks: "Blocks") -> "Estimate":
        """Return the mean answer less the mean truth: above 0, the answers are too high on average.

        Of several classes it is that of the class with the largest gap.
        """
        ...

    def scale(self, spread: float, baseline: ArrayLike) -> Scale:
        """Return by what losses and answers are divided before the gate holds them against its bounds.

        `spread` is the target's in training rows, and `baseline` are the baseline's losses in the rows that are judged.
        """
        ...

    def calibrate(self, truth: ArrayLike, answer: ArrayLike) -> Calibration:
        """Fit the calibration on answers that did not learn from `truth`."""
        ...

    def conform(self, truth: ArrayLike, answer: ArrayLike, level: float, by_outcome: bool = False) -> Sets:
        """Fit the sets at `level` (0 to 1) on calibrated answers that did not learn from `truth`.

        `by_outcome`: the level is to hold for the rows of each outcome by itself, not only for all. Raises ValueError
        for a level outside 0 to 1, fewer rows than it needs, or `by_outcome` where there are no outcomes.
        """
        ...

    def spread(self, truth: ArrayLike) -> float:
        """Return by what differences between a model file and scikit-learn are divided: 1, or the target's spread."""
        ...

    def answers(self, calibration: Any, sets: Any, truth: ArrayLike, threshold: float | None) -> Answers:
        """Return what a manifest states of the answers, from `calibrate`, `conform`, and the `truth` that they learned.

        `threshold` is the smallest probability that counts as a yes, where there is such an answer. Raises ValueError
        where it is needed and absent.
        """
        ...

    def written(self, predictions: pd.DataFrame) -> np.ndarray:
        """Return the answers in a table of predictions."""
        ...

    def held(self, truth: ArrayLike, predictions: pd.DataFrame) -> np.ndarray:
        """Return whether what is written beside each answer in a table of predictions holds the truth, (n,) bool."""
        ...

    def sizes(self, predictions: pd.DataFrame) -> np.ndarray:
        """Return how large what is written beside each answer is, (n,): see `Sets.sizes`."""
        ...

    def groups(self, truth: ArrayLike) -> dict[str, np.ndarray]:
        """Return groups of rows by their truth, (n,) bool each, with their names: of two, the lower one first."""
        ...

    def questions(self, truth: ArrayLike) -> dict[str, np.ndarray]:
        """Return the yes/no questions that detectors of leaks ask, each by its words: (n,) bool."""
        ...

    def said(self, answer: ArrayLike) -> np.ndarray:
        """Return one number for each answer, (n,): itself, or the probability of the most likely class."""
        ...

    def came(self, truth: ArrayLike, answer: ArrayLike) -> np.ndarray:
        """Return what `said` is held against, (n,): the truth as a number, or whether the most likely class came."""
        ...

    def pairs(self, truth: ArrayLike, answer: ArrayLike) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Return each number of the answers after what it is held against, (n,) each, by class; one number has no name.

        Example: {"": (came, said)} for a probability of yes.
        """
        ...

    def counted(self, truth: pd.Series) -> pd.Series:
        """Return what is averaged where the mean of the truth is told: itself, or whether it is the commonest class."""
        ...

    def tracked(self, truth: pd.Series) -> pd.Series:
        """Return the truth as numbers whose relations to other columns are followed: itself, or the place of its class.

        It may be missing.
        """
        ...

    def moved(self, answer: ArrayLike, asked: ArrayLike) -> np.ndarray:
        """Return the answers on the scale on which explanations add up, (n,): log-odds, or the number itself.

        Of several classes they are those of the class that is most likely by `asked`, the answer that is explained.
        """
        ...

    def words(self, target: str) -> Words:
        """Return what figures and reports call the answer; `target` is the name of the target's column."""
        ...

    def shown(self, answer: float) -> str:
        """Return one answer in words: "a probability of 30%", "12 min"."""
        ...

    def curve(self, truth: ArrayLike, answer: ArrayLike, judged: "Mapping[str, Estimate]") -> Curve:
        """Return the curve that shows how far the answers go wrong; `judged` are the scores of the same answers."""
        ...
