"""`recommit new`: a project that is green at once, or a line that says why there is none, and nothing left behind."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

import recommit
from recommit import Refusal
from recommit.check.declared import Declared
from recommit.check.deps import write_deps
from recommit.check.findings import check
from recommit.project.dvc import dvc
from recommit.project.pipeline import stages
from recommit.rawtable.form import Form
from recommit.template.begin import answered, begin
from recommit.template.look import Question, Said
from recommit.template.shipped import notebooks
from recommit.template.source import Source
from recommit.verbs.new import command


def table(rows: int = 3000) -> pd.DataFrame:
    """Bikes hired, hour by hour: more when it is warm."""
    draw = np.random.default_rng(3)
    warm = draw.normal(15, 8, rows).round(1)
    return pd.DataFrame(
        {
            "hour_id": np.arange(1000, 1000 + rows),
            "asked_at": pd.date_range("2023-01-01", periods=rows, freq="3h", tz="UTC").strftime("%Y-%m-%dT%H:%M:%SZ"),
            "warm": warm,
            "place": draw.choice(["north", "south"], rows),
            "busy": np.where(draw.random(rows) < 1 / (1 + np.exp(-(warm - 15) / 8)), "yes", "no"),
        }
    )


def new(path: Path, *words: str, data: pd.DataFrame | None = None, given: str | None = None) -> Result:
    """Runs `recommit new` on a table beside the project, and asks nothing."""
    file = path.parent / "hire.csv"
    file.parent.mkdir(parents=True, exist_ok=True)
    (table() if data is None else data).to_csv(file, index=False)
    flags = ["--data", str(file), "--target", "busy", "--yes", *words]
    return CliRunner().invoke(command, [str(path), *flags], input=given)


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A project, and what the command printed."""
    path = tmp_path_factory.mktemp("begun of a person") / "bike-hire"
    result = new(path)
    assert result.exit_code == 0, result.exception
    return path, result.output


def git(folder: Path, *words: str) -> list[str]:
    result = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True)
    return result.stdout.splitlines()


def test_a_new_project_is_one_commit_with_nothing_to_mend(begun: tuple[Path, str]) -> None:
    path, _ = begun
    assert len(git(path, "log", "--oneline")) == 1
    assert git(path, "status", "--porcelain") == []
    assert check(Declared(path)) == []


def test_its_table_is_kept_by_dvc_and_not_by_git(begun: tuple[Path, str]) -> None:
    path, _ = begun
    assert (path / "data/source/hire.csv").read_bytes() == (path.parent / "hire.csv").read_bytes()
    tracked = git(path, "ls-files", "data")
    assert sorted(tracked) == ["data/log/README.md", "data/source/.gitignore", "data/source/hire.csv.dvc"]
    assert "      - data/source/hire.csv\n" in (path / "dvc.yaml").read_text()


def test_git_takes_no_result_that_dvc_keeps_and_every_other(begun: tuple[Path, str]) -> None:
    """Of a run that failed half way DVC leaves no line in .gitignore, and `git add --all` must do all the same."""
    path, _ = begun
    every = stages(path)
    uncached = {out for stage in every for out in stage.uncached}
    cached = {out for stage in every for out in stage.outs} - uncached
    assert set(git(path, "check-ignore", "--no-index", *cached)) == cached
    asked = subprocess.run(["git", "check-ignore", "--no-index", *uncached], cwd=path, capture_output=True, text=True)
    assert asked.stdout == ""


def test_what_is_the_users_to_own_is_small(begun: tuple[Path, str]) -> None:
    path, _ = begun
    generic = {*notebooks()}
    given = ("vendor/", "locks/", "deploy/")  # nobody has to edit these
    own = [name for name in git(path, "ls-files") if name not in generic and not name.startswith(given)]
    assert len(own) <= 30
    assert sum((path / name).read_text().count("\n") for name in own) <= 1200
    assert (path / "dvc.yaml").read_text().count("\n") < 350
    package = list((path / "src/bike_hire").iterdir())
    assert len(package) <= 4
    assert sum(file.read_text().count("\n") for file in package) <= 250


def test_a_renamed_package_is_found_and_nothing_names_the_old(begun: tuple[Path, str], tmp_path: Path) -> None:
    path = Path(shutil.copytree(begun[0], tmp_path / "bike-hire", symlinks=True))
    git(path, "mv", "src/bike_hire", "src/rides")
    assert "dvc.yaml: stage ingest: uses src/rides/columns.py" in str(check(Declared(path))[0])
    write_deps(Declared(path))
    assert check(Declared(path)) == []
    assert subprocess.run(["git", "grep", "bike_hire"], cwd=path, capture_output=True, text=True).stdout == ""
    assert said_of(path, "PROBLEM.features.name, PROBLEM.form.time") == "('features', 'asked_at')"


def test_the_target_is_named_in_one_line(begun: tuple[Path, str], tmp_path: Path) -> None:
    path = Path(shutil.copytree(begun[0], tmp_path / "bike-hire", symlinks=True))
    columns = path / "src/bike_hire/columns.py"
    columns.write_text(columns.read_text().replace('TARGET = "busy"', 'TARGET = "crowded"'))
    assert check(Declared(path)) == []
    found = subprocess.run(["git", "grep", "-hw", "busy"], cwd=path, capture_output=True, text=True).stdout
    assert [line for line in found.splitlines() if "Taken:" not in line] == []  # the open questions, in a docstring
    said = said_of(path, "PROBLEM.question, PROBLEM.target in PROBLEM.features.names")
    assert said == "('Will crowded be yes?', True)"


def said_of(path: Path, expression: str) -> str:
    """What an expression of the project's PROBLEM says, in a Python of its own."""
    code = f"from recommit.problem import load_problem; PROBLEM = load_problem('.'); print(({expression}))"
    env = os.environ | {"PYTHONPATH": f"src{os.pathsep}{Path(recommit.__file__).parents[1]}"}
    result = subprocess.run([sys.executable, "-c", code], cwd=path, env=env, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_it_ends_with_what_was_assumed_the_whole_command_and_what_comes_next(begun: tuple[Path, str]) -> None:
    path, said = begun
    assert "Assumed:" in said
    assert f"cd '{path}'" in said  # a blank in it
    assert re.search(r"recommit new .*--target busy", said)
    assert "make repro" in said


@pytest.mark.parametrize(
    "kind",
    [
        {},
        {"busy": ["low", "middle", "high"] * 1000},
        {
            "busy": [round(number / 7, 3) for number in range(3000)],
            "asked_at": [f"shift {n % 90}" for n in range(3000)],
        },
    ],
    ids=["yes or no by time", "classes by time", "a number without a time"],
)
def test_the_whole_command_gives_the_same_project(tmp_path: Path, kind: dict[str, Any]) -> None:
    path, data = tmp_path / "first/bike-hire", table().assign(**kind)
    said = new(path, data=data).output
    (line,) = [line.strip() for line in said.splitlines() if line.strip().startswith("recommit new ")]
    words = shlex.split(line)[2:]
    again = tmp_path / "second/bike-hire"
    again.parent.mkdir()
    result = CliRunner().invoke(command, [str(again), *words[1:]])
    assert result.exit_code == 0, result.exception
    for name in git(path, "ls-files"):
        # columns.py opens with what was guessed, and here nothing is.
        one, other = ((folder / name).read_bytes() for folder in (path, again))
        assert one.rpartition(b'"""')[2] == other.rpartition(b'"""')[2] if "columns.py" in name else one == other, name


@pytest.mark.parametrize(
    ("words", "data", "reason"),
    [
        ([], table().assign(busy="yes"), "busy"),
        ([], table().drop(columns="busy"), "busy"),
        (["--key", "place"], None, "place"),
        (["--time", "warm"], None, "warm"),
        (["--time", "asked_at", "--no-time"], None, "exclude"),
        (["--known", "warm", "--not-known", "warm"], None, "warm"),
        ([], table(0), "no rows"),
    ],
    ids=["one class", "no target", "a key that repeats", "no instants", "two minds", "two answers", "no rows"],
)
def test_a_table_that_is_none_gets_a_line_and_leaves_nothing(
    tmp_path: Path, words: list[str], data: pd.DataFrame | None, reason: str
) -> None:
    result = new(tmp_path / "deep/down/bike-hire", *words, data=data)
    assert isinstance(result.exception, Refusal)
    assert reason in str(result.exception)
    assert "\n" not in str(result.exception)
    assert [path.name for path in (tmp_path / "deep/down").iterdir()] == ["hire.csv"]


@pytest.mark.parametrize(
    ("content", "words", "reason"),
    [
        (b"busy" + b",x" * 10 + b"\nyes" + b",1" * 10, [], "x (10 times)"),
        ("busy,where\nyes,K\u00f6ln\n".encode("cp1252"), [], "--encoding"),
        ("busy,where\nyes,K\u00f6ln\n".encode("utf-16"), [], "--encoding utf-16"),
        (b"busy;warm\nyes;1,5\nno;2,5\n", [], "--decimal"),
        (b"busy,at\nyes,03/04/2013\nno,05/06/2013\n", [], "--day-first or --month-first"),
        (b"busy,at\nyes,2023-01-01\nno,soon\n", ["--time", "at"], "no instant in 1 row"),
        (b"", [], "it is empty"),
        (b"busy,warm\nyes,1\nno,2,3\n", [], "a row is torn"),
    ],
    ids=["ten of one name", "cp1252", "utf-16", "decimal comma", "day or month", "no instant", "empty", "torn"],
)
def test_a_file_that_cannot_be_read_as_it_is_names_what_helps(
    tmp_path: Path, content: bytes, words: list[str], reason: str
) -> None:
    (tmp_path / "hire.csv").write_bytes(content)
    flags = ["--data", str(tmp_path / "hire.csv"), "--target", "busy", "--yes", *words]
    result = CliRunner().invoke(command, [str(tmp_path / "bikes"), *flags])
    assert isinstance(result.exception, Refusal)
    assert reason in str(result.exception)
    assert "\n" not in str(result.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["hire.csv"]


def test_a_table_larger_than_memory_gets_a_line_that_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recommit.rawtable.read.psutil.virtual_memory", lambda: SimpleNamespace(available=1000))
    result = new(tmp_path / "bikes")
    assert "start with some of its rows" in str(result.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["hire.csv"]


def test_rows_at_irregular_times_have_a_horizon_of_a_part_of_an_hour(tmp_path: Path) -> None:
    rows = table(2000)
    minutes = np.random.default_rng(1).integers(0, 170, len(rows))
    rows["asked_at"] = (pd.to_datetime(rows["asked_at"]) + pd.to_timedelta(minutes, unit="min")).astype("str")
    for words in ([], ["--horizon", "1.5"]):
        path = tmp_path / f"hire{len(words)}"
        result = new(path, *words, data=rows)
        assert result.exit_code == 0, result.exception
        assert [str(one) for one in check(Declared(path))] == []


def test_a_project_and_its_data_come_back_from_the_remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert new(tmp_path / "bike-hire", "--remote", "store").exit_code == 0
    git(tmp_path, "clone", "--quiet", "bike-hire", "away/clone")
    for folder, verb in ((tmp_path / "bike-hire", "push"), (tmp_path / "away/clone", "pull")):
        result = dvc(folder, Path(sys.executable).parent, verb, "data/source/hire.csv")
        assert result.returncode == 0, result.stderr
    assert (tmp_path / "away/clone/data/source/hire.csv").read_bytes() == (tmp_path / "hire.csv").read_bytes()
    assert (tmp_path / "store").is_dir()


def test_a_zone_that_was_said_is_no_open_question(tmp_path: Path) -> None:
    rows = table().assign(asked_at=pd.date_range("2023-01-01", periods=3000, freq="3h").astype("str"))
    assert "in which time zone?" in new(tmp_path / "asked", data=rows).output
    said = new(tmp_path / "said", "--zone", "UTC", data=rows).output
    assert "in which time zone?" not in said
    assert "--zone UTC" in said


def test_a_project_that_fails_half_way_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("recommit.template.project.write_deps", full)
    result = new(tmp_path / "here/bike-hire")
    assert isinstance(result.exception, OSError)
    assert [path.name for path in (tmp_path / "here").iterdir()] == ["hire.csv"]


def test_no_project_is_put_into_a_repository_or_over_files(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path / "repository")], check=True)
    result = new(tmp_path / "repository/bike-hire")
    assert "lies in the repository" in str(result.exception)
    (tmp_path / "bike-hire").mkdir()
    (tmp_path / "bike-hire/mine.txt").touch()
    assert "is there already" in str(new(tmp_path / "bike-hire").exception)
    assert [path.name for path in (tmp_path / "bike-hire").iterdir()] == ["mine.txt"]


def test_without_a_terminal_what_is_missing_is_named_and_not_asked(tmp_path: Path) -> None:
    result = CliRunner().invoke(command, [str(tmp_path / "bike-hire")])
    assert isinstance(result.exception, Refusal)
    assert "--data and --target" in str(result.exception)


@pytest.mark.parametrize(
    ("flag", "about", "answer", "said", "form"),
    [
        ("--known or --not-known", "a, b", "no", Said("t", known={"a": False, "b": False}), Form()),
        ("--known", "a", "yes", Said("t", known={"a": True}), Form()),
        ("--zone", "at", "Europe/Paris", Said("t", zone="Europe/Paris"), Form()),
        ("--horizon", "at", "2.5", Said("t", horizon=2.5), Form()),
        ("--time", "at", "at", Said("t", time="at"), Form()),
        ("--known or --not-known", "a, b", "later", Said("t"), Form()),
        ("--known or --not-known", "a, b", "b", Said("t", known={"a": True, "b": False}), Form()),
        ("--time", "at", "no", Said("t", time=""), Form()),
        ("--group", "who", "yes", Said("t", group="who"), Form()),
        ("--group", "who", "no", Said("t"), Form()),
        ("--to-come", "t", "yes", Said("t", to_come=True), Form()),
        ("--repeated-hour", "at", "second", Said("t"), Form(repeated_hour="second")),
        ("--key", "row", "guess", Said("t"), Form()),
        ("--key", "row", "a", Said("t", key="a"), Form()),
        ("--task", "t", "number", Said("t", task="number"), Form()),
        ("--positive", "t", "yes", Said("t", positive="yes"), Form()),
    ],
)
def test_an_answer_is_what_its_flag_says(flag: str, about: str, answer: str, said: Said, form: Form) -> None:
    several = tuple(about.split(", ")) if ", " in about else ()
    question = Question(about, "?", "guess", "why", flag, several)
    assert answered(question, answer, Said("t"), Form(), ["a", "b", "at", "who"]) == (said, form)


def test_a_column_with_a_comma_in_its_name_is_one_column() -> None:
    question = Question("pay, net, age", "?", "later", "why", "--known or --not-known", ("pay, net", "age"))
    for answer, known in (("no", False), ("yes", True)):
        said, _ = answered(question, answer, Said("t"), Form(), ["pay, net", "age"])
        assert said.known == {"pay, net": known, "age": known}
    said, _ = answered(question, "pay, net", Said("t"), Form(), ["pay, net", "age"])
    assert said.known == {"pay, net": False, "age": True}


@pytest.mark.parametrize(
    ("flag", "answer", "told"),
    [
        ("--time", "xyz", "'xyz' is neither no nor a column"),
        ("--known or --not-known", "a, colour", "'colour' is none of these columns"),
        ("--repeated-hour", "third", "neither first nor second"),
        ("--horizon", "soon", "no number of hours"),
    ],
)
def test_an_answer_that_is_none_is_refused_in_one_line(flag: str, answer: str, told: str) -> None:
    with pytest.raises(Refusal, match=told):
        answered(Question("a, b", "?", "a", "why", flag, ("a", "b")), answer, Said("t"), Form(), ["a", "b"])


def test_an_answer_that_cannot_be_is_told_and_asked_again(tmp_path: Path) -> None:
    asked = []

    def ask(question: Question) -> str:
        asked.append(question)
        zone = "Berlin" if len(asked) == 1 else "Europe/Berlin"
        return zone if question.flag == "--zone" else question.guess

    rows = table(2000).assign(asked_at=pd.date_range("2023-01-01", periods=2000, freq="3h").astype("str"))
    rows.to_csv(tmp_path / "hire.csv", index=False)
    said = Said("busy", time="asked_at", horizon=3.0)
    found = begin(tmp_path / "bikes", Source(str(tmp_path / "hire.csv")), said, Form(), "", ask)
    assert [one.flag for one in asked][:2] == ["--zone", "--zone"]
    assert "there is no such time zone" in asked[1].why
    assert found.form.zone == "Europe/Berlin"
