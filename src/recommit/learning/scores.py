"""How good predicted probabilities are."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn import metrics


def scores(outcome: ArrayLike, probability: ArrayLike) -> dict[str, float]:
    """Score probabilities, (n,) in 0 to 1, against outcomes, (n,) of 0 and 1.

    Returns auc and average_precision (higher is better: ranking), log_loss (in nats) and brier
    (lower is better: the probabilities themselves).

    Raises ValueError when lengths differ, a probability is missing or outside 0 to 1, or there is
    only one kind of outcome.
    """
    truth, chance = _checked(outcome, probability)
    if len(np.unique(truth)) < 2:
        raise ValueError("scores need both outcomes; every row has the same")
    return {
        "auc": float(metrics.roc_auc_score(truth, chance)),
        "average_precision": float(metrics.average_precision_score(truth, chance)),
        "log_loss": float(metrics.log_loss(truth, chance)),
        "brier": float(np.mean((chance - truth) ** 2)),
    }


def calibration(outcome: ArrayLike, probability: ArrayLike, bins: int = 10) -> pd.DataFrame:
    """Compare predicted with observed shares in bins of about as many rows each.

    Returns one row per bin, in order: predicted (mean), observed (share) and rows. Equal probabilities share a
    bin, so there may be fewer. Raises ValueError as `scores` does, save for one kind of outcome.
    """
    truth, chance = _checked(outcome, probability)
    edges = np.unique(np.quantile(chance, np.linspace(0, 1, bins + 1)[1:-1]))
    table = pd.DataFrame({"outcome": truth, "probability": chance})
    grouped = table.groupby(np.searchsorted(edges, chance, side="left"))
    return grouped.agg(
        predicted=("probability", "mean"),
        observed=("outcome", "mean"),
        rows=("outcome", "size"),
    ).reset_index(drop=True)


def _checked(outcome: ArrayLike, probability: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    truth, chance = np.asarray(outcome, dtype="float64"), np.asarray(probability, dtype="float64")
    if truth.shape != chance.shape or truth.ndim != 1 or not len(truth):
        raise ValueError(f"outcomes {truth.shape} and probabilities {chance.shape} do not match")
    if not np.isin(truth, (0, 1)).all():
        raise ValueError("outcomes must be 0 or 1")
    if not ((chance >= 0) & (chance <= 1)).all():
        raise ValueError("probabilities must be within 0 to 1, none missing")
    return truth, chance


def log_losses(outcome: ArrayLike, probability: ArrayLike) -> np.ndarray:
    """Return the log loss of each row in nats, (n,); a probability of 0 or 1 counts as the nearest float64 inside."""
    truth, chance = _checked(outcome, probability)
    inside = np.clip(chance, np.finfo("float64").eps, 1 - np.finfo("float64").eps)
    return -np.log(np.where(truth == 1, inside, 1 - inside))


def by_group(outcome: pd.Series, probability: pd.Series, group: pd.Series) -> pd.DataFrame:
    """Return the `scores` of each group, one row per group in their order; `rows` says how many rows it has."""
    table = pd.DataFrame({"outcome": outcome, "probability": probability})
    found = {
        name: {"rows": len(part), **scores(part["outcome"], part["probability"])}
        for name, part in table.groupby(group.to_numpy())
    }
    return pd.DataFrame(found).T.astype({"rows": "int64"}).rename_axis(str(group.name))
