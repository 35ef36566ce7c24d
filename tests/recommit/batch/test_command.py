"""`recommit predict`: which model, which problem, what is said and the exit status."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from recommit import Refusal
from recommit.verbs.predict import command
from tests.recommit.batch import world


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a problem, a history and a champion."""
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    (tmp_path / "pyproject.toml").write_text('[tool.recommit]\nproblem = "tests.recommit.batch.world:PROBLEM"\n')
    (tmp_path / "src").mkdir()
    (tmp_path / "data/raw").mkdir(parents=True)
    world.history()["delays"].to_parquet(tmp_path / "data/raw/delays.parquet", index=False)
    world.write_model(tmp_path / "models/champion", "boosting")
    world.plan(40).to_csv(tmp_path / "plan.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: str):
    return CliRunner().invoke(command, ["--input", "plan.csv", "--output", "out.parquet", *words])


def test_it_scores_with_the_champion_and_says_so(project):
    result = run()
    assert result.exit_code == 0, result.output
    assert "plan.csv: it is a plan: features are computed from" in result.stderr
    found = pd.read_parquet("out.parquet")
    [version], [sha256] = found["version"].unique(), found["model_sha256"].unique()
    assert version == f"sha256:{sha256[:10]}"
    assert f"model parcels {version}, from {project / 'models/champion'}\n" in result.stderr
    assert result.stdout == "40 predictions in out.parquet\n"


def test_while_nothing_is_promoted_it_scores_with_the_baseline(project):
    (project / "models/champion").rename(project / "models/baseline")
    assert f"from {project / 'models/baseline'}\n" in run().stderr
    (project / "models/baseline/model.onnx").unlink()
    assert "neither models/champion nor models/baseline holds a model" in str(run().exception)


def test_a_folder_is_a_model_and_another_name_is_refused(project):
    world.write_model(project / "mine", "logistic")
    assert ", from mine\n" in run("--model", "mine").stderr
    assert isinstance(run("--model", "nobody").exception, Refusal)


def test_rejected_rows_are_counted_in_what_it_says(project):
    world.plan(40).assign(road="moon").iloc[:3].to_csv("plan.csv", index=False)
    refused = run()
    assert (str(refused.exception), refused.exception.status) == ("no row could be scored", 1)
    rows = world.plan(40)
    rows.loc[2, "road"] = "moon"
    rows.to_csv("plan.csv", index=False)
    result = run()
    assert result.exit_code == 0
    assert result.stdout == "39 predictions in out.parquet; 1 rows could not be scored: see out.parquet.rejects.csv\n"
    assert json.loads(run("--json").stdout) == {
        "predicted": 39,
        "rejected": 1,
        "outside": {},
        "output": "out.parquet",
        "rejects": "out.parquet.rejects.csv",
    }
    assert run("--strict").exception.status == 1


def test_a_scheduler_without_its_engine_is_refused(project):
    assert "--engine dask" in str(run("--scheduler", "tcp://127.0.0.1:1").exception)


def test_help_has_an_example():
    said = CliRunner().invoke(command, ["--help"]).output
    assert "recommit predict --input" in said.partition("Example:")[2]
    assert "that address is trusted" in said


def test_scoring_brings_in_no_problem_of_its_own():
    code = "import sys, recommit.batch.predict, recommit.batch.named; sys.exit('flights' in sys.modules)"
    root = Path(__file__).parents[3]
    assert subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": "src"}, cwd=root).returncode == 0
