"""Split conformal prediction: each prediction gets a set of outcomes that holds the true one at a stated level."""

import numpy as np
from mapie.classification import SplitConformalClassifier
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin

from recommit.artifact.sets import Conformal


def conformalize(outcome: ArrayLike, probability: ArrayLike, level: float) -> Conformal:
    """Fit sets at `level` (0 to 1) to `outcome`, (n,) of 0 and 1, and `probability`, (n,), which did not learn from it.

    Raises ValueError for a level outside 0 to 1, or fewer rows than the level needs.
    """
    truth, chance = np.asarray(outcome, dtype="int64"), np.asarray(probability, dtype="float64")
    if not 0 < level < 1:
        raise ValueError(f"the level of a conformal set must be between 0 and 1, not {level}")
    if len(truth) < 1 / (1 - level):
        raise ValueError(f"{len(truth)} rows are too few for sets at level {level}")
    fitted = SplitConformalClassifier(_Given(), confidence_level=level, conformity_score="lac", prefit=True)
    _, sets = fitted.conformalize(chance[:, None], truth).predict_set(chance[:, None])
    held = sets[np.arange(len(truth)), truth, 0].astype(bool)
    # MAPIE does not give its quantile: it is the largest score of a row whose set holds the outcome.
    scores = np.where(truth == 1, 1 - chance, chance)
    return Conformal(level, float(scores[held].max()))


class _Given(ClassifierMixin, BaseEstimator):
    """A classifier whose only feature is the probability: MAPIE takes no predictions without a classifier."""

    classes_ = np.array([0, 1])

    def fit(self, X: np.ndarray, y: np.ndarray) -> "_Given":  # noqa: N803 - scikit-learn's interface
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def predict(self, X: np.ndarray) -> np.ndarray:  # noqa: N803
        return (X[:, 0] > 0.5).astype("int64")

    def predict_proba(self, X: np.ndarray) -> np.ndarray:  # noqa: N803
        return np.column_stack([1 - X[:, 0], X[:, 0]])
