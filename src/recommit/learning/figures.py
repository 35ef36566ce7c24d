"""Figures of how good a probability forecast is."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import ArrayLike
from sklearn.metrics import roc_curve

from recommit.evidence.numbers import Interval
from recommit.evidence.scores import SCORES
from recommit.evidence.stages import Slice
from recommit.figures import ACCENT, SECOND, SOFT, axes
from recommit.learning.scores import calibration


def calibrations(outcome: ArrayLike, probabilities: Mapping[str, ArrayLike], name: str) -> Axes:
    """Draw predicted against observed shares in equally filled bins, one line per forecast of the same rows."""
    ax = axes(
        "When it says 30 %, is it 30 %?", f"predicted probability of {name}", f"share that was {name}", height=4.2
    )
    ax.plot([0, 1], [0, 1], color=SOFT, linestyle="--", linewidth=1, label="perfect")
    for color, (label, probability) in zip((SECOND, ACCENT), probabilities.items(), strict=True):
        bins = calibration(outcome, probability, bins=20)
        ax.plot(bins["predicted"], bins["observed"], color=color, marker="o", markersize=4, linewidth=1, label=label)
    ax.set(xlim=(0, 1), ylim=(0, 1))
    ax.legend(loc="upper left")
    return ax


def roc_points(outcome: np.ndarray, probability: np.ndarray, points: int = 101) -> pd.DataFrame:
    """Return the ROC curve at evenly spaced false positive rates: columns false_positive_rate, true_positive_rate."""
    false_positive, true_positive, _ = roc_curve(outcome, probability)
    grid = np.linspace(0, 1, points)
    return pd.DataFrame(
        {
            "false_positive_rate": grid.round(4),
            "true_positive_rate": np.interp(grid, false_positive, true_positive).round(6),
        }
    )


def roc(points: pd.DataFrame, auc: Interval, name: str) -> Axes:
    """Draw the ROC curve from `roc_points`, with the area under it in the legend."""
    ax = axes(
        "Which alarms are false, which are missed?",
        f"share of the others called {name}",
        f"share of {name} found",
        height=4.2,
    )
    ax.plot([0, 1], [0, 1], color=SOFT, linestyle="--", linewidth=1, label="by chance")
    ax.plot(points["false_positive_rate"], points["true_positive_rate"], label=f"candidate, area {auc}")
    ax.set(xlim=(0, 1), ylim=(0, 1))
    ax.legend(loc="lower right")
    return ax


def distribution(probability: np.ndarray, outcome: np.ndarray, name: str) -> Axes:
    """Draw how often each probability was given to rows that came out as `name`, and to the others."""
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
    """Draw `metric` of each fit, best on top: one dot per fold, and a bar for the mean of the folds.

    `scores` has the columns fit, fold and the metric. `metric` is a name of `recommit.evidence.scores.SCORES`.
    """
    score = SCORES[metric]
    means = scores.groupby("fit")[metric].mean().sort_values(ascending=score.higher_is_better)
    label = f"{score.name}, {score.unit}, {'higher' if score.higher_is_better else 'lower'} is better"
    ax = axes("Every model on every feature set, month by month", label, "", height=0.3 * len(means) + 1.2)
    place = {fit: row for row, fit in enumerate(means.index)}
    ax.scatter(scores[metric], scores["fit"].map(place), color=SOFT, s=16, label="a fold")
    ax.scatter(means, range(len(means)), color=ACCENT, marker="|", s=200, linewidth=2.5, label="mean")
    ax.set_yticks(range(len(means)), list(means.index))
    ax.legend()
    return ax


def slices(parts: Sequence[Slice]) -> Axes:
    """Draw the improvement over the baseline of each slice, best on top, with simultaneous intervals."""
    ordered = sorted(parts, key=lambda part: (part.by, part.improvement.value))
    label = "log loss, baseline less candidate, nats; above 0 is better"
    ax = axes("Where the candidate helps, and where it does not", label, "", height=0.19 * len(ordered) + 1.2)
    middle = np.array([part.improvement.value for part in ordered])
    ends = np.array([[part.improvement.low, part.improvement.high] for part in ordered])
    groups = dict.fromkeys(part.by for part in ordered)
    colors = dict(zip(groups, itertools.cycle([ACCENT, SECOND]), strict=False))
    for row, part in enumerate(ordered):
        ax.plot(ends[row], [row, row], color=colors[part.by], linewidth=1)
    ax.scatter(middle, range(len(ordered)), color=[colors[part.by] for part in ordered], s=14, zorder=3)
    ax.axvline(0, color=SOFT, linestyle="--", linewidth=1)
    ax.set_yticks(range(len(ordered)), [f"{part.by} {part.value} ({part.rows:,})" for part in ordered], fontsize=7)
    ax.set_ylim(-0.8, len(ordered) - 0.2)
    return ax
