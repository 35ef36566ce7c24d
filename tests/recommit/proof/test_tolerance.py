"""pyproject.toml sets tolerances, and the distance of two numbers is relative."""

import math
from pathlib import Path

import numpy as np
import pytest

from recommit import Refusal
from recommit.proof.tolerance import Tolerance, read_tolerance, relative_difference

ROOT = Path(__file__).parents[3]


def test_without_a_table_the_defaults_hold(tmp_path: Path) -> None:
    assert read_tolerance(tmp_path) == Tolerance()
    (tmp_path / "pyproject.toml").write_text("[tool.other]\n")
    assert read_tolerance(tmp_path) == Tolerance()


def test_the_project_states_the_defaults() -> None:
    assert read_tolerance(ROOT) == Tolerance()


def test_a_table_may_set_some(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.recommit.tolerance]\nnumbers = 0\nfigures = 2.5\n")
    assert read_tolerance(tmp_path) == Tolerance(numbers=0, figures=2.5)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("[tool.recommit.tolerance]\nnumber = 1", "has number: it knows numbers, predictions, figures"),
        ("[tool.recommit.tolerance]\nnumbers = -1e-9", "numbers is -1e-09: expected a number, 0 or more"),
        ("[tool.recommit.tolerance]\nfigures = '1'", "figures is '1': expected a number, 0 or more"),
        ("[tool.recommit.tolerance]\nfigures = true", "figures is True: expected a number"),
        ("[tool.recommit.tolerance]\nfigures = nan", "figures is nan: expected a number"),
        ("[tool.recommit.tolerance]\nfigures = inf", "figures is inf: expected a number"),
        ("[tool.recommit]\ntolerance = 1e-9", "is not a table"),
        ("[tool.recommit.tolerance", "is not TOML"),
    ],
)
def test_what_cannot_be_a_tolerance_is_refused_in_one_line(tmp_path: Path, table: str, said: str) -> None:
    (tmp_path / "pyproject.toml").write_text(table)
    with pytest.raises(Refusal) as caught:
        read_tolerance(tmp_path)
    assert said in str(caught.value)
    assert "pyproject.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("was", "now", "distance"),
    [
        (100.0, 101.0, 1 / 101),
        (-1.0, 1.0, 2),
        (0.0, -0.0, 0),
        (math.nan, math.nan, 0),
        (math.inf, math.inf, 0),
        (math.nan, 1.0, math.inf),
        (0.0, math.nan, math.inf),
        (math.inf, -math.inf, math.inf),
        (math.inf, 1e308, math.inf),
        (1e308, -1e308, math.inf),
        (1e-17, 0.0, 1e-14),
        (1e-3, 1.1e-3, 1 / 11),
    ],
)
def test_the_distance_of_two_numbers(was: float, now: float, distance: float) -> None:
    assert relative_difference(was, now) == pytest.approx(distance)
    assert relative_difference(now, was) == pytest.approx(distance)
    assert relative_difference(np.array([was, 1.0]), np.array([now, 1.0])) == pytest.approx([distance, 0])
