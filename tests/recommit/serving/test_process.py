"""The server as a process: it begins, answers, bounds what comes, and ends in order."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest

from recommit import Refusal
from recommit.batch.scorer import load_scorer
from recommit.serving.limits import Limits
from recommit.serving.partition import close_log
from recommit.serving.protocol import Bounded
from recommit.serving.run import LOADING_SECONDS, Request, is_loopback, of_worker, serve, told
from recommit.serving.started import Started
from recommit.verbs.serve import command
from tests.recommit.batch import world
from tests.recommit.serving.world import Client, rows

ROOT = Path(__file__).parents[3]
SECONDS = 60
SERVE = """
import sys
from pathlib import Path
from recommit.serving import run
watched = run.Watched(Path("log"), told="all")
limits = run.Limits(seconds=600.0, drain_seconds=int(sys.argv[3]))
more = {"workers": int(sys.argv[2]), "watched": watched, "limits": limits, "features": True}
request = run.Request(Path(), sys.argv[1], port=0, **more)
run.serve(request, say=lambda line: print(line, flush=True))
"""


def raw(port: int, content: bytes, then: bytes = b"") -> bytes:
    """What comes back for bytes, until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
        connection.sendall(content)
        found = b""
        try:
            while part := connection.recv(65_536):
                found += part
        except ConnectionResetError:
            pass
        return found


def post(body: Any, more: str = "Connection: close\r\n") -> bytes:
    content = json.dumps(body).encode()
    return (
        f"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(content)}\r\n{more}\r\n".encode() + content
    )


def port_of(line: str) -> int:
    return int(line.split("http://127.0.0.1:")[1].split(",")[0])


@contextmanager
def served(folder: Path, workers: int = 1, drain_seconds: int = 20) -> Iterator[tuple[subprocess.Popen[str], int, str]]:
    """The server as a process, with its port and the line that asks it; it logs in folder/log."""
    (folder / "pyproject.toml").write_text('[tool.recommit]\nproblem = "tests.recommit.batch.world:PROBLEM"\n')
    model = world.write_model(folder / "model", "boosting")
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", SERVE, str(model), str(workers), str(drain_seconds)]
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            port = port_of(process.stdout.readline())
            yield process, port, process.stdout.readline()
        finally:
            process.kill()


def answered(port: int, row: dict[str, Any]) -> Any:
    """The answer to one row, on a connection of its own."""
    found = raw(port, post(row))
    assert found.startswith(b"HTTP/1.1 200"), found
    return json.loads(found.partition(b"\r\n\r\n")[2])


def test_it_answers_and_ends_in_order_when_told_to(tmp_path: Path) -> None:
    with served(tmp_path) as (process, port, shown):
        asked = subprocess.run(shown, shell=True, capture_output=True, check=True)
        assert asked.stdout.startswith(b'{"probability"')
        with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
            whole = post(rows(1)[0])
            connection.sendall(whole[:-5])
            raw(port, post(rows(1)[0]))  # the first one has come by then
            process.send_signal(signal.SIGTERM)
            until(lambda: not accepts(port))
            connection.sendall(whole[-5:])
            assert connection.recv(65_536).startswith(b"HTTP/1.1 200")
        assert process.wait(SECONDS) == 0
        assert process.stderr
        assert process.stdout
        assert process.stderr.read() == ""
        lines = [json.loads(line) for line in process.stdout]
    assert [line.get("status", line["event"]) for line in lines] == [200, 200, "draining", 200]
    assert sum(one.rows for one in close_log(tmp_path / "log", tmp_path / "data")) == 3


def test_at_its_end_it_does_not_wait_for_ever(tmp_path: Path) -> None:
    with (
        served(tmp_path, drain_seconds=1) as (process, port, _),
        socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection,
    ):
        connection.sendall(post(rows(1)[0])[:-5])  # the rest never comes
        answered(port, rows(1)[0])
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0
    assert sum(one.rows for one in close_log(tmp_path / "log", tmp_path / "data")) == 1


def test_what_a_killed_process_has_answered_is_in_its_log(tmp_path: Path) -> None:
    with served(tmp_path) as (process, port, _):
        due = [answered(port, row)["request_id"] for row in rows(5)]
        process.send_signal(signal.SIGKILL)
        process.wait(SECONDS)
    (made,) = close_log(tmp_path / "log", tmp_path / "data")
    assert pq.read_table(made.path)["request_id"].to_pylist() == due


@pytest.mark.parametrize("kills", [1, pytest.param(2, marks=pytest.mark.all)])
def test_under_load_killed_workers_are_replaced_and_lose_no_number_and_no_prediction(
    tmp_path: Path, kills: int
) -> None:
    """Workers are killed, one after the other, and at last the server is told to end, while callers go on."""
    due: list[str] = []
    ends, told = threading.Event(), threading.Lock()

    def ask() -> None:
        for row in cycle(rows(6)):
            if ends.wait(0.02):  # so that a worker that begins has some of the CPU
                return
            with suppress(OSError):  # of a worker that was killed, or of a server that is gone
                found = raw(port, post(row))
                assert found == b"" or found.startswith(b"HTTP/1.1 200"), found
                if found:
                    with told:
                        due.append(json.loads(found.partition(b"\r\n\r\n")[2])["request_id"])

    with served(tmp_path, workers=2) as (process, port, _), ThreadPoolExecutor(3) as pool:
        asking = [pool.submit(ask) for _ in range(3)]
        try:
            until(lambda: len(due) > 20 and both_ready(port))
            children = psutil.Process(process.pid).children()
            workers = [one for one in children if "spawn_main" in " ".join(one.cmdline())]
            for worker in workers[:kills]:
                worker.kill()
                before = len(due)
                until(lambda before=before: len(due) > before + 20)  # by the other one
                # The supervisor may ask the dying one for a sign of life, and wait for it.
                until(lambda worker=worker: reaped(worker) and both_ready(port), SECONDS + LOADING_SECONDS)
            answers, found = len(due), counted(port)
            assert found["recommit_rows_total"] >= answers, "what the killed ones had counted is counted"
            assert found["recommit_requests_in_flight"] <= 4, "the callers and this one; none of those that were killed"
            process.send_signal(signal.SIGTERM)
            assert process.wait(SECONDS) == 0
        finally:
            ends.set()
        for one in asking:
            one.result()
    made = close_log(tmp_path / "log", tmp_path / "data")
    logged = [name for one in made for name in pq.read_table(one.path)["request_id"].to_pylist()]
    assert {*due} <= {*logged}


def reaped(worker: psutil.Process) -> bool:
    """Whether the supervisor knows that it has gone."""
    return not psutil.pid_exists(worker.pid)


def counted(port: int) -> dict[str, float]:
    """The metrics without labels."""
    said = raw(port, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").partition(b"\r\n\r\n")[2]
    found = [line.split() for line in said.decode().splitlines() if line[:1] not in ("#", "") and "{" not in line]
    return {name: float(value) for name, value in found}


def both_ready(port: int) -> bool:
    found = counted(port)
    return (found.get("recommit_workers"), found.get("recommit_ready")) == (2, 1)


def until(holds: Callable[[], bool], seconds: int = SECONDS) -> None:
    """Wait until something holds, which it must within a minute."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=SECONDS).close()
    except ConnectionRefusedError:
        return False
    return True


@contextmanager
def running(client: Client, **bounds: Any) -> Iterator[int]:
    """A server in a thread of this process, with bounds of its own."""
    from uvicorn import Config, Server

    protocol = type("Narrow", (Bounded,), {"limits": Limits(**bounds)})
    bound = socket.create_server(("127.0.0.1", 0))
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as uvloop does it: a body does not wait for its head
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)  # or the system takes large answers for a slow client
    config = Config(
        client.app,
        http=protocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
    )
    server = Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([bound])))
    thread.start()
    try:
        yield bound.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(SECONDS)


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"GET /v2 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 200),
        (b"GET /v2 HTTP/1.0\r\n\r\n", 200),
        (b"nonsense\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00", 400),
        (b"GET /v2 HTTP/9.9\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400),
        (b"POST /predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"GET /v2 HTTP/1.1\r\nHost: localhost\r\n" + b"A: b\r\n" * 65 + b"\r\n", 431),
        (b"GET /v2 HTTP/1.1\r\nHost: localhost\r\nA: " + b"b" * 20_000 + b"\r\n\r\n", 431),
        (b"GET /v2 HTTP/1.1\r\nHost: localhost\r\nA: " + b"b" * 20_000, 431),
        (b"GET /" + b"a" * 20_000, 431),
        (b"GET /v2 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\n\r\n", 200),
    ],
    ids=range(14),
)
def test_what_is_no_request_is_refused_and_the_next_one_answered(client: Client, content: bytes, status: int) -> None:
    with running(client, seconds=1.0) as port:
        found = raw(port, content)
        assert found.startswith(b"HTTP/1.1 %d" % status), found[:200]
        if status != 200:
            assert [*json.loads(found.partition(b"\r\n\r\n")[2])] == ["error"]
        assert raw(port, post(rows(1)[0])).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "content",
    [b"", b"GET /v2 HTTP/1.1\r\nHost: localhost\r\nA: ", post(rows(1)[0])[:-3]],
    ids=["silent", "within the headers", "within the body"],
)
def test_a_client_that_does_not_go_on_is_let_go(client: Client, content: bytes) -> None:
    """Here by a short bound; nobody waits for another client."""
    client = Client(client.predictor.problem, client.predictor.scorer, Limits(seconds=0.3))
    with running(client, seconds=0.3) as port:
        found = raw(port, content)
        assert found.startswith(b"HTTP/1.1 408") if content else found == b""


@pytest.mark.parametrize("at", [30, -200], ids=["of its headers", "of its body"])
def test_a_client_that_sends_a_byte_now_and_then_is_let_go_all_the_same(client: Client, at: int) -> None:
    """A byte does not begin its time anew; who asks beside it is answered."""
    client, whole = Client(client.predictor.problem, client.predictor.scorer, Limits(seconds=0.5)), post(rows(1)[0])
    with (
        running(client, seconds=0.5) as port,
        socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection,
    ):
        connection.sendall(whole[: len(whole) - 100 if at < 0 else at])
        connection.settimeout(0.02)
        found, byte = b"", at
        while not found:
            assert raw(port, post(rows(1)[0])).startswith(b"HTTP/1.1 200")
            connection.send(whole[byte : byte + 1])
            byte += 1
            with suppress(TimeoutError):
                found = connection.recv(65_536)
        assert found.startswith(b"HTTP/1.1 408")


def test_a_client_that_does_not_take_its_answer_is_let_go(client: Client) -> None:
    before = errors(client, "connection")
    with running(client, seconds=0.3) as port, socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(SECONDS)
        connection.connect(("127.0.0.1", port))
        connection.sendall(post(rows(10_000), more=""))
        until(lambda: errors(client, "connection") > before)
        found = b"".join(iter(partial(received, connection), b""))
        assert found.startswith(b"HTTP/1.1 200")
        assert not found.endswith(b"]"), "it is not whole"


def test_beyond_the_bound_of_connections_one_is_told_so_and_closed(client: Client) -> None:
    with running(client, connections=2) as port:
        held = [socket.create_connection(("127.0.0.1", port), timeout=SECONDS) for _ in range(2)]
        for connection in held:
            connection.sendall(post(rows(1)[0], more=""))
            assert connection.recv(65_536).startswith(b"HTTP/1.1 200")
        refused = raw(port, b"")
        assert refused.startswith(b"HTTP/1.1 503")
        assert b"retry-after: 1\r\n" in refused
        held[0].close()
        until(lambda: raw(port, post(rows(1)[0])).startswith(b"HTTP/1.1 200"))
        held[1].close()


def received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65_536)
    except ConnectionResetError:
        return b""


def errors(client: Client, kind: str) -> float:
    board = client.operation.meters.board
    return board.numbers[board.place("recommit_errors_total", kind)]


def test_requests_follow_one_another_on_a_connection(client: Client) -> None:
    one = post(rows(1)[0], more="")
    with running(client, header_bytes=400) as port:
        found = raw(port, one * 30 + post(rows(1)[0]))
        assert found.count(b"HTTP/1.1 200") == 31


def test_a_worker_that_finds_another_model_ends_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = world.write_model(tmp_path / "model", "boosting")
    monkeypatch.setattr("recommit.serving.run.load_problem", lambda _: world.PROBLEM)
    request = Request(tmp_path, str(folder), workers=2, features=True)
    first = Started.of(load_scorer(folder))
    assert callable(of_worker(request, first))
    world.write_model(folder, "logistic")
    with pytest.raises(SystemExit):
        of_worker(request, first)
    assert capsys.readouterr().err == "recommit: the model has changed since the server began: begin it anew\n"


def test_another_verb_does_not_wait_for_the_server_to_be_imported() -> None:
    code = """
import sys
from click.testing import CliRunner
from recommit.cli import recommit
assert "serve " in CliRunner().invoke(recommit, ["--help"]).output
assert "Example:" in CliRunner().invoke(recommit, ["serve", "--help"]).output
assert not {"uvicorn", "starlette", "orjson", "numpy", "recommit.serving"} & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(ROOT / "src")}, check=True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--share 0.2", "--share is the canary's: name one with --canary"),
        ("--shadow v1 --no-log", "a shadow's answers are in the log alone: leave out --no-log"),
        ("--log x --no-log", "--log names where is logged: leave out --no-log"),
    ],
)
def test_an_option_that_would_change_nothing_is_refused(words: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "1")  # the command sets them
    with pytest.raises(Refusal, match=f"^{said}$"):
        command.main(words.split(), standalone_mode=False)


def test_without_the_extra_it_says_how_to_add_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "1")  # the command sets them
    monkeypatch.setitem(sys.modules, "recommit.serving.run", None)
    with pytest.raises(Refusal, match=r"`make .venv/serve.stamp` adds what the server needs"):
        command.main([], standalone_mode=False)


def test_a_port_that_is_taken_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = world.write_model(tmp_path / "model", "boosting")
    monkeypatch.setattr("recommit.serving.run.load_problem", lambda _: world.PROBLEM)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Refusal, match=f"127.0.0.1:{port} cannot be bound: .*: name another with --host or --port"):
            serve(Request(tmp_path, str(folder), port=port, features=True), print)


def test_beyond_this_machine_it_wants_tokens(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="no tokens are set: add --tokens FILE"):
        serve(Request(tmp_path, host="0.0.0.0"), print)


@pytest.mark.parametrize(
    ("host", "alone"),
    [
        ("127.0.0.1", True), ("localhost", True), ("::1", True), ("127.9.9.9", True), ("0.0.0.0", False),
        ("::", False), ("", False), ("10.0.0.7", False), ("example.org", False), ("localhost.example.org", False),
    ],
)  # fmt: skip
def test_which_addresses_only_this_machine_reaches(host: str, alone: bool) -> None:
    assert is_loopback(host) is alone


def test_with_tokens_the_line_that_asks_shows_one(client: Client) -> None:
    said = told(client.predictor, client.example, "127.0.0.1:8080", Request(Path(), tokens=Path("tokens"), workers=2))
    assert '-H "Authorization: Bearer $TOKEN"' in said
    assert "2 workers" in said
    assert "/v2/models/parcels/infer" in told(client.predictor, None, "127.0.0.1:8080", Request(Path()))
