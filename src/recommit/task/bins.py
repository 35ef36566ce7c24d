"""Answers beside what came, in bins of rows with alike answers: for probabilities and for numbers."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from recommit.learning.intervals import Blocks, Estimate

BINS = 15
# Chance alone gives a bin of fewer rows an error as large as those that the gate is to find.
_ROWS = 500


def calibration(truth: ArrayLike, answer: ArrayLike, bins: int = 10) -> pd.DataFrame:
    """Compare answers with what came in bins of about as many rows each.

    Returns one row per bin, in order: predicted (mean answer), observed (mean truth) and rows. Equal answers share a
    bin, so there may be fewer.
    """
    came, said = np.asarray(truth, dtype="float64"), np.asarray(answer, dtype="float64")
    table = pd.DataFrame({"came": came, "said": said})
    grouped = table.groupby(np.searchsorted(_edges(said, bins), said, side="left"))
    return grouped.agg(
        predicted=("said", "mean"),
        observed=("came", "mean"),
        rows=("came", "size"),
    ).reset_index(drop=True)


def calibration_error(truth: ArrayLike, answer: ArrayLike, blocks: Blocks) -> Estimate:
    """Return the mean of |mean answer - mean truth| over bins of equal size, weighted by rows.

    There are `BINS` bins, or fewer, so that each has enough rows; with one bin it is the size of the gap of all rows.
    The expected calibration error of Naeini, Cooper and Hauskrecht (2015), with equally filled bins. Chance alone makes
    it positive: for a perfect forecast, too, the interval lies above 0.
    """
    came, said = np.asarray(truth, dtype="float64"), np.asarray(answer, dtype="float64")
    edges = _edges(said, min(BINS, max(1, len(said) // _ROWS)))
    code = np.searchsorted(edges, said, side="left")
    width = len(edges) + 1
    cells = np.bincount(blocks.codes * width + code, weights=said - came, minlength=blocks.number * width)
    gaps = cells.reshape(blocks.number, width)
    rows = np.bincount(blocks.codes, minlength=blocks.number).astype("float64")
    value = np.abs(gaps.sum(axis=0)).sum() / rows.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        without = np.abs(gaps.sum(axis=0) - gaps).sum(axis=1) / (rows.sum() - rows)
    return Estimate(value, without, blocks.seed, (0, np.inf))


def _edges(said: np.ndarray, bins: int) -> np.ndarray:
    return np.unique(np.quantile(said, np.linspace(0, 1, bins + 1)[1:-1]))
