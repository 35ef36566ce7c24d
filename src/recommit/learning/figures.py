"""Figures of how good a probability forecast is."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from sklearn.metrics import roc_curve

from recommit.figures import ACCENT, SECOND, SOFT, axes


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


def roc_points(late: np.ndarray, probability: np.ndarray, points: int = 101) -> pd.DataFrame:
    """The ROC curve at evenly spaced false positive rates: columns false_positive_rate, true_positive_rate."""
    false_positive, true_positive, _ = roc_curve(late, probability)
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


def distribution(probability: np.ndarray, late: np.ndarray, name: str) -> Axes:
    """How often each probability was given, to rows that turned out `name` and to the others."""
    ax = axes("How far the two are told apart", f"predicted probability of {name}", "rows", height=3.2)
    edges = [step / 40 for step in range(41)]
    ax.hist(
        [probability[~late], probability[late]],
        bins=edges,
        stacked=True,
        color=[SOFT, SECOND],
        label=["not " + name, name],
    )
    ax.set_xlim(0, 1)
    ax.legend()
    return ax


def folds(scores: pd.DataFrame, metric: str, unit: str) -> Axes:
    """A metric of each fit in each fold (columns fit, fold and the metric): a dot a fold, a bar for the mean."""
    order = scores.groupby("fit")[metric].mean().sort_values(ascending=False)
    ax = axes(f"Every fit on every fold: {metric.replace('_', ' ')}", unit, "", height=0.32 * len(order) + 1.2)
    for place, fit in enumerate(order.index):
        ax.scatter(scores.loc[scores["fit"] == fit, metric], [place] * (scores["fit"] == fit).sum(), color=SOFT, s=14)
    ax.scatter(order, range(len(order)), color=ACCENT, marker="|", s=220, linewidth=2.5)
    ax.set_yticks(range(len(order)), list(order.index))
    return ax
