"""Sound worlds that several tests look at, each made once."""

import pytest

from recommit.evidence.monitor import Monitor
from tests.recommit.monitoring.world import TASKS, World


@pytest.fixture(scope="session", params=list(TASKS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def sound() -> Monitor:
    return World().watched(with_joint=True)
