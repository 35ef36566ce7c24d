"""What stands at the end of a run: the decision, its numbers, what differs from the last commit, what comes next."""

from pathlib import Path

import pytest

from recommit.repro.summary import summary
from tests.recommit.report import samples

TEST, SELECTION, DECISION, REPORT = (
    "reports/evidence/test.json",
    "reports/evidence/selection.json",
    "models/decision.json",
    "reports/index.html",
)


def test_the_decision_stands_with_the_numbers_of_the_reports_first_screen(tmp_path: Path) -> None:
    said = list(summary(samples.project(tmp_path, documents=None), {TEST, DECISION, REPORT}, whole=True))
    assert said[0].startswith("Decision: may the candidate replace the champion? no: ")
    assert said[1].startswith("  Log loss ↓: candidate boosting-full 0.564 [0.544, 0.584]; champion ")
    assert said[1].endswith("; better than champion by -0.030 [-0.050, -0.010]")
    assert said[3] == "  Coverage of sets: candidate boosting-full 90.5 % [88.5 %, 92.5 %]; promised: 90 %"
    assert said[-1] == "Next:     recommit verify"


@pytest.mark.parametrize(
    ("outs", "next_"),
    [
        ({SELECTION}, "Next:     recommit compare, then recommit repro, for the stages that follow"),
        ({"data/raw/rows.parquet"}, "Next:     recommit repro, for the stages that follow"),
    ],
)
def test_after_a_part_of_the_stages_nothing_is_committed_or_proved(outs: set[str], next_: str, tmp_path: Path) -> None:
    assert list(summary(tmp_path, outs, whole=False)) == [next_]
