"""What is planted in the pipeline itself is named in the decision, and the pipeline still ends well."""

import shutil

import pytest

from tests.system.conftest import Project

pytestmark = pytest.mark.system


def refusals(project: Project) -> dict[str, str]:
    """The rules of the decision that say no, with their reasons."""
    return {
        rule["rule"]: rule["reason"] for rule in project.json("models/decision.json")["rules"] if rule["answer"] == "no"
    }


def test_a_feature_that_looks_an_hour_ahead_is_refused_as_a_leak(project: Project) -> None:
    project.replace(
        "src/flights/features.py",
        "_recent(flights, plan, now)\n",
        "_recent(flights, plan, now + 3600)\n",
    )
    before = set(refusals(project))
    assert project.repro("--single-item", "features", "point_in_time", "gate")[-1] == "gate"
    found = refusals(project)
    assert set(found) - before == {"leakage"}
    assert "changes_with_the_future" in found["leakage"]


def test_a_candidate_that_is_the_champion_already_is_refused(project: Project) -> None:
    before = set(refusals(project))
    for name in ("model.onnx", "manifest.json", "golden.json"):
        shutil.copy(project.folder / "models/candidate" / name, project.folder / "models/champion" / name)
    assert {"evaluate", "gate"} <= set(project.repro("gate"))
    assert set(refusals(project)) - before == {"not_the_champion"}


def test_a_candidate_that_becomes_another_file_when_fitted_again_is_refused(project: Project) -> None:
    before = set(refusals(project))
    project.replace("notebooks/parity.ipynb", "problem.target, *columns])", "problem.target, *columns]).iloc[9:]")
    assert {"parity", "gate"} <= set(project.repro("gate"))
    found = refusals(project)
    assert set(found) - before == {"parity"}
    assert found["parity"] == "fitted again, the candidate becomes another file"


def test_the_report_opens_with_the_decision(project: Project) -> None:
    page = project.read("reports/index.html")
    answer = project.json("models/decision.json")["answer"]
    assert page.index("decision") < page.index("Notebooks")
    assert f"Decision: {answer}" in page
