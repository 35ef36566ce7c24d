"""Figures can be read: on a phone, by who sees few colors, and by who sees none."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter
from matplotlib.colors import to_rgb
from PIL import Image

from recommit.figures import ACCENT, INK, SECOND, SOFT, WIDTH, axes, described, folded, legend

_PHONE = 370
_POINTS_AN_INCH = 72
# How colors look without the cones for red, and without those for green (Machado et al. 2009, at full severity).
_WITHOUT = {
    "red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
}


@pytest.fixture(autouse=True)
def no_window() -> Iterator[None]:
    mpl.use("agg")
    yield
    plt.close("all")


def linear(color: str) -> np.ndarray:
    share = np.array(to_rgb(color))
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """The ratio of WCAG 2.2: 1 for the same color, 21 for black on white."""
    light = sorted(float(linear(color) @ [0.2126, 0.7152, 0.0722]) + 0.05 for color in (one, other))
    return light[1] / light[0]


def test_text_and_lines_stand_out_from_the_ground() -> None:
    axes("a", "b", "c")
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert all(contrast(color, "#ffffff") >= 4.5 for color in (INK, SOFT, ACCENT))
    assert all(contrast(cycled["color"], "#ffffff") >= 3 for cycled in mpl.rcParams["axes.prop_cycle"])
    assert contrast("#bbbbbb", "#ffffff") < 3


@pytest.mark.parametrize("cones", ["red", "green"])
def test_the_colors_of_lines_differ_also_for_who_lacks_a_kind_of_cones(cones: str) -> None:
    axes("a", "b", "c")
    colors = [linear(cycled["color"]) @ np.array(_WITHOUT[cones]).T for cycled in mpl.rcParams["axes.prop_cycle"]]
    assert min(float(np.abs(one - other).max()) for one, other in itertools.combinations(colors, 2)) > 0.15
    assert float(np.abs((linear(ACCENT) - linear(SECOND)) @ np.array(_WITHOUT[cones]).T).max()) > 0.2


def test_text_is_nine_pixels_high_on_a_phone() -> None:
    ax = axes("a", "b", "c")
    shrunk = _PHONE / WIDTH / _POINTS_AN_INCH
    assert min(ax.xaxis.label.get_size(), mpl.rcParams["font.size"]) * shrunk >= 8.8


def test_a_legend_hides_no_data() -> None:
    ax = axes("a", "b", "c")
    for name in ("one", "two", "three"):
        ax.plot([0, 1, 2], [0, 2, 1], label=name)
    legend(ax)
    ax.figure.canvas.draw()
    [drawn] = ax.figure.legends
    assert not drawn.get_window_extent().overlaps(ax.get_window_extent())


def test_tall_axes_are_labelled_at_the_top_as_well() -> None:
    [top] = axes("a", "loss, nats", "", height=9).child_axes
    assert top.get_xlabel() == "loss, nats"
    assert axes("a", "loss, nats", "").child_axes == []


def test_a_long_name_is_folded_where_its_words_end() -> None:
    assert (
        folded("half of the flights to the destination came late")
        == "half of the flights to the\ndestination came late"
    )
    assert folded("origin_departure_delay_24h_mean") == "origin_departure_delay_\n24h_mean"


def test_a_figure_says_what_it_shows_in_words_and_numbers_in_its_file_and_in_the_notebook(tmp_path: Path) -> None:
    ax = axes("How it ages", "months", "loss, nats")
    ax.plot([1, 2, 3], [0.3, 0.1, 0.2], label="boosting")
    said = "How it ages. Across: months. Up: loss, nats. boosting, 3 points: lowest 0.1 at 2, highest 0.3 at 1."
    assert described(ax.figure) == said
    ax.figure.savefig(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert image.info["Description"] == said
    shown, _ = DisplayFormatter().format(ax.figure)
    assert shown["image/png"] == (tmp_path / "a.png").read_bytes()


def test_of_rows_with_names_the_lowest_and_the_highest_are_named() -> None:
    ax = axes("Parts", "loss", "")
    ax.errorbar([0.2, 0.4, 0.3], [0, 1, 2], xerr=0.1, capsize=2, fmt="o", label="interval")
    ax.set_yticks([0, 1, 2], ["north", "far\nsouth", "east"])
    assert described(ax.figure).endswith("interval, 3 points: lowest 0.2 at north, highest 0.4 at far south.")


def test_bars_and_dots_are_described_too() -> None:
    ax = axes("Rows", "month", "rows")
    ax.bar([1, 2], [5.0, 7.0], label="bars")
    ax.scatter([1, 2], [4.0, 3.0], label="dots")
    said = described(ax.figure)
    assert "bars, 2 points: lowest 5 at 1, highest 7 at 2." in said
    assert "dots, 2 points: lowest 3 at 2, highest 4 at 1." in said
