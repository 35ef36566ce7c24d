"""Notebooks are committed without noise, give in Jupyter what the pipeline gives, and nbval confirms what they show."""

import base64
import copy
import io
import json
import re
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode
from PIL import Image

from recommit.notebook.canonical import INJECTED_ID, canonical
from recommit.project.pipeline import find_stage, stages
from tests.system.conftest import ROOT, Project

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


PLUGIN = ("-p", "recommit.proof.nbval")


def nbval(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run every cell of executed notebooks again and compare what it shows with what is stored."""
    alone = ("--rootdir", ".", "-o", "addopts=", "-p", "no:cacheprovider", "-p", "no:xdist", "--color=no")
    return Project(folder).run(sys.executable, "-m", "pytest", "--nbval", *alone, *words, check=False)


@pytest.mark.system
def test_nbval_finds_every_cell_of_executed_notebooks_as_stored(project: Project) -> None:
    """Of those with text, tables, figures and a matrix's parameters; Jupyter runs every notebook below."""
    names = [f"reports/notebooks/{name}.ipynb" for name in ("explore", "train/boosting-full")]
    result = nbval(project.folder, *PLUGIN, *names)
    assert result.returncode == 0, result.stdout
    executed = [nbformat.read(project.folder / name, 4) for name in names]
    cells = sum(cell.cell_type == "code" for notebook in executed for cell in notebook.cells)
    assert f"{cells} passed" in result.stdout
    assert project.run("git", "status", "--porcelain").stdout == ""


DRAW = "import matplotlib.pyplot as plt; _, ax = plt.subplots(); ax.plot([0, {height}]); plt.show()"
SHOWN = {
    "as-stored": "print('share', 1 / 3)",
    "figure-as-stored": DRAW.format(height=1),
    "an-address": "print(object())",
    "changed-number": "print('share', 1 / 3)",
    "changed-word": "print('share', 1 / 3)",
    "last-digit": "print('share', 1 / 3)",
    "swapped-figure": DRAW.format(height=1),
    "lost-figure": DRAW.format(height=1),
    "lost-output": "display(1, 2)",
    "as-if-never-run": "print('share', 1 / 3)",
}


def plant(cells: dict[str, NotebookNode]) -> None:
    """Change what the executed cells show, as their ids say."""

    def edit(name: str, old: str, new: str) -> None:
        assert old in cells[name].outputs[0].text
        cells[name].outputs[0].text = cells[name].outputs[0].text.replace(old, new)

    edit("changed-number", "0.333", "0.334")
    edit("changed-word", "share", "shore")
    edit("last-digit", "0.3333333333333333", "0.3333333333336666")
    picture = io.BytesIO()
    with Image.open(io.BytesIO(base64.b64decode(cells["swapped-figure"].outputs[0].data["image/png"]))) as figure:
        figure.transpose(Image.Transpose.FLIP_TOP_BOTTOM).save(picture, "PNG")
    cells["swapped-figure"].outputs[0].data["image/png"] = base64.b64encode(picture.getvalue()).decode()
    del cells["lost-figure"].outputs[0].data["image/png"]
    del cells["lost-output"].outputs[1]
    cells["as-if-never-run"].update(outputs=[], execution_count=None)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[dict[str, bool], str]]:
    """Which cells of a planted notebook pass by nbval alone and with the plugin, and what each prints."""
    folder = tmp_path_factory.mktemp("planted")
    (folder / "dvc.yaml").touch()
    (folder / "src").symlink_to(ROOT / "src")
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source, id=name) for name, source in SHOWN.items()],
        metadata={"kernelspec": {"name": "recommit", "display_name": "Recommit", "language": "python"}},
    )
    NotebookClient(notebook, resources={"metadata": {"path": folder}}).execute()
    executed = canonical(notebook, folder)
    plant({cell.id: cell for cell in executed.cells})
    nbformat.write(executed, folder / "planted.ipynb")
    found = {}
    for way, plugin in (("alone", ()), ("plugin", PLUGIN)):
        printed = nbval(folder, "-v", *plugin, "planted.ipynb").stdout
        outcomes = re.findall(r"^planted.*::Cell \d+ (PASSED|FAILED)", printed, re.MULTILINE)
        found[way] = dict(zip(SHOWN, [outcome == "PASSED" for outcome in outcomes], strict=True)), printed
    return found


@pytest.mark.system
@pytest.mark.parametrize(
    ("name", "alone", "plugin"),
    [
        ("as-stored", True, ""),
        ("figure-as-stored", True, ""),
        ("an-address", False, ""),
        ("last-digit", False, ""),
        ("changed-number", False, "text: line 1: 0.3343333333333333 became 0.3333333333333333 (relative difference"),
        ("changed-word", False, "text: line 1: 'shore 0.33"),
        ("swapped-figure", True, "image/png: pixels are "),
        ("lost-figure", True, "output 1.data.image/png is new"),
        ("lost-output", False, "output 2 is new"),
        ("as-if-never-run", True, "output 1 is new"),
    ],
)
def test_what_nbval_sees_alone_and_with_the_plugin(judged: Any, name: str, alone: bool, plugin: str) -> None:
    """`plugin` is what the plugin prints of a cell that it fails; "" for one that it passes."""
    assert judged["alone"][0][name] == alone
    passed, printed = judged["plugin"]
    assert passed[name] == (not plugin)
    messages = [line for line in printed.splitlines() if line.startswith(f"cell {name}, ")]
    assert bool(messages) == bool(plugin)  # in CI, pytest's summary says it once more
    assert all(plugin in message for message in messages), messages


@pytest.mark.system
@pytest.mark.parametrize("some", [("ingest", "train", "evaluate"), pytest.param((), marks=pytest.mark.all)])
def test_jupyter_shows_in_the_notebooks_folder_what_the_pipeline_showed(
    project: Project, some: tuple[str, ...]
) -> None:
    """In some notebooks, and in all by `make test-all`."""
    by_stage = {stage.name: stage for stage in stages(project.folder) if stage.notebook}
    default = find_stage(stages(project.folder), "notebooks/train.ipynb", "train@boosting-full")
    every = {
        Path(str(stage.notebook)): nbformat.read(project.folder / stage.executed, 4)
        for stage in (*by_stage.values(), default)
    }
    assert {path.name for path in NOTEBOOKS} == {path.name for path in every}
    expected = {path: executed for path, executed in every.items() if not some or path.stem in some}
    project.run("jupyter", "execute", "--inplace", *map(str, expected))
    for path, executed in expected.items():
        ours = canonical(nbformat.read(project.folder / path, 4), project.folder)
        assert shown(ours) == shown(executed), path.name
    project.run("git", "checkout", "--quiet", "notebooks")
    assert project.run("git", "status", "--porcelain").stdout == ""
    assert project.repro() == []


def shown(notebook: NotebookNode) -> dict[str, list[dict]]:
    """What each code cell shows, figures included, without the counts and without where results went."""
    return {
        cell.id: [
            {key: value for key, value in output.items() if key != "execution_count"}
            for output in cell.outputs
            if not output.get("text", "").startswith("recommit: results written here are in ")
        ]
        for cell in notebook.cells
        if cell.cell_type == "code" and cell.id != INJECTED_ID
    }


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of data/, models/ and reports/."""
    files = [path for name in ("data", "models", "reports") for path in (folder / name).rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.mark.system
def test_a_changed_cell_run_in_jupyterlab_changes_the_notebook_alone(project: Project) -> None:
    before = contents(project.folder)
    path = project.folder / "notebooks/train.ipynb"
    notebook = nbformat.read(path, 4)
    explored = 'out = path("models/fits/boosting-full.onnx")\nout.write_bytes(b"explored")\nprint(out.read_bytes())'
    notebook.cells[-1].source += f"\n{explored}"
    nbformat.write(notebook, path)
    client = NotebookClient(notebook, resources={"metadata": {"path": path.parent}})
    # As its server starts a kernel for a notebook.
    client.execute(env=project.environment() | {"JPY_SESSION_NAME": str(path)})
    # A kernel may send what one `print` writes in several parts.
    stdout, stderr = (
        "".join(output.text for output in notebook.cells[-1].outputs if output.get("name") == stream)
        for stream in ("stdout", "stderr")
    )
    assert stdout == "b'explored'\n"
    assert stderr.startswith("recommit: results written here are in .recommit/scratch/")
    assert contents(project.folder) == before
    assert project.run("git", "status", "--porcelain").stdout == " M notebooks/train.ipynb\n"
    status = json.loads(project.run("dvc", "status", "--json").stdout)
    assert {name.partition("@")[0] for name in status} == {"train"}
    assert all(why == [{"changed deps": {"notebooks/train.ipynb": "modified"}}] for why in status.values())


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
    """Whether `make format` would leave the notebooks as they are."""
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
