"""Killed at any point and run again, an advance ends with the same trees of the same commits."""

import random
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from recommit.advance import run, turn
from recommit.registry import transaction
from recommit.registry.history import read_registry
from tests.once import once
from tests.recommit.advance.world import Parcels, kill, killed_at, moved

GOAL = "2013-10-01"


@pytest.fixture
def straight(project: Parcels, tmp_path_factory: pytest.TempPathFactory) -> Parcels:
    """The project after an advance that nothing interrupted; all tests share it: do not change it."""
    return Parcels(once(tmp_path_factory, "straight", lambda to: moved(project.copy(to), GOAL)))


def is_as(project: Parcels, straight: Parcels) -> None:
    """The history, the tags, the tree and the data are those of an advance that nothing interrupted."""
    assert project.history() == straight.history()
    assert project.tags() == straight.tags()
    assert read_registry(project.folder).problems == ()
    assert project.git("status", "--porcelain") == ""
    for folder in ("data/log", "data/predictions", "models"):
        ours, theirs = (
            {str(path.relative_to(one.folder)): path.read_bytes() for path in (one.folder / folder).rglob("*.*")
             if path.is_file()}
            for one in (project, straight)
        )  # fmt: skip
        assert ours == theirs
    left = [path.name for path in (project.folder / ".recommit").iterdir() if path.suffix == ".json"]
    assert "advance.json" not in left


def before(then: Any) -> Callable[..., Any]:
    return lambda *_, **__: kill()


def after(then: Callable[..., Any]) -> Callable[..., Any]:
    def done(*words: Any, **more: Any) -> None:
        then(*words, **more)
        kill()

    return done


def half_way(project: Parcels) -> int:
    """The pipeline is killed while results are written, and Git while it writes its index."""
    project.results()
    (project.folder / "data/predictions/upcoming.parquet").write_text("half")
    lock = project.folder / "dvc.lock"
    lock.write_text(lock.read_text()[:400])
    (project.folder / ".git/index.lock").write_text("")
    (project.folder / ".dvc/tmp/rwlock").write_text("{")
    kill()
    return 0


POINTS: dict[str, tuple[Any, str, Callable[..., Any]]] = {
    "the journal is written": (run, "turn", before),
    "the predictions are in the log": (turn.log, "keep", after),
    "the clock is moved": (turn, "write_whole", after),
    "the record is written": (turn, "write_turn", after),
    "the results are committed": (turn, "commit", after),
    "the promotion is tagged": (transaction, "_check_out", before),
    "the candidate is promoted": (turn, "promote", after),
}


OFTEN = ("the results are committed", "the promotion is tagged")
"""The others are tried in `make test-all`."""


@pytest.mark.parametrize("point", [pytest.param(one, marks=[] if one in OFTEN else pytest.mark.all) for one in POINTS])
def test_killed_between_two_steps_it_goes_on(
    point: str, project: Parcels, straight: Parcels, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, name, how = POINTS[point]
    with monkeypatch.context() as patch:
        patch.setattr(module, name, how(getattr(module, name)))
        assert killed_at(partial(moved, project, GOAL)) == 9
    moved(project, GOAL)
    is_as(project, straight)


def test_killed_in_the_middle_of_the_pipeline_it_goes_on(project: Parcels, straight: Parcels) -> None:
    advance = partial(run.advance, project.folder, None, partial(half_way, project), lambda line: None)
    assert killed_at(advance) == 9
    moved(project)
    is_as(project, straight)


def calls(monkeypatch: pytest.MonkeyPatch, most: float) -> list[Any]:
    """Kills this process as the program after `most` ones ends; returns the programs that were run."""
    run_program, ran = subprocess.run, list[Any]()

    def counted(*words: Any, **more: Any) -> Any:
        result = run_program(*words, **more)
        ran.append(words[0])
        if len(ran) > most:
            kill()
        return result

    monkeypatch.setattr(subprocess, "run", counted)
    return ran


@pytest.mark.all
@pytest.mark.parametrize("draw", range(12))
def test_killed_after_any_program_it_goes_on(
    draw: int, project: Parcels, straight: Parcels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        programs = calls(patch, float("inf"))
        moved(project.copy(tmp_path / "counted"), GOAL)
    with monkeypatch.context() as patch:
        calls(patch, random.Random(draw).randrange(len(programs) - 1))
        assert killed_at(partial(moved, project, GOAL)) == 9
    moved(project, GOAL)
    is_as(project, straight)


@pytest.mark.all
def test_killed_between_the_tags_and_the_commit_of_a_promotion_it_goes_on(
    project: Parcels, straight: Parcels, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(transaction, "_check_out", before(None))
        assert killed_at(partial(moved, project, GOAL)) == 9
    project.git("update-ref", "HEAD", "HEAD~1")
    moved(project, GOAL)
    is_as(project, straight)


def test_killed_after_the_last_step_it_tells_the_same_again(project: Parcels, straight: Parcels) -> None:
    """Without a goal on the command line, a second turn would be another result than that of the first command."""
    turns = run.advance(project.folder, None, project.results, lambda line: None)
    assert run.advance(project.folder, None, project.results, lambda line: None) == turns
    run.finish(project.folder)
    is_as(project, straight)


def test_what_a_killed_one_left_running_is_ended(project: Parcels, monkeypatch: pytest.MonkeyPatch) -> None:
    sleeper = project.folder / "sleeper"

    def starts_a_program_and_is_killed() -> int:
        sleeper.write_text(str(subprocess.Popen(["sleep", "600"], start_new_session=True).pid))
        sleeper.rename(project.folder / ".recommit/sleeper")
        kill()
        return 0

    assert killed_at(partial(run.advance, project.folder, None, starts_a_program_and_is_killed, lambda line: None)) == 9
    pid = int((project.folder / ".recommit/sleeper").read_text())
    assert Path(f"/proc/{pid}").exists()
    moved(project)
    state = Path(f"/proc/{pid}/stat")
    assert not state.exists() or state.read_text().split()[2] == "Z"
