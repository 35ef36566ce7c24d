"""Calibrate probabilities on predictions for folds that the model was not fitted on."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from recommit.artifact.calibration import SMALLEST, Platt


def fit_platt(outcome: ArrayLike, probability: ArrayLike) -> Platt:
    """Return the line that maximises the likelihood of `outcome`, (n,) of 0 and 1, given `probability`, (n,).

    Of few rows, or probabilities that say next to nothing, the slope may be below 0 by chance: then nothing is changed.
    Raises ValueError where it surely is, by two standard errors: a negative slope would hide that fault.
    """
    truth, chance = np.asarray(outcome, dtype="float64"), np.asarray(probability, dtype="float64")
    log_odds = logit(np.clip(chance, SMALLEST, 1 - SMALLEST))
    if np.ptp(log_odds) == 0:  # a constant has no slope to learn; its level is the share
        share = np.clip(truth.mean(), SMALLEST, 1 - SMALLEST)
        return Platt(1.0, float(logit(share) - log_odds[0]))
    fitted = LogisticRegression(C=np.inf, solver="newton-cholesky").fit(log_odds[:, None], truth)
    slope, intercept = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
    if slope > 0:
        return Platt(slope, intercept)
    fitted_chance = expit(slope * log_odds + intercept)
    weights = fitted_chance * (1 - fitted_chance)
    apart = log_odds - np.average(log_odds, weights=weights)
    if slope < -2 / np.sqrt(weights @ apart**2):
        raise ValueError(f"higher predictions go with fewer outcomes (slope {slope:.3f}): no calibration mends that")
    return Platt(1.0, 0.0)
