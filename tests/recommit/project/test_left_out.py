"""A stage that params.yaml leaves out says so in all that it writes; another name is refused in one line."""

import io
import json
from pathlib import Path

import nbformat
import pytest
from PIL import Image

from recommit import Refusal
from recommit.project.left_out import LEFT_OUT, MAY_BE, instead, is_left_out, refuse_others
from recommit.project.params import declared_values, notebook_values
from recommit.project.pipeline import Stage

SEARCH = Stage("search@boosting", "recommit run notebooks/search.ipynb", params=("seed", "leave_out.search"))


def project(folder: Path, line: str) -> Path:
    (folder / "params.yaml").write_text(f"seed: 7\n{line}\n")
    return folder


@pytest.mark.parametrize(("line", "left_out"), [("", False), ("leave_out: {search: false}", False)])
def test_a_stage_runs_unless_it_is_left_out(tmp_path: Path, line: str, left_out: bool) -> None:
    assert is_left_out(project(tmp_path, line), SEARCH) is left_out


def test_a_line_leaves_out_all_items_of_a_stage_and_no_other_stage(tmp_path: Path) -> None:
    folder = project(tmp_path, "leave_out: {search: true, quality: false}")
    refuse_others(folder)
    assert is_left_out(folder, SEARCH)
    assert not is_left_out(folder, Stage("quality", "", params=("leave_out.quality",)))
    assert not is_left_out(folder, Stage("train@boosting-full", ""))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("leave_out: {train: true}", "leave_out names train, which cannot be left out: "),
        ("leave_out: [search]", "leave_out is ['search']: "),
        ("leave_out: {search: 1}", "leave_out.search is 1: "),
    ],
)
def test_what_cannot_be_left_out_is_refused_in_one_line_that_lists_what_can(
    tmp_path: Path, line: str, said: str
) -> None:
    with pytest.raises(Refusal) as raised:
        refuse_others(project(tmp_path, line))
    assert str(raised.value).startswith(f"params.yaml: {said}")
    assert str(raised.value).endswith(", ".join(MAY_BE))
    assert "\n" not in str(raised.value)


def test_a_stage_that_would_not_run_when_the_line_changes_is_refused(tmp_path: Path) -> None:
    folder = project(tmp_path, "leave_out: {search: true}")
    with pytest.raises(Refusal, match=r"stage search does not declare leave_out\.search, which is true"):
        is_left_out(folder, Stage("search@boosting", "", params=("seed",)))


def test_its_results_depend_on_the_line_and_its_notebook_is_not_told(tmp_path: Path) -> None:
    folder = project(tmp_path, "leave_out: {search: true}")
    assert notebook_values(SEARCH, folder) == {"seed": 7}
    assert declared_values(SEARCH, folder) == {"seed": 7, "leave_out": {"search": True}}


def test_what_it_writes_says_that_nothing_was_measured() -> None:
    assert json.loads(instead(SEARCH, "reports/advice/boosting.json")) == {"left_out": "search", "version": 1}
    page = nbformat.reads(instead(SEARCH, "reports/notebooks/search/boosting.ipynb").decode(), as_version=4)
    nbformat.validate(page)
    assert [cell.cell_type for cell in page.cells] == ["markdown"]
    assert page.cells[0].source.startswith("# search@boosting is left out\n")
    assert instead(SEARCH, "reports/search.csv") == LEFT_OUT
    picture = io.BytesIO(instead(SEARCH, "reports/figures/search.png"))
    assert Image.open(picture).convert("RGB").getcolors() == [(1, (255, 255, 255))]
