"""Servers of every task, made once."""

from pathlib import Path

import pytest

from recommit.batch.scorer import Scorer
from tests.recommit.serving.world import KINDS, Client, alone, problem_of, scorer_of


@pytest.fixture(scope="session")
def scorers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Scorer]:
    """A model of each task."""
    folder = tmp_path_factory.mktemp("served")
    return {task: scorer_of(task, folder / task) for task in KINDS}


@pytest.fixture(scope="session", params=list(KINDS))
def task(request: pytest.FixtureRequest) -> str:
    """Each kind of task."""
    return request.param


@pytest.fixture(scope="session")
def clients(scorers: dict[str, Scorer]) -> dict[str, Client]:
    """A server of each task whose rows are features."""
    return {task: Client(problem_of(task), scorer) for task, scorer in scorers.items()}


@pytest.fixture(scope="session")
def served(clients: dict[str, Client], task: str) -> Client:
    """A server of each task in turn."""
    return clients[task]


@pytest.fixture(scope="session")
def client(clients: dict[str, Client]) -> Client:
    """The server that says whether a parcel is late."""
    return clients["binary"]


@pytest.fixture(scope="session")
def without_history(scorers: dict[str, Scorer], task: str) -> Client:
    """A server of each task whose features are computed from a row."""
    return Client(alone(problem_of(task)), scorers[task])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for tables."""
    return tmp_path
