"""Documents: words by people, numbers from evidence, and what is missing is a debt."""

import re
import shutil
from pathlib import Path
from typing import Any

import nbformat
import pytest
from ruamel.yaml import YAML

from recommit import Refusal
from recommit.project.yaml import read_yaml
from tests.recommit.report import samples

CARD = ("Model details", "Intended use", "Factors", "Metrics", "Evaluation data", "Training data")
CARD += ("Quantitative analyses", "Ethical considerations", "Caveats and recommendations")
SHEET = ("Motivation", "Composition", "Collection process", "Preprocessing, cleaning, labeling", "Uses", "Distribution")
SHEET += ("Maintenance",)
BOXES = ("Prediction task", "Decisions", "Value proposition", "Data collection", "Data sources", "Impact simulation")
BOXES += ("Making predictions", "Building models", "Features", "Monitoring")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The pages of the project's own documents, filled from sample evidence."""
    return samples.shown(samples.project(tmp_path_factory.mktemp("project")))


def of(folder: Path, changes: dict[str, Any], name: str = "canvas", **replaced: Any) -> dict[str, str]:
    """The pages of the project's documents, some sections of one of them replaced."""
    documents = folder / "documents"
    shutil.copytree(samples.ROOT / samples.DOCUMENTS, documents)
    changed = read_yaml(documents / f"{name}.yaml") | changes
    YAML(typ="safe", pure=True).dump(changed, documents / f"{name}.yaml")
    (folder / "project").mkdir()
    return samples.shown(samples.project(folder / "project", documents=documents, **replaced))


@pytest.mark.parametrize(("page", "titles"), [("model-card", CARD), ("datasheet", SHEET), ("canvas", BOXES)])
def test_every_section_has_its_place_in_order(pages: dict[str, str], page: str, titles: tuple[str, ...]) -> None:
    assert tuple(re.findall(r"<h2>(.+?)</h2>", pages[f"html/{page}.html"])) == titles
    assert f'href="html/{page}.html"' in pages["index.html"]


def test_the_canvas_names_its_author_and_licence(pages: dict[str, str]) -> None:
    said = samples.text(pages["html/canvas.html"])
    assert "Machine Learning Canvas is by Louis Dorard, under CC BY-SA 4.0" in said
    assert "creativecommons.org/licenses/by-sa/4.0" in pages["html/canvas.html"]


def test_the_model_card_shows_versions_scores_and_parts_from_evidence(pages: dict[str, str]) -> None:
    said = samples.text(pages["html/model-card.html"])
    evidence = samples.evidence()
    assert evidence["test"]["candidate"]["md5"] in said
    assert evidence["test"]["champion"]["md5"] in said
    assert "Candidate 0.764 [0.744, 0.784]" in said
    assert "carrier x origin: MQ x LGA 2,741" in said
    assert "195,421" in said


def test_the_features_page_has_all_that_is_known_of_each_feature(pages: dict[str, str]) -> None:
    said = samples.text(pages["html/feature-list.html"])
    for feature in samples.evidence()["features"]["features"]:
        assert all(feature[key] in said for key in ("name", "description", "unit", "available", "cost", "owner"))
    assert "From flights: 2" in said


def test_the_debts_of_the_project_are_the_parts_that_its_files_leave_empty(pages: dict[str, str]) -> None:
    written = [read_yaml(path) for path in (samples.ROOT / samples.DOCUMENTS).glob("*.yaml")]
    parts = [part for document in written for part in document.values()]
    empty = sum(text == "" for part in parts for text in (part.values() if isinstance(part, dict) else [part]))
    assert f"Debts: {empty} parts nobody has written yet:" in samples.text(pages["index.html"])
    assert "Model card: Model details: Where do questions and complaints go?" in pages["index.html"]
    assert "Nobody has written this yet." in pages["html/model-card.html"]


def test_every_debt_leads_to_its_place(pages: dict[str, str]) -> None:
    links = re.findall(r'href="(html/(?:model-card|datasheet|canvas)\.html)#([\w-]+)"', pages["index.html"])
    assert links
    assert all(f'id="{anchor}"' in pages[page] for page, anchor in links)


def test_a_text_that_is_emptied_becomes_a_debt(tmp_path: Path) -> None:
    made = of(tmp_path, {"monitoring": ""})
    assert "Machine Learning Canvas: Monitoring" in made["index.html"]
    assert "Debts: 1 part nobody has written yet: Monitoring" in samples.text(made["html/canvas.html"])


def test_a_missing_file_is_nothing_but_debts(tmp_path: Path) -> None:
    documents = tmp_path / "documents"
    shutil.copytree(samples.ROOT / samples.DOCUMENTS, documents)
    (documents / "canvas.yaml").unlink()
    (tmp_path / "project").mkdir()
    made = samples.shown(samples.project(tmp_path / "project", documents=documents))
    assert f"Debts: {len(BOXES)} parts nobody has written yet" in samples.text(made["html/canvas.html"])


def test_what_no_evidence_measures_is_a_debt_too(tmp_path: Path) -> None:
    changes = {"quantitative_analyses": {"unitary": "x", "intersectional": "y"}, "factors": {"relevant": "z"}}
    made = of(tmp_path, changes, "model_card", slices=None)
    said = samples.text(made["index.html"])
    assert "Debts: 2 parts nothing has measured yet: Model card: Quantitative analyses: slices" in said


def test_a_placeholder_takes_its_value_from_evidence_params_and_hashes(tmp_path: Path) -> None:
    text = (
        "{{ evidence.test.metrics.candidate.auc }} of {{ evidence.test.period.rows }}, "
        "{{ evidence.test.period.mean | percent }}, {{ params.horizon_hours }} hours, "
        '{{ evidence.selection.periods[0] }}, {{ hashes["reports/evidence/test.json"] }}'
    )
    said = samples.text(of(tmp_path, {"monitoring": text})["html/canvas.html"])
    assert re.search(r"0\.764 \[0\.744, 0\.784\] of 29,187, 26\.1 %, 2 hours, 2013-05, [0-9a-f]{32}", said)


def test_a_placeholder_of_evidence_that_is_left_out_says_so(tmp_path: Path) -> None:
    text = "Older by {{ evidence.staleness.candidate.age_days }} days, {{ evidence.staleness.curve[0].rows | percent }}"
    left_out = {"left_out": "staleness", "version": 1}
    page = samples.text(of(tmp_path, {"monitoring": text}, staleness=left_out)["html/canvas.html"])
    said = "(not measured: staleness is left out)"
    assert f"Older by {said} days, {said}" in page


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ evidence.test.period.rowz }}", "there is no rowz; there are starts, ends, blocks, rows, mean"),
        ("{{ evidence.tests.period }}", "there is no tests; there are .*test"),
        ("{{ evidence.test.rowz.value }}", "there is no rowz"),
        ("{{ params.nothing }}", "there is no nothing; there are as_of, horizon_hours"),
        ("{{ evidence.test.items }}", "there is no items"),
        ("{{ evidence.slices.worst }}", "empty"),
        ("{{ evidense.test }}", "'evidense' is undefined"),
        ("{{ evidence.test", "end of print statement"),
    ],
)
def test_a_placeholder_that_nothing_fills_is_refused(text: str, message: str, tmp_path: Path) -> None:
    none = samples.evidence()["slices"] | {"worst": None}
    with pytest.raises(Refusal, match=rf"canvas\.yaml: monitoring: a placeholder cannot be filled: .*{message}"):
        of(tmp_path, {"monitoring": text}, slices=none)


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("The AUC is 0.764.", "{{ evidence.test.metrics.candidate.auc.value }}"),
        ("It is late in 26.1 % of all cases", "{{ evidence.test.period.mean | percent }}"),
        ("learned from 195,421 flights", "{{ evidence.test.candidate.trained_rows }}"),
        ("29187 flights of August 2013", "{{ evidence.test.period.rows }}"),
        ("{{ params.horizon_hours }} hours and 412 parts", "{{ evidence.slices.searched }}"),
    ],
)
def test_a_figure_copied_from_evidence_is_refused_with_the_placeholder_to_write(
    text: str, instead: str, tmp_path: Path
) -> None:
    with pytest.raises(
        Refusal, match=r"canvas\.yaml: monitoring: [\d.,]+ is typed, and evidence holds it: write "
    ) as said:
        of(tmp_path, {"monitoring": text})
    assert instead in str(said.value)


def test_figures_that_evidence_does_not_hold_are_the_writers_own(tmp_path: Path) -> None:
    own = (
        "busy: 200 rentals an hour, 12.75 % of them by members, a tenth of 1,000, from 0.5 on, in 2013, 2h before",
        "Gebru et al. (2021), see https://arxiv.org/abs/1810.03993, CC BY-SA 4.0, `departures_15min`",
    )
    said = samples.text(of(tmp_path, {"monitoring": " ".join(own)})["html/canvas.html"])
    assert "busy: 200 rentals an hour" in said


SURE = r"\b(always|never|every\w*|prove[sdn]?|guarantee\w*|part by part|used once|there is none)\b"


def test_the_projects_documents_promise_nothing_that_no_evidence_can_show() -> None:
    for path in (samples.ROOT / samples.DOCUMENTS).glob("*.yaml"):
        said = " ".join(path.read_text(encoding="utf-8").split())
        assert not re.findall(SURE, said, re.IGNORECASE), path


def test_the_model_card_takes_parts_threshold_and_models_from_evidence(pages: dict[str, str]) -> None:
    said = samples.text(pages["html/model-card.html"])
    assert "called late from a probability of 0.500 on" in said
    assert "carrier, origin: each alone, and pairs of them" in said
    assert "Judged on the same flights: candidate, uncalibrated, champion, logistic, baseline" in said
    assert "31 pieces of evidence and not 29,187" in said


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"monitorink": "x"}, "canvas.yaml: there is no section monitorink; there are prediction_task"),
        ({"monitoring": {"a": "x"}}, "canvas.yaml: monitoring: expected a text, found"),
    ],
)
def test_an_answer_that_nobody_asked_for_is_refused(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=message):
        of(tmp_path, changes)


def test_a_part_that_a_section_does_not_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"datasheet\.yaml: uses has no part kontact; it has already"):
        of(tmp_path, {"uses": {"kontact": "x"}}, "datasheet")


def test_questions_about_people_are_asked_unless_the_data_is_about_none(pages: dict[str, str], tmp_path: Path) -> None:
    assert "Did they consent to it?" not in pages["html/datasheet.html"]
    assert "the data is not about people" in pages["html/datasheet.html"]
    asked = of(tmp_path, {"people": True}, "datasheet")
    assert "Datasheet: Collection process: Did they consent to it?" in asked["index.html"]


def test_a_stage_called_like_a_document_is_refused(tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Canvas\nOf oil.")])
    (tmp_path / "reports/notebooks").mkdir(parents=True)
    nbformat.write(notebook, tmp_path / "reports/notebooks/canvas.ipynb")
    with pytest.raises(Refusal, match=r"reports/html/canvas\.html would be two pages"):
        samples.shown(samples.project(tmp_path, deps=["reports/notebooks/canvas.ipynb"]))


def test_features_of_which_nobody_has_said_when_they_are_known_are_a_debt(
    tmp_path: Path, pages: dict[str, str]
) -> None:
    features = samples.evidence()["features"]["features"]
    asked = [features[0] | {"available": "unasked"}, *features[1:]]
    found = samples.shown(samples.project(tmp_path, features=samples.evidence()["features"] | {"features": asked}))
    said = "Features: whether carrier is known when the prediction is asked for"
    assert said in samples.text(found["index.html"])
    assert said not in samples.text(pages["index.html"])


def test_ranges_that_are_drafts_are_a_debt_that_leads_to_them(tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Rules\nOf columns.")])
    (tmp_path / "reports/notebooks").mkdir(parents=True)
    nbformat.write(notebook, tmp_path / "reports/notebooks/validate.ipynb")
    schema = samples.evidence()["schema"] | {"drafts": ["warm"]}
    found = samples.shown(samples.project(tmp_path, deps=["reports/notebooks/validate.ipynb"], schema=schema))
    assert "Columns: whether what is declared of warm holds for other rows" in samples.text(found["index.html"])
    assert 'href="html/validate.html"' in found["index.html"]
