"""Experiments with plain DVC: in the workspace, in a temporary folder, from the queue; each runs its own code."""

import json
import re
from pathlib import Path

import onnx
import pandas as pd
import pytest

from recommit.notebook.ledger import noted
from recommit.project.pipeline import is_in, stages
from recommit.project.yaml import read_yaml
from tests.system.conftest import Project

pytestmark = pytest.mark.system


def metrics(project: Project, revision: str, file: str) -> dict:
    """The metrics in a file of a revision or experiment, from `dvc exp show`."""
    shown = json.loads(project.run("dvc", "exp", "show", "--json").stdout)
    experiments = {
        experiment["revs"][0].get("name"): experiment["revs"][0]["data"]
        for baseline in shown
        for experiment in baseline.get("experiments") or []
    } | {baseline["name"]: baseline["data"] for baseline in shown}
    return experiments[revision]["metrics"][file]["data"]


def candidate(project: Project, revision: str) -> dict:
    """The candidate's scores in the folds that it is compared by."""
    return metrics(project, revision, "reports/metrics/validation.json")


def fit(project: Project, experiment: str) -> str:
    """The scores of a fit that the experiment holds."""
    every = project.run("git", "for-each-ref", "--format=%(refname)", "refs/exps").stdout.split()
    [ref] = [name for name in every if name.endswith(f"/{experiment}")]
    return project.run("git", "show", f"{ref}:reports/metrics/train/boosting-full.json").stdout


def trees(model: Path) -> int:
    """How many trees a model file holds."""
    for node in onnx.load(str(model)).graph.node:
        for attribute in node.attribute:
            if attribute.name == "nodes_treeids":
                return len(set(attribute.ints))
    return 0


def test_what_is_set_is_what_trains(project: Project) -> None:
    assert trees(project.folder / "models/fits/boosting-full.onnx") == 10
    advice, looks = project.json("reports/advice/boosting.json"), noted(project.folder / ".git")
    ran = project.run("dvc", "exp", "run", "--name", "longer", "-S", "models.boosting.max_iter=12", "select").stdout
    assert called(ran) == {"train@boosting-schedule", "train@boosting-full", "select"}
    for features in ("schedule", "full"):
        assert trees(project.folder / f"models/fits/boosting-{features}.onnx") == 12
        assert project.json(f"models/fits/boosting-{features}.json")["params"]["max_iter"] == 12
    assert project.json("reports/advice/boosting.json") == advice, "an experiment does not wait for the search"
    manifest = project.json("models/candidate/manifest.json")
    assert manifest["params"] == read_yaml(project.folder / "params.yaml")["models"][manifest["model"]]
    assert candidate(project, "longer")
    said = project.run("recommit", "compare", "main", "longer").stdout
    assert "models.boosting.max_iter: 10 -> 12" in said
    assert "boosting-full: " in said
    assert re.search(r"^longer .*max_iter=12", project.run("recommit", "compare").stdout, re.MULTILINE)
    shown = json.loads(project.run("dvc", "metrics", "show", "--json").stdout)[""]["data"]
    numbers = [number for file in shown.values() for number in pd.json_normalize(file["data"]).to_numpy().ravel()]
    assert len(numbers) == 9
    assert noted(project.folder / ".git") == looks != [], "what stops at select does not look at the test month"


@pytest.mark.all  # tests/recommit/learning/test_search.py reads the line
def test_the_line_that_the_advice_prints_trains_with_the_setting_that_it_advises(project: Project) -> None:
    project.replace("params.yaml", "logistic: {C: 0.001}", "logistic: {C: 1.0e-9}")
    assert project.repro("search@logistic") == ["search@logistic"]
    advice = project.json("reports/advice/logistic.json")
    assert advice["current"] == {"C": 1e-9}
    project.run("sh", "-c", advice["adopt"])
    assert project.json("models/fits/logistic-full.json")["params"] == advice["best"] != advice["current"]
    assert read_yaml(project.folder / "params.yaml")["models"]["logistic"] == advice["best"]


@pytest.mark.all  # test_new.py moves the clock of a tiny project
def test_an_experiment_that_moves_the_clock_by_a_month_gives_next_months_model(project: Project) -> None:
    """The whole pipeline passes, with no other edit."""
    project.run(
        "dvc", "exp", "run", "--name", "moved", "-S", "as_of=2013-10-01", "-S", "models.boosting.min_samples_leaf=90"
    )
    period = project.json("reports/evidence/test.json")["period"]
    assert (period["starts"][:10], period["ends"][:10]) == ("2013-09-01", "2013-10-01")
    assert candidate(project, "moved") != candidate(project, "main")
    changed = project.run("dvc", "metrics", "diff", "main", "moved").stdout
    assert "auc" in changed
    assert "reports/metrics/test.json" in changed
    plots = project.run("dvc", "plots", "diff", "main", "moved").stdout
    assert "index.html" in plots


def test_queued_experiments_run_side_by_side(project: Project) -> None:
    for leaf in (80, 90):
        setting = ("-S", f"models.boosting.min_samples_leaf={leaf}")
        project.run("dvc", "exp", "run", "--queue", "--name", f"leaf-{leaf}", *setting, "train@boosting-full")
    project.run("dvc", "queue", "start", "-j", "2")
    project.run("dvc", "queue", "logs", "--follow", "leaf-80", check=False)
    project.run("dvc", "queue", "logs", "--follow", "leaf-90", check=False)
    status = project.run("dvc", "queue", "status").stdout
    assert status.count("Success") == 2, status
    assert fit(project, "leaf-80") != fit(project, "leaf-90")


def called(log: str) -> set[str]:
    """The stages that DVC called, by what it printed."""
    return set(re.findall(r"Running stage '(.+?)'", log))


def really_ran(log: str) -> set[str]:
    """The stages whose cells ran, of those that DVC called; the others' results were restored."""
    return called(log) - set(re.findall(r"^(\S+): restored, ", log, re.MULTILINE))


def touched_by(project: Project, parameter: str) -> set[str]:
    """The stages that declare a parameter, and those that follow them."""
    every = stages(project.folder)
    found = {stage.name for stage in every if any(is_in(parameter, key.replace(".", "/")) for key in stage.params)}
    while True:
        outs = {out for stage in every if stage.name in found for out in stage.outs}
        more = {stage.name for stage in every if any(is_in(o, d) or is_in(d, o) for d in stage.deps for o in outs)}
        if more <= found:
            return found
        found |= more


@pytest.mark.all
def test_queued_experiments_run_what_differs_alone_once_the_first_has_run(project: Project) -> None:
    (project.folder / "dvc.lock").unlink()  # else DVC would not even call the others
    project.commit("never run here")
    fits = ("train@logistic-full", "train@boosting-full")
    for name, leaf in (("first", 80), ("second", 90)):
        setting = ("-S", f"models.boosting.min_samples_leaf={leaf}")
        project.run("dvc", "exp", "run", "--queue", "--name", name, *setting, *fits)
    project.run("dvc", "queue", "start", "-j", "1")
    for name in ("first", "second"):
        project.run("dvc", "queue", "logs", "--follow", name, check=False)
    log = project.run("dvc", "queue", "logs", "second").stdout
    ran, differs = really_ran(log), touched_by(project, "models/boosting")
    print("ran:", *sorted(ran))
    assert {"ingest", "features", "train@logistic-full"} <= called(log) - ran
    assert "train@boosting-full" in ran
    assert ran <= differs
    assert {"ingest", "features", "quality", "train@logistic-full", "train@baseline-schedule"}.isdisjoint(differs)
    assert fit(project, "first") != fit(project, "second")


def test_results_are_restored_from_the_cache_unless_a_real_run_is_asked_for(project: Project) -> None:
    before = {name: project.read(name) for name in ("reports/evidence/schema.json", "reports/notebooks/validate.ipynb")}
    for name in before:
        (project.folder / name).unlink()
    restored = project.run("dvc", "repro", "--single-item", "validate")
    assert really_ran(restored.stdout + restored.stderr) == set()
    assert {name: project.read(name) for name in before} == before
    for words in (("dvc", "repro", "--force", "--single-item", "validate"), ("dvc", "repro", "-fs", "validate")):
        forced = project.run(*words)
        assert really_ran(forced.stdout + forced.stderr) == {"validate"}
    project.run("dvc", "gc", "--workspace", "--force")
    assert project.run("dvc", "status").stdout.strip().endswith("up to date.")


def test_a_temporary_experiment_runs_the_code_of_its_own_tree(project: Project) -> None:
    project.replace("src/recommit/learning/slices.py", "return min(found, ", "return max(found, ")
    looks = noted(project.folder / ".git")
    project.run("dvc", "exp", "run", "--temp", "--name", "other-code", "evaluate")
    assert len(noted(project.folder / ".git")) == len(looks) + 1
    every = project.run("git", "for-each-ref", "--format=%(refname)", "refs/exps").stdout.split()
    [other] = [name for name in every if name.endswith("/other-code")]
    found = json.loads(project.run("git", "show", f"{other}:reports/evidence/slices.json").stdout)
    before = project.json("reports/evidence/slices.json")
    assert found["worst"] != before["worst"]
