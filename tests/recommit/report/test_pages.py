"""The report shows what its stage declares, in that order, and reads nothing else."""

import json
import re
import shutil
from pathlib import Path

import nbformat
import pytest

from recommit import Refusal
from recommit.project.params import declared_values
from recommit.project.pipeline import Stage, stages
from recommit.project.yaml import read_yaml
from recommit.report.facts import Facts, read_facts
from recommit.report.pages import write_report
from tests.recommit.report import samples

ROOT = Path(__file__).parents[3]


def report_of(folder: Path) -> Stage:
    return next(stage for stage in stages(folder) if stage.name == "report")


def write(folder: Path, name: str, by: Stage | None = None) -> None:
    """A result as the stage `by` could have written it."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".ipynb":
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_markdown_cell(f"# Of {path.stem}\nIt shows {name}.")]
        )
        notebook.cells[0].id = "title"
        notebook.metadata = {"recommit": by.noted} if by else {}
        nbformat.write(notebook, path)
    elif path.suffix == ".json":
        path.write_text(json.dumps({"log_loss": len(name) / 7, "rows": len(name)}))
    else:
        path.write_text(name)


def shown(folder: Path) -> dict[str, bytes]:
    """The report's files, made anew."""
    write_report(folder)
    made = [folder / "reports/index.html", *(folder / "reports/html").iterdir()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in made}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project's dvc.yaml, params.yaml and documents, and every result that its stages declare."""
    folder = tmp_path / "project"
    folder.mkdir()
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / samples.DOCUMENTS, folder / samples.DOCUMENTS)
    evidence = samples.evidence()
    for by, out in ((stage, out) for stage in stages(ROOT) for out in stage.outs if stage.name != "report"):
        write(folder, out, by)
        if out.startswith("reports/advice/"):
            (folder / out).write_text(json.dumps(samples.VERSION | evidence["advice"]["boosting"]))
        elif out.endswith(".json") and not out.startswith("reports/metrics/") and Path(out).stem in evidence:
            (folder / out).write_text(json.dumps(samples.VERSION | evidence[Path(out).stem]))
    return folder


def test_the_report_is_the_same_with_nothing_but_what_its_stage_declares(project: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    stage = report_of(project)
    entry = read_yaml(project / "dvc.yaml")["stages"]["report"]
    (alone / "dvc.yaml").write_text(json.dumps({"stages": {"report": entry}}))
    (alone / "params.yaml").write_text(json.dumps(declared_values(stage, project)))
    for dep in (dep for dep in stage.deps if (project / dep).exists()):
        (alone / dep).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (project / dep).is_dir() else shutil.copy)(project / dep, alone / dep)
    assert shown(alone) == shown(project) == shown(project)


def test_the_pipeline_is_drawn_and_each_page_leads_to_its_notebook(project: Path) -> None:
    made = shown(project)
    drawn = made["reports/index.html"].decode()
    assert "validate leads to features. features leads to " in drawn
    assert f"The pipeline: {len(stages(ROOT))} stages</title>" in drawn
    page = made["reports/html/train-boosting-full.html"].decode()
    assert '<a href="../../notebooks/train.ipynb" title="The notebook that ran">notebook</a>' in page


def test_every_executed_notebook_and_every_figure_is_shown(project: Path) -> None:
    index = shown(project)["reports/index.html"].decode()
    every = stages(project)
    for stage in (stage for stage in every if stage.notebook):
        assert f'href="html/{stage.name.replace("@", "-")}.html"' in index
    for figure in (plot for stage in every for plot in stage.plots if plot.endswith(".png")):
        assert f'src="{figure.removeprefix("reports/")}"' in index


def test_each_figure_is_told_to_be_of_the_notebook_that_drew_it(project: Path) -> None:
    index = shown(project)["reports/index.html"].decode()
    told = dict(
        re.findall(r'<img src="figures/([\w-]+)\.png".*?\n<figcaption>.*?<a href="html/([\w-]+)\.html">', index)
    )
    drawn = {Path(plot).stem: stage.name for stage in stages(project) for plot in stage.plots if plot.endswith(".png")}
    assert told == drawn


def test_each_curve_of_dvc_plots_is_shown_as_a_figure_which_needs_no_network(project: Path) -> None:
    index = shown(project)["reports/index.html"].decode()
    curves = [plot for stage in stages(project) for plot in stage.plots if plot.endswith(".csv")]
    assert len(curves) >= 3
    assert [curve for curve in curves if f'src="figures/{Path(curve).stem}.png"' not in index] == []


def small(folder: Path, *deps: str) -> Path:
    (folder / "dvc.yaml").write_text(json.dumps({"stages": {"report": {"cmd": "recommit report", "deps": deps}}}))
    (folder / "params.yaml").write_text("{}")
    return folder


def test_pages_stand_in_the_order_of_the_deps_and_the_items_of_a_folder_by_name(tmp_path: Path) -> None:
    for name in ("fit/b", "fit/a", "read", "judge", "stray"):
        write(tmp_path, f"reports/notebooks/{name}.ipynb")
    names = ("reports/notebooks/read.ipynb", "reports/notebooks/fit", "reports/notebooks/judge.ipynb")
    index = shown(small(tmp_path, *names))["reports/index.html"].decode()
    assert re.findall(r'href="html/(.+?)\.html"', index) == ["read", "fit-a", "fit-b", "judge"]


def test_metrics_stand_under_the_title_of_the_notebook_they_follow_the_last_first(tmp_path: Path) -> None:
    for name in ("notebooks/fit/a.ipynb", "notebooks/judge.ipynb", "metrics/fit/a.json", "metrics/test.json"):
        write(tmp_path, f"reports/{name}")
    (tmp_path / "reports/metrics/test.json").write_text('{"candidate": {"auc": 0.75}, "baseline": {"auc": 0.5}}')
    names = ("notebooks/fit", "metrics/fit", "notebooks/judge.ipynb", "metrics/test.json")
    index = shown(small(tmp_path, *(f"reports/{name}" for name in names)))["reports/index.html"].decode()
    assert re.findall(r"<h3>(.+?)</h3>", index) == ["Of judge", "Of a"]
    assert re.findall(r'<tr><th scope="row"[^>]*>(\w+)</th><td', index) == ["candidate", "baseline", "a"]


def test_a_dep_that_is_not_there_is_refused_and_the_earlier_report_stays(tmp_path: Path) -> None:
    write(tmp_path, "reports/notebooks/read.ipynb")
    before = shown(small(tmp_path, "reports/notebooks/read.ipynb"))
    with pytest.raises(Refusal, match=r"test\.json: the stage that writes it has not run yet"):
        write_report(small(tmp_path, "reports/notebooks/read.ipynb", "reports/metrics/test.json"))
    assert (tmp_path / "reports/index.html").read_bytes() == before["reports/index.html"]


def test_a_dep_that_changes_while_it_is_read_is_refused_and_the_earlier_report_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".dvc").mkdir()
    write(tmp_path, "reports/notebooks/read.ipynb")
    before = shown(small(tmp_path, "reports/notebooks/read.ipynb"))

    def read_facts_and_run_a_stage(*words: object) -> Facts:
        nbformat.write(nbformat.v4.new_notebook(), tmp_path / "reports/notebooks/read.ipynb")
        return read_facts(*words)

    monkeypatch.setattr("recommit.report.pages.read_facts", read_facts_and_run_a_stage)
    with pytest.raises(Refusal, match=r"read\.ipynb changed while the report was made"):
        write_report(tmp_path)
    assert (tmp_path / "reports/index.html").read_bytes() == before["reports/index.html"]


def test_a_project_without_a_report_stage_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").write_text("stages: {}")
    with pytest.raises(Refusal, match="no stage whose cmd is `recommit report`"):
        write_report(tmp_path)
