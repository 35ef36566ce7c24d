"""The prediction log: what was answered is in it, whatever happens, and in tables that do not change."""

import asyncio
import fcntl
import json
import os
import queue
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recommit import Refusal
from recommit.batch.scorer import Scorer
from recommit.serving import partition
from recommit.serving.log import Bounds, Form, Log
from recommit.serving.matrix import Scored
from recommit.serving.operation import Watched
from recommit.serving.partition import close_log, table_of
from recommit.serving.store import FileStore
from tests.recommit.serving.world import Client, Kept, alone, asked, binary, call, problem_of, rows, tensors


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the log is."""
    return tmp_path / "log"


@pytest.fixture
def logged(scorers: dict[str, Scorer], folder: Path) -> Iterator[Client]:
    """A server that logs what it answers."""
    client = Client(problem_of("binary"), scorers["binary"], watched=Watched(folder))
    yield client
    client.operation.end()


def read(folder: Path) -> pd.DataFrame:
    """The calls that are in the log now, also those in a file that is written to."""
    return pd.concat([table_of(path, path.read_bytes())[0].to_pandas() for path in sorted(folder.glob("*.jsonl"))])


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file of this process can be longer than `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("how", ["predict", "infer", "infer in bytes"])
@pytest.mark.parametrize("many", [1, 3, 200])
def test_every_row_that_is_answered_is_in_the_log_in_its_bits(
    logged: Client, folder: Path, how: str, many: int
) -> None:
    sent = rows(many)
    headers = {"X-Request-ID": "order-7"}
    if how == "predict":
        answer = logged.ask("POST", "/predict", sent, headers)
    elif how == "infer":
        answer = logged.ask("POST", "/v2/models/parcels/infer", tensors(sent), headers)
    else:
        body, size = binary(sent, {"outputs": [{"name": "set"}]})
        headers["Inference-Header-Content-Length"] = size
        answer = logged.ask("POST", "/v2/models/parcels/infer", body, headers)
    assert answer.status == 200
    found = read(folder)
    due = [one["probability"] for one in logged.predict(sent)]
    assert found["probability"].tolist() == due
    assert found["row"].tolist() == [*range(1, many + 1)]
    assert {*found["request_id"]} == {"order-7"}
    for name in ("weight", "recent"):
        np.testing.assert_array_equal(
            found[f"feature.{name}"].to_numpy("float32"),
            np.array([row[name] for row in sent], "float64").astype("float32"),
        )
    for name in ("road", "size"):
        assert found[f"feature.{name}"].tolist() == [row[name] for row in sent]
    scorer = logged.predictor.scorer
    assert {*zip(found["model"], found["version"], found["model_sha256"], strict=True)} == {
        (scorer.name, scorer.version, scorer.sha256)
    }


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(st.floats(width=32, allow_infinity=False), st.text(), st.floats()), min_size=1, max_size=20))
def test_whatever_a_row_holds_the_log_gives_it_back(logged: Client, tmp_path: Path, many: list[Any]) -> None:
    weights, roads, answers = (list(column) for column in zip(*many, strict=True))
    scored = Scored(
        np.array([weights, weights], "float32"), [roads, roads], {"probability": answers, "set": roads, "parcel": None}
    )
    log = Log(tmp_path / "any")
    log.append("any", scored, Form.of(logged.predictor))
    log.end()
    (made,) = close_log(log.folder, tmp_path / "made")
    found = pq.read_table(made.path)
    weight = found["feature.weight"].to_pandas().to_numpy("float32")
    np.testing.assert_array_equal(weight, np.array(weights, "float32"))
    assert found["feature.road"].to_pylist() == found["set"].to_pylist() == roads
    finite = [value if np.isfinite(value) else None for value in answers]  # JSON has no other; no answer is one
    assert found["probability"].to_pylist() == finite
    made.path.unlink()


def test_a_clock_that_jumps_changes_the_instants_alone(
    logged: Client, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seconds in (2_000_000_000, 1_000_000_000):
        monkeypatch.setattr("time.time_ns", lambda seconds=seconds: seconds * 10**9)
        logged.predict(rows(1)[0])
    assert [at.timestamp() for at in read(folder)["answered_at"]] == [2_000_000_000, 1_000_000_000]


@pytest.mark.parametrize("path", ["/predict", "/v2/models/parcels/infer"])
def test_it_is_in_the_log_before_it_is_answered(logged: Client, folder: Path, path: str) -> None:
    there = []

    async def looked_at(scope: Any, receive: Any, send: Any) -> None:
        async def look(message: Any) -> None:
            there.append(len(read(folder)))
            await send(message)

        await logged.app(scope, receive, look)

    sent = rows(2)
    body = json.dumps(sent if path == "/predict" else tensors(sent)).encode()
    assert asyncio.run(call(looked_at, "POST", path, body)).status == 200
    assert there == [2, 2]


def test_what_is_appended_is_soon_on_the_disk(
    scorers: dict[str, Scorer], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: queue.Queue[int] = queue.Queue()
    right = os.fsync
    monkeypatch.setattr("os.fsync", lambda fd: (right(fd), synced.put(fd)))
    monkeypatch.setattr("recommit.serving.log.SYNC_SECONDS", 0.01)
    client = Client(problem_of("binary"), scorers["binary"], watched=Watched(folder))
    for at_begin in (2, 0):  # of the file, and of the folder that holds its name
        client.predict(rows(1)[0])
        for _ in range(at_begin + 1):
            synced.get(timeout=60)
    client.operation.end()


def test_features_that_are_computed_are_in_the_log_of_every_task(
    scorers: dict[str, Scorer], folder: Path, task: str
) -> None:
    client = Client(alone(problem_of(task)), scorers[task], watched=Watched(folder))
    sent = asked(5)
    answered = client.predict(sent)
    found = read(folder)
    client.operation.end()
    for name in client.predictor.output_names:
        assert found[name].tolist() == [one[name] for one in answered]
    assert found["feature.weight"].tolist() == [np.float32(one["grams"] / 1000) for one in sent]
    assert found["parcel"].tolist() == [one["parcel"] for one in sent]
    assert found["predicted_at"].dt.tz is not None


def test_what_names_a_row_is_logged_where_it_is_sent(logged: Client, folder: Path) -> None:
    logged.predict({"parcel": 7, "predicted_at": "2014-01-05T06:00:00+02:00", **rows(1)[0]})
    logged.predict(rows(1)[0])
    found = read(folder)
    assert found["parcel"].iloc[0] == 7
    assert found["predicted_at"].iloc[0] == pd.Timestamp("2014-01-05T04:00:00Z")
    assert found[["parcel", "predicted_at"]].iloc[1].isna().all()


def test_what_is_refused_is_not_in_the_log(logged: Client, folder: Path) -> None:
    assert logged.ask("POST", "/predict", [rows(1)[0], {}]).status == 422
    assert logged.ask("POST", "/predict", b"{").status == 400
    assert [*folder.iterdir()] == []


def test_the_hash_of_each_state_is_a_column(logged: Client, folder: Path) -> None:
    kept, numbers, texts = logged.predictor.read(rows(2))
    found = kept | logged.predictor.matrix.written(numbers, texts, 2)
    scored = Scored(numbers, texts, found, {"delays": "a" * 64})
    logged.operation.answered(scored, logged.operation.ledger(logged.predictor))
    logged.predict(rows(1)[0])
    assert read(folder)["state.delays"].fillna("").tolist() == ["a" * 64, "a" * 64, ""]


def test_a_full_disk_refuses_calls_and_nothing_else_and_ends_with_the_disk(logged: Client, folder: Path) -> None:
    row = rows(1)[0]
    logged.predict(row)
    (file,) = folder.glob("*.jsonl")
    before = file.read_bytes()
    with full_disk(len(before) + 10):
        answers = [logged.ask("POST", "/predict", row) for _ in range(3)]
        answers.append(logged.infer(tensors([row])))
        healthy = logged.ask("GET", "/v2/health/live").status
        logged.operation.look()
        ready = logged.ask("GET", "/v2/health/ready")
    for answer in answers:
        assert (answer.status, answer.headers["retry-after"]) == (503, "5")
        assert answer.json == {"error": "the prediction log cannot be written: ask again later"}
    assert healthy == 200
    assert (ready.status, ready.json) == (503, {"ready": False}), "a host sends requests elsewhere meanwhile"
    logged.operation.look()
    assert logged.ask("GET", "/v2/health/ready").status == 200, "it has seen by itself that there is room"
    assert file.read_bytes() == before, "nothing is half there"
    logged.predict(row)
    assert len(read(folder)) == 2
    assert b'recommit_errors_total{kind="log"} 4.0' in logged.ask("GET", "/metrics").body


def test_room_on_the_disk_makes_nobody_ready_that_is_to_end(logged: Client, folder: Path) -> None:
    logged.operation.lines = lines = Kept()
    with full_disk(10):
        assert logged.ask("POST", "/predict", rows(1)[0]).status == 503
        logged.operation.drain()
        assert logged.ask("POST", "/predict", rows(1)[0]).status == 503
    logged.operation.look()
    assert not logged.operation.ready
    assert [one["event"] for one in lines.said] == ["the prediction log cannot be written", "draining"]


def test_a_disk_that_was_full_before_the_first_call_is_no_other(logged: Client, folder: Path) -> None:
    with full_disk(10):
        assert logged.ask("POST", "/predict", rows(1)[0]).status == 503
    assert [*folder.iterdir()] == []
    logged.predict(rows(1)[0])
    assert len(read(folder)) == 1


def test_a_folder_that_cannot_be_written_to_ends_the_begin_in_one_line(
    scorers: dict[str, Scorer], tmp_path: Path
) -> None:
    (tmp_path / "log").write_text("")
    with pytest.raises(Refusal, match=r"cannot be made: .*name another with --log, or log nothing with --no-log"):
        Client(problem_of("binary"), scorers["binary"], watched=Watched(tmp_path / "log"))


def test_a_disk_that_fails_when_it_is_written_through_is_counted_and_the_next_file_begun(
    logged: Client, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged.predict(rows(1)[0])
    logged.operation.lines = lines = Kept()
    log = logged.operation.log
    assert log
    with monkeypatch.context() as broken:
        broken.setattr("os.fsync", fail)
        log.sync()
        assert logged.ask("POST", "/predict", rows(1)[0]).status == 503, "no file is begun that cannot be kept"
    logged.predict(rows(1)[0])
    assert "could not be written through" in lines.said[0]["event"]
    assert len([*folder.glob("*.jsonl")]) == 2
    assert len(read(folder)) == 2
    log.sync()
    assert len(close_log(folder, folder / "made")) == 1, "the first one is let go"


def fail(*_: Any, **__: Any) -> None:
    raise OSError(5, "Input/output error")


@pytest.mark.parametrize("cut", [1, 2, 30])
def test_a_line_that_a_crash_cut_takes_none_before_it(logged: Client, folder: Path, cut: int) -> None:
    for _ in range(3):
        logged.predict(rows(1)[0])
    (file,) = folder.glob("*.jsonl")
    table, torn = table_of(file, file.read_bytes()[:-cut])
    assert (len(table), torn) == (2, 1)


def test_zeros_that_a_power_cut_left_are_no_call(logged: Client, folder: Path) -> None:
    logged.predict(rows(1)[0])
    (file,) = folder.glob("*.jsonl")
    table, torn = table_of(file, file.read_bytes() + bytes(4096))
    assert (len(table), torn) == (1, 1)


def test_a_file_is_closed_when_it_is_large_or_old(logged: Client, folder: Path) -> None:
    for bounds, many in ((Bounds(size=1500), 3), (Bounds(seconds=-1.0), 2)):
        log = Log(folder / str(many), bounds)
        kept, numbers, texts = logged.predictor.read(rows(1))
        scored = Scored(numbers, texts, kept | logged.predictor.matrix.written(numbers, texts, 1))
        while len([*log.folder.glob("*.jsonl")] if log.folder.exists() else []) < many:
            log.append("a", scored, Form.of(logged.predictor))
            log.sync()
        assert log.lag_seconds() == 0
        log.end()
        total = len(read(log.folder))
        assert sum(one.rows for one in close_log(log.folder, folder / "made")) == total


def test_a_file_that_is_written_to_is_left_and_a_closed_one_becomes_a_table_once(
    logged: Client, folder: Path, tmp_path: Path
) -> None:
    due = [logged.predict(row)["probability"] for row in rows(3)]
    to = tmp_path / "data" / "log"
    assert close_log(folder, to) == []
    logged.operation.end()
    (made,) = close_log(folder, to)
    assert (made.rows, made.torn) == (3, 0)
    assert pq.read_table(made.path)["probability"].to_pylist() == due
    assert [*folder.iterdir()] == []
    assert close_log(folder, to) == []


def test_closing_may_be_interrupted_at_any_point_and_begun_again(
    logged: Client, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged.predict(rows(1)[0])
    logged.operation.end()
    to = tmp_path / "made"
    with monkeypatch.context() as broken:
        broken.setattr(partition.pq, "write_table", fail)
        with pytest.raises(Refusal, match="cannot be made tables"):
            close_log(folder, to)
    assert [*to.iterdir()] == [], "nothing is half there"
    with monkeypatch.context() as broken:
        broken.setattr(Path, "unlink", lambda self, missing_ok=False: None if missing_ok else fail())
        with pytest.raises(Refusal):
            close_log(folder, to)
    (table,) = to.iterdir()
    before = table.read_bytes()
    table.chmod(0o400)  # as DVC leaves it
    close_log(folder, to)
    assert [*to.iterdir()] == [table]
    assert table.read_bytes() == before
    assert [*folder.iterdir()] == []


def test_a_file_that_is_closed_by_another_process_is_left_to_it(logged: Client, folder: Path, tmp_path: Path) -> None:
    logged.predict(rows(1)[0])
    logged.operation.end()
    (file,) = folder.glob("*.jsonl")
    with file.open() as taken:
        fcntl.flock(taken, fcntl.LOCK_EX)
        assert close_log(folder, tmp_path) == []
    assert len(close_log(folder, tmp_path)) == 1


def test_what_a_killed_process_left_before_its_first_call_goes(logged: Client, folder: Path, tmp_path: Path) -> None:
    logged.predict(rows(1)[0])
    logged.operation.end()
    (file,) = folder.glob("*.jsonl")
    hidden = file.with_name(f".{file.name}")
    hidden.write_bytes(file.read_bytes().partition(b"\n")[0])
    being_made = file.with_name(f".x{file.name}")
    being_made.touch()
    close_log(folder, tmp_path / "made")
    assert [*folder.iterdir()] == [being_made], "one without a byte may not be locked yet"


def test_another_file_is_refused_and_kept(folder: Path, tmp_path: Path) -> None:
    folder.mkdir()
    (folder / "notes.jsonl").write_text('{"a": 1}\n')
    with pytest.raises(Refusal, match="no header"):
        close_log(folder, tmp_path)
    assert (folder / "notes.jsonl").exists()


def test_the_log_is_read_by_its_owner_alone(logged: Client, folder: Path) -> None:
    logged.predict(rows(1)[0])
    (file,) = folder.glob("*.jsonl")
    assert (folder.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)


def test_the_tables_of_the_log_and_the_events_are_read_by_their_owner_alone(
    logged: Client, folder: Path, tmp_path: Path
) -> None:
    logged.predict(rows(1)[0])
    assert logged.operation.log
    logged.operation.log.end()
    [made] = close_log(folder, tmp_path / "tables")
    FileStore(tmp_path / "kept/events.db")
    for path, mode in ((made.path, 0o600), (made.path.parent, 0o700), (tmp_path / "kept/events.db", 0o600)):
        assert path.stat().st_mode & 0o777 == mode, path
