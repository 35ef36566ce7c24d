"""The pipeline as a user runs it: from nothing, again, after a change, on another machine."""

import json
from pathlib import Path

import pytest

from tests.system.conftest import ELSEWHERE, Project

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


def test_from_nothing_on_another_machine_every_byte_comes_back(reproduced: Project, tmp_path: Path) -> None:
    second = tmp_path / "deeper" / "second clone"
    second.parent.mkdir()
    reproduced.run("git", "clone", "--quiet", str(reproduced.folder), str(second))
    clone = Project(second)
    clone.configure()
    ran = clone.repro(**ELSEWHERE)
    assert "ingest" in ran
    assert "report" in ran
    assert clone.run("git", "status", "--porcelain").stdout == ""
    assert clone.read("dvc.lock") == reproduced.read("dvc.lock")


def test_a_models_parameter_reruns_its_fits_and_what_follows(project: Project) -> None:
    project.replace("params.yaml", "min_samples_leaf: 100", "min_samples_leaf: 90")
    ran = project.repro("gate")
    assert ran[:2] == ["train@boosting-schedule", "train@boosting-full"]
    assert not any(stage.startswith(("search@", "train@")) or stage in ("features", "quality") for stage in ran[2:])
    assert {"select", "gate"} <= set(ran[2:])
    advised = project.repro()
    assert {stage for stage in advised if stage.startswith("search@")} == {"search@boosting"}
    assert advised[-1] == "report"
    assert not any(stage.startswith("train@") for stage in advised)


@pytest.mark.parametrize(
    ("module", "stale"), [("src/flights/figures.py", {"explore"}), ("src/recommit/verbs/report.py", {"report"})]
)
def test_a_comment_in_a_module_touches_the_stages_that_use_it_alone(project: Project, module: str, stale: set) -> None:
    with (project.folder / module).open("a") as file:
        file.write("\n# a remark\n")
    (project.folder / "src/flights/unrelated.py").write_text("# nobody imports this\n")
    status = json.loads(project.run("dvc", "status", "--json").stdout)
    assert set(status) == stale


def test_moving_the_clock_by_a_month_gives_next_months_model_with_no_other_edit(project: Project) -> None:
    before = project.json("reports/metrics/validation.json")
    project.replace("params.yaml", 'as_of: "2013-09-01"', 'as_of: "2013-10-01"')
    assert "train@boosting-full" in project.repro()
    assert project.json("reports/metrics/validation.json") != before
    period = project.json("reports/evidence/test.json")["period"]
    assert (period["starts"][:10], period["ends"][:10]) == ("2013-09-01", "2013-10-01")


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
    project.repro()
    assert "-full" not in project.read("reports/plots/folds.csv")


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
