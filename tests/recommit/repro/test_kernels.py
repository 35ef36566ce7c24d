"""Kernels that are forks of a server with the libraries in it: they start, end and are refused as others are."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from recommit.notebook.forked import forked
from recommit.notebook.kernels import SERVER
from recommit.repro import kernel_server

ENVIRONMENT = {"PATH": os.environ["PATH"], "PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"}


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator["subprocess.Popen[bytes]"]:
    address = str(tmp_path / "kernels")
    monkeypatch.setenv(SERVER, address)
    command = [sys.executable, kernel_server.__file__, address]
    with subprocess.Popen(command, env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        while not Path(address).exists():
            assert process.poll() is None
        yield process
        process.kill()


def test_a_kernel_ends_with_its_own_exit_status(server: "subprocess.Popen[bytes]", tmp_path: Path) -> None:
    kernel = forked(["--no-such-option"], str(tmp_path), ENVIRONMENT)
    assert kernel is not None
    assert kernel.wait() == 2


def test_another_environment_is_refused(server: "subprocess.Popen[bytes]", tmp_path: Path) -> None:
    assert forked(["-f", "kernel.json"], str(tmp_path), ENVIRONMENT | {"PYTHONHASHSEED": "1"}) is None
    assert forked(["-f", "kernel.json"], str(tmp_path), ENVIRONMENT | {"TZ": "Asia/Tokyo"}) is None


def test_without_a_server_there_is_no_kernel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(SERVER, str(tmp_path / "gone"))
    assert forked(["-f", "kernel.json"], str(tmp_path), ENVIRONMENT) is None


@pytest.mark.parametrize("ended", ["whoever asked", "the server's owner"])
def test_a_kernel_ends_with_whoever_asked_for_it(server: "subprocess.Popen[bytes]", tmp_path: Path, ended: str) -> None:
    kernel = forked(["-f", str(tmp_path / "kernel.json"), "--IPKernelApp.transport=ipc"], str(tmp_path), ENVIRONMENT)
    assert kernel is not None
    process = psutil.Process(kernel.pid)
    if ended == "whoever asked":
        kernel.close()
    else:
        assert server.stdin
        server.stdin.close()
    psutil.wait_procs([process], timeout=60)
    assert not process.is_running()
