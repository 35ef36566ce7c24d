"""The state of each stage is what DVC says of it, and what a failed run, params.yaml and the stages before it add."""

import re
import shutil
import subprocess
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from recommit.graph.boxes import boxes
from recommit.graph.page import page
from recommit.graph.states import Standing, of_box, standings
from recommit.graph.text import WIDTH, lines
from recommit.project.pipeline import Stage, stages
from recommit.verbs.graph import command

PIPELINE = """\
stages:
  read: {desc: Read it, cmd: cp raw.csv rows.csv, params: [seed], deps: [raw.csv], outs: [rows.csv]}
  fit:
    desc: Fit one
    matrix: {model: [a, b]}
    cmd: cp rows.csv fit-${item.model}.csv
    deps: [rows.csv, "only-${item.model}.csv"]
    outs: ["fit-${item.model}.csv"]
  choose: {desc: Take the best, cmd: cp fit-a.csv best.csv, deps: [fit-a.csv, fit-b.csv], outs: [best.csv]}
  search: {desc: Advise, cmd: cp rows.csv advice.csv, params: [leave_out.search], deps: [rows.csv], outs: [advice.csv]}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    for name in ("raw.csv", "only-a.csv", "only-b.csv"):
        (folder / name).write_text(name)
    (folder / "dvc.yaml").write_text(PIPELINE)
    (folder / "params.yaml").write_text("seed: 1\nleave_out: {search: true}\n")
    for words in (["git", "init", "-q"], ["dvc", "init", "-q"], ["dvc", "repro", "-q"]):
        subprocess.run(words, check=True, cwd=folder)
    return folder


@pytest.fixture
def project(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pipeline without notebooks, all of it run."""
    copied = tmp_path / "copied"
    shutil.copytree(run, copied)
    monkeypatch.chdir(copied)
    return copied


def states(project: Path) -> dict[str, str]:
    return {name: standing.state for name, standing in standings(project, stages(project)).items()}


def test_what_has_run_is_up_to_date_and_what_is_left_out_says_so(project: Path) -> None:
    assert set(states(project).values()) == {"up to date", "left out"}
    assert states(project)["search"] == "left out"


def test_what_changed_says_why_and_what_follows_it_waits(project: Path) -> None:
    (project / "only-b.csv").write_text("another")
    found = standings(project, stages(project))
    assert found["fit@b"] == Standing("changed", ("only-b.csv modified",), "changed")
    assert (found["fit@a"].state, found["read"].state) == ("up to date", "up to date")
    assert found["choose"] == Standing("waiting", ("for fit@b",), "waiting")
    (box,) = (box for box in boxes(stages(project)) if box.name == "fit")
    assert of_box(box, found).said == "changed: 1 of 2"


def test_a_changed_parameter_is_named(project: Path) -> None:
    (project / "params.yaml").write_text("seed: 2\nleave_out: {search: true}\n")
    assert standings(project, stages(project))["read"].why == ("params.yaml: seed modified",)


def test_a_stage_whose_last_run_failed_is_told_from_one_that_changed(project: Path) -> None:
    (project / "reports/failed").mkdir(parents=True)
    (project / "reports/failed/read.ipynb").write_text("{}")
    assert states(project)["read"] == "up to date"
    (project / "raw.csv").write_text("another")
    assert states(project)["read"] == "failed"


def test_results_that_are_only_not_on_this_machine_are_not_changed(project: Path) -> None:
    for name in ("rows.csv", "fit-a.csv", "fit-b.csv", "best.csv", "advice.csv"):
        (project / name).unlink()
    assert set(states(project).values()) == {"not here"}


def test_what_never_ran_is_changed(project: Path) -> None:
    (project / "dvc.lock").unlink()
    found = standings(project, stages(project))
    assert {standing.state for standing in found.values()} == {"changed"}
    assert found["choose"].why == ("it never ran",)


def test_the_command_prints_every_box_and_the_page_tells_what_it_reads_and_makes(project: Path) -> None:
    (project / "only-b.csv").write_text("another")
    said = CliRunner().invoke(command, [], catch_exceptions=False).output.splitlines()
    assert [line.rstrip() for line in said] == [
        "1   read    up to date",
        "2   fit ×2  changed: 1 of 2  after read; only-b.csv modified",
        "    search  left out         after read",
        "3   choose  waiting          after fit",
        "5 stages: 1 changed, 1 waiting, 1 left out, 2 up to date",
    ]
    assert CliRunner().invoke(command, ["--html", "out/p.html"], catch_exceptions=False).exit_code == 0
    text = (project / "out/p.html").read_text()
    assert '<a href="#fit" class="changed" aria-label="fit ×2: changed: 1 of 2">' in text
    assert '<section id="fit"' in text
    assert '<a href="../rows.csv">rows.csv</a></code>, from <a href="#read">read</a>' in text
    assert '<a href="../fit-b.csv">fit-b.csv</a></code>, read by <a href="#choose">choose</a>' in text
    assert '<code>fit@b</code>: <b class="changed">changed</b>' in text
    assert not re.search(r"<script|https?://(?!www.w3.org/2000/svg)", text)


def test_the_start_page_leads_to_the_notebooks_in_the_order_of_dvc_yaml(project: Path) -> None:
    late = """  late: {desc: Look, cmd: "recommit run 'notebooks/look at.ipynb'", outs: [reports/look.ipynb]}\n"""
    (project / "dvc.yaml").write_text(PIPELINE + late)
    (project / "reports/html").mkdir(parents=True)
    (project / "reports/html/fit-b.html").write_text("")
    assert CliRunner().invoke(command, ["--start", "notebooks/START.md"], catch_exceptions=False).exit_code == 0
    listed = [line for line in (project / "notebooks/START.md").read_text().splitlines() if line.startswith("1. ")]
    assert listed == [
        "1. read, not a notebook: Read it",
        "1. fit ×2, not a notebook: Fit one ([in the report](../reports/html/fit-b.html))",
        "1. choose, not a notebook: Take the best",
        "1. search, not a notebook: Advise",
        "1. [late](look%20at.ipynb): Look",
    ]


def test_no_line_is_longer_than_a_terminal() -> None:
    many = [Stage(f"a-rather-long-name-{n}", "echo", outs=(f"{n}.csv",)) for n in range(9)]
    last = Stage("last", "echo", deps=tuple(f"{n}.csv" for n in range(9)))
    found = boxes([*many, last])
    why = tuple(f"a/long/path/to/some/file-{n}.csv modified" for n in range(9))
    said = [
        click.unstyle(line)
        for line in lines(found, {s.name: Standing("changed", why, "changed") for s in [*many, last]})
    ]
    assert max(map(len, said)) <= WIDTH
    assert " and 7 more " in " ".join(" ".join(said).split())


def test_a_name_with_marks_of_html_is_text(tmp_path: Path) -> None:
    odd = Stage("a&b", "echo", desc="<b>")
    text = page(tmp_path, boxes([odd]), {"a&b": Standing("changed", ("<i>",), "changed")}, tmp_path)
    assert "<i>" not in text
    assert "<b>" not in text
