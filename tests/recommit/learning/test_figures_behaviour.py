"""Figures show every result that they are given, and cope with none."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from recommit.evidence.numbers import Interval
from recommit.evidence.stages import Aged, Blanked, Moved, Worth
from recommit.learning import figures_behaviour as figures
from recommit.learning.explain import Explanation
from recommit.task import Binary

TASK = Binary(("no", "late"))

ONE = Interval(0.2, 0.1, 0.4)
FOG = ("fog", "fall", "planes wait", 0.02, 5, 3)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def labels(ax) -> list[str]:
    return [tick.get_text() for tick in ax.get_yticklabels()]


def texts(ax) -> list[str]:
    return [text.get_text() for text in ax.texts]


def test_worth_names_every_feature_and_its_cost_even_without_ends_to_an_interval():
    found = [
        Worth("a", 1, ONE, ONE, "needed"),
        Worth("b", 1, ONE, Interval(0.0, -np.inf, np.inf), "replaceable"),
        Worth("c", 1, ONE, None, "not fitted"),
    ]
    ax = figures.worth(TASK, found, "title", {"a": "free", "b": "dear", "c": "free"})
    assert labels(ax) == ["a", "b", "c"]
    assert texts(ax) == ["free", "dear", "free"]
    assert ax.get_xlabel() == "added log loss, nats a row"


def test_the_waterfall_ends_at_the_prediction_and_sums_up_what_it_does_not_show():
    steps = np.array([1.0, -0.5, 0.25, 0.25])
    names = ("queue", "carrier", "c", "d")
    ax = figures.waterfall(TASK, Explanation(names, (52.0, "UA", 1.0, np.nan), steps, steps, -1.0, 0.5), "late", most=2)
    assert labels(ax) == ["queue = 52", "carrier = UA", "the other 2 features"]
    assert texts(ax) == ["+1.00", "-0.50", "+0.50", "usual", "this one"]
    ends = [line.get_xdata()[0] for line in ax.lines]
    assert ends == [-1.0, 0.0]


def test_decay_says_the_age_and_the_loss():
    since, until = pd.Timestamp("2012-11-01"), pd.Timestamp("2013-02-01")
    ax = figures.decay(TASK, [Aged(2, since, until, 10, ONE, ONE)], "2013-07")
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["2\nloss 0.2"]
    assert ax.figure.get_suptitle() == "Fits of equally long training, judged on 2013-07"


def test_directions_and_missing_values_leave_out_what_has_no_number():
    ax = figures.directions(TASK, [Moved(*FOG, ONE, ONE), Moved(*FOG, None, ONE)], "late")
    assert labels(ax) == ["fog"]
    assert texts(ax) == ["20.0%\nwrong"]
    assert labels(figures.missing(TASK, [Blanked("a", 1, None, None, 9), Blanked("b", 1, ONE, ONE, 0)])) == ["b"]


def test_nothing_to_show_makes_an_empty_figure():
    for ax in (figures.directions(TASK, [], "late"), figures.missing(TASK, [])):
        assert labels(ax) == []
        ax.figure.canvas.draw()
