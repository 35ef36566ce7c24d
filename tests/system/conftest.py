"""A small copy of the project, run once from nothing for all system tests; each test takes a copy of its own."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.once import once
from tests.system.begun import Begun, begin, environment, hire

ROOT = Path(__file__).parents[2]


def ended(said: str) -> list[str]:
    """The stages that `recommit repro` says have ended, in that order."""
    return re.findall(r"^\[\d+/\d+\] (\S+) ", said, re.MULTILINE)


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
        """What `make env` says to DVC of this machine: `dvc config --local`, which takes a second."""
        (self.folder / ".dvc/config.local").write_text(f"[core]\n    site_cache_dir = {self.folder}/.dvc/tmp/site\n")


def lend_environment(project: Project) -> None:
    """Give the project the test's environment as if `make env` had just made it: nothing is installed."""
    environment = project.folder / ".venv"
    environment.mkdir()
    (environment / "bin").symlink_to(Path(sys.executable).parent)
    for stamp in ("recommit", "dev", "lab"):
        (environment / f"{stamp}.stamp").touch()


def files(*names: str) -> list[str]:
    """The working tree's files under `names`, without what Git ignores."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", *names]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return sorted(name for name in {*listed.stdout.split("\0")} if (ROOT / name).is_file())


def laid_out(folder: Path, *names: str) -> Project:
    """Copies the working tree's files under `names` into a fresh repository, nothing committed yet."""
    for name in files(*names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    project = Project(folder)
    project.run("git", "init", "--quiet", "--initial-branch=main")
    project.run("git", "config", "user.name", "Test")
    project.run("git", "config", "user.email", "test@example.org")
    project.configure()
    return project


def small_project(folder: Path) -> Project:
    """The working tree's files as a fresh repository, a twentieth of the flights, less tried; nothing run yet."""
    without = ("tests", "data", "models", "reports", "dvc.lock")
    project = laid_out(folder, ".", *(f":!{name}" for name in without))
    for name in ("models/champion", "data/log"):
        shutil.copytree(ROOT / name, folder / name)
    project.replace("params.yaml", "sample: 1.0", "sample: 0.05")
    project.replace("params.yaml", "max_iter: 200", "max_iter: 10")
    project.replace("params.yaml", "  - weather\n", "")
    project.replace("params.yaml", "      - 150\n      - 200\n", "      - 10\n      - 20\n")
    project.replace("params.yaml", "most: 5", "most: 1")
    project.replace("params.yaml", "instants: 12", "instants: 3")
    project.replace("params.yaml", "repeats: 3", "repeats: 1")
    project.replace("params.yaml", "leave_out_times: 3", "leave_out_times: 1")
    project.commit("the small project")
    return project


def inputs() -> str:
    """The hash of all that the results of the tests' projects depend on."""
    found = hashlib.sha256(f"{sys.version} {sys.prefix}".encode())
    for name in [*files(".", ":!tests"), *files("tests/system/conftest.py", "tests/system/begun.py")]:
        found.update(f"{name} {hashlib.sha256((ROOT / name).read_bytes()).hexdigest()}\n".encode())
    return found.hexdigest()[:16]


def kept(
    config: pytest.Config, make: Callable[[Path], Any], project: Callable[[Path], Project | Begun]
) -> Callable[[Path], None]:
    """Returns a function that fills a folder with the project that `make` makes, from nothing if its inputs are new.

    The last one of that name is kept in pytest's cache, and each session takes a copy.
    """

    def fill(folder: Path) -> None:
        cache = getattr(config, "cache", None)  # none with -p no:cacheprovider
        if cache is None:
            make(folder)
            return
        stored = cache.mkdir("projects") / f"{folder.name}-{inputs()}"
        if stored.exists():
            project(stored).copy(folder)
            return
        make(folder)
        for earlier in stored.parent.glob(f"{folder.name}-*"):
            shutil.rmtree(earlier)
        half = stored.with_suffix(".half")
        shutil.copytree(folder, half, symlinks=True)
        half.rename(stored)

    return fill


def reproduce_small(folder: Path) -> None:
    project = small_project(folder)
    project.run("recommit", "repro")
    project.commit("its results")


@pytest.fixture(scope="session")
def reproduced(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The small project after `recommit repro` from nothing, committed; all workers share it: do not change it."""
    return Project(once(tmp_path_factory, "small", kept(pytestconfig, reproduce_small, Project)))


def only_machinery(folder: Path) -> None:
    tree = ("src/recommit", "install", "locks", "pyproject.toml", ".dvc", ".dvcignore", ".gitattributes", ".gitignore")
    project = laid_out(folder, *tree)
    for name in ("data", "notebooks", "reports"):
        (folder / name).mkdir()
    (folder / "params.yaml").write_text("horizon_hours: 2\n")
    (folder / "dvc.yaml").write_text("stages: {}\n")
    project.run(sys.executable, "-m", "compileall", "-q", "src")
    project.commit("the machinery")


@pytest.fixture(scope="session")
def machinery(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that has the machinery's tree and no stage, committed. Shared by all workers: take a copy."""
    return Project(once(tmp_path_factory, "machinery", only_machinery))


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that holds the machinery's wheel and none of this tree. Shared by all workers."""
    return once(tmp_path_factory, "venv", environment) / "bin"


@pytest.fixture
def project(reproduced: Project, tmp_path: Path) -> Project:
    """A copy of the reproduced small project that the test may change."""
    return reproduced.copy(tmp_path / "project")


@pytest.fixture(scope="session")
def begun(pytestconfig: pytest.Config, programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Begun:
    """A tiny project that `recommit new` began, after `recommit repro`, committed; all workers share it."""

    def project(folder: Path) -> Begun:
        return Begun(folder, programs)

    def make(folder: Path) -> None:
        table = folder.with_suffix(".csv")
        hire().to_csv(table, index=False)
        begin(folder, programs, "--data", str(table))
        project(folder).run("recommit", "repro")
        project(folder).commit("results")

    return project(once(tmp_path_factory, "bikes", kept(pytestconfig, make, project)))


@pytest.fixture
def own(begun: Begun, tmp_path: Path) -> Begun:
    """A copy of `begun` that the test may change."""
    return begun.copy(tmp_path / "own")
