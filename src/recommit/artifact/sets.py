"""A set of outcomes with each prediction: what a conformal quantile means, for whoever predicts."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Conformal:
    """An outcome is in the set when its own probability is at least 1 - `quantile`.

    That is the least ambiguous set (Sadinle, Lei and Wasserman 2019). It holds the true outcome with probability
    `level` for rows that come like those it was fitted on; how often it does on later ones is to be measured.
    """

    level: float
    quantile: float

    def sets(self, probability: ArrayLike) -> np.ndarray:
        """Whether the negative and the positive outcome are in the set: probabilities (n,) to (n, 2) bool."""
        chance = np.asarray(probability, dtype="float64")
        return np.column_stack([chance <= self.quantile, 1 - chance <= self.quantile])

    def covered(self, outcome: ArrayLike, probability: ArrayLike) -> np.ndarray:
        """Whether each set holds the outcome, (n,) of 0 and 1, that came: (n,) bool."""
        truth = np.asarray(outcome, dtype="int64")
        return self.sets(probability)[np.arange(len(truth)), truth]
