"""The pipeline as a user runs it: from nothing, again, after a change. What comes back elsewhere: test_verify.py."""

import json
from pathlib import Path

import pytest

from tests.system.conftest import Project

pytestmark = pytest.mark.system


def test_everything_that_dvc_yaml_declares_is_there(reproduced: Project) -> None:
    lock = reproduced.run("dvc", "status").stdout
    assert "up to date" in lock
    assert (reproduced.folder / "reports/index.html").exists()
    test = reproduced.json("reports/evidence/test.json")
    rivals = {"logistic", "boosting"} - {test["candidate"]["model"]}
    assert set(test["metrics"]) == {"candidate", "uncalibrated", "baseline", "champion", *rivals}


def test_a_second_run_does_nothing(project: Project) -> None:
    assert project.repro() == []
    assert project.run("git", "status", "--porcelain").stdout == ""


def test_a_models_parameter_concerns_its_fits_its_search_and_what_follows(project: Project) -> None:
    """That these fits are what trains: test_experiments.py."""
    project.replace("params.yaml", "min_samples_leaf: 100", "min_samples_leaf: 90")
    assert project.repro("--dry", "search", "quality") == ["search@boosting"]
    fits = ["train@boosting-schedule", "train@boosting-full"]
    assert [name for name in project.repro("--dry", "train") if name.startswith("train@")] == fits
    assert "search@" not in project.run("dvc", "dag", "--dot", "gate").stdout, "the decision waits for no advice"


@pytest.mark.parametrize(
    ("module", "stale"), [("src/flights/figures.py", {"explore"}), ("src/recommit/verbs/report.py", {"report"})]
)
def test_a_comment_in_a_module_touches_the_stages_that_use_it_alone(project: Project, module: str, stale: set) -> None:
    with (project.folder / module).open("a") as file:
        file.write("\n# a remark\n")
    (project.folder / "src/flights/unrelated.py").write_text("# nobody imports this\n")
    status = json.loads(project.run("dvc", "status", "--json").stdout)
    assert set(status) == stale


def test_results_travel_by_the_default_remote_to_a_second_clone(project: Project) -> None:
    project.run("dvc", "push")
    beside = project.folder.parent / "beside"
    project.run("git", "clone", "--quiet", str(project.folder), str(beside))
    clone = Project(beside)
    clone.configure()
    clone.run("dvc", "pull")
    assert clone.repro() == []
    assert clone.read("reports/index.html") == project.read("reports/index.html")


def linked(project: Project, kind: str) -> dict[Path, bytes]:
    """What DVC's cache holds, once the project's files are links into it."""
    project.run("dvc", "config", "--local", "cache.type", kind)
    project.run("dvc", "checkout", "--relink")
    model = project.folder / "models/candidate/model.onnx"
    assert model.is_symlink() if kind == "symlink" else model.stat().st_nlink > 1
    return {path: path.read_bytes() for path in (project.folder / ".dvc/cache/files").rglob("*") if path.is_file()}


def test_a_stage_writes_beside_files_that_dvc_linked_into_its_cache(project: Project) -> None:
    cache = linked(project, "hardlink")
    project.run("recommit", "run", "--fresh", "notebooks/gate.ipynb")
    project.run("recommit", "report")
    assert {path: path.read_bytes() for path in cache} == cache
    assert "up to date" in project.run("dvc", "status").stdout


@pytest.mark.all
@pytest.mark.parametrize("kind", ["symlink", "hardlink"])
def test_every_command_takes_files_that_dvc_linked_into_its_cache(project: Project, kind: str) -> None:
    cache = linked(project, kind)
    asked = ("--input", "data/features/upcoming.parquet", "--output", "predicted.parquet", "--workers", "1")
    project.run("recommit", "predict", "--model", "models/candidate", *asked)
    project.run("recommit", "lineage", "models/candidate/model.onnx")
    project.run("recommit", "models")
    assert project.repro("--force", "--single-item", "predict") == ["predict"]
    project.run("recommit", "run", "--fresh", "notebooks/gate.ipynb")
    project.run("recommit", "report")
    project.run("recommit", "verify", "--as-is", "--stage", "predict")
    assert {path: path.read_bytes() for path in cache} == cache
    assert "up to date" in project.run("dvc", "status").stdout
