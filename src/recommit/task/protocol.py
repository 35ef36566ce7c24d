"""The interface of a task: all that the machinery asks about the kind of answer.

A truth is (n,), as the target's column holds it: 0 and 1, or numbers. An answer is (n,) float64: the probability of a
yes, or the predicted number.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from recommit.evidence.scores import Score
from recommit.learning.intervals import Blocks, Estimate


class Calibration(Protocol):
    """What turns a model's raw answers into the ones that it gives: a line in log-odds, or nothing at all."""

    def __call__(self, answer: ArrayLike) -> np.ndarray:
        """Return the calibrated answers, (n,), of `answer`, (n,)."""
        ...


class Sets(Protocol):
    """Which truths cannot be ruled out beside an answer, at a stated level: sets of outcomes, or intervals."""

    @property
    def level(self) -> float:
        """The share of rows whose set is to hold the truth."""
        ...

    @property
    def quantile(self) -> float:
        """The number from which all sets follow; a larger one makes larger sets."""
        ...

    def covered(self, truth: ArrayLike, answer: ArrayLike) -> np.ndarray:
        """Return whether the set beside each answer holds the truth, (n,) bool."""
        ...


class Task(Protocol):
    """A kind of answer: `Binary` or `Number`."""

    @property
    def kind(self) -> str:
        """The kind in one word, as manifests and parameters state it: "binary" or "number"."""
        ...

    @property
    def loss_unit(self) -> str:
        """The unit of a row's loss: "nats", or the target's unit squared."""
        ...

    @property
    def loss(self) -> str:
        """The name of the score that is the mean row loss, which selection, search, slices and gate compare."""
        ...

    @property
    def scores(self) -> Mapping[str, Score]:
        """The scores that `judge` gives, by name, in the order in which they are shown."""
        ...

    @property
    def dtype(self) -> str:
        """The dtype of the target in a table of features: "bool" or "float64"."""
        ...

    def answer(self, fitted: Any, rows: pd.DataFrame) -> np.ndarray:
        """Return what a fitted scikit-learn model answers for `rows`."""
        ...

    def losses(self, truth: ArrayLike, answer: ArrayLike) -> np.ndarray:
        """Return the loss of each row, (n,): lower is better. Raises ValueError for what is no truth or no answer."""
        ...

    def judge(self, truth: ArrayLike, answer: ArrayLike, blocks: Blocks) -> dict[str, Estimate]:
        """Return each of `scores`, with the blocks from which its interval comes."""
        ...

    def gap(self, truth: ArrayLike, answer: ArrayLike, blocks: Blocks) -> Estimate:
        """Return the mean answer less the mean truth: above 0, the answers are too high on average."""
        ...

    def calibrate(self, truth: ArrayLike, answer: ArrayLike) -> Calibration:
        """Fit the calibration on answers that did not learn from `truth`."""
        ...

    def conform(self, truth: ArrayLike, answer: ArrayLike, level: float) -> Sets:
        """Fit the sets at `level` (0 to 1) on calibrated answers that did not learn from `truth`.

        Raises ValueError for a level outside 0 to 1, or fewer rows than it needs.
        """
        ...

    def questions(self, truth: ArrayLike) -> dict[str, np.ndarray]:
        """Return the yes/no questions that detectors of leaks ask, each by its words: (n,) bool."""
        ...

    def moved(self, answer: ArrayLike) -> np.ndarray:
        """Return the answers on the scale on which explanations add up: log-odds, or the number itself."""
        ...
