"""Figures of how good a probability forecast is."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from sklearn.metrics import roc_curve

from recommit.figures import ACCENT, SECOND, SOFT, axes
from recommit.learning.scores import HIGHER_IS_BETTER


def calibration(bins: pd.DataFrame, name: str) -> Axes:
    """Predicted against observed share, from the equally filled bins of `scores.calibration`."""
    ax = axes(
        "When it says 30 %, is it 30 %?", f"predicted probability of {name}", f"share that was {name}", height=4.2
    )
    ax.plot([0, 1], [0, 1], color=SOFT, linestyle="--", linewidth=1, label="perfect")
    ax.plot(bins["predicted"], bins["observed"], color=ACCENT, marker="o", linewidth=1, label="test month")
    ax.set(xlim=(0, 1), ylim=(0, 1))
    ax.legend(loc="upper left")
    return ax


def roc_points(outcome: np.ndarray, probability: np.ndarray, points: int = 101) -> pd.DataFrame:
    """The ROC curve at evenly spaced false positive rates: columns false_positive_rate, true_positive_rate."""
    false_positive, true_positive, _ = roc_curve(outcome, probability)
    grid = np.linspace(0, 1, points)
    return pd.DataFrame(
        {
            "false_positive_rate": grid.round(4),
            "true_positive_rate": np.interp(grid, false_positive, true_positive).round(6),
        }
    )


def roc(points: pd.DataFrame, auc: float, name: str) -> Axes:
    """The ROC curve from `roc_points`, with the area under it in the legend."""
    ax = axes(
        "Which alarms are false, which are missed?",
        f"share of the others called {name}",
        f"share of {name} found",
        height=4.2,
    )
    ax.plot([0, 1], [0, 1], color=SOFT, linestyle="--", linewidth=1, label="by chance")
    ax.plot(points["false_positive_rate"], points["true_positive_rate"], label=f"candidate (area {auc:.3f})")
    ax.set(xlim=(0, 1), ylim=(0, 1))
    ax.legend(loc="lower right")
    return ax


def distribution(probability: np.ndarray, outcome: np.ndarray, name: str) -> Axes:
    """How often each probability was given, to rows that turned out `name` and to the others."""
    ax = axes("How far the two are told apart", f"predicted probability of {name}", "rows", height=3.2)
    edges = [step / 40 for step in range(41)]
    ax.hist(
        [probability[~outcome], probability[outcome]],
        bins=edges,
        stacked=True,
        color=[SOFT, SECOND],
        label=["not " + name, name],
    )
    ax.set_xlim(0, 1)
    ax.legend()
    return ax


def folds(scores: pd.DataFrame, metric: str) -> Axes:
    """A metric of each fit in each fold (columns fit, fold, the metric): a dot a fold, a bar for the mean; best on top.

    Log loss is in nats a row; the other metrics have no unit.
    """
    higher = HIGHER_IS_BETTER[metric]
    means = scores.groupby("fit")[metric].mean().sort_values(ascending=higher)
    label = f"{metric.replace('_', ' ')}, {'higher' if higher else 'lower'} is better"
    ax = axes("Every model on every feature set, month by month", label, "", height=0.3 * len(means) + 1.2)
    place = {fit: row for row, fit in enumerate(means.index)}
    ax.scatter(scores[metric], scores["fit"].map(place), color=SOFT, s=16, label="a fold")
    ax.scatter(means, range(len(means)), color=ACCENT, marker="|", s=200, linewidth=2.5, label="mean")
    ax.set_yticks(range(len(means)), list(means.index))
    ax.legend()
    return ax
