"""Figures of how much single columns say of the target."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from recommit.figures import ACCENT, SECOND, SOFT, axes, folded, legend
from recommit.learning.intervals import Interval


def strongest(areas: Sequence[tuple[str, Interval]], bound: float) -> Axes:
    """Draw the AUC of single columns with intervals, best on top, and the bound above which a column is a question."""
    ax = axes("What single columns say", "AUC on later rows, of this column alone", "", height=0.32 * len(areas) + 1.5)
    places = range(len(areas) - 1, -1, -1)
    values = [area.value for _, area in areas]
    ends = [[area.value - area.low for _, area in areas], [area.high - area.value for _, area in areas]]
    ax.errorbar(
        values, places, xerr=ends, fmt="o", color=ACCENT, markersize=4, capsize=2, label="95 % interval, by days"
    )
    ax.axvline(0.5, color=SOFT, linestyle="--", linewidth=1, label="says nothing")
    ax.axvline(bound, color=SECOND, linewidth=1.5, label="a question from here on")
    ax.set_yticks(list(places), [folded(column) for column, _ in areas], fontsize=8)
    ax.set_xlim(min(0.48, *(area.low - 0.02 for _, area in areas)), 1.0)
    legend(ax)
    return ax
