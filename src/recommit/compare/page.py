"""A comparison as one page that opens offline: what was printed, and the curves of both candidates."""

import base64
from collections.abc import Iterator, Sequence
from importlib.resources import files
from io import BytesIO

import jinja2
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from recommit.compare.paired import Pair
from recommit.compare.side import Side
from recommit.evidence.scores import SCORES
from recommit.figures import ACCENT, SECOND, axes, legend
from recommit.learning import figures
from recommit.learning.selection import by_fold

_PAGE = """\
{% extends "frame.html" %}
{% block title %}{{ title }}{% endblock %}
{% block body %}
<main>
<h1>{{ title }}</h1>
<p>{{ verdict }}</p>
<div class="wide" tabindex="0" role="region" aria-label="What differs"><pre>{{ said }}</pre></div>
{% for alt, image in figures %}
<figure><img alt="{{ alt }}" src="data:image/png;base64,{{ image }}"></figure>
{% endfor %}
</main>
{% endblock %}
"""


def page(pair: Pair, first: Side, second: Side, said: Sequence[str]) -> str:
    """Return the page as HTML: the `said` lines, of which the last is the verdict, and a figure for each curve."""
    *told, verdict = said
    templates = jinja2.Environment(loader=jinja2.PackageLoader("recommit.report", "templates"), autoescape=True)
    templates.globals["style"] = (files("recommit.report") / "templates/style.css").read_text(encoding="utf-8")
    drawn = [(alt, _image(ax)) for alt, ax in _figures(pair, first, second)]
    title = f"{first.name} and {second.name}"
    return templates.from_string(_PAGE).render(title=title, verdict=verdict, said="\n".join(told), figures=drawn)


def _figures(pair: Pair, first: Side, second: Side) -> Iterator[tuple[str, Axes]]:
    """Yield figures with what they show in words: scores of each fold, calibration or residuals, the task's curve."""
    task, truth = pair.problem.task, pair.truth
    answers = {f"{first.name} ({first.fit})": pair.answers[0], f"{second.name} ({second.fit})": pair.answers[1]}
    losses = by_fold(task, truth, pair.rows["fold"], answers)
    means = losses.pivot(index="fold", columns="fit", values="loss")
    told = "; ".join(
        f"{fold}: {' and '.join(f'{loss:.4g}' for loss in row[list(answers)])}" for fold, row in means.iterrows()
    )
    yield f"{SCORES[task.loss].name} of both in each fold. {told}", _folds(pair, means[list(answers)])
    yield (
        "What both predict against what came, in equally filled bins",
        figures.calibrations(task, truth, answers, pair.problem.target),
    )
    curves = [task.curve(truth, answer, judged) for answer, judged in zip(answers.values(), pair.judged, strict=True)]
    ax = axes(curves[0].title, curves[0].x, curves[0].y, height=4.2)
    for name, curve, color in zip(answers, curves, (SECOND, ACCENT), strict=True):
        ax.plot(curve.points["x"], curve.points["y"], color=color, label=f"{name}: {curve.label}")
    legend(ax, columns=1)
    yield (
        f"{curves[0].title}: {'; '.join(f'{name}: {one.label}' for name, one in zip(answers, curves, strict=True))}",
        ax,
    )


def _folds(pair: Pair, means: pd.DataFrame) -> Axes:
    task = pair.problem.task
    label = f"{SCORES[task.loss].name}, {task.loss_unit} a row, lower is better"
    ax = axes("Fold by fold", label, "", height=0.4 * len(means) + 1.4)
    for (name, values), color, shift in zip(means.items(), (SECOND, ACCENT), (0.1, -0.1), strict=True):
        ax.scatter(values, [place + shift for place in range(len(values))], color=color, label=name)
    ax.set_yticks(range(len(means)), list(means.index))
    legend(ax, columns=1)
    return ax


def _image(ax: Axes) -> str:
    figure = ax.get_figure(root=True)
    assert figure
    with BytesIO() as file:
        figure.savefig(file, format="png", dpi=110, bbox_inches="tight")
        plt.close(figure)
        return base64.b64encode(file.getvalue()).decode()
