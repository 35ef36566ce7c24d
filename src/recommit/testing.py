"""Tests for any project: its pipeline runs on some of its rows, in a folder of its own. A project's tests import them.

Only a project's tests import this module, so pytest is no requirement of the machinery.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from recommit.check.declared import Declared
from recommit.check.findings import check
from recommit.learning.parts import built
from recommit.learning.point_in_time import changes_with_the_future, instants, rebuild
from recommit.problem import Problem, load_problem
from recommit.project.files import root
from recommit.project.yaml import read_params
from recommit.quick.copy import copy_project
from recommit.validation import check as broken_rules

ROWS = 4000
"""Rows that the sample has, about, where the table has more; more rows make the tests slower."""
_FASTER = {
    "models": {"boosting": {"max_iter": 10}, "forest": {"n_estimators": 10}, "extra_trees": {"n_estimators": 10}},
    "search": {"most": 1},
    "importance": {"repeats": 1, "leave_out_times": 1},
    "point_in_time": {"instants": 2},
}
"""Parameters that make the pipeline quick; those that a project does not have are left out."""


@dataclass(frozen=True)
class Sample:
    """A copy of the project in `folder` whose pipeline ran on some of its rows; `problem` is the project's."""

    folder: Path
    problem: Problem

    def run(self, *words: str) -> str:
        """Runs a command in the copy with the programs of this environment; returns what it printed."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "PYTEST_"))}
        env = kept | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
        result = subprocess.run(words, cwd=self.folder, env=env, capture_output=True, text=True)
        assert result.returncode == 0, f"{' '.join(words)} failed:\n{result.stdout}\n{result.stderr}"
        return result.stdout

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The raw tables, by name."""
        return {one.name: self.read(f"data/raw/{one.name}.parquet") for one in self.problem.tables}

    def read(self, name: str) -> pd.DataFrame:
        """A table that a stage wrote."""
        return pd.read_parquet(self.folder / name)


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """The project's working tree in another folder, after `recommit repro` on a sample, committed. Do not change it."""
    project, folder = root(), tmp_path_factory.mktemp("sample")
    copy_project(project, folder, ROWS, _FASTER)
    found = Sample(folder, load_problem(project))
    found.run("git", "init", "--quiet", "--initial-branch=main")
    found.run("git", "config", "user.name", "Test")
    found.run("git", "config", "user.email", "test@example.org")
    found.run("dvc", "config", "--local", "core.site_cache_dir", str(folder / ".dvc/tmp/site"))
    found.run("git", "add", "--all")
    found.run("recommit", "repro")
    found.run("git", "add", "--all")
    found.run("git", "commit", "--quiet", "--message", "a sample")
    return found


def test_nothing_is_undeclared() -> None:
    found = check(Declared(root()))
    assert not found, "\n".join(map(str, found))


def test_the_pipeline_runs_on_a_sample(sample: Sample) -> None:
    decision = json.loads((sample.folder / "models/decision.json").read_text(encoding="utf-8"))
    assert decision["answer"] in ("yes", "no", "unknown")
    assert len(sample.read("data/predictions/upcoming.parquet")) == len(sample.read("data/features/upcoming.parquet"))
    assert (sample.folder / "reports/index.html").is_file()


def test_the_columns_are_as_declared(sample: Sample) -> None:
    assert broken_rules(sample.problem, sample.tables).to_dict("records") == []


def test_features_see_nothing_that_came_later(sample: Sample) -> None:
    """Computes features again from what was known at an instant: later facts left out, then exchanged for others."""
    problem, stored = sample.problem, sample.read("data/features/train.parquet")
    if problem.instant is None:
        pytest.skip("rows have no time")
    horizon = read_params(sample.folder)[problem.horizon]
    for instant in instants(stored, 3, 1, problem.instant):
        for future in ("left out", "exchanged"):
            again = rebuild(
                lambda known, keys: built(problem, known, keys, horizon),
                problem.as_known_at,
                sample.tables,
                stored,
                instant,
                500,
                problem.key,
                problem.instant,
                future=future,
            )
            assert changes_with_the_future(again, problem.catalogue.all) == []


def test_what_the_notebooks_show_is_shown_again(sample: Sample) -> None:
    """Runs every cell of some executed notebooks again, and compares what it shows with what is stored."""
    alone = ("--rootdir", ".", "-o", "addopts=", "-p", "no:cacheprovider", "--color=no", "-p", "recommit.proof.nbval")
    shown = [f"reports/notebooks/{name}.ipynb" for name in ("ingest", "select", "gate")]
    sample.run(sys.executable, "-m", "pytest", "--nbval", *alone, *shown)


def test_a_stage_gives_its_results_again(sample: Sample) -> None:
    """Replays a stage in a folder that holds only its declared inputs, and compares every output byte by byte."""
    sample.run("recommit", "verify", "--stage", "features")
