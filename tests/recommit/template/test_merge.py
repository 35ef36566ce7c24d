"""What a user has edited is kept, what the template has changed arrives, and what both changed is shown as both."""

import json

import nbformat
import pytest
from ruamel.yaml import YAML

from recommit.template.merge import merge


def notebook(**cells: str) -> str:
    made = nbformat.v4.new_notebook()
    made.cells = [nbformat.v4.new_code_cell(source, id=name) for name, source in cells.items()]
    return nbformat.writes(made)


def cells(text: str) -> dict[str, str]:
    read = nbformat.reads(text, as_version=4)
    nbformat.validate(read)
    return {cell.id: cell.source for cell in read.cells}


OLD = notebook(first="a = 1", second="b = 2", third="c = 3")


@pytest.mark.parametrize(
    ("ours", "new", "expected"),
    [
        pytest.param({}, {"second": "b = 20"}, {"second": "b = 20"}, id="a pristine cell is replaced"),
        pytest.param({"first": "a = 9"}, {"third": "c = 4"}, {"first": "a = 9", "third": "c = 4"}, id="an edit stays"),
        pytest.param({"third": None}, {"third": "c = 30"}, {"third": None}, id="a deleted cell stays deleted"),
        pytest.param({}, {"second": None}, {"second": None}, id="a cell that the template drops is gone"),
        pytest.param({"second": "b = 9"}, {"second": None}, {"second": "b = 9"}, id="an edited one is not dropped"),
        pytest.param({"own": "mine"}, {"fourth": "d"}, {"own": "mine", "fourth": "d"}, id="both add cells"),
    ],
)
def test_a_notebook_is_merged_by_its_cells(ours, new, expected):
    def changed(by: dict) -> dict[str, str]:
        return {name: source for name, source in (cells(OLD) | by).items() if source is not None}

    found = merge("notebooks/train.ipynb", OLD, notebook(**changed(ours)), notebook(**changed(new)))
    assert (cells(found.text), found.conflicts) == (changed(expected), 0)


def test_a_new_cell_comes_after_the_one_that_it_follows_in_the_template():
    ours = notebook(first="a = 1", own="mine", second="b = 2", third="c = 3")
    new = notebook(first="a = 1", second="b = 2", between="x", third="c = 3")
    assert list(cells(merge("x.ipynb", OLD, ours, new).text)) == ["first", "own", "second", "between", "third"]


def test_a_notebook_with_a_conflict_still_opens():
    ours = notebook(first="a = 9", second="b = 2", third="c = 3")
    found = merge("x.ipynb", OLD, ours, notebook(first="a = 10", second="b = 2", third="c = 3"))
    assert found.conflicts == 1
    source = cells(found.text)["first"]
    assert "<<<<<<< yours\na = 9\n" in source
    assert "a = 10" in source


PIPELINE = """\
# The pipeline.
stages:
  train:
    desc: Fit
    cmd: recommit run notebooks/train.ipynb
    deps:
      - notebooks/train.ipynb
      - src/mine.py
    outs:
      - models/a.onnx

  # For people.
  look:
    cmd: recommit run notebooks/look.ipynb
    deps: [notebooks/look.ipynb]
    outs: [reports/look.ipynb]

artifacts:
  mine: {path: models/candidate}
"""


def stages(text: str) -> dict:
    return YAML(typ="safe").load(text)["stages"]


def test_stages_are_merged_one_by_one_and_the_deps_stay():
    ours = PIPELINE.replace("desc: Fit", "desc: Fit mine").replace("src/mine.py", "src/other.py")
    new = PIPELINE.replace("models/a.onnx", "models/b.onnx").replace(
        "artifacts:", "  gate:\n    cmd: recommit run notebooks/gate.ipynb\n    outs: [d.json]\n\nartifacts:"
    )
    found = merge("dvc.yaml", PIPELINE, ours, new)
    assert found.conflicts == 0
    assert stages(found.text)["train"] == {
        "desc": "Fit mine",
        "cmd": "recommit run notebooks/train.ipynb",
        "deps": ["notebooks/train.ipynb", "src/other.py"],
        "outs": ["models/b.onnx"],
    }
    assert list(stages(found.text)) == ["train", "look", "gate"]
    assert "  # For people.\n  look:" in found.text
    assert YAML(typ="safe").load(found.text)["artifacts"] == {"mine": {"path": "models/candidate"}}


def test_a_deleted_stage_stays_deleted():
    ours = PIPELINE[: PIPELINE.index("  # For people.")] + PIPELINE[PIPELINE.index("artifacts:") :]
    found = merge("dvc.yaml", PIPELINE, ours, PIPELINE.replace("reports/look.ipynb", "reports/seen.ipynb"))
    assert list(stages(found.text)) == ["train"]


def test_text_is_merged_by_lines_and_a_conflict_shows_both():
    old = "one\ntwo\nthree\nfour\nfive\n"
    found = merge("params.yaml", old, old.replace("one", "1"), old.replace("five", "5"))
    assert found == ("1\ntwo\nthree\nfour\n5\n", 0)
    found = merge("params.yaml", old, old.replace("one", "1"), old.replace("one", "uno"))
    assert found.conflicts == 1
    assert {"<<<<<<< yours", "1", "uno", ">>>>>>> later template"} <= set(found.text.splitlines())


def test_json_is_written_as_the_template_writes_it():
    found = merge("x.ipynb", OLD, OLD, notebook(first="a = 2"))
    assert json.loads(found.text) == json.loads(notebook(first="a = 2"))
