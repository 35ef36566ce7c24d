"""Figures of how good answers are."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from recommit.evidence.scores import SCORES
from recommit.evidence.stages import Slice
from recommit.figures import ACCENT, INK, LIGHT_TO_DARK, SECOND, SOFT, axes, legend
from recommit.task import Curve, Task
from recommit.task.bins import calibration

_STYLES = ("-", ":", "--", "-.")
_DARK = 0.4  # the share from which on a cell is so dark that its text is white


def calibrations(task: Task, truth: ArrayLike, answers: Mapping[str, ArrayLike], target: str) -> Axes:
    """Draw answers against what came in equally filled bins: a line for each of at most two models.

    All answer for the rows of `truth`. Of several classes, there is one line per model and class, in the model's color.
    """
    words = task.words(target)
    ax = axes(words.calibrated, f"predicted {words.said}", words.came, height=4.2)
    drawn = {label: _binned(task, truth, answer) for label, answer in answers.items()}
    ends = task.limits or _ends(bins for lines in drawn.values() for bins in lines.values())
    ax.plot(ends, ends, color=SOFT, linestyle="--", linewidth=1, label="perfect")
    for color, (label, lines) in zip((SECOND, ACCENT), drawn.items(), strict=False):
        for style, (name, bins) in zip(itertools.cycle(_STYLES), lines.items(), strict=False):
            said: dict[str, Any] = {"color": color, "linestyle": style, "label": f"{label}, {name}" if name else label}
            ax.plot(bins["predicted"], bins["observed"], marker="o", markersize=4, linewidth=1, **said)
    if task.limits:
        ax.set(xlim=ends, ylim=ends)
    legend(ax)
    return ax


def bins(task: Task, truth: ArrayLike, answer: ArrayLike) -> pd.DataFrame:
    """Return the bins that `calibrations` draws of one model, as a table; of several classes with the column class."""
    drawn = _binned(task, truth, answer)
    return pd.concat([found.assign(**({"class": name} if name else {})) for name, found in drawn.items()])


def _binned(task: Task, truth: ArrayLike, answer: ArrayLike) -> dict[str, pd.DataFrame]:
    return {name: calibration(came, said, bins=20) for name, (came, said) in task.pairs(truth, answer).items()}


def curve(found: Curve) -> Axes:
    """Draw the curve of `Task.curve`, with a number of the candidate in the legend."""
    ax = axes(found.title, found.x, found.y, height=4.2)
    if found.by_chance:
        ax.plot([0, 1], [0, 1], color=SOFT, linestyle="--", linewidth=1, label="by chance")
    ax.plot(found.points["x"], found.points["y"], label=found.label)
    ax.set(xlim=(0, found.points["x"].max()), ylim=(0, 1))
    legend(ax)
    return ax


def told_apart(task: Task, truth: ArrayLike, answer: ArrayLike, target: str) -> Axes:
    """Draw how often each answer was given, to the rows of each group of `Task.groups`; of several classes, a matrix.

    The matrix has the share of the rows of each class for which each class was the most likely one.
    """
    return (_matrix if len(task.parts) > 1 else _distribution)(task, truth, answer, target)


def _matrix(task: Task, truth: ArrayLike, answer: ArrayLike, target: str) -> Axes:
    groups, likely = task.groups(truth), np.asarray(answer).argmax(axis=1)
    counts = np.array([np.bincount(likely[rows], minlength=len(groups)) for rows in groups.values()])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    ax = axes("Which classes are taken for which", "most likely class", target, height=0.4 * len(groups) + 2)
    ax.grid(False)
    ax.imshow(shares, cmap=LIGHT_TO_DARK, vmin=0, vmax=1, aspect="auto")
    for (row, column), share in np.ndenumerate(shares):
        said = f"{share:.0%}\n{counts[row, column]:,}"
        dark = share > _DARK
        ax.annotate(said, (column, row), ha="center", va="center", fontsize=8, color="white" if dark else INK)
    ax.set_xticks(range(len(groups)), list(groups), rotation=30, ha="right")
    ax.set_yticks(range(len(groups)), list(groups))
    return ax


def _distribution(task: Task, truth: ArrayLike, answer: ArrayLike, target: str) -> Axes:
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
    legend(ax)
    return ax


def _ends(drawn: Iterable[pd.DataFrame]) -> tuple[float, float]:
    values = [bins[["predicted", "observed"]].to_numpy() for bins in drawn]
    return (float(np.min(np.concatenate(values))), float(np.max(np.concatenate(values)))) if values else (0.0, 1.0)


def expected(task: Task, predictions: Mapping[str, pd.DataFrame], event: str | None, target: str) -> Axes:
    """Draw the mean of `Task.said` of each day of `event` (UTC), by who predicts; without event, of all answers."""
    said = task.words(target).said
    answers = {who: pd.Series(task.said(task.written(table)), table.index) for who, table in predictions.items()}
    if event is None:
        ax = axes("What is expected of the rows", said, "rows", height=3.0)
        for who, answer in answers.items():
            ax.hist(answer, bins=40, histtype="step", label=who)
    else:
        ax = axes("What is expected of each day", "day, UTC", f"mean {said}", height=3.0)
        for who, answer in answers.items():
            ax.plot(answer.groupby(predictions[who][event].dt.date).mean(), label=who)
        ax.tick_params(axis="x", rotation=45)
    legend(ax)
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
    legend(ax)
    return ax


def slices(task: Task, parts: Sequence[Slice]) -> Axes:
    """Draw the improvement over the baseline of each slice, best on top, with simultaneous intervals."""
    ordered = sorted(parts, key=lambda part: (part.by, part.improvement.value))
    label = f"{SCORES[task.loss].name.lower()}, baseline less candidate, {task.loss_unit}; above 0 is better"
    ax = axes("Where the candidate helps, and where it does not", label, "", height=0.22 * len(ordered) + 1.6)
    middle = np.array([part.improvement.value for part in ordered])
    ends = np.array([[part.improvement.low, part.improvement.high] for part in ordered])
    groups = dict.fromkeys(part.by for part in ordered)
    colors = dict(zip(groups, itertools.cycle([ACCENT, SECOND]), strict=False))
    for row, part in enumerate(ordered):
        ax.plot(ends[row], [row, row], color=colors[part.by], linewidth=1)
    ax.scatter(middle, range(len(ordered)), color=[colors[part.by] for part in ordered], s=14, zorder=3)
    ax.axvline(0, color=SOFT, linestyle="--", linewidth=1)
    ax.set_yticks(range(len(ordered)), [f"{part.by} {part.value} ({part.rows:,})" for part in ordered], fontsize=8)
    ax.set_ylim(-0.8, len(ordered) - 0.2)
    return ax
