"""What was acknowledged stays when a process is killed, and others know it at once."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from recommit.serving.store import FileStore
from tests.recommit.batch import world
from tests.recommit.serving.test_history import PARCEL, lines, told
from tests.recommit.serving.test_process import ROOT, SECONDS, port_of, raw

SERVE = """
import sys
from pathlib import Path
from recommit.serving import run
from tests.recommit.batch import world
run.load_problem = lambda root: world.PROBLEM
folder = Path(sys.argv[1])
follow = folder / "feed.jsonl" if len(sys.argv) > 2 else None
run.serve(
    run.Request(folder, str(folder / "model"), port=0, history=folder, store=str(folder / "events.db"), follow=follow),
    say=lambda line: print(line, flush=True),
)
"""


@contextmanager
def process(folder: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A server with a port of its own; it is killed at the end."""
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", SERVE, str(folder), *words]
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as started:
        try:
            assert started.stdout
            yield started, port_of(started.stdout.readline())
        finally:
            started.kill()


def post(port: int, path: str, said: Any) -> Any:
    found = raw(port, request(path, said))
    assert found.startswith(b"HTTP/1.1 200"), found
    return json.loads(found.partition(b"\r\n\r\n")[2])


def request(path: str, said: Any) -> bytes:
    body = json.dumps(said).encode()
    return (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
        + body
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model of the parcels and their history."""
    world.write_model(tmp_path / "model", "boosting")
    for name, table in world.history().items():
        table.to_parquet(tmp_path / f"{name}.parquet")
    return tmp_path


def test_what_was_acknowledged_stays_when_the_process_is_killed_and_another_one_knows_it(folder: Path) -> None:
    sent = [told(float(number), f"2014-01-01T06:{number:02}:00Z") for number in range(1, 20)]
    with process(folder) as (one, port), process(folder) as (_, other):
        before = post(other, "/predict", PARCEL)["probability"]
        for event in sent:
            assert post(port, "/events", event)["taken"] == [1]
        one.kill()
        assert post(other, "/predict", PARCEL)["probability"] != before
        assert post(other, "/events", sent)["repeated"] == [*range(1, 20)]
    kept = [json.loads(said)["values"]["minutes"] for _, said in FileStore(folder / "events.db").since(0)]
    assert kept == [*range(1, 20)]


def test_every_commit_reaches_the_disk(tmp_path: Path) -> None:
    """So that a power cut takes nothing that was acknowledged either."""
    store = FileStore(tmp_path / "events.db")
    assert store._writes.execute("PRAGMA synchronous").fetchone() == (2,), "FULL"
    assert store._writes.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_followed_file_is_known_while_the_server_runs(folder: Path) -> None:
    with process(folder, "follow") as (_, port):
        before = post(port, "/predict", PARCEL)["probability"]
        (folder / "feed.jsonl").write_bytes(lines(told(34.0)))
        for _ in range(SECONDS * 100):
            if post(port, "/predict", PARCEL)["probability"] != before:
                return
        raise AssertionError("the file was not read")
