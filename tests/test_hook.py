"""The `recommit` command of a clone's environment, run from anywhere."""

import subprocess
import sys
from pathlib import Path

import pytest

HOOK = Path(__file__).parents[1] / "install/recommit_tree.py"
CALL = "import runpy, sys; sys.prefix = {prefix!r}; runpy.run_path({hook!r})['main']()"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone whose command says where it comes from."""
    (tmp_path / "clone/src/recommit").mkdir(parents=True)
    (tmp_path / "clone/dvc.yaml").touch()
    (tmp_path / "clone/src/recommit/cli.py").write_text("def main():\n    print(__file__)\n")
    return tmp_path / "clone"


def run(prefix: Path, where: Path) -> subprocess.CompletedProcess[str]:
    """Runs the command of the environment at `prefix` in another folder, and none of this tree's code."""
    call = CALL.format(prefix=str(prefix), hook=str(HOOK))
    return subprocess.run([sys.executable, "-S", "-c", call], cwd=where, capture_output=True, text=True)


def test_outside_of_a_project_the_command_is_the_clones(clone: Path, tmp_path: Path) -> None:
    assert run(clone / ".venv", tmp_path).stdout.strip() == str(clone / "src/recommit/cli.py")


def test_in_a_project_without_the_machinery_no_other_is_used(clone: Path, tmp_path: Path) -> None:
    (tmp_path / "project/src").mkdir(parents=True)
    (tmp_path / "project/dvc.yaml").touch()
    assert run(clone / ".venv", tmp_path / "project").returncode != 0


def test_without_a_clone_it_says_how_a_project_is_made(tmp_path: Path) -> None:
    said = run(tmp_path / ".venv", tmp_path)
    assert said.returncode != 0
    assert "make new TO=FOLDER DATA=TABLE TARGET=COLUMN" in said.stderr
