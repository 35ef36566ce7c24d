"""A sandbox changes for a stage what each variation names, and sees what the stage leaves behind."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recommit.project.contents import Contents
from recommit.project.hashes import ignored_by_dvc, md5_of
from recommit.proof.commit import lay_out
from recommit.proof.sandbox import Outcome, Sandbox
from recommit.proof.variations import (
    SEEDED,
    Variation,
    libfaketime,
    surroundings,
    withheld_variables,
    without_file,
    without_parameter,
)

STAGE = """
import json, locale, os, random, time
from pathlib import Path

mask = os.umask(0)
os.umask(mask)
seen = {
    "path": os.getcwd(),
    "home": os.environ["HOME"],
    "time zone": time.strftime("%H:%M", time.localtime(0)),
    "locale": locale.getpreferredencoding(),
    "umask": mask,
    "shell": os.environ["SHELL"],
    "hash seed": hash("a text"),
    "thread count": os.environ["OMP_NUM_THREADS"],
    "directory order": os.listdir("inputs"),
    "visible CPUs": [os.cpu_count(), len(os.sched_getaffinity(0))],
    "date": time.time() - os.stat("stage.py").st_mtime > 300 * 24 * 3600,
    "variable": os.environ.get("GREETING"),
    "parameter": Path("params.yaml").read_text(),
    "file": Path("extra.txt").exists(),
    "random numbers": random.Random().random() == random.Random().random(),
}
Path("seen.json").write_text(json.dumps(seen))
"""
EVERYWHERE = {"path", "home", "time zone", "locale", "umask", "shell", "hash seed", "thread count", "directory order"}


Replay = Callable[..., Outcome]
INPUTS = ("stage.py", "extra.txt", "inputs/a.txt", "inputs/b.txt")


def committed(project: Path, code: str, **more: Any) -> None:
    """A repository whose one stage runs `code`, with `more` in dvc.yaml, and whose dvc.lock says that it was run."""
    (project / "inputs").mkdir(parents=True)
    for name in INPUTS:
        (project / name).write_text(code if name == "stage.py" else name)
    (project / "params.yaml").write_text("horizon_hours: 2\n")
    (project / "dvc.yaml").write_text(
        json.dumps({"stages": {"see": {"cmd": "python stage.py", "outs": ["seen.json"]} | more}})
    )
    name = "see@tree" if "matrix" in more else "see"
    recorded = {"cmd": "python stage.py", "outs": [{"path": "seen.json", "md5": "0"}]}
    (project / "dvc.lock").write_text(json.dumps({"schema": "2.0", "stages": {name: recorded}}))
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "all"]):
        who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *who, *words], cwd=project, check=True)


@pytest.fixture
def replay(tmp_path: Path) -> Replay:
    """Replays a stage that is a Python program, with some variations."""

    def replayed(code: str, *varied: Variation, **more: Any) -> Outcome:
        project = tmp_path / "project"
        if not project.exists():
            committed(project, code, **more)
        shutil.rmtree(tmp_path / "commit", ignore_errors=True)
        commit = lay_out(project, "HEAD", tmp_path / "commit")
        contents = Contents(tmp_path / "made", {})
        files = {name: contents.know(commit.folder / name) for name in INPUTS}
        programs, ignored = Path(sys.executable).parent, ignored_by_dvc(commit.folder)
        cpu = min(os.sched_getaffinity(0))
        sandbox = Sandbox(tmp_path / "place", project, programs, commit, contents, ignored, cpu)
        outcome = sandbox.run(commit.stages[0], files, varied, watching=False)
        assert outcome.status == 0, outcome.said
        return outcome

    return replayed


@pytest.fixture
def seen(replay: Replay, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """What a stage sees with some variations, by what changes it."""
    for name, value in {"GREETING": "hello", "SHELL": "/bin/bash", "OMP_NUM_THREADS": "1", "TZ": "UTC"}.items():
        monkeypatch.setenv(name, value)

    def found(*varied: Variation) -> dict[str, Any]:
        outcome = replay(STAGE, *varied)
        assert outcome.outs == {"seen.json": md5_of(outcome.folder / "seen.json")}
        return json.loads((outcome.folder / "seen.json").read_text())

    return found


def test_each_variation_changes_what_it_names_and_nothing_else(seen: Callable[..., dict[str, Any]]) -> None:
    plain = seen()
    greeting = [variation for variation in withheld_variables() if variation.how == "GREETING"]
    varied = [*surroundings(), *greeting, without_parameter("horizon_hours"), without_file("extra.txt"), SEEDED]
    for variation in varied:
        found = seen(variation)
        assert [name for name in plain if found[name] != plain[name]] == [variation.kind], variation
    kinds = {variation.kind for variation in varied}
    assert kinds >= EVERYWHERE
    assert ("visible CPUs" in kinds) == (len(os.sched_getaffinity(0)) > 1)
    assert ("date" in kinds) == bool(libfaketime())


def test_a_replay_of_an_item_of_a_matrix_is_given_its_values_as_parameters(replay: Replay) -> None:
    code = "open('seen.json', 'w').write(open('params.yaml').read())"
    seen = replay(code, without_parameter("horizon_hours"), matrix={"model": ["tree"]}).folder / "seen.json"
    assert seen.read_text() == "model: tree\n"


def test_variations_together_change_what_each_changes(seen: Callable[..., dict[str, Any]]) -> None:
    plain, varied = seen(), [*surroundings(), *withheld_variables(), without_file("extra.txt")]
    found = seen(*varied)
    assert {name for name in plain if found[name] != plain[name]} == {variation.kind for variation in varied}


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("open('params.yaml', 'a').write('more: 1')", "changed its own input params.yaml"),
        ("open('inputs/a.txt', 'w').write('inputs/a.txt')", "changed its own input inputs/a.txt"),
        ("__import__('os').unlink('extra.txt')", "changed its own input extra.txt"),
        ("open('other.txt', 'w')", "wrote other.txt"),
        ("open(__import__('os').path.expanduser('~/note'), 'w')", "wrote ~/note"),
    ],
)
def test_what_a_stage_changes_or_leaves_without_declaring_it_is_named(replay: Replay, code: str, said: str) -> None:
    (home,) = (variation for variation in surroundings() if variation.kind == "home")
    assert replay(f"open('seen.json', 'w')\n{code}", home).undeclared == (said,)
