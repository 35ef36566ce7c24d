"""Calibrate the probabilities of several classes on predictions for folds that the model was not fitted on."""

import numpy as np
from scipy.optimize import brentq
from scipy.special import softmax

from recommit.artifact.calibration import SMALLEST, Temperature

_STEEPEST = 1e3  # one over the temperature: beyond, probabilities are 0 and 1


def fit_temperature(place: np.ndarray, probability: np.ndarray) -> Temperature:
    """Return the temperature that maximises the likelihood of the classes at `place`, (n,), by `probability`, (n, k).

    Of few rows, or probabilities that say next to nothing, none above 0 may do so by chance: then nothing is changed.
    Raises ValueError where that is surely so, by two standard errors: then likelier classes come more seldom.
    """
    logs = np.log(np.clip(probability, SMALLEST, 1 - SMALLEST))
    true = logs[np.arange(len(place)), place]

    def slope(power: float) -> float:
        """Return how steeply the mean loss rises where all logs are multiplied by `power`."""
        return float(((softmax(power * logs, axis=1) * logs).sum(axis=1) - true).mean())

    if slope(0) >= 0:
        apart = logs.mean(axis=1) - true
        if slope(0) > 2 * apart.std() / np.sqrt(len(apart)) + 1e-12:
            raise ValueError("higher probabilities go with fewer of the class: no calibration mends that")
        return Temperature(1.0)
    if slope(_STEEPEST) <= 0:
        return Temperature(1 / _STEEPEST)
    return Temperature(1 / brentq(slope, 0, _STEEPEST, xtol=1e-9))
