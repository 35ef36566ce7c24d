"""Each variation changes for a stage what it says that it changes, and nothing else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from recommit.project.contents import Contents
from recommit.project.hashes import ignored_by_dvc, md5_of
from recommit.proof.commit import lay_out
from recommit.proof.sandbox import Sandbox
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


@pytest.fixture
def replayed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Replays a stage with some variations; gives what the stage saw."""
    project, out = tmp_path / "project", {"path": "seen.json", "md5": "0"}
    (project / "inputs").mkdir(parents=True)
    for name in ("stage.py", "extra.txt", "inputs/a.txt", "inputs/b.txt"):
        (project / name).write_text(STAGE if name == "stage.py" else name)
    (project / "params.yaml").write_text("horizon_hours: 2\n")
    (project / "dvc.yaml").write_text(
        json.dumps({"stages": {"see": {"cmd": "python stage.py", "outs": ["seen.json"]}}})
    )
    lock = {"see": {"cmd": "python stage.py", "deps": [{"path": "stage.py", "md5": "0"}], "outs": [out]}}
    (project / "dvc.lock").write_text(json.dumps({"schema": "2.0", "stages": lock}))
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "all"]):
        who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *who, *words], cwd=project, check=True)
    commit = lay_out(project, "HEAD", tmp_path / "commit")
    contents = Contents(tmp_path / "made", {})
    names = ("stage.py", "extra.txt", "inputs/a.txt", "inputs/b.txt")
    files = {name: contents.know(commit.folder / name) for name in names}
    for name, value in {"GREETING": "hello", "SHELL": "/bin/bash", "OMP_NUM_THREADS": "1", "TZ": "UTC"}.items():
        monkeypatch.setenv(name, value)
    programs, ignored = Path(sys.executable).parent, ignored_by_dvc(commit.folder)
    sandbox = Sandbox(tmp_path / "place", project, programs, commit, contents, ignored, min(os.sched_getaffinity(0)))

    def replay(*varied: Variation) -> dict:
        outcome = sandbox.run(commit.stages[0], files, varied, watching=False)
        assert outcome.status == 0, outcome.said
        assert outcome.outs == {"seen.json": md5_of(outcome.folder / "seen.json")}
        return json.loads((outcome.folder / "seen.json").read_text())

    return replay


def test_each_variation_changes_what_it_names_and_nothing_else(replayed) -> None:
    plain = replayed()
    greeting = [variation for variation in withheld_variables() if variation.how == "GREETING"]
    varied = [*surroundings(), *greeting, without_parameter("horizon_hours"), without_file("extra.txt"), SEEDED]
    for variation in varied:
        seen = replayed(variation)
        assert [name for name in plain if seen[name] != plain[name]] == [variation.kind], variation
    kinds = {variation.kind for variation in varied}
    assert kinds >= EVERYWHERE
    assert ("visible CPUs" in kinds) == (len(os.sched_getaffinity(0)) > 1)
    assert ("date" in kinds) == bool(libfaketime())


def test_variations_together_change_what_each_changes(replayed) -> None:
    plain, varied = replayed(), [*surroundings(), *withheld_variables(), without_file("extra.txt")]
    seen = replayed(*varied)
    assert {name for name in plain if seen[name] != plain[name]} == {variation.kind for variation in varied}
