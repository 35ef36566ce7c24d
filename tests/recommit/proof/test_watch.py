"""What strace saw is read rightly, and what a stage does not declare is named."""

import subprocess
import sys
from pathlib import Path

import pytest

from recommit.proof import watch
from recommit.proof.watch import Bounds, Opened, Seen, undeclared
from tests.system.conftest import need


def bounds(folder: Path, **changed: object) -> Bounds:
    plain = {
        "folder": folder / "sandbox",
        "declared": frozenset({"data/in.csv", "src/machinery"}),
        "known": frozenset({"data/in.csv", "data/other.csv", "src/machinery/run.py"}),
        "ours": (f"{folder}/home/",),
        "project": folder / "checkout",
        "environment": Path(sys.prefix),
    }
    return Bounds(**(plain | changed))  # type: ignore[arg-type]


def seen(code: str, folder: Path) -> Seen:
    """Returns what strace sees of a Python program."""
    need("strace")
    log = folder / "opened"
    (folder / "sandbox/data").mkdir(parents=True, exist_ok=True)
    command = watch.watched([sys.executable, "-c", code], log)
    subprocess.run(command, cwd=folder / "sandbox", check=False, capture_output=True)
    return watch.read(log)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("open('data/other.csv')", "read data/other.csv"),
        ("open('./data/../data/other.csv')", "read data/other.csv"),
        ("import os; os.chdir('data'); open('other.csv')", "read data/other.csv"),
        ("open('../checkout/größe.csv')", "read größe.csv of the checkout itself"),
        ("open('../elsewhere.csv')", "elsewhere.csv"),
        ("open('../checkout/new.csv', 'w')", "wrote new.csv of the checkout itself"),
        ("import subprocess; subprocess.run(['cat', '../elsewhere.csv'])", "elsewhere.csv"),
        ("import os; os.symlink('../../elsewhere.csv', 'data/in.csv'); open('data/in.csv')", "elsewhere.csv"),
        ("open('/proc/self/root' + __import__('os').path.abspath('../elsewhere.csv'))", "elsewhere.csv"),
        ("import os; os.listdir('../checkout')", "read the folder of the checkout itself"),
        ("import os; os.rename(os.path.abspath('../elsewhere.csv'), 'data/in.csv')", "wrote"),
        ("import subprocess; subprocess.run(['../checkout/tool'])", "read tool of the checkout itself"),
        ("import socket; socket.socket(socket.AF_UNIX).connect('/tmp/nobody.sock')", "the socket /tmp/nobody.sock"),
        ("import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'', ('127.0.0.1', 9))", "127.0.0.1 port 9"),
        ("import socket; socket.socket(socket.AF_INET6).connect(('::1', 9))", "::1 port 9"),
    ],
)
def test_what_is_not_declared_is_named(code: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "checkout").mkdir()
    (tmp_path / "checkout/größe.csv").touch()
    (tmp_path / "elsewhere.csv").touch()
    (tmp_path / "checkout/tool").write_text("#!/bin/sh\n")
    (tmp_path / "checkout/tool").chmod(0o755)
    lines = list(undeclared(seen(code, tmp_path), bounds(tmp_path)))
    assert len(lines) == 1, lines
    assert expected in lines[0]


@pytest.mark.parametrize(
    "code",
    [
        "open('data/in.csv', 'w'); open('data/in.csv')",
        "open('src/machinery/run.py') if __import__('os').path.exists('src') else 0",
        "open('data/nobody.csv')",
        "import os; os.listdir('.')",
        "import os; open('data/in.csv', 'w'); os.rename('data/in.csv', 'data/in.csv')",
        "open('/etc/hosts'); open('/proc/self/status')",
        "open('/dev/null', 'w')",
        "import socket; socket.socket(socket.AF_UNIX).connect('nowhere')",
        "import json, pathlib, decimal",
    ],
)
def test_what_is_declared_or_the_machines_own_is_fine(code: str, tmp_path: Path) -> None:
    assert list(undeclared(seen(code, tmp_path), bounds(tmp_path))) == []


def test_the_environment_inside_the_checkout_may_be_read(tmp_path: Path) -> None:
    module = tmp_path / "checkout/.venv/lib/pandas.py"
    module.parent.mkdir(parents=True)
    module.touch()
    read = Seen(frozenset({Opened(str(module), to_write=False, succeeded=True)}), frozenset())
    assert list(undeclared(read, bounds(tmp_path, environment=tmp_path / "checkout/.venv"))) == []
    assert list(undeclared(read, bounds(tmp_path, environment=tmp_path / "elsewhere"))) != []
