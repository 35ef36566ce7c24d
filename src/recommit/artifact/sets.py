"""The set of outcomes, or the interval, that goes with a prediction, from a conformal quantile."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Conformal:
    """An outcome is in the set if its probability is at least 1 - `quantile`; a larger quantile makes larger sets.

    That is the least ambiguous set (Sadinle, Lei and Wasserman 2019). It holds the true outcome with probability
    `level` for rows of the same distribution as those it was fitted on; its coverage of later rows must be measured.
    """

    level: float
    quantile: float

    def sets(self, probability: ArrayLike) -> np.ndarray:
        """Return whether the negative and the positive outcome are in each set, (n, 2) bool, by `probability`, (n,)."""
        chance = np.asarray(probability, dtype="float64")
        return np.column_stack([chance <= self.quantile, 1 - chance <= self.quantile])

    def covered(self, outcome: ArrayLike, probability: ArrayLike) -> np.ndarray:
        """Return whether each set holds the true `outcome`, (n,) of 0 and 1, by `probability`, (n,): (n,) bool."""
        truth = np.asarray(outcome, dtype="int64")
        return self.sets(probability)[np.arange(len(truth)), truth]

    def sizes(self, probability: ArrayLike) -> np.ndarray:
        """Return whether each set holds both outcomes, (n,) bool, by `probability`, (n,)."""
        return np.asarray(self.sets(probability).all(axis=1))


@dataclass(frozen=True)
class Around:
    """An interval reaches `quantile` below and above its answer, in the target's unit; a larger one is wider.

    It holds the true number with probability `level` for rows of the same distribution as those it was fitted on; its
    coverage of later rows must be measured.
    """

    level: float
    quantile: float

    def ends(self, answer: ArrayLike) -> np.ndarray:
        """Return the lower and the upper end of each interval, (n, 2)."""
        middle = np.asarray(answer, dtype="float64")
        return np.column_stack([middle - self.quantile, middle + self.quantile])

    def covered(self, truth: ArrayLike, answer: ArrayLike) -> np.ndarray:
        """Return whether each interval holds the true number, (n,) bool."""
        return np.abs(np.asarray(truth, dtype="float64") - np.asarray(answer, dtype="float64")) <= self.quantile

    def sizes(self, answer: ArrayLike) -> np.ndarray:
        """Return how wide each interval is, (n,)."""
        return np.full(len(np.asarray(answer)), 2 * self.quantile)


def set_words(outcomes: Sequence[str]) -> list[str]:
    """Return the words for the set of no outcome, of the negative one, of the positive one, and of both."""
    return ["neither", *outcomes, " or ".join(outcomes)]


def as_sets(words: ArrayLike, outcomes: Sequence[str]) -> np.ndarray:
    """Return whether each set, written in `words`, (n,), holds the negative and the positive outcome: (n, 2) bool.

    Raises ValueError for words that are no set of these outcomes.
    """
    codes = {word: code for code, word in enumerate(set_words(outcomes))}
    written = np.asarray(words, dtype=object).tolist()
    for word in set(written) - codes.keys():
        raise ValueError(f"{word!r} is no set of {outcomes[0]} and {outcomes[1]}")
    code = np.array([codes[word] for word in written], dtype="int64")
    return np.column_stack([code & 1, code & 2]).astype(bool)
