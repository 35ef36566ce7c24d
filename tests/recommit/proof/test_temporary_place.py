"""The temporary place of a proof is removed with what runs in it; the next proof removes what a killed one left."""

import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

from recommit.proof.temporary_place import temporary_place


@pytest.fixture(autouse=True)
def _own_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def sleeper(folder: Path) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], cwd=folder)


def test_a_place_is_gone_afterwards_with_its_processes() -> None:
    with temporary_place() as place:
        running = sleeper(place)
    assert not place.exists()
    assert not psutil.pid_exists(running.pid)


def test_what_a_killed_run_left_is_cleared_and_a_living_one_is_left_alone(tmp_path: Path) -> None:
    left = tmp_path / "recommit-verify-left"
    left.mkdir()
    (left / ".held-by-recommit-verify").touch()
    running = sleeper(left)
    with temporary_place() as living:
        assert not left.exists()
        assert not psutil.pid_exists(running.pid)
        with temporary_place() as other:
            assert living.exists()
            assert other != living
        assert living.exists()


def test_a_folder_of_that_name_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / "recommit-verify-mine"
    mine.mkdir()
    with temporary_place():
        pass
    assert mine.exists()


def test_a_folder_of_that_name_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / ".held-by-recommit-verify").write_text("the only copy")
    (tmp_path / "recommit-verify-link").symlink_to(precious)
    with temporary_place():
        pass
    assert (precious / ".held-by-recommit-verify").read_text() == "the only copy"
