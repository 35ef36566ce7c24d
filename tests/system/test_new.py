"""A whole project from a table: `recommit new`, the pipeline on the machinery's wheel, a champion, a proof."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recommit.template.shipped import wheel
from tests.recommit.template.origins import in_postgresql, in_sqlite, served

SLOWER = {"instants: 6": "instants: 1", "most: 3 ": "most: 1 ", "max_iter: 100": "max_iter: 10"}


def hire(rows: int = 2400) -> pd.DataFrame:
    """Bikes hired every third hour: more when it is warm."""
    draw = np.random.default_rng(3)
    warm = draw.normal(15, 8, rows).round(2)
    asked_at = pd.date_range("2023-01-01", periods=rows, freq="3h", tz="UTC")
    busy = np.where(draw.random(rows) < 1 / (1 + np.exp(-(warm - 15) / 5)), "yes", "no")
    place = draw.choice(["north", "south"], rows)
    return pd.DataFrame(
        {"id": np.arange(rows), "asked_at": asked_at.astype("str"), "warm": warm, "place": place, "busy": busy}
    )


class Begun:
    """A project that `recommit new` wrote, and an environment that holds the wheel and none of this tree."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder, self.programs = folder, programs

    def run(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "PYTEST_"))}
        path = os.pathsep.join([str(self.programs), str(Path(sys.executable).parent), os.environ["PATH"]])
        env = kept | {"PATH": path, "JUPYTER_PATH": f"{sys.prefix}/share/jupyter"}
        result = subprocess.run(words, cwd=self.folder, env=env, capture_output=True, text=True, timeout=900)
        assert not check or result.returncode == 0, f"{words}:\n{result.stdout}\n{result.stderr}"
        return result

    def json(self, name: str) -> dict:
        return json.loads((self.folder / name).read_text())


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Begun:
    place = tmp_path_factory.mktemp("new")
    programs = environment(place / "venv")
    hire().to_csv(place / "bikes.csv", index=False)
    project = begin(place / "bikes", programs, "--data", str(place / "bikes.csv"))
    project.run("recommit", "repro")
    project.run("git", "add", "--all")
    project.run("git", "commit", "--quiet", "--message", "results")
    return project


@pytest.fixture
def own(begun: Begun, tmp_path: Path) -> Begun:
    """A copy of `begun` that the test may change: tests run in any order, on `begun` itself."""
    project = Begun(tmp_path / "own", begun.programs)
    shutil.copytree(begun.folder, project.folder, symlinks=True)
    project.run("dvc", "config", "--local", "core.site_cache_dir", str(project.folder / ".dvc/tmp/site"))
    return project


def begin(folder: Path, programs: Path, *data: str) -> Begun:
    """A quick project on a table of `hire`, which the flags in `data` name."""
    flags = [*data, "--target", "busy", "--horizon", "3", "--yes"]
    Begun(folder.parent, programs).run("recommit", "new", str(folder), *flags)
    project = Begun(folder, programs)
    params = (folder / "params.yaml").read_text()
    for old, quick in SLOWER.items():
        assert old in params
        params = params.replace(old, quick)
    (folder / "params.yaml").write_text(params)
    project.run("dvc", "config", "--local", "core.site_cache_dir", str(folder / ".dvc/tmp/site"))
    return project


def environment(folder: Path) -> Path:
    """A virtual environment with the wheel, beside the packages of this one; returns where its programs are."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    [site] = (folder / "lib").glob("python*/site-packages")
    (site / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    name, content = wheel()
    (folder / name).write_bytes(content)
    with zipfile.ZipFile(folder / name) as packed:
        packed.extractall(site)
    [installed] = site.glob("recommit-*.dist-info")
    (installed / "direct_url.json").write_text(json.dumps({"url": (folder / name).as_uri(), "archive_info": {}}))
    for program, call in (("recommit", "from recommit_tree import main"), ("dvc", "from dvc.cli import main")):
        (folder / "bin" / program).write_text(f"#!{folder}/bin/python\nimport sys\n{call}\nsys.exit(main())\n")
        (folder / "bin" / program).chmod(0o755)
    return folder / "bin"


@pytest.mark.system
def test_the_pipeline_runs_through_to_a_decision_and_predictions(begun: Begun) -> None:
    assert begun.json("models/decision.json")["answer"] in ("yes", "no", "unknown")
    predicted = pd.read_parquet(begun.folder / "data/predictions/upcoming.parquet")
    asked = pd.read_parquet(begun.folder / "data/features/upcoming.parquet")
    assert predicted["id"].tolist() == asked["id"].tolist()
    assert (begun.folder / "reports/index.html").is_file()


@pytest.mark.system
def test_the_candidate_was_compared_with_the_commits_own_baseline(begun: Begun) -> None:
    champion = begun.json("reports/evidence/test.json")["champion"]
    assert champion["model"] == "baseline"
    assert begun.json("models/baseline/manifest.json")["fit"] == champion["fit"]
    assert begun.json("reports/evidence/test.json")["candidate"]["model"] != "baseline"


@pytest.mark.system
def test_its_results_are_proved_on_the_installed_machinery(begun: Begun) -> None:
    # Packages of this environment are read from beside the project's own, which a proof rightly names.
    said = begun.run("recommit", "verify", "--stage", "features", "--stage", "gate", check=False).stdout
    assert re.search(r"(\d+) outputs of 2 stages: \1 identical", said), said


LEFT_OUT = ("quality", "search", "importance", "staleness", "robustness")


@pytest.mark.system
def test_one_line_leaves_stages_out_the_decision_says_so_and_it_brings_them_back_to_the_byte(own: Begun) -> None:
    file = own.folder / "params.yaml"
    params = file.read_text()
    file.write_text(params.replace(": false", ": true"))
    said = own.run("dvc", "repro").stdout
    ran = {stage.partition("@")[0] for stage in re.findall(r"Running stage '(.+?)'", said)}
    assert ran == {*LEFT_OUT, "gate", "report"}
    rules = {rule["rule"]: rule for rule in own.json("models/decision.json")["rules"]}
    for rule, stage in {"quality": "quality", "staleness": "staleness", "directions": "robustness"}.items():
        assert (rules[rule]["answer"], rules[rule]["value"]) == ("unknown", None)
        assert f"the stage {stage} is left out by leave_out in params.yaml" in rules[rule]["reason"]
    assert "leaves out importance, quality, robustness, search" in (own.folder / "reports/index.html").read_text()
    own.run("git", "commit", "--quiet", "--all", "--message", "fewer stages")
    said = own.run("recommit", "verify", *[f"--stage={stage}" for stage in ("quality", "gate")], check=False).stdout
    assert re.search(r"(\d+) outputs of 2 stages: \1 identical", said), said
    file.write_text(params)
    own.run("dvc", "repro")
    assert own.run("git", "diff", "--stat", "HEAD~1").stdout == ""


@pytest.mark.system
def test_a_project_can_be_begun_where_only_the_wheel_is(begun: Begun) -> None:
    """The machinery that wrote it was the wheel's own, and the new project keeps the very same wheel."""
    name, content = wheel()
    assert (begun.folder / "vendor" / name).read_bytes() == content
    assert not (begun.folder / "src/recommit").exists()


@pytest.mark.system
@pytest.mark.parametrize("origin", ["parquet", "url", "sqlite", "postgresql"])
def test_a_table_from_elsewhere_leads_to_the_same_predictions(origin: str, begun: Begun, tmp_path: Path) -> None:
    with contextlib.ExitStack() as lasting:
        project = begin(tmp_path / "bikes", begun.programs, *data_from(origin, tmp_path, lasting))
        project.run("recommit", "check")
        project.run("dvc", "repro", "ingest")
        rows = "data/raw/rows.parquet"
        assert (project.folder / rows).read_bytes() == (begun.folder / rows).read_bytes()
        if origin != "parquet":  # its name stands in files
            assert unlike(begun, project) == ["data/source/bikes.csv.dvc"]
        if origin == "url":
            proved_elsewhere(project, tmp_path / "clone")
        shutil.copytree(begun.folder / "models/candidate", project.folder / "models/candidate")
        same_predictions(begun, project, tmp_path)
        if origin == "url":
            hire().tail(-100).to_csv(tmp_path / "bikes.csv", index=False)
            project.run("dvc", "update", "data/source/bikes.csv.dvc")
            assert "data/source/bikes.csv" in project.run("dvc", "status").stdout


def data_from(origin: str, folder: Path, lasting: contextlib.ExitStack) -> list[str]:
    """The flags by which `recommit new` finds the rows of `hire` there; what serves them does while that lasts."""
    (folder / "bikes.sql").write_text("SELECT id, asked_at, warm, place, busy FROM hire ORDER BY id;\n")
    instants = hire().assign(asked_at=lambda rows: pd.to_datetime(rows["asked_at"]))
    if origin == "parquet":
        hire().to_parquet(folder / "bikes.parquet", index=False)
        return ["--data", str(folder / "bikes.parquet")]
    if origin == "url":
        hire().to_csv(folder / "bikes.csv", index=False)
        return ["--data", lasting.enter_context(served(folder)) + "/bikes.csv"]
    if origin == "sqlite":
        return ["--data", in_sqlite(hire(), "hire", folder / "hire.db"), "--query", str(folder / "bikes.sql")]
    return ["--data", lasting.enter_context(in_postgresql(instants, "hire")), "--query", str(folder / "bikes.sql")]


def unlike(one: Begun, other: Begun) -> list[str]:
    """The files of `recommit new` that differ: where no code or parameter does, same rows give the same results."""
    first = one.run("git", "rev-list", "--max-parents=0", "HEAD").stdout.strip()
    names = one.run("git", "ls-tree", "-r", "--name-only", first).stdout.split()
    names.remove("params.yaml")  # both were made quicker
    return [name for name in names if (one.folder / name).read_bytes() != (other.folder / name).read_bytes()]


def same_predictions(one: Begun, other: Begun, folder: Path) -> None:
    """Both projects score the table that they were begun with, and predict the same."""
    for project, file in ((one, "one.parquet"), (other, "other.parquet")):
        [table] = (path for path in (project.folder / "data/source").iterdir() if path.suffix in (".csv", ".parquet"))
        words = ("--model", "models/candidate", "--input", str(table), "--output", str(folder / file))
        project.run("recommit", "predict", *words)
    assert pd.read_parquet(folder / "one.parquet").equals(pd.read_parquet(folder / "other.parquet"))
    assert len(pd.read_parquet(folder / "one.parquet")) == len(hire())


def proved_elsewhere(project: Begun, folder: Path) -> None:
    """A clone has the table from DVC's cache or remote: it asks no server, and its stages give the same again."""
    project.run("git", "add", "--all")
    project.run("git", "commit", "--quiet", "--message", "results")
    cache = project.run("dvc", "cache", "dir").stdout.strip()
    project.run("git", "clone", "--quiet", ".", str(folder))
    clone = Begun(folder, project.programs)
    clone.run("dvc", "config", "--local", "cache.dir", cache)
    clone.run("dvc", "checkout", "ingest", "data/source/bikes.csv")
    said = clone.run("recommit", "verify", "--stage", "ingest", check=False).stdout
    assert re.search(r"(\d+) outputs of 1 stages: \1 identical", said), said


@pytest.mark.system
def test_a_promoted_version_is_the_champion_from_then_on(own: Begun) -> None:
    own.run("recommit", "promote", "--force", "--reason", "a test")
    assert not (own.folder / "models/champion/README.md").exists()
    own.run("dvc", "repro", "evaluate")
    found = own.json("reports/evidence/test.json")
    assert found["champion"]["md5"] == found["candidate"]["md5"]
