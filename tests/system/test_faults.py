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


def test_each_fault_of_three_in_the_pipeline_is_refused_by_its_own_rule(project: Project) -> None:
    """A candidate that is the champion, one that becomes another file when fitted again, and a look ahead."""
    before = set(refusals(project))
    for name in ("model.onnx", "manifest.json", "golden.json"):
        shutil.copy(project.folder / "models/candidate" / name, project.folder / "models/champion" / name)
    project.replace("notebooks/parity.ipynb", "problem.target, *columns])", "problem.target, *columns]).iloc[9:]")
    assert {*project.repro("--single-item", "evaluate", "parity")} == {"evaluate", "parity"}
    project.replace("src/flights/features.py", "_recent(groups, now)\n", "_recent(groups, now + 3600)\n")
    assert project.repro("--single-item", "features", "point_in_time", "gate")[-1] == "gate"
    found = refusals(project)
    assert set(found) - before == {"not_the_champion", "parity", "leakage"}
    assert found["parity"] == "fitted again, the candidate becomes another file"
    assert "changes_with_the_future" in found["leakage"]


def test_the_report_opens_with_the_decision(project: Project) -> None:
    page = project.read("reports/index.html")
    answer = project.json("models/decision.json")["answer"]
    assert page.index(f'class="answer {answer}"') < page.index('<details class="section"')
