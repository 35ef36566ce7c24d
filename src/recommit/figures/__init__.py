"""One style for all figures, whatever the user's matplotlib settings are, and what a figure says in words."""

import io
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.container import BarContainer, ErrorbarContainer
from matplotlib.figure import Figure

INK, SOFT, ACCENT, SECOND = "#1c2430", "#5f6b7a", "#1f5fa8", "#c2571a"
LIGHT_TO_DARK = LinearSegmentedColormap.from_list("shares", ["#ffffff", ACCENT])
"""The colors for shares from 0 to 1."""
WIDTH = 5.2
"""In inches: the text of a figure that is shrunk to a phone's 370 pixels is still 9 pixels high."""
_TALL = 5.0
_LETTERS = 28


class Described(Figure):
    """A figure whose PNG file says what it shows, in words and numbers: pages give that to who cannot see it."""

    def savefig(self, fname: Any, **options: Any) -> None:
        """Write the figure to `fname`, a path or a file, with its description."""
        super().savefig(fname, metadata={"Software": None, "Description": described(self)}, **options)

    def _repr_mimebundle_(self, **_: object) -> dict[str, bytes]:
        """What a notebook shows: the very bytes of the file."""
        content = io.BytesIO()
        self.savefig(content, format="png")
        return {"image/png": content.getvalue()}


def axes(title: str, x: str, y: str, *, height: float = 3.6) -> Axes:
    """Returns empty axes, `height` inches high; the labels `x` and `y` include their units.

    Tall ones have ticks and label at the top as well.
    """
    plt.style.use(["default", Path(__file__).with_name("recommit.mplstyle")])
    _, ax = plt.subplots(figsize=(WIDTH, height), FigureClass=Described)
    ax.figure.suptitle(textwrap.fill(title, 2 * _LETTERS), x=0.01, ha="left", fontsize=11)
    ax.set(xlabel=textwrap.fill(x, 40), ylabel=y)
    if height > _TALL:
        ax.secondary_xaxis("top").set_xlabel(ax.get_xlabel())
    return ax


def legend(ax: Axes, columns: int = 2) -> None:
    """Put the legend below the axes, where it hides no data."""
    ax.figure.legend(*ax.get_legend_handles_labels(), loc="outside lower left", ncols=columns)


def folded(name: str) -> str:
    """Returns a long name of a row on two lines or more, so that the axes keep the larger part of the width."""
    return textwrap.fill(name.replace("_", "_ "), _LETTERS).replace("_ ", "_")


def described(figure: Figure) -> str:
    """Returns what `figure` shows, in words: titles, labels, and of each series its ends, lowest and highest values."""
    said = [f"{figure.get_suptitle()}.", *(sentence for ax in figure.axes for sentence in _said(ax))]
    return " ".join(" ".join(said).split())


def _said(ax: Axes) -> Iterator[str]:
    across, up = ax.get_xlabel(), ax.get_ylabel()
    yield f"Across: {across or 'names'}. Up: {up or 'names'}."
    names = {
        round(place): " ".join(label.get_text().split())
        for place, label in zip(ax.get_yticks(), ax.get_yticklabels(), strict=False)
    }
    named = not up and any(label and not _is_number(label) for label in names.values())
    for label, x, y in _series(ax):
        places = [names.get(round(place), f"{place:.3g}") for place in y] if named else [f"{place:.3g}" for place in x]
        values = x if named else y
        if not len(values) or not np.isfinite(values).any():
            continue
        low, high = int(np.nanargmin(values)), int(np.nanargmax(values))
        ends = f"lowest {values[low]:.3g} at {places[low]}, highest {values[high]:.3g} at {places[high]}"
        yield f"{label + ', ' if label else ''}{len(values)} points: {ends}."


def _series(ax: Axes) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield the label, x and y of bars, dots, and lines of more than two points."""
    bars = [found for found in ax.containers if isinstance(found, ErrorbarContainer)]
    labels, caps = {one.lines[0]: _label(one) for one in bars}, [cap for one in bars for cap in one.lines[1]]
    for line in (line for line in ax.lines if line not in caps):
        x, y = (np.asarray(values, dtype="float64") for values in line.get_data(orig=False))
        if len(x) > 2:
            yield labels.get(line, _label(line)), x, y
    for dots in (found for found in ax.collections if isinstance(found, PathCollection)):
        points = np.ma.getdata(dots.get_offsets())
        yield _label(dots), points[:, 0], points[:, 1]
    for row in (found for found in ax.containers if isinstance(found, BarContainer)):
        wide = row.orientation == "horizontal"
        x = np.array([bar.get_width() if wide else bar.get_x() + bar.get_width() / 2 for bar in row])
        y = np.array([bar.get_y() + bar.get_height() / 2 if wide else bar.get_height() for bar in row])
        yield _label(row), x, y


def _label(drawn: Any) -> str:
    label = str(drawn.get_label())
    return "" if label.startswith("_") else label


def _is_number(text: str) -> bool:
    return text.replace("−", "-").replace(".", "", 1).lstrip("-").isdecimal()
