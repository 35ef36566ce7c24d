"""Estimate the loss before outcomes are known, from the answers alone.

Where answers are probabilities, the loss that a row is expected to have is the entropy of its answer, if the answer is
calibrated: the idea of confidence-based performance estimation (NannyML's CBPE; Białek, Kuberski, Perrakis and Bifet
2024, "Estimating Model Performance Under Covariate Shift Without Labels", arXiv 2401.08348). A number says nothing of
its own error: there it is the mean loss of reference rows with such an answer, as direct loss estimation does.

What it cannot see: that the answers are no longer calibrated. If the base rate moves and no column shows it, answers
stay as they are, and so does the estimate. It is held against what came, once it has come.
"""

import numpy as np

from recommit.task import Task

_BINS = 10


def expected_losses(
    task: Task, answer: np.ndarray, judged_answer: np.ndarray | None = None, judged_loss: np.ndarray | None = None
) -> np.ndarray | None:
    """Return the loss that each row of `answer` is expected to have, (n,).

    For numbers it is learned from reference rows, `judged_answer` and their losses, (m,); None where there are none.
    """
    if task.limits is not None:
        chance = answer if answer.ndim == 2 else np.column_stack([1 - answer, answer])
        inside = np.maximum(chance, np.finfo("float64").eps)
        return np.asarray(-(chance * np.log(inside)).sum(axis=1))
    if judged_answer is None or judged_loss is None or not len(judged_answer):
        return None
    edges = np.unique(np.quantile(judged_answer, np.linspace(0, 1, _BINS + 1)[1:-1]))
    place = np.searchsorted(edges, judged_answer)
    rows = np.bincount(place, minlength=len(edges) + 1)
    sums = np.bincount(place, weights=judged_loss, minlength=len(edges) + 1)
    means = np.where(rows > 0, sums / np.maximum(rows, 1), judged_loss.mean())
    return np.asarray(means[np.searchsorted(edges, answer)])
