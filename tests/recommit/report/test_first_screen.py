"""The first screen says what was decided, by which numbers, where it is weak, the worst first, and what is next."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.recommit.report import samples
from tests.recommit.report.samples import interval


def first(folder: Path, **replaced: Any) -> str:
    """The first screen's text, some evidence replaced."""
    page = samples.shown(samples.project(folder, documents=None, **replaced))["index.html"]
    return samples.text(page[page.index('<section id="first">') : page.index('class="inside"')])


def weak(folder: Path, **replaced: Any) -> list[str]:
    page = samples.shown(samples.project(folder, documents=None, **replaced))["index.html"]
    return [samples.text(one) for one in re.findall(r"<li>(.+?) <a href=", page.partition('id="decision"')[0])]


def decided(answer: str = "yes", **bounds: float) -> dict[str, Any]:
    """A decision whose rules all say yes, each with its bound."""
    decision = samples.evidence()["decision"]
    rule = decision["rules"][0] | {"value": 0.0, "low": 0.0, "high": 0.0}
    rules = [rule | {"rule": name, "bound": bound, "passes_when": f"at most {bound}"} for name, bound in bounds.items()]
    return decision | {"answer": answer, "rules": rules}


def judged(**changed: Any) -> dict[str, Any]:
    found: dict[str, Any] = samples.evidence()["test"]
    return found | changed


def test_the_question_clock_data_and_decision_stand_first(tmp_path: Path) -> None:
    said = first(tmp_path, decision=decided(schema=0.0))
    assert said.startswith("Will a flight be late? Clock 2013-09-01 Learned from 195,421 rows Judged on 29,187 others")
    assert "Yes: boosting-full may replace baseline-schedule" in said
    assert (
        "Commit the results, and prove them with recommit verify . Then make it the champion: recommit promote" in said
    )


def test_three_numbers_stand_beside_those_of_champion_and_baseline_with_intervals(tmp_path: Path) -> None:
    said = first(tmp_path)
    assert "0.564 [0.544, 0.584] 0.550 [0.530, 0.570] 0.300 [0.280, 0.320] -0.030 [-0.050, -0.010]" in said
    assert "90.5 % [88.5 %, 92.5 %] – – promised: 90 %" in said


def test_a_number_is_judged_by_its_errors_and_without_a_time_there_is_no_clock(tmp_path: Path) -> None:
    errors = {"squared_error": interval(4.0), "absolute_error": interval(1.5), "calibration_error": interval(0.1)}
    period = judged()["period"] | {"starts": None, "ends": None}
    test = judged(
        loss="squared_error",
        metrics=dict.fromkeys(("candidate", "champion", "baseline"), errors),
        differences=dict.fromkeys(("champion", "baseline"), errors),
        period=period,
    )
    project = samples.project(tmp_path, documents=None, test=test)
    (project / "params.yaml").write_text("{as_of: null, horizon_hours: 2, sample: 1.0, seed: 7, split: {folds: 3}}")
    said = samples.text(samples.shown(project)["index.html"]).partition("The gate, rule by rule Verdict")[0]
    assert "Squared error ↓" in said
    assert "Absolute error ↓" in said
    assert "Clock" not in said
    assert "29,187 others, in 31 blocks Candidate" in said


def test_the_weakest_points_stand_the_worst_first_by_how_far_they_go_beyond_what_is_forgiven(tmp_path: Path) -> None:
    coverage = judged()["coverage"] | {"of": {"punctual": interval(0.97), "late": interval(0.63, 0.1)}}
    worse = judged()["differences"] | {"uncalibrated": {"calibration_error": interval(-0.03, 0.01)}}
    decision = decided(coverage=0.03, calibration_error=0.05, not_worse_than_champion=0.005, directions=0.05)
    moved = {"name": "more rain", "must_not": "fall", "why": "-", "tolerance": 0.0, "rows": 900, "blocks": 31}
    moved |= {"mean_change": interval(0.1), "violating": interval(0.045)}
    robustness = samples.evidence()["robustness"] | {"directions": [moved]}
    found = weak(tmp_path, test=judged(coverage=coverage, differences=worse), decision=decision, robustness=robustness)
    assert found == [
        "Where what came is late, 63.0 % [53.0 %, 73.0 %] of sets hold it, where 90 % are promised",
        "More rain: 4.5 % [2.5 %, 6.5 %] of answers fall, which must not; bound 5.0 %",
        "Not surely better than logistic on the same features: log loss saved: 0.004 [-0.002, 0.010]",
        "Calibration made the answers worse on these rows: error 0.011 with it, 0.364 without",
    ]


def test_what_the_gate_refuses_and_what_nobody_has_judged_comes_before_all_numbers(tmp_path: Path) -> None:
    point = {"about": "hour", "says": "worth 0.4 of the loss"}
    decision = decided("no", leakage=0.0, coverage=0.03)
    decision["rules"][0] |= {"answer": "unknown", "open": [point, point | {"about": "weekday"}]}
    decision["rules"][1] |= {"answer": "no", "value": 0.7, "low": 0.6, "high": 0.8}
    found = weak(tmp_path, decision=decision)
    assert found[0].startswith("Coverage: 0.700 [0.600, 0.800], and must be at most 0.03")
    assert found[1] == "Nobody has judged leakage: hour: worth 0.4 of the loss; and 1 more of this rule"


def test_what_only_a_person_knows_comes_first_and_nobody_is_asked_to_judge_what_was_not_measured(
    tmp_path: Path,
) -> None:
    features = samples.evidence()["features"]
    features |= {"features": [features["features"][0] | {"available": "unasked"}]}
    decision = decided("unknown", calibration=0.03)
    few = {"about": "calibration", "says": "not measurable with 65 rows in 33 blocks"}
    decision["rules"][0] |= {"answer": "unknown", "value": None, "low": None, "high": None, "open": [few]}
    found = weak(tmp_path, decision=decision, features=features)
    assert found[0].startswith("Nobody has said whether carrier is known")
    assert found[1] == "Calibration: not measurable with 65 rows in 33 blocks"


def test_a_feature_of_which_nobody_has_said_when_it_is_known_makes_a_yes_a_not_yet(tmp_path: Path) -> None:
    features = samples.evidence()["features"]
    features |= {"features": [features["features"][0] | {"available": "unasked"}]}
    said = first(tmp_path, decision=decided(schema=0.0), features=features)
    assert "Not yet: boosting-full may replace baseline-schedule only if a person says so" in said
    assert "Say in columns.py from when each of these features is known" in said


@pytest.mark.parametrize(
    ("answer", "next_"),
    [("no", "rules that say no can hold: recommit repro"), ("unknown", "recommit repro gate report")],
)
def test_the_next_command_follows_from_the_decision(answer: str, next_: str, tmp_path: Path) -> None:
    assert next_ in first(tmp_path, decision=decided(answer, schema=0.0))


def test_two_models_of_one_name_are_told_apart_by_their_hashes(tmp_path: Path) -> None:
    said = first(tmp_path, test=judged(champion=judged()["champion"] | {"fit": "boosting-full"}))
    assert "No: boosting-full c4ca423 must not replace boosting-full c81e728" in said


def test_without_a_decision_there_is_no_verdict(tmp_path: Path) -> None:
    page = samples.shown(samples.project(tmp_path, documents=None, decision=None))["index.html"]
    assert "<h1>Report</h1>" in page
