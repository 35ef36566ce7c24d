"""`recommit repro` does what `dvc repro` does, with stages side by side, and leaves nothing half-made."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest

ROOT = Path(__file__).parents[3]
STAGE = """\
  {name}:
    cmd: recommit run notebooks/{name}.ipynb
    deps: [notebooks/{name}.ipynb{deps}]
    outs:
      - reports/{name}.ipynb: {{persist: true}}
      - data/{name}.txt: {{persist: true}}
"""
WAIT = """\
import time
from pathlib import Path

for _ in range(1200):
    if Path("{file}").exists():
        break
    time.sleep(0.1)
else:
    raise TimeoutError("{file} never came")
"""


SURROUNDINGS = """\
import locale
import logging
import os
import sys
import threading
import warnings

import joblib
import matplotlib
import matplotlib.pyplot as plt
import numpy
import onnx
import pandas
import pyarrow
import scipy.stats
import skl2onnx
import sklearn
import sklearn.ensemble

print(*(one for one in warnings.filters if "Trio" not in str(one)), sep="\\n")  # whose order alone differs
print(pandas.describe_option(_print_desc=False))
print(numpy.get_printoptions(), numpy.geterr(), sklearn.get_config(), pyarrow.cpu_count())
print(dict(matplotlib.rcParams), plt.get_backend())
print(sorted({name for name in os.environ} - {"RECOMMIT_KERNELS"}), sys.flags, sys.path, sys.argv[0][-9:])
print(locale.getlocale(), threading.active_count(), logging.root.handlers, logging.root.level, os.getcwd())
display(pandas.DataFrame([range(40)] * 3))
plt.plot([1, 2])
"""


class Project:
    """Stages `left` and `right`, which do not wait for one another, `both`, which reads what they write, and `plain`,
    which is no notebook.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(ROOT / "src/recommit", folder / "src/recommit")
        shutil.copytree(ROOT / "install", folder / "install")
        (folder / "params.yaml").write_text("seed: 7\n")
        both = ", data/left.txt, data/right.txt"
        pipeline = "stages:\n" + "".join(
            STAGE.format(name=name, deps=deps) for name, deps in (("left", ""), ("right", ""), ("both", both))
        )
        pipeline += "  plain:\n    cmd: cp data/both.txt data/plain.txt\n    deps: [data/both.txt]\n"
        (folder / "dvc.yaml").write_text(f"{pipeline}    outs: [data/plain.txt]\n")
        for name in ("left", "right", "both"):
            self.notebook(name, f'Path("data/{name}.txt").write_text("{name}")')
        for words in (["git", "init", "-q"], ["dvc", "init", "-q"]):
            assert self.run(*words).returncode == 0
        self.run("dvc", "config", "--local", "core.site_cache_dir", str(folder / ".dvc/tmp/site"))

    def notebook(self, name: str, *cells: str) -> None:
        cell = nbformat.v4.new_code_cell
        notebook = nbformat.v4.new_notebook()
        notebook.metadata["kernelspec"] = {"name": "recommit", "display_name": "Recommit", "language": "python"}
        notebook.cells = [
            cell("from pathlib import Path", id="parameters", metadata={"tags": ["parameters"]}),
            *(cell(text, id=f"cell-{number}") for number, text in enumerate(cells)),
        ]
        (self.folder / "notebooks").mkdir(exist_ok=True)
        (self.folder / f"notebooks/{name}.ipynb").write_text(nbformat.writes(notebook))

    def start(self, *words: str) -> "subprocess.Popen[str]":
        env = {name: value for name, value in os.environ.items() if not name.startswith("DVC_")}
        env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"
        pipe = subprocess.PIPE
        return subprocess.Popen(words, cwd=self.folder, env=env, stdout=pipe, stderr=subprocess.STDOUT, text=True)

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        process = self.start(*words)
        said, _ = process.communicate(timeout=300)
        return subprocess.CompletedProcess(words, process.returncode, said)

    def read(self, name: str) -> str:
        return (self.folder / name).read_text()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "side by side")


def test_results_and_lock_are_those_of_dvc_repro(project: Project, tmp_path: Path) -> None:
    serial = Project(tmp_path / "serial")
    assert serial.run("dvc", "repro").returncode == 0
    (project.folder / "docs").mkdir()
    proof = {"stages": [{"stage": name, "seconds": 60} for name in ("left", "right", "both", "plain")]}
    (project.folder / "docs/proof.json").write_text(json.dumps(proof))
    done = project.run("recommit", "repro", "--jobs", "2")
    assert done.returncode == 0, done.stdout
    assert "4 stages: about 2 min if all have to run, by the last proof" in done.stdout
    assert "[4/4] plain" in done.stdout
    assert "4 of 4 stages ran" in done.stdout
    assert project.read("dvc.lock") == serial.read("dvc.lock")
    for name in ("data/both.txt", "data/plain.txt", "reports/both.ipynb"):
        assert project.read(name) == serial.read(name)
    assert "didn't change" in project.run("dvc", "repro").stdout
    assert "up to date" in project.run("dvc", "status").stdout
    again = project.run("recommit", "repro").stdout
    assert "if all have to run, by earlier runs here" in again
    assert "0 of 4 stages ran" in again


def test_stages_that_do_not_wait_for_one_another_run_side_by_side(project: Project) -> None:
    for name, other in (("left", "right"), ("right", "left")):
        begun = f'Path("{name}.begun").touch()'
        project.notebook(name, begun, WAIT.format(file=f"{other}.begun"), f'Path("data/{name}.txt").write_text("x")')
    done = project.run("recommit", "repro", "both", "--jobs", "2")
    assert done.returncode == 0, done.stdout
    assert not (project.folder / "data/plain.txt").exists(), "only the target and what it waits for is to run"


FAILING = {
    "1 / 0": "ZeroDivisionError: division by zero",
    "import os; os.kill(os.getpid(), 9)": "the kernel died by SIGKILL",
    "import os; os._exit(7)": "the kernel died with exit status 7",
    "raise ValueError('x' * 200_000)": f"ValueError: {'x' * 200_000}",
}


@pytest.mark.parametrize(
    "cells", [[*FAILING][1::2], pytest.param([*FAILING][::2], marks=pytest.mark.all)], ids=["two", "two more"]
)
def test_a_failed_stage_is_told_with_its_cell_and_earlier_results_stay(project: Project, cells: list[str]) -> None:
    assert project.run("recommit", "repro").returncode == 0
    for cell in cells:
        told = FAILING[cell]
        project.notebook("right", cell)
        failed = project.run("recommit", "repro")
        assert failed.returncode == 1
        assert "right failed" in failed.stdout
        assert told in failed.stdout
        assert "NOTE" not in failed.stdout, "a kernel has no other words than its cells'"
        assert project.read("data/right.txt") == "right"
        assert project.read("data/both.txt") == "both"


def test_a_parameter_that_is_gone_is_told_by_dvc_and_what_ran_ahead_did_not_fail(project: Project) -> None:
    deps = "    deps: [notebooks/left.ipynb]"
    (project.folder / "dvc.yaml").write_text(project.read("dvc.yaml").replace(deps, f"    params: [gone]\n{deps}"))
    refused = project.run("recommit", "repro")
    assert refused.returncode == 2
    assert "'left': Parameters 'gone' are missing from 'params.yaml'" in refused.stdout
    assert "right failed" not in refused.stdout
    assert "never retrieved" not in refused.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.all)])
def test_an_interrupted_run_ends_all_that_it_started_and_earlier_results_stay(
    project: Project, number: signal.Signals
) -> None:
    assert project.run("recommit", "repro", "right").returncode == 0
    lock = project.read("dvc.lock")
    for name in ("left", "right"):
        project.notebook(name, f'Path("{name}.begun").touch()', WAIT.format(file="never"))
    process = project.start("recommit", "repro", "--jobs", "2")
    late = time.monotonic() + 120
    while not all((project.folder / f"{name}.begun").exists() for name in ("left", "right")):
        assert time.monotonic() < late
        assert process.poll() is None
        time.sleep(0.1)
    started = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "interrupted" in said
    assert [other.cmdline() for other in started if other.is_running() and other.status() != "zombie"] == []
    assert project.read("data/right.txt") == "right"
    assert not (project.folder / "data/left.txt").exists()
    assert project.read("dvc.lock") == lock


def test_a_kernel_has_its_libraries_already_and_nothing_of_the_project(project: Project) -> None:
    """And draws other random numbers than the kernels beside it."""
    look = """\
import random
import sys

import numpy

loaded = "pandas" in sys.modules
drawn = random.random(), numpy.random.random()
Path("data/{name}.txt").write_text(f"{{loaded}} {{'recommit.problem' in sys.modules}} {{drawn}}")
"""
    for name in ("left", "right"):
        project.notebook(name, look.format(name=name))
    assert project.run("recommit", "repro", "left", "right").returncode == 0
    left, right = project.read("data/left.txt"), project.read("data/right.txt")
    assert left.startswith("True False")
    assert right.startswith("True False")
    assert left != right


def test_a_cell_sees_what_it_sees_in_a_kernel_that_was_not_forked(project: Project) -> None:
    """Libraries may look around as they are imported: for the shell, settings, the terminal's width."""
    project.notebook("left", SURROUNDINGS, 'Path("data/left.txt").write_text("left")')
    assert project.run("recommit", "repro", "left").returncode == 0
    forked = project.read("reports/left.ipynb")
    assert project.run("recommit", "run", "--fresh", "notebooks/left.ipynb").returncode == 0
    assert forked == project.read("reports/left.ipynb")


@pytest.mark.all
def test_a_stage_that_may_not_run_ahead_is_left_to_dvc(project: Project) -> None:
    """A frozen one keeps its results; one whose outs DVC deletes first, and all where results become links, wait."""
    assert project.run("recommit", "repro").returncode == 0
    text = project.read("dvc.yaml").replace("  left:\n", "  left:\n    frozen: true\n")
    (project.folder / "dvc.yaml").write_text(text.replace("- data/right.txt: {persist: true}", "- data/right.txt"))
    project.run("dvc", "config", "cache.type", "symlink")
    for name in ("left", "right"):
        project.notebook(name, f'Path("data/{name}.txt").write_text("anew")')
    done = project.run("recommit", "repro")
    assert done.returncode == 0, done.stdout
    assert project.read("data/left.txt") == "left"
    assert project.read("data/right.txt") == "anew"
    assert (project.folder / "data/right.txt").is_symlink()


def test_a_second_run_at_the_same_time_is_refused_in_one_line(project: Project) -> None:
    project.notebook("left", 'Path("left.begun").touch()', WAIT.format(file="told"), 'Path("data/left.txt").touch()')
    first = project.start("recommit", "repro", "left")
    begun = project.folder / "left.begun"
    while not begun.exists() and first.poll() is None:
        time.sleep(0.05)
    second = project.run("recommit", "repro")
    (project.folder / "told").touch()
    assert first.wait(timeout=300) == 0
    expected = "recommit: `recommit repro` is being run already: wait for that run, or end it"
    assert (second.returncode, second.stdout.strip()) == (2, expected)


def test_a_wrong_target_is_refused_in_dvcs_words(project: Project) -> None:
    refused = project.run("recommit", "repro", "middle")
    assert refused.returncode == 2
    assert "'middle' not found" in refused.stdout
