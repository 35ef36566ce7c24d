"""Shared projects for the tests of `recommit advance`."""

from pathlib import Path

import pytest

from tests.once import once
from tests.recommit.advance.world import Parcels, new_parcels
from tests.recommit.batch.world import PROBLEM
from tests.recommit.registry.world import plain_manifest


@pytest.fixture(scope="session")
def made_parcels(tmp_path_factory: pytest.TempPathFactory) -> Parcels:
    """The project at 2013-09-01; all workers share it: take a copy."""
    folder = once(tmp_path_factory, "parcels", lambda folder: new_parcels(folder / "project") and None)
    return Parcels(folder / "project")


@pytest.fixture
def project(made_parcels: Parcels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Parcels:
    """A copy of the project that the test may change. Its models are made up, and its pipeline is not DVC's."""
    monkeypatch.setattr("recommit.registry.promote.sound", plain_manifest)
    monkeypatch.setattr("recommit.registry.promote.refuse_stale", lambda root: None)
    monkeypatch.setattr("recommit.advance.run.load_problem", lambda root: PROBLEM)
    return made_parcels.copy(tmp_path / "project")
