"""Figures of how good answers are."""

import itertools
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from recommit.evidence.scores import SCORES
from recommit.evidence.stages import Slice
from recommit.figures import ACCENT, SECOND, SOFT, axes
from recommit.task import Curve, Task
from recommit.task.bins import calibration


def calibrations(task: Task, truth: ArrayLike, answers: Mapping[str, ArrayLike], target: str) -> Axes:
    """Draw answers against what came in equally filled bins, one line per model that answered for the same rows."""
    words = task.words(target)
    ax = axes(words.calibrated, f"predicted {words.said}", words.came, height=4.2)
    drawn = {label: calibration(truth, answer, bins=20) for label, answer in answers.items()}
    ends = task.limits or _ends(drawn.values())
    ax.plot(ends, ends, color=SOFT, linestyle="--", linewidth=1, label="perfect")
    for color, (label, bins) in zip((SECOND, ACCENT), drawn.items(), strict=True):
        ax.plot(bins["predicted"], bins["observed"], color=color, marker="o", markersize=4, linewidth=1, label=label)
    if task.limits:
        ax.set(xlim=ends, ylim=ends)
    ax.legend(loc="upper left")
    return ax


def curve(found: Curve) -> Axes:
    """Draw the curve of `Task.curve`, with a number of the candidate in the legend."""
    ax = axes(found.title, found.x, found.y, height=4.2)
    if found.by_chance:
        ax.plot([0, 1], [0, 1], color=SOFT, linestyle="--", linewidth=1, label="by chance")
    ax.plot(found.points["x"], found.points["y"], label=found.label)
    ax.set(xlim=(0, found.points["x"].max()), ylim=(0, 1))
    ax.legend(loc="lower right")
    return ax


def distribution(task: Task, truth: ArrayLike, answer: ArrayLike, target: str) -> Axes:
    """Draw how often each answer was given, to the rows of each group of `Task.groups`."""
    ax = axes("How far the two are told apart", f"predicted {task.words(target).said}", "rows", height=3.2)
    said, groups = np.asarray(answer), task.groups(truth)
    low, high = task.limits or (said.min(), said.max())
    edges = [low + (high - low) * step / 40 for step in range(41)]
    ax.hist(
        [said[rows] for rows in groups.values()],
        bins=edges,
        stacked=True,
        color=[SOFT, SECOND],
        label=list(groups),
    )
    ax.set_xlim(low, high)
    ax.legend()
    return ax


def _ends(drawn: Iterable[pd.DataFrame]) -> tuple[float, float]:
    values = pd.concat([bins[["predicted", "observed"]] for bins in drawn]).to_numpy()
    return float(values.min()), float(values.max())


def expected(predictions: Mapping[str, pd.DataFrame], column: str, event: str | None, said: str) -> Axes:
    """Draw the mean answer, in `column`, of each day of `event` (UTC), by who predicts; without event, all answers.

    `said` says in words what an answer is.
    """
    if event is None:
        ax = axes("What is expected of the rows", said, "rows", height=3.0)
        for who, table in predictions.items():
            ax.hist(table[column], bins=40, histtype="step", label=who)
    else:
        ax = axes("What is expected of each day", "day, UTC", f"mean {said}", height=3.0)
        for who, table in predictions.items():
            ax.plot(table.groupby(table[event].dt.date)[column].mean(), label=who)
        ax.tick_params(axis="x", rotation=45)
    ax.legend()
    return ax


def folds(task: Task, losses: pd.DataFrame) -> Axes:
    """Draw the loss of each fit, best on top: one dot per fold, and a bar for the mean of the folds.

    `losses` has the columns fit, fold and loss.
    """
    means = losses.groupby("fit")["loss"].mean().sort_values(ascending=False)
    label = f"{SCORES[task.loss].name}, {task.loss_unit} a row, lower is better"
    ax = axes("Every model on every feature set, fold by fold", label, "", height=0.3 * len(means) + 1.2)
    place = {fit: row for row, fit in enumerate(means.index)}
    ax.scatter(losses["loss"], losses["fit"].map(place), color=SOFT, s=16, label="a fold")
    ax.scatter(means, range(len(means)), color=ACCENT, marker="|", s=200, linewidth=2.5, label="mean")
    ax.set_yticks(range(len(means)), list(means.index))
    ax.legend()
    return ax


def slices(task: Task, parts: Sequence[Slice]) -> Axes:
    """Draw the improvement over the baseline of each slice, best on top, with simultaneous intervals."""
    ordered = sorted(parts, key=lambda part: (part.by, part.improvement.value))
    label = f"{SCORES[task.loss].name.lower()}, baseline less candidate, {task.loss_unit}; above 0 is better"
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
