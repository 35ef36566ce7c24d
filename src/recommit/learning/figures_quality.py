"""Figures of what a table looked like period by period."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.patches import Rectangle

from recommit.evidence.stages import Flag
from recommit.figures import INK, LIGHT_TO_DARK, SECOND, axes, legend


def shares(numbers: pd.DataFrame, whats: tuple[str, ...], flags: list[Flag], title: str, most: int = 20) -> Axes:
    """Draw a heat map of shares in per cent, one row per column and one column per period, with flags framed.

    `numbers` is what `quality.report` gives for one table; `whats` names the shares to show, at most one per column.
    Columns whose share is 0 in every period are left out; of more than `most`, those with the largest shares are shown.
    """
    chosen = numbers[numbers["what"].isin(whats)]
    grid = 100 * chosen.pivot(index="column", columns="period", values="value")
    grid = grid.reindex(columns=sorted(numbers["period"].unique()))
    order = grid.max(axis=1).sort_values(ascending=False, kind="stable")
    grid = grid.loc[order[order > 0].index[:most]]
    ax = axes(title, "period", "", height=0.26 * max(len(grid), 1) + 1.3)
    ax.grid(False)
    ax.set_xticks(np.arange(grid.shape[1]), list(grid.columns), fontsize=8, rotation=45)
    ax.set_yticks(np.arange(len(grid)), list(grid.index), fontsize=8)
    if grid.empty:
        ax.set_xlim(-0.5, grid.shape[1] - 0.5)
        ax.annotate("0 % in every column and period", (0.5, 0.5), xycoords="axes fraction", ha="center", va="center")
        return ax
    # The square root keeps small shares visible beside a large one.
    ax.imshow(grid, cmap=LIGHT_TO_DARK, norm=PowerNorm(0.5, 0, max(grid.max().max(), 10)), aspect="auto")
    for (row, column), share in np.ndenumerate(grid.to_numpy()):
        if np.isfinite(share) and share > 0:
            said = f"{share:.1f}" if share >= 0.05 else "<0.1"
            dark = share > 0.4 * max(grid.max().max(), 10)
            ax.annotate(said, (column, row), ha="center", va="center", fontsize=8, color="white" if dark else INK)
    rows, columns = list(grid.index), list(grid.columns)
    for flag in flags:
        if flag.what in whats and flag.column in rows and flag.period in columns:
            corner = (columns.index(flag.period) - 0.5, rows.index(flag.column) - 0.5)
            ax.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor=SECOND, linewidth=2))
    return ax


def volume(numbers: pd.DataFrame) -> Axes:
    """Draw the rows per day of each table by period, with intervals, in per cent of the mean of the table's periods."""
    found = numbers[numbers["what"] == "volume"]
    periods = sorted(found["period"].unique())
    ax = axes("Are the rows all there?", "period", "rows a day, % of the table's mean period", height=3.2)
    tables = list(found["table"].unique())
    for place, table in enumerate(tables):
        rows = found[found["table"] == table]
        mean = rows["value"].mean()
        x = np.array([periods.index(period) for period in rows["period"]]) + 0.12 * (place - (len(tables) - 1) / 2)
        ends = [rows["value"] - rows["low"], rows["high"] - rows["value"]]
        ax.errorbar(x, 100 * rows["value"] / mean, 100 * np.array(ends) / mean, fmt="o", markersize=4, label=table)
    ax.set_xticks(range(len(periods)), periods, rotation=45)
    ax.set_ylim(0, 1.05 * ax.get_ylim()[1])
    legend(ax, columns=len(tables))
    return ax
