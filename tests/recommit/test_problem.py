"""The problem is named in pyproject.toml, and what is wrong there is said in a line."""

from dataclasses import replace
from pathlib import Path

import pytest

from recommit import Refusal
from recommit.catalogue import Feature
from recommit.columns import ALWAYS, Column
from recommit.problem import load_problem
from recommit.project.named import named_problem
from tests.recommit.batch import world


def project(folder: Path, text: str) -> Path:
    (folder / "pyproject.toml").write_text(text)
    return folder


def test_the_named_problem_is_loaded(tmp_path):
    named = '[tool.recommit]\nproblem = "tests.recommit.batch.world:PROBLEM"\n'
    assert load_problem(project(tmp_path, named)) is world.PROBLEM


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[tool", "cannot be read"),
        ("[project]\nname = 'x'\n", "names no problem: it needs"),
        ("[tool.recommit]\nproblem = 'nowhere'\n", "names the problem 'nowhere': it needs"),
        ("[tool.recommit]\nproblem = 7\n", "names the problem 7: it needs"),
        ("[tool.recommit]\nproblem = 'no_such_package.problem:PROBLEM'\n", "cannot be imported"),
        ("[tool.recommit]\nproblem = 'tests.recommit.batch.world:ABSENT'\n", "is not there: it must be"),
        ("[tool.recommit]\nproblem = 'tests.recommit.batch.world:ROADS'\n", "is a list: it must be"),
    ],
)
def test_a_problem_that_cannot_be_had_is_refused(tmp_path, text, told):
    with pytest.raises(Refusal, match=told) as caught:
        load_problem(project(tmp_path, text))
    assert "\n" not in str(caught.value)
    assert caught.value.status == 2


def test_the_only_problem_in_src_needs_no_name(tmp_path):
    """So a stage reads no pyproject.toml: what else is written there concerns no result."""
    for package in ("recommit", "shop"):
        (tmp_path / "src" / package).mkdir(parents=True)
        (tmp_path / "src" / package / "problem.py").touch()
    assert named_problem(tmp_path) == ("shop.problem", "PROBLEM")
    (tmp_path / "src/other").mkdir()
    (tmp_path / "src/other/problem.py").touch()
    with pytest.raises(Refusal, match="pyproject"):
        named_problem(tmp_path)


def test_a_project_without_pyproject_is_refused(tmp_path):
    with pytest.raises(Refusal, match=r"pyproject\.toml is missing"):
        load_problem(tmp_path)


def test_what_is_asked_and_kept_follows_from_the_declared_columns():
    assert world.PROBLEM.key == "parcel"
    assert world.PROBLEM.asked == {"parcel": "whole", "leaves": "instant", "grams": "whole", "road": "text"}
    assert world.PROBLEM.kept == {"parcel": "whole", "leaves": "instant", "predicted_at": "instant"}


WITH_AGE = (*world.CATALOGUE.features, Feature("age", "age", "parcels", "days", "with the parcel", "in the request"))
WITH_GIFT = (*world.PARCELS.columns, Column("gift", "boolean", ALWAYS, given=True))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"beside": ("late",)}, "parcels declares no given column late"),
        ({"beside": ("town",)}, "parcels declares no given column town"),
        ({"instant": "asked_at"}, "features declares no column asked_at"),
        ({"catalogue": replace(world.CATALOGUE, features=WITH_AGE)}, "features declares no column age"),
        ({"history": (replace(world.DELAYS, name="roads"),)}, "roads is none of the problem's tables"),
        ({"event": None}, "instant, known and event are all given"),
        ({"rows": replace(world.PARCELS, keys=(("parcel", "road"),))}, "first key of parcels must be one column"),
        ({"rows": replace(world.PARCELS, columns=WITH_GIFT)}, "gift is given and a boolean"),
    ],
)
def test_a_problem_that_says_what_its_tables_do_not_declare_is_refused(change, told):
    with pytest.raises(ValueError, match=told):
        replace(world.PROBLEM, **change)
