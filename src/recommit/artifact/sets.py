"""The set of outcomes that goes with a prediction, from a conformal quantile."""

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
