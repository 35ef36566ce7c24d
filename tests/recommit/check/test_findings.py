"""Wherever the project declares something else than its code does, a line names the place."""

import dataclasses
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recommit import Refusal
from recommit.check.declared import Declared
from recommit.check.findings import check, undeclared_code
from recommit.check.uses import Code
from recommit.project.pipeline import stages

ROOT = Path(__file__).parents[3]
DESC = "    desc: Score the rows to come with the champion, and beside it with the candidate\n"


@dataclasses.dataclass(frozen=True)
class Copy:
    """A copy of the project's text files."""

    folder: Path

    def found(self) -> list[str]:
        """Returns one line for each thing to mend."""
        return [str(finding) for finding in check(Declared(self.folder))]

    def replace(self, name: str, old: str, new: str) -> None:
        """Replaces the first place of a text that must be there."""
        text = (self.folder / name).read_text()
        assert old in text, f"{old!r} is not in {name}"
        (self.folder / name).write_text(text.replace(old, new, 1))

    def notebook(self, name: str, change: Callable[[dict[str, Any]], object]) -> None:
        """Change a notebook's content in place."""
        path = self.folder / "notebooks" / f"{name}.ipynb"
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    def cell(self, name: str, source: str) -> None:
        """Add a code cell to the end of a notebook."""
        cell = {"cell_type": "code", "id": "added", "metadata": {}, "source": source}
        self.notebook(name, lambda content: content["cells"].append(cell | {"outputs": [], "execution_count": None}))

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = Path(sys.executable).with_name("recommit")
        return subprocess.run([command, "check", *words], cwd=self.folder, capture_output=True, text=True, timeout=60)


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    folder = tmp_path / "project"
    folder.mkdir()
    for name in ("dvc.yaml", "params.yaml", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "notebooks", folder / "notebooks", ignore=shutil.ignore_patterns(".*"))
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    return Copy(folder)


def test_there_is_nothing_to_mend_in_the_project() -> None:
    assert [str(finding) for finding in check(Declared(ROOT))] == []


def test_the_command_says_that_there_is_nothing_to_mend(copy: Copy) -> None:
    result = copy.command()
    assert (result.returncode, result.stderr) == (0, "")
    assert re.fullmatch(r"recommit check: \d+ stages, \d+ notebooks: nothing to mend\n", result.stdout)
    assert json.loads(copy.command("--json").stdout) == []


def test_the_command_tells_of_everything_and_exits_with_1(copy: Copy) -> None:
    copy.replace(
        "dvc.yaml",
        DESC,
        "",
    )
    copy.replace("params.yaml", "seed: 7", "unused: 3\nseed: 7")
    result = copy.command()
    assert (result.returncode, result.stderr) == (1, "recommit: 2 to mend\n")
    assert [line.split(": ")[0] for line in result.stdout.splitlines()] == ["dvc.yaml", "params.yaml"]
    listed = json.loads(copy.command("--json").stdout)
    assert [f"{finding['where']}: {finding['what']}" for finding in listed] == result.stdout.splitlines()


def test_the_command_fixes_deps_before_it_checks(copy: Copy) -> None:
    before = (copy.folder / "dvc.yaml").read_text()
    copy.replace("dvc.yaml", "      - src/flights/rules.py\n", "")
    assert copy.command().returncode == 1
    result = copy.command("--fix")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines()[0] == "dvc.yaml: stage ingest: deps written"
    assert (copy.folder / "dvc.yaml").read_text() == before


@pytest.mark.parametrize(
    "source", ["from flights.gone import build", "import flights.gone", "from flights import gone, features"]
)
def test_an_import_of_a_module_that_is_not_there_is_named(copy: Copy, source: str) -> None:
    copy.cell("explore", f"from flights.figures import *\nfrom recommit.notebook import path\n{source}")
    named = "notebooks/explore.ipynb: it imports flights.gone, and there is no such module"
    assert [line for line in copy.found() if "imports" in line] == [f"{named}: mend the import, or add the module"]


def test_the_command_that_cannot_read_the_pipeline_exits_with_2(copy: Copy) -> None:
    copy.replace("dvc.yaml", "stages:", "stages: [")
    result = copy.command()
    assert result.returncode == 2
    assert "dvc.yaml is not YAML" in result.stderr


def test_a_parameters_cell_that_disagrees_is_told_once_for_all_items_of_a_matrix(copy: Copy) -> None:
    copy.replace(
        "dvc.yaml",
        "params: [seed, as_of, split, 'models.${item.model}']",
        "params: [seed, as_of, 'models.${item.model}']",
    )
    lines = copy.found()
    assert len([line for line in lines if "unknown parameter split" in line]) == 1
    assert lines[0].startswith("notebooks/train.ipynb (stage train@")


def test_a_parameter_that_a_stage_declares_and_params_lacks_is_found(copy: Copy) -> None:
    copy.replace("dvc.yaml", "params: [as_of, split, sample]", "params: [as_of, split, sample, share]")
    copy.replace("dvc.yaml", "params: [as_of, horizon_hours, sample, seed, split]", "params: [as_of, hours]")
    lines = copy.found()
    assert any("validate" in line and "params.yaml has no share" in line for line in lines)
    assert any("stage report" in line and "params.yaml has no hours" in line for line in lines)


def test_a_stage_that_params_may_not_leave_out_is_found(copy: Copy) -> None:
    copy.replace("params.yaml", "  quality: false\n", "  train: true\n  quality: false\n")
    [line] = copy.found()
    assert line.startswith("params.yaml: leave_out names train, which cannot be left out: expected true or false")


def test_a_stage_that_would_not_run_when_it_is_left_out_is_found(copy: Copy) -> None:
    copy.replace("dvc.yaml", "staleness, leave_out.staleness]", "staleness]")
    said = "params.yaml has leave_out.staleness: declare it in the stage's params"
    assert copy.found() == [f"dvc.yaml: stage staleness: {said}"]


def test_a_dep_left_out_is_found_whichever_it_is() -> None:
    code = Code(ROOT)
    for stage in {stage.name.partition("@")[0]: stage for stage in stages(ROOT)}.values():
        for dep in (dep for dep in stage.deps if dep.startswith(("src/", "notebooks/", "install/", "locks/"))):
            data = dep == "src/flights/documents"  # texts for people: no import tells of them
            if data or (dep.endswith("__init__.py") and not code.holds_code(dep)):
                continue
            planted = dataclasses.replace(stage, deps=tuple(other for other in stage.deps if other != dep))
            found = undeclared_code(planted, code, ROOT)
            assert found, f"{stage.name} without {dep}"
            assert all(finding.what.startswith(f"uses {dep}") for finding in found)


def test_a_dep_that_is_not_used_is_found(copy: Copy) -> None:
    copy.replace("dvc.yaml", "      - src/flights/faults.py\n", "      - src/recommit/learning/selection.py\n" * 2)
    lines = copy.found()
    unused = "declares src/recommit/learning/selection.py and does not use it: `recommit check --fix` takes it out"
    assert f"dvc.yaml: stage ingest: {unused}" in lines
    assert any(line.startswith("dvc.yaml: stage ingest: uses src/flights/faults.py") for line in lines)


@pytest.mark.parametrize(
    "line", ["from . import figures", "import importlib\nimportlib.import_module('flights.figures')"]
)
def test_a_module_imported_otherwise_is_found(copy: Copy, line: str) -> None:
    with (copy.folder / "src/flights/problem.py").open("a") as module:
        module.write(f"{line}\n")
    expected = "uses src/flights/figures.py and does not declare it: `recommit check --fix` adds it"
    assert f"dvc.yaml: stage train: {expected}" in copy.found()


def test_data_beside_modules_is_no_superfluous_dep(copy: Copy) -> None:
    (copy.folder / "src/flights/holidays.csv").write_text("day\n")
    copy.replace(
        "dvc.yaml",
        "      - src/flights/sources.py\n",
        "      - src/flights/sources.py\n" + "      - src/flights/holidays.csv\n",
    )
    assert copy.found() == []


def test_a_module_that_is_not_python_is_found_once(copy: Copy) -> None:
    with (copy.folder / "src/flights/windows.py").open("a") as module:
        module.write("if\n")
    [line] = copy.found()
    assert re.match(r"src/flights/windows\.py: line \d+ is not Python", line)


@pytest.mark.parametrize(
    ("notebook", "source", "named"),
    [
        ("explore", 'pd.read_parquet(path("data/raw/planes.parquet"))', "data/raw/planes.parquet"),
        ("explore", 'path("reports/late.csv").write_text("")', "reports/late.csv"),
        ("train", 'path(f"data/{features}.parquet")', "data/schedule.parquet"),
        ("train", 'path(f"data/old/{fit}.parquet")', "data/old/..."),
    ],
)
def test_a_file_that_a_cell_names_and_the_stage_does_not_is_found(
    copy: Copy, notebook: str, source: str, named: str
) -> None:
    copy.cell(notebook, source)
    line = f"notebooks/{notebook}.ipynb (stage {notebook}): it names {named}, which is neither under a dep nor an out"
    assert any(found.startswith(line) for found in copy.found())


@pytest.mark.parametrize(
    "source",
    ['path("data/raw") / name', 'path(f"data/raw/{name}.parquet")', 'path(f"{name}.parquet")', "path(name)"],
)
def test_a_file_that_may_be_a_declared_one_is_not_found(copy: Copy, source: str) -> None:
    copy.cell("explore", source)
    assert copy.found() == []


@pytest.mark.parametrize(
    ("out", "problem"),
    [
        ("data/features/train.parquet", "data/features/train.parquet is an out of stage predict too"),
        ("data/features", "data/features/train.parquet lies inside data/features, an out of stage predict"),
        ("reports/html/new", "reports/html/new lies inside reports/html, an out of stage report"),
        ("models/candidate", "it reads models/candidate and writes models/candidate"),
        ("models/candidate/new", "it reads models/candidate and writes models/candidate/new"),
    ],
)
def test_an_out_that_belongs_to_another_or_is_read_by_its_own_stage_is_found(
    copy: Copy, out: str, problem: str
) -> None:
    copy.replace("dvc.yaml", "      - data/predictions/upcoming", f"      - {out}\n      - data/predictions/upcoming")
    assert any(problem in line for line in copy.found())


def test_items_of_a_matrix_that_write_one_file_are_found_once(copy: Copy) -> None:
    copy.replace("dvc.yaml", "models/fits/${item.model}-${item.features}.onnx", "models/fits/last.onnx")
    assert len([line for line in copy.found() if "models/fits/last.onnx is an out" in line]) == 1


def noisy(content: dict[str, Any]) -> dict[str, Any]:
    """The first code cell of a notebook that has one."""
    return next(cell for cell in content["cells"] if cell["cell_type"] == "code")


OUTPUT = {"output_type": "stream", "name": "stdout", "text": ["7\n"]}


def test_noise_in_a_notebook_is_found_and_make_format_mends_it(copy: Copy) -> None:
    cell = {"scrolled": True, "collapsed": False, "execution": {}, "ExecuteTime": {}, "hidden": True}
    cell |= {"heading_collapsed": True}
    copy.notebook("predict", lambda content: noisy(content)["outputs"].append(OUTPUT))
    copy.notebook("predict", lambda content: noisy(content).update(execution_count=3))
    copy.notebook("predict", lambda content: noisy(content)["metadata"].update(cell))
    copy.notebook("predict", lambda content: content["metadata"].update(widgets={}))
    noise = ", ".join(
        sorted([*(f"cell metadata {name}" for name in cell), "execution count", "metadata widgets", "outputs"])
    )
    assert copy.found() == [
        f"notebooks/predict.ipynb: it holds {noise}; expected only sources: `make format` removes the rest"
    ]
    mend = Path(sys.executable).with_name("nbstripout")
    subprocess.run([mend, "--keep-id", "notebooks/predict.ipynb"], cwd=copy.folder, check=True)
    assert copy.found() == []


def test_a_cell_without_an_id_is_found(copy: Copy) -> None:
    copy.notebook("predict", lambda content: noisy(content).pop("id"))
    assert any(line.startswith("notebooks/predict.ipynb: cells without an id (2)") for line in copy.found())


def test_cells_with_one_id_are_found(copy: Copy) -> None:
    copy.notebook("predict", lambda content: noisy(content).update(id="title"))
    assert any(line.startswith("notebooks/predict.ipynb: cells 1 and 2 have one id, 'title'") for line in copy.found())


@pytest.mark.parametrize("change", [str, str.upper])
def test_nothing_is_said_of_a_notebook_that_no_stage_runs(copy: Copy, change: Callable[[str], str]) -> None:
    text = (copy.folder / "notebooks/predict.ipynb").read_text()
    (copy.folder / "notebooks/scratch.ipynb").write_text(change(text))
    assert copy.found() == []


def test_a_notebook_that_is_not_there_or_is_none_is_found(copy: Copy) -> None:
    (copy.folder / "notebooks/predict.ipynb").unlink()
    (copy.folder / "notebooks/explore.ipynb").write_text("{")
    one, other = copy.found()
    assert one.startswith("notebooks/explore.ipynb: not a notebook")
    assert other.startswith("notebooks/predict.ipynb: there is no such notebook")


@pytest.mark.parametrize("out", ["reports/late.png", "reports/figures/late.svg", "reports/plots/late.csv"])
def test_plots_that_dvc_would_not_show_are_found_for_each_item(copy: Copy, out: str) -> None:
    stem, suffix = out.rsplit(".", 1)
    named = f"      - {stem}-${{item.model}}-${{item.features}}.{suffix}\n"
    copy.replace("dvc.yaml", "      - models/fits/${item.model}", f"{named}      - models/fits/${{item.model}}")
    lines = copy.found()
    missing = f"{stem}-boosting-full.{suffix}"
    assert f"dvc.yaml: stage train: `dvc plots show` leaves {missing} out: list it under plots" in lines
    assert len(lines) == len([stage for stage in stages(copy.folder) if stage.name.startswith("train@")])
    copy.replace("dvc.yaml", "stages:", f"plots: [{Path(out).parent.as_posix()}]\nstages:")
    assert copy.found() == []


def test_a_plot_may_be_listed_by_what_it_draws(copy: Copy) -> None:
    copy.replace(
        "dvc.yaml",
        "      - data/predictions/upcoming",
        "      - reports/plots/a.csv\n      - data/predictions/upcoming",
    )
    copy.replace("dvc.yaml", "stages:", "plots: [{Days: {x: day, y: {reports/plots/a.csv: late}}}]\nstages:")
    assert copy.found() == []


def test_a_stage_that_stands_below_the_artifacts_is_found(copy: Copy) -> None:
    (copy.folder / "dvc.yaml").write_text((copy.folder / "dvc.yaml").read_text() + "  trees:\n    cmd: cp a b\n")
    assert copy.found() == ["dvc.yaml: artifacts: trees: it has a cmd, and no stage stands here: move it to stages"]


def test_a_listed_metric_or_plot_that_no_stage_writes_is_found(copy: Copy) -> None:
    listed = "metrics: [reports/metrics/gone.json]\nplots: [{reports/plots/gone.csv: {x: a, y: b}}]\nstages:"
    copy.replace("dvc.yaml", "stages:", listed)
    one, other = copy.found()
    assert one.startswith("dvc.yaml: metrics: reports/metrics/gone.json is no stage's out")
    assert other.startswith("dvc.yaml: plots: reports/plots/gone.csv is no stage's out")


@pytest.mark.parametrize(
    ("old", "new", "leaf"),
    [("seed: 7", "unused: {a: {b: 3}}\nseed: 7", "unused.a.b"), ("  model:  ", "  kept: []\n  model:", "fits.kept")],
)
def test_a_parameter_that_no_stage_declares_is_found(copy: Copy, old: str, new: str, leaf: str) -> None:
    copy.replace("params.yaml", old, new)
    if leaf.startswith("fits"):
        for declared in ("horizon_hours, fits, prediction]", "[seed, as_of, split, fits]"):
            copy.replace("dvc.yaml", declared, declared.replace("fits", "fits.model, fits.features"))
    assert f"params.yaml: no stage declares {leaf}: declare it in dvc.yaml, or take it out" in copy.found()


def test_the_parameters_of_a_model_that_the_matrix_leaves_out_may_stay(copy: Copy) -> None:
    copy.replace("params.yaml", "  - logistic\n", "")
    assert copy.found() == []


@pytest.mark.parametrize("desc", ["", "    desc: ' '\n"])
def test_a_stage_without_a_desc_is_found(copy: Copy, desc: str) -> None:
    copy.replace(
        "dvc.yaml",
        DESC,
        desc,
    )
    assert copy.found() == ["dvc.yaml: stage predict: it has no desc: say in a line what it does"]


def test_an_item_that_params_lacks_is_refused(copy: Copy) -> None:
    copy.replace("dvc.yaml", "${fits.model}", "${fits.kind}")
    with pytest.raises(Refusal, match=r"fits\.kind"):
        check(Declared(copy.folder))
