"""Figures of what a model leans on, how it ages and how it takes strange inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from recommit.evidence.scores import SCORES
from recommit.figures import ACCENT, INK, SECOND, SOFT, axes, folded, legend

if TYPE_CHECKING:  # a figure of one kind is not drawn anew when another kind's module changes
    from recommit.evidence.numbers import Interval
    from recommit.evidence.stages import Aged, Blanked, Moved, Worth
    from recommit.learning.explain import Explanation
    from recommit.task import Task


def worth(task: Task, found: Sequence[Worth], title: str, cost: Mapping[str, str] | None = None) -> Axes:
    """Draw the loss that permuting and leaving out add, with intervals, the first of `found` on top.

    `cost` maps names to a text that is written beside each.
    """
    ax = axes(title, _added(task), "", height=0.4 * len(found) + 1.6)
    rows = np.arange(len(found), dtype="float64")[::-1]
    ax.axvline(0, color=INK, linewidth=0.8)
    _spans(ax, [one.permuted for one in found], rows + 0.14, ACCENT, "values permuted: what the model leans on")
    fitted = [(one.left_out, row - 0.14) for one, row in zip(found, rows, strict=True) if one.left_out is not None]
    without, places = [interval for interval, _ in fitted], np.array([place for _, place in fitted])
    _spans(ax, without, places, SECOND, "fitted without: what is lost")
    ax.set_yticks(rows, [folded(one.name) for one in found], fontsize=8)
    for row, one in zip(rows, found, strict=True):
        _beside(ax, row, "" if cost is None else cost[one.name])
    legend(ax, columns=1)
    return ax


def waterfall(task: Task, explanation: Explanation, target: str, most: int = 12) -> Axes:
    """Draw the `most` largest steps from the usual answer to the explained one, in log-odds or in the target's unit."""
    rows = explanation.table()
    shown = rows.head(most)
    labels = [folded(f"{feature} = {_said(value)}") for feature, value in shown["value"].items()]
    steps = shown["moved"].tolist()
    if len(rows) > most:
        labels.append(f"the other {len(rows) - most} features")
        steps.append(float(rows["moved"][most:].sum()))
    ends = explanation.base + np.cumsum(steps)
    starts = ends - steps
    ax = axes(
        f"Why {task.shown(explanation.answer)}",
        task.words(target).moved,
        "",
        height=0.36 * len(steps) + 1.5,
    )
    places = np.arange(len(steps))[::-1]
    ax.barh(places, steps, left=starts, height=0.6, color=[SECOND if step > 0 else ACCENT for step in steps])
    for place, start, end, step in zip(places, starts, ends, steps, strict=True):
        ax.annotate(f"{step:+.2f}", (max(start, end), place), xytext=(4, 0), textcoords="offset points", va="center")
    for end, said in ((explanation.base, "usual"), (ends[-1], "this one")):
        ax.axvline(end, color=SOFT, linestyle="--", linewidth=1)
        ax.annotate(said, (end, 1.0), xycoords=("data", "axes fraction"), ha="center", va="bottom", fontsize=8)
    ax.set_yticks(places, labels, fontsize=8)
    ax.use_sticky_edges = False
    ax.margins(x=0.12)
    return ax


def decay(task: Task, curve: Sequence[Aged], period: str) -> Axes:
    """Draw the loss in `period` less the freshest fit's, with intervals, by periods since training ended."""
    ax = axes(
        f"Fits of equally long training, judged on {period}",
        "periods between the end of training and the one judged",
        _added(task),
    )
    if not curve:
        ax.annotate("not measurable: no window is long enough", (0.5, 0.5), xycoords="axes fraction", ha="center")
        return ax
    ages = [aged.periods_old for aged in curve]
    values, errors = _errors([aged.added_loss for aged in curve])
    ax.axhline(0, color=SOFT, linestyle="--", linewidth=1)
    ax.errorbar(ages, values, yerr=errors, color=ACCENT, marker="o", capsize=3, linewidth=1.2)
    ax.set_xticks(ages, [f"{aged.periods_old}\nloss {aged.loss.value:.4g}" for aged in curve])
    ax.margins(x=0.15)
    return ax


def directions(task: Task, results: Sequence[Moved], target: str) -> Axes:
    """Draw how far each direction test moved the mean answer, with intervals."""
    shown = [result for result in results if result.mean_change is not None]
    ax = axes(
        "Does the answer move the way it must?",
        f"mean change of the {task.words(target).said}; beside it, the share that moves the wrong way",
        "",
        height=0.42 * len(shown) + 1.2,
    )
    rows = np.arange(len(shown), dtype="float64")[::-1]
    ax.axvline(0, color=INK, linewidth=0.8)
    _spans(ax, [result.mean_change for result in shown if result.mean_change], rows, ACCENT, None)
    for row, result in zip(rows, shown, strict=True):
        _beside(ax, row, f"{result.violating.value:.1%}\nwrong")
    ax.set_yticks(rows, [folded(result.name) for result in shown], fontsize=8)
    return ax


def missing(task: Task, results: Sequence[Blanked]) -> Axes:
    """Draw the loss that missing values of each feature or source add, with intervals."""
    shown = [result for result in results if result.added_loss is not None]
    ax = axes("What it costs when values are missing", _added(task), "", height=0.34 * len(shown) + 1.2)
    rows = np.arange(len(shown), dtype="float64")[::-1]
    ax.axvline(0, color=INK, linewidth=0.8)
    _spans(ax, [result.added_loss for result in shown if result.added_loss], rows, ACCENT, None)
    ax.set_yticks(rows, [folded(result.name) for result in shown], fontsize=8)
    return ax


def _added(task: Task) -> str:
    return f"added {SCORES[task.loss].name.lower()}, {task.loss_unit} a row"


def _spans(ax: Axes, intervals: Sequence[Interval], places: np.ndarray, color: str, label: str | None) -> None:
    values, errors = _errors(intervals)
    ax.errorbar(values, places, xerr=errors, color=color, marker="o", markersize=3.5, linestyle="", label=label)


def _beside(ax: Axes, row: float, text: str) -> None:
    place = ("axes fraction", "data")
    ax.annotate(text, (1.01, row), xycoords=place, ha="left", va="center", fontsize=8, color=SOFT)


def _errors(intervals: Sequence[Interval]) -> tuple[np.ndarray, np.ndarray]:
    """Return values, (n,), and how far their intervals reach below and above, (2, n): 0 where there is no end."""
    values = np.array([interval.value for interval in intervals])
    reach = np.array([[one.value - one.low for one in intervals], [one.high - one.value for one in intervals]])
    return values, np.where(np.isfinite(reach), np.maximum(reach, 0), 0)


def _said(value: object) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"
