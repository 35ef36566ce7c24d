"""The first page tells what was decided, and why, from evidence alone."""

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

from recommit import Refusal
from recommit.evidence.files import write
from recommit.project.left_out import LEFT_OUT_PICTURE
from tests.recommit.monitoring.world import World
from tests.recommit.report import samples


def index(folder: Path, **replaced: object) -> str:
    return samples.shown(samples.project(folder, documents=None, **replaced))["index.html"]


def headings(page: str) -> list[str]:
    return re.findall(r"<h2[^>]*>(.+?)</h2>", page)


def test_the_decision_comes_first_then_how_the_candidate_was_judged_and_chosen(tmp_path: Path) -> None:
    assert headings(index(tmp_path))[:10] == [
        "No: boosting-full must not replace baseline-schedule",
        "Weakest points",
        "The gate, rule by rule",
        "Advice: other parameters",
        "Test results",
        "Calibration",
        "Prediction sets",
        "How the candidate was chosen",
        "Parts of the data",
        "How a model ages",
    ]


def test_the_advice_says_what_was_better_where_it_was_not_confirmed_and_how_to_adopt_it(tmp_path: Path) -> None:
    said = samples.text(index(tmp_path))
    assert "Training uses the parameters in params.yaml" in said
    tried = "Model boosting In params.yaml max_iter: 100 Best of those tried max_iter: 200 Searched in 2013-05, 2013-06"
    difference = "Loss less params.yaml's -0.0040 [-0.0060, -0.0020] Not searched 2013-07"
    confirmation = "The same there -0.003 [-0.009, 0.003] Find unconfirmed: not surely better there"
    adopt = "To adopt it dvc exp run -S models.boosting.max_iter=200 select"
    assert f"{tried} {difference} {confirmation} {adopt}" in said


def test_each_rule_is_shown_with_verdict_value_interval_what_it_must_be_and_reason_the_worst_first(
    tmp_path: Path,
) -> None:
    said = samples.text(index(tmp_path))
    no = "✗ no Worst slice -0.030 [-0.050, -0.010] surely at least 0 carrier x origin: MQ x LGA gains less"
    yes = "✓ yes Better than baseline 0.052 [0.032, 0.072] surely at least 0 the lower bound is above the margin"
    assert 0 < said.index(no) < said.index(yes)
    assert "1 of the gate's 2 rules hold. No: worst slice." in said


def test_scores_differences_and_fits_are_shown_with_their_intervals(tmp_path: Path) -> None:
    said = samples.text(index(tmp_path))
    assert "Candidate 0.764 [0.744, 0.784]" in said
    assert "than logistic 0.004 [-0.002, 0.010]" in said
    assert "boosting-full 0.480 [0.460, 0.500] 0.000 [0.000, 0.000] chosen" in said
    assert "judged on 29,187 rows in 31 blocks from 2013-08-01 to 2013-09-01; the mean of the target is 0.261" in said


def test_evidence_of_an_unknown_name_is_shown_as_it_is(tmp_path: Path) -> None:
    page = index(tmp_path)
    assert "Tides" in headings(page)
    assert "Moon full Highest 0.300 [0.280, 0.320]" in samples.text(page)


def test_a_leak_is_shown_and_none_is_said_to_be_none(tmp_path: Path) -> None:
    leak = {"certainty": "proof", "kind": "target_in_columns", "where": "arrival_delay", "how": "AUC 1 alone"}
    asked = {"certainty": "question", "kind": "strong_columns", "where": "hour", "how": "AUC 0.96 alone", "worth": 0.4}
    said = samples.text(index(tmp_path, leakage=samples.evidence()["leakage"] | {"leaks": [leak, asked]}))
    assert "proof target_in_columns arrival_delay AUC 1 alone" in said
    assert "question strong_columns hour AUC 0.96 alone 0.400" in said
    assert "does any feature change? Leaks: none." in said


def test_what_the_gate_cannot_tell_stands_there_with_its_answer_or_as_open(tmp_path: Path) -> None:
    decision = samples.evidence()["decision"]
    point = {"about": "hour, weekday", "says": "worth 0.4 of the loss"}
    rule = decision["rules"][0] | {"answer": "unknown", "open": [point]}
    page = samples.text(index(tmp_path, decision=decision | {"answer": "unknown", "rules": [rule]}))
    assert "only if a person says so" in page
    assert "0 of the gate's 1 rules hold. Unknown: better than baseline." in page
    assert "hour, weekday worth 0.4 of the loss open" in page

    rule |= {"open": [], "accepted": [point | {"why": "a busy street"}]}
    line = {"rule": "quality", "about": "2013-02", "why": "a storm"}
    decision |= {"answer": "yes", "rules": [rule], "unused": [line]}
    page = samples.text(index(tmp_path, decision=decision))
    assert "Unknown, and accepted by a person: better than baseline." in page
    assert "hour, weekday worth 0.4 of the loss a busy street" in page
    assert "Quality 2013-02 nothing: this line accepts no point a storm" in page


@pytest.mark.parametrize("name", ["test", "slices", "selection", "decision", "staleness"])
def test_evidence_that_lacks_what_is_shown_is_refused_by_its_name(name: str, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=rf"{name}\.json is not what a stage writes: \w+ is missing"):
        index(tmp_path, **{name: {"strange": 1}})


def test_parts_too_few_to_search_are_no_error(tmp_path: Path) -> None:
    assert "Parts of the data" in index(tmp_path, slices={"slices": [], "worst": None, "searched": 0})


def test_a_figure_stands_in_the_section_it_is_called_after_with_its_notebook(tmp_path: Path) -> None:
    (tmp_path / "reports/figures").mkdir(parents=True)
    for name in ("decay", "calibration", "upcoming"):
        (tmp_path / f"reports/figures/{name}.png").write_bytes(b"")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# How good is it?\nSo good.")])
    (tmp_path / "reports/notebooks").mkdir()
    nbformat.write(notebook, tmp_path / "reports/notebooks/judge.ipynb")
    deps = [
        "reports/notebooks/judge.ipynb",
        *(f"reports/figures/{n}.png" for n in ("decay", "calibration", "upcoming")),
    ]
    page = samples.shown(samples.project(tmp_path, documents=None, deps=deps))["index.html"]
    sections = dict(one.split('"', 1) for one in page.split('class="inside" id="')[1:])
    for section, figure in (("staleness", "decay"), ("calibration", "calibration"), ("figures", "upcoming")):
        assert f'src="figures/{figure}.png"' in sections[section]
    assert 'Decay, from <a href="html/judge.html">How good is it?</a>' in sections["staleness"]


def test_what_is_left_out_has_no_section_of_findings_and_no_figure_but_a_line_that_says_so(tmp_path: Path) -> None:
    stages = {"advice": "search", "staleness": "staleness", "importance": "importance", "robustness": "robustness"}
    left_out: dict[str, Any] = {name: {"left_out": stage, "version": 1} for name, stage in stages.items()}
    (tmp_path / "reports/figures").mkdir(parents=True)
    (tmp_path / "reports/figures/decay.png").write_bytes(LEFT_OUT_PICTURE)
    left_out["advice"] = {"boosting": left_out["advice"]}
    deps = ["reports/figures/decay.png"]
    page = samples.shown(samples.project(tmp_path, documents=None, deps=deps, **left_out))["index.html"]
    said = "leave_out in params.yaml leaves out importance, robustness, search, staleness: nothing of it was measured."
    assert said in samples.text(page)
    assert not {"How a model ages", "Advice: other parameters", "Importance", "Robustness"} & {*headings(page)}
    assert "decay.png" not in page


def test_the_report_asks_nothing_of_the_network(tmp_path: Path) -> None:
    for name, page in samples.shown(samples.project(tmp_path)).items():
        assert not re.findall(r'<link|<script|@import|url\(|src="(?:https?:)?//', page), name


def test_alerts_of_the_champion_and_what_came_stand_in_a_section(tmp_path: Path) -> None:
    found = World().changed(wind=lambda rows: 3.6 * rows["wind"]).watched()
    folder = samples.project(tmp_path, documents=None)
    write(folder / "reports/monitor.json", found)
    page = samples.text(samples.shown(folder)["index.html"])
    assert "Is the champion still right?" in page
    assert f"Alerts: {len(found.alerts)}." in page
    assert "wind: " in page
    assert "What came, against what was promised" in page
