"""The tiny project, and one with a history, made once; each test takes a copy of its own."""

import os
from pathlib import Path

import pytest

from recommit.registry.promote import promote
from tests.once import once
from tests.recommit.registry.world import World, new_world, plain_manifest


@pytest.fixture(scope="session")
def made_world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(once(tmp_path_factory, "registry", lambda folder: new_world(folder / "toy")) / "toy")


@pytest.fixture
def world(made_world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A copy that the test may change. Its model files are made up: loading them is another test's matter."""
    for module in ("promote", "rollback"):
        monkeypatch.setattr(f"recommit.registry.{module}.sound", plain_manifest)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.delenv("GIT_DIR", raising=False)
    return made_world.copy(tmp_path / "toy")


@pytest.fixture(scope="session")
def made_line(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Three versions that had prod one after the other."""
    return World(once(tmp_path_factory, "line", three_versions) / "toy")


def three_versions(folder: Path) -> None:
    world = new_world(folder / "toy")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("recommit.registry.promote.sound", plain_manifest)
        for mark, auc in (("one", 0.7), ("two", 0.8), ("three", 0.9)):
            if mark != "one":
                world.train(mark, auc)
            promote(world.folder, "prod", "", False)
            world.run("dvc", "push", "--quiet")


@pytest.fixture
def line(made_line: World, world: World, tmp_path: Path) -> World:
    copy = made_line.copy(tmp_path / "line")
    copy.run("dvc", "remote", "modify", "--local", "shared", "url", str(made_line.folder.parent.parent / "remote"))
    return copy
