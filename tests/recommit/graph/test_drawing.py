"""The picture: the same bytes each time, readable without sight, without colours of its own, without a network."""

import re
from xml.etree import ElementTree

import nbformat

from recommit.graph.drawing import svg
from recommit.graph.executed import of_notebook
from recommit.project.pipeline import Stage

STAGES = [
    Stage("read", "recommit run notebooks/read.ipynb", deps=("raw.csv",), outs=("rows.csv",), desc="Read <all> & more"),
    *(Stage(f"fit@{name}", "echo", deps=("rows.csv",), outs=(f"fits/{name}",)) for name in ("a", "b")),
    Stage("show", "echo", deps=("fits", "rows.csv")),
]


def test_the_picture_is_one_whole_element() -> None:
    root = ElementTree.fromstring(svg(STAGES))
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == ["read", "fit ×2", "show"]


def test_what_leads_where_is_said_in_words() -> None:
    assert "read leads to fit. fit ×2 leads to show.</desc>" in svg(STAGES)
    assert "The pipeline: 4 stages</title>" in svg(STAGES)
    assert "<title>Read &lt;all&gt; &amp; more</title>" in svg(STAGES)


def test_the_same_pipeline_gives_the_same_bytes() -> None:
    assert svg(STAGES) == svg(list(STAGES))


def test_the_picture_refers_to_nothing_and_has_the_colour_of_the_text() -> None:
    drawn = svg(STAGES).replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"http|url\(|href|#[0-9a-f]{3}", drawn)
    assert drawn.count("currentColor") == 4


def test_the_picture_has_about_the_width_that_is_asked_for() -> None:
    chain = [Stage(f"stage{n}", "echo", deps=(f"{n}.csv",), outs=(f"{n + 1}.csv",)) for n in range(6)]
    assert re.search(r' width="(\d+)"', svg(chain, 600))[1] == "600"  # type: ignore[index]


def test_executed_notebooks_give_the_picture_that_dvc_yaml_gives() -> None:
    pages = [nbformat.v4.new_notebook(metadata={"recommit": stage.noted}) for stage in STAGES]
    drawn = [of_notebook(page, stage.name, stage.desc) for page, stage in zip(pages, STAGES, strict=True)]
    assert svg(drawn) == svg(STAGES)
    assert [stage.notebook for stage in drawn] == ["notebooks/read.ipynb", None, None, None]


def test_a_notebook_notes_data_and_no_code() -> None:
    deps = ("notebooks/x.ipynb", "raw.csv", "data/rows.csv", "src/ours/x.py", "src/recommit/notebook", "locks/run.txt")
    stage = Stage("x", "recommit run notebooks/x.ipynb", deps=deps, outs=("b", "a"))
    assert stage.noted == {
        "notebook": "notebooks/x.ipynb",
        "deps": ["data/rows.csv", "raw.csv"],
        "outs": ["a", "b"],
    }
