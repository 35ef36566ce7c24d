"""One style for all figures, which does not depend on the user's matplotlib settings."""

from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

INK, SOFT, ACCENT, SECOND = "#1c2430", "#8a94a3", "#1f5fa8", "#c2571a"
LIGHT_TO_DARK = LinearSegmentedColormap.from_list("shares", ["#ffffff", ACCENT])
"""The colors for shares from 0 to 1."""


def axes(title: str, x: str, y: str, *, height: float = 3.6) -> Axes:
    """Returns empty axes, 7 inches wide and `height` inches high; the labels `x` and `y` include their units."""
    plt.style.use(["default", Path(__file__).with_name("recommit.mplstyle")])
    _, ax = plt.subplots(figsize=(7.0, height))
    ax.set(title=title, xlabel=x, ylabel=y)
    return ax
