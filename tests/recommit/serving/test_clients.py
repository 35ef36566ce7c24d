"""Clients that others wrote pass unchanged."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.recommit.serving.test_process import SECONDS, running
from tests.recommit.serving.world import Client

ROW = {"weight": 2.5, "recent": 11.0, "road": "north", "size": "small"}


@pytest.mark.all
@pytest.mark.skipif("CLIENTS" not in os.environ, reason="CLIENTS names no Python with tritonclient[http] and kserve")
def test_the_clients_of_triton_and_kserve_pass_unchanged(client: Client) -> None:
    """In an environment of their own, because they pin other versions."""
    with running(client) as port:
        script = str(Path(__file__).with_name("real_clients.py"))
        command = [os.environ["CLIENTS"], script, f"127.0.0.1:{port}", json.dumps(client.predict(ROW))]
        done = subprocess.run(command, capture_output=True, text=True, timeout=2 * SECONDS)
    assert done.stdout.endswith("fine\n"), done.stderr
