"""A small copy of the project, run once from nothing for all system tests; each test takes a copy of its own."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

ROOT = Path(__file__).parents[2]
# What another machine would differ in; the pipeline must not care.
ELSEWHERE = {
    "PYTHONHASHSEED": "17",
    "OMP_NUM_THREADS": "4",
    "OPENBLAS_NUM_THREADS": "3",
    "TZ": "Asia/Tokyo",
    "LC_ALL": "C",
    "PYTHONCOERCECLOCALE": "0",
    "PYTHONUTF8": "0",
}


def need(program: str) -> None:
    """A program of the system that a test cannot do without: CI has it installed, elsewhere the test says so."""
    if not shutil.which(program):
        reason = f"{program} is not installed: install/system-packages installs it"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)


@dataclass(frozen=True)
class Project:
    """A checkout of the small project."""

    folder: Path

    def run(self, *words: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the project with the test's own environment's tools; with `check`, it must succeed."""
        result = subprocess.run(
            words, cwd=self.folder, env=self.environment() | environment, capture_output=True, text=True, timeout=900
        )
        if check and result.returncode:
            raise AssertionError(
                f"{' '.join(words)} exited with {result.returncode}:\n{result.stdout}\n{result.stderr}"
            )
        return result

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "PYTEST_", "COV_"))}
        return kept | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "SHELL": "/bin/sh"}

    def repro(self, *words: str, check: bool = True, **environment: str) -> list[str]:
        """`dvc repro`; the names of the stages that it ran."""
        result = self.run("dvc", "repro", *words, check=check, **environment)
        return re.findall(r"Running stage '(.+?)'", result.stdout + result.stderr)

    def read(self, name: str) -> str:
        return (self.folder / name).read_text()

    def json(self, name: str) -> Any:
        return json.loads(self.read(name))

    def replace(self, name: str, old: str, new: str) -> None:
        """Replace a text that must be there."""
        text = self.read(name)
        assert old in text, f"{old!r} is not in {name}"
        (self.folder / name).write_text(text.replace(old, new))

    def commit(self, message: str = "change") -> None:
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--allow-empty", "--message", message)

    def copy(self, to: Path) -> "Project":
        """The project with its results and cache in another folder."""
        shutil.copytree(self.folder, to, symlinks=True)
        copy = Project(to)
        copy.configure()
        # Else Git takes every file for a changed one, and `git restore` writes them anew, younger than make's stamps.
        copy.run("git", "update-index", "-q", "--refresh")
        return copy

    def configure(self) -> None:
        """What `make env` says to DVC of this machine."""
        self.run("dvc", "config", "--local", "core.site_cache_dir", str(self.folder / ".dvc/tmp/site"))


def small_project(folder: Path) -> Project:
    """The working tree's files as a fresh repository, a twentieth of the flights, less tried; nothing run yet."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        made = name.startswith(("reports/", "data/", "models/")) and not name.startswith("models/champion/")
        if (ROOT / name).is_file() and not made and name != "dvc.lock":
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    project = Project(folder)
    project.replace("params.yaml", "sample: 1.0", "sample: 0.05")
    project.replace("params.yaml", "max_iter: 200", "max_iter: 10")
    project.replace("params.yaml", "features: [schedule, weather, full]", "features: [schedule, full]")
    project.replace("params.yaml", "max_iter: [150, 200]", "max_iter: [10, 20]")
    project.replace("params.yaml", "most: 5", "most: 1")
    project.replace("params.yaml", "instants: 12", "instants: 3")
    project.replace("params.yaml", "repeats: 3", "repeats: 1")
    project.replace("params.yaml", "leave_out_times: {cost: 4, feature: 1}", "leave_out_times: {cost: 1, feature: 1}")
    project.run("git", "init", "--quiet", "--initial-branch=main")
    project.run("git", "config", "user.name", "Test")
    project.run("git", "config", "user.email", "test@example.org")
    project.configure()
    project.commit("the small project")
    return project


@pytest.fixture(scope="session")
def reproduced(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The small project after `dvc repro` from nothing, committed. Shared by all workers: read it, do not change it."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    done = shared / "small.done"
    with FileLock(shared / "small.lock"):
        if not done.exists():
            project = small_project(shared / "small")
            project.repro()
            project.commit("its results")
            done.touch()
    return Project(shared / "small")


@pytest.fixture
def project(reproduced: Project, tmp_path: Path) -> Project:
    """A copy of the reproduced small project that the test may change."""
    return reproduced.copy(tmp_path / "project")
