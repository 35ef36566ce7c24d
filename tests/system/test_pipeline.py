"""The pipeline as a user runs it: from nothing, again, after a change. What comes back elsewhere: test_verify.py."""

import json

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


def test_a_models_parameter_reruns_its_fits_and_what_follows(project: Project) -> None:
    project.replace("params.yaml", "min_samples_leaf: 100", "min_samples_leaf: 90")
    assert project.repro("select") == ["train@boosting-schedule", "train@boosting-full", "select"]
    assert project.repro("search", "quality") == ["search@boosting"]
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


def test_a_fit_that_was_taken_away_is_not_selected_from(project: Project) -> None:
    project.replace("params.yaml", "features: [schedule, full]", "features: [schedule]")
    refused = project.run("dvc", "repro", check=False)
    assert refused.returncode
    assert "is no stage's out any more, and stage select would read it: `recommit check --fix`" in refused.stderr
    # What is left to mend: the parameters cell of train.ipynb still names the fit.
    said = project.run("recommit", "check", "--fix", check=False).stdout
    assert "dvc.lock: took out stage train@boosting-full, which dvc.yaml no longer declares" in said
    left_over = (
        "models/fits/*-full*",
        "data/*/*-full*",
        "reports/metrics/*/*-full*",
        "reports/notebooks/*/*-full.ipynb",
    )
    assert not [left for pattern in left_over for left in project.folder.glob(pattern)]
    project.repro("select")
    assert "-full" not in project.read("reports/plots/folds.csv")
    assert project.repro("--single-item", "report") == ["report"]


@pytest.mark.parametrize("kind", ["symlink", "hardlink"])
def test_every_command_takes_files_that_dvc_linked_into_its_cache(project: Project, kind: str) -> None:
    project.run("dvc", "config", "--local", "cache.type", kind)
    project.run("dvc", "checkout", "--relink")
    linked = project.folder / "models/candidate/model.onnx"
    assert linked.is_symlink() if kind == "symlink" else linked.stat().st_nlink > 1
    cache = {path: path.read_bytes() for path in (project.folder / ".dvc/cache/files").rglob("*") if path.is_file()}
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
