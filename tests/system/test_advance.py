"""A real project's clock is moved on: the candidate is promoted, nothing is left to come, and kills change nothing."""

import random
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest

from tests.system.begun import Begun

pytestmark = [pytest.mark.system, pytest.mark.all]
GATE = {  # bounds that a candidate of so few rows can hold
    "  leakage: 0 ": "  leakage: 99 ",
    "  quality: 0 ": "  quality: 99 ",
    "  calibration: 0.03 ": "  calibration: 9.03 ",
    "  calibration_error: 0.05 ": "  calibration_error: 9.05 ",
    "  coverage: 0.03 ": "  coverage: 9.03 ",
    "  quality: false": "  quality: true",
    "  search: false": "  search: true",
    "  importance: false": "  importance: true",
    "worth: 0.15": "worth: 0.95",
}
GOAL = "2023-11-01"
OPEN = ("quality", "worst_slice", "directions")
WITHOUT_WALL_TIME = ("data/log", "data/predictions", "models", "reports/advance")


def october(begun: Begun, folder: Path) -> Begun:
    """A copy of the tiny project in which nothing is open that its gate would ask a person."""
    own = begun.copy(folder)
    columns, params = own.folder / "src/bikes/columns.py", own.folder / "params.yaml"
    columns.write_text(columns.read_text().replace("UNASKED", "WITH_ROW"))
    text = params.read_text()
    for usual, wide in GATE.items():
        assert usual in text, usual
        text = text.replace(usual, wide)
    lines = "".join(f"- {{rule: {rule}, about: {rule}, why: a test}}\n" for rule in OPEN)
    params.write_text(re.sub(r"(?m)^accepted: \[\].*\n", f"accepted:\n{lines}", text))
    own.commit("what a person says")
    return own


@pytest.fixture(scope="module")
def straight(begun: Begun, tmp_path_factory: pytest.TempPathFactory) -> tuple[Begun, Sequence[str]]:
    """The project a month later, and what the command said; do not change it."""
    own = october(begun, tmp_path_factory.mktemp("straight") / "bikes")
    return own, own.run("recommit", "advance", "--to", GOAL).stderr.splitlines()


def history(project: Begun) -> list[str]:
    """The message and the tree of each commit, the first one first."""
    return project.run("git", "log", "--reverse", "--format=%s %T").stdout.splitlines()


def kept(project: Begun) -> dict[str, bytes]:
    """What DVC and Git keep of the results, by path."""
    files = (path for name in WITHOUT_WALL_TIME for path in (project.folder / name).rglob("*") if path.is_file())
    return {str(path.relative_to(project.folder)): path.read_bytes() for path in files}


def test_the_candidate_is_promoted_and_the_last_turn_predicts_nothing(straight: tuple[Begun, Sequence[str]]) -> None:
    project, _ = straight
    turn = project.json("reports/advance/2023-11-01.json")
    assert (turn["outcome"], turn["promoted_as"], turn["ahead"], turn["reasons"]) == ("promoted", "v1.0.0", 0, [])
    assert turn["passed"]["champion"]["rows"] > 100
    assert "No rows are to come" in (project.folder / "reports/advance/2023-11-01.md").read_text()
    assert len(pd.read_parquet(project.folder / "data/predictions/upcoming.parquet")) == 0
    assert project.run("git", "tag").stdout.split() == ["bikes#prod#1", "bikes@v1.0.0"]
    assert project.run("git", "status", "--porcelain").stdout == ""
    assert project.run("dvc", "status").stdout.strip() == "Data and pipelines are up to date."
    said = project.run("recommit", "verify", "--stage", "gate", check=False).stdout
    assert re.search(r"(\d+) outputs of 1 stages: \1 identical", said), said


def killed_after(project: Begun, lines: int) -> bool:
    """Starts the command, and kills it when it has said so many lines; returns whether it was still at work."""
    words = ("recommit", "advance", "--to", GOAL)
    with subprocess.Popen(words, cwd=project.folder, env=project.environment(), stderr=subprocess.PIPE) as process:
        assert process.stderr
        for _ in range(lines):
            if not process.stderr.readline():
                return False
        process.kill()
    return True


def test_killed_at_five_random_moments_it_ends_with_the_same_trees(
    begun: Begun, straight: tuple[Begun, Sequence[str]], tmp_path: Path
) -> None:
    expected, said = straight
    project, draw = october(begun, tmp_path / "killed" / "bikes"), random.Random(7)
    kills = sum(killed_after(project, draw.randrange(1, len(said))) for _ in range(5))
    assert kills >= 2, "most were too late"
    project.run("recommit", "advance", "--to", GOAL)
    assert history(project) == history(expected)
    assert kept(project) == kept(expected)
    assert project.run("git", "tag").stdout == expected.run("git", "tag").stdout
    assert project.run("git", "status", "--porcelain").stdout == ""
