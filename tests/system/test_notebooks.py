"""Notebooks are committed without noise, give in Jupyter what the pipeline gives, and nbval confirms what they show."""

import copy
import json
import re
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from nbformat import NotebookNode

from recommit.notebook.canonical import INJECTED_ID, canonical
from recommit.notebook.project import find_stage, stages
from tests.system.conftest import ROOT, Project

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def nbval(project: Project, *notebooks: str) -> subprocess.CompletedProcess[str]:
    """Run every cell of executed notebooks again and compare what it shows with what is stored."""
    config = ROOT / "tests" / "nbval.cfg"
    return project.run(
        *(sys.executable, "-m", "pytest", "--nbval", "--nbval-sanitize-with", str(config), "--rootdir", "."),
        *(
            "-p",
            "no:cacheprovider",
            "-p",
            "no:xdist",
            "-o",
            "addopts=",
            "-q",
            *notebooks,
        ),
        check=False,
    )


@pytest.mark.system
def test_nbval_finds_every_cell_of_the_executed_notebooks_as_stored(project: Project) -> None:
    result = nbval(project, "reports/notebooks")
    assert result.returncode == 0, result.stdout
    executed = [nbformat.read(path, 4) for path in (project.folder / "reports/notebooks").rglob("*.ipynb")]
    cells = sum(cell.cell_type == "code" for notebook in executed for cell in notebook.cells)
    assert f"{cells} passed" in result.stdout
    assert project.run("git", "status", "--porcelain").stdout == ""


@pytest.mark.system
def test_nbval_catches_a_changed_number(project: Project) -> None:
    name = "reports/notebooks/predict.ipynb"
    shown = re.search(r"([\d,]+) flights from", project.read(name))
    assert shown
    (project.folder / name).chmod(0o644)
    project.replace(name, shown[0], f"1{shown[0]}")
    result = nbval(project, name)
    assert result.returncode == 1
    assert "1 failed" in result.stdout
    assert f"1{shown[0]}" in result.stdout


@pytest.mark.system
def test_jupyter_shows_in_the_notebooks_folder_what_the_pipeline_showed(project: Project) -> None:
    by_stage = {stage.name: stage for stage in stages(project.folder) if stage.notebook}
    default = find_stage(stages(project.folder), "notebooks/train.ipynb", "train@boosting-full")
    expected = {
        stage.notebook: nbformat.read(project.folder / stage.executed, 4)
        for stage in (*by_stage.values(), default)
        if stage.notebook
    }
    project.run("jupyter", "execute", "--inplace", *expected)
    for name, executed in expected.items():
        ours = canonical(nbformat.read(project.folder / str(name), 4), project.folder)
        assert shown(ours) == shown(executed), name
    assert {path.name for path in NOTEBOOKS} == {Path(str(name)).name for name in expected}
    project.run("git", "checkout", "--quiet", "notebooks")
    assert project.repro() == [], "the cells wrote other bytes than the stages had"


def shown(notebook: NotebookNode) -> dict[str, list[dict]]:
    """What each code cell shows, figures included, without the counts."""
    return {
        cell.id: [{key: value for key, value in output.items() if key != "execution_count"} for output in cell.outputs]
        for cell in notebook.cells
        if cell.cell_type == "code" and cell.id != INJECTED_ID
    }


def test_jupyter_saves_a_notebook_without_noise() -> None:
    configuration = SimpleNamespace(FileContentsManager=SimpleNamespace())
    runpy.run_path(str(ROOT / "install/jupyter_server_config.py"), init_globals={"c": configuration})
    clean = json.loads(NOTEBOOKS[0].read_text())
    run = copy.deepcopy(clean)
    run["metadata"] |= {"language_info": {"name": "python", "version": "3.11.7"}, "widgets": {}}
    for count, cell in enumerate(run["cells"]):
        cell["metadata"] |= {"collapsed": True, "execution": {"iopub.status.busy": "2026-11-01"}}
        if cell["cell_type"] == "code":
            cell |= {"execution_count": count, "outputs": [{"output_type": "stream", "name": "stdout", "text": "1"}]}
    configuration.FileContentsManager.pre_save_hook(model={"type": "notebook", "content": run}, path="x.ipynb")
    assert run == clean
    text = {"type": "file", "content": "plain", "format": "text"}
    configuration.FileContentsManager.pre_save_hook(model=text, path="x.txt")
    assert text["content"] == "plain"


def verify(*notebooks: Path) -> subprocess.CompletedProcess[str]:
    """What `make lint` asks of notebooks."""
    command = [str(Path(sys.executable).with_name("nbstripout")), "--verify", "--keep-id", *map(str, notebooks)]
    return subprocess.run(command, capture_output=True, text=True)


def test_committed_notebooks_hold_no_outputs_and_one_parameters_cell() -> None:
    assert verify(*NOTEBOOKS).returncode == 0
    for path in NOTEBOOKS:
        cells = nbformat.read(path, 4).cells
        assert [cell.id for cell in cells if "parameters" in cell.metadata.get("tags", [])] == ["parameters"], path.name
        assert len({cell.id for cell in cells}) == len(cells), path.name
        assert cells[0].cell_type == "markdown", path.name
        assert cells[0].source.startswith("# "), path.name


def test_a_committed_output_is_found(tmp_path: Path) -> None:
    notebook = nbformat.read(NOTEBOOKS[0], 4)
    notebook.cells[-1].outputs = [nbformat.v4.new_output("stream", text="left behind")]
    planted = tmp_path / "planted.ipynb"
    nbformat.write(notebook, planted)
    assert verify(planted).returncode != 0
