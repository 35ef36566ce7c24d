"""Makes finished files of the prediction log tables, which do not change any more and can be given to DVC."""

import fcntl
import os
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from recommit import Refusal
from recommit.columns import Kind
from recommit.serving.fields import Field
from recommit.serving.log import ENDING, NUMBERS, sync_folder
from recommit.serving.rows import instants

FEATURE, STATE = "feature.", "state."
"""What the names of features and of joined tables begin with in a table; the others are those of predictions."""
_TYPES: dict[Kind, pa.DataType] = {
    "number": pa.float64(),
    "whole": pa.int64(),
    "text": pa.string(),
    "boolean": pa.bool_(),
}
_PARTS = 7
"""Of a line: instant, request id, numbers, texts, answers, kept values, hashes of states."""


@dataclass(frozen=True)
class Partition:
    """A table that was made of one file of the log; `torn` lines were cut by a crash, before they were answered."""

    path: Path
    rows: int
    torn: int


def close_log(folder: Path, to: Path) -> list[Partition]:
    """Makes each file in `folder` that nobody writes to a parquet file of the same name in `to`, and deletes it.

    It may be interrupted and begun again: a table is there whole or not at all, and is never written anew. Raises
    `Refusal` where one cannot be read or written.
    """
    made: list[Partition] = []
    try:
        for path in sorted(folder.glob(f"*{ENDING}")):
            with _unwritten(path) as file:
                if file and path.name.startswith("."):
                    if path.stat().st_size:  # its process ended before it had a name, and so before any call
                        path.unlink()
                elif file:
                    made += _close(path, file, to)
    except OSError as error:
        raise Refusal(f"the log in {folder} cannot be made tables in {to}: {error.strerror}") from None
    return made


@contextmanager
def _unwritten(path: Path) -> Iterator[IO[bytes] | None]:
    """Gives the file, locked, or None where a process writes to it or another one has just closed it."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield file if os.fstat(file.fileno()).st_nlink else None
    except (BlockingIOError, FileNotFoundError):
        yield None


def _close(path: Path, file: IO[bytes], to: Path) -> Iterator[Partition]:
    """Yields the table that was made, if the file has a call."""
    due = to / f"{path.stem}.parquet"
    if not due.exists():
        table, torn = table_of(path, file.read())
        if len(table):
            _write(table, due)
            yield Partition(due, len(table), torn)
    path.unlink()


def table_of(path: Path, content: bytes) -> tuple[pa.Table, int]:
    """Returns the calls in a file of the log as a table with one row per row answered, and how many lines were torn.

    Its columns are those of a table of predictions, then `role`, as what the model answered, `request_id`,
    `answered_at`, `row`, which counts a request's rows from 1, and the model's inputs and the states behind them.
    Raises `Refusal` for a file of another form.
    """
    first, *lines = content.split(b"\n")
    said = _parsed(first)
    if not isinstance(said, dict) or said.get("log") != 1:
        raise Refusal(f"{path} is no file of the prediction log: its first line is no header of one")
    calls = [call for line in lines[:-1] if isinstance(call := _parsed(line), list) and len(call) == _PARTS]
    torn = len(lines) - 1 - len(calls) + bool(lines[-1])
    sizes = [len(call[4][0]) for call in calls]
    size = sum(sizes)
    answers = [*said["answers"].items()]
    found: dict[str, Any] = {}
    for place, (name, kind) in enumerate(said["kept"].items()):
        values = _joined([call[5][place] or [None] * rows for call, rows in zip(calls, sizes, strict=True)])
        found[name] = instants(values, Field(name, kind)) if kind == "instant" else pa.array(values, _TYPES[kind])
    for place, (name, kind) in enumerate(answers):
        found[name] = pa.array(_joined([call[4][place] for call in calls]), _TYPES[kind])
    for name in ("model", "version", "model_sha256", "role"):
        found[name] = pa.DictionaryArray.from_arrays(pa.array(np.zeros(size, "int8")), pa.array([said[name]]))
    found["request_id"] = pa.array(np.repeat(np.array([call[1] for call in calls], object), sizes), pa.string())
    found["answered_at"] = pa.array(np.repeat([call[0] for call in calls], sizes), pa.int64()).cast(
        pa.timestamp("us", "UTC")
    )
    found["row"] = pa.array([row for rows in sizes for row in range(1, rows + 1)], pa.int32())
    for name, values in zip(said["numbers"], _numbers(calls, sizes, len(said["numbers"])), strict=True):
        found[FEATURE + name] = pa.array(values, from_pandas=True)
    for place, name in enumerate(said["texts"]):
        found[FEATURE + name] = pa.array(_joined([call[3][place] for call in calls]), pa.string())
    for name in sorted({name for call in calls for name in call[6]}):
        hashes = np.repeat(np.array([call[6].get(name) for call in calls], object), sizes)
        found[STATE + name] = pa.array(hashes, pa.string())
    return pa.table(found), torn


def _numbers(calls: list[list[Any]], sizes: list[int], many: int) -> np.ndarray:
    """Returns the numbers of all calls, (many, rows) float32."""
    parts = [
        np.frombuffer(b64decode(call[2]), NUMBERS).reshape(many, rows) for call, rows in zip(calls, sizes, strict=True)
    ]
    return np.concatenate(parts, axis=1) if parts else np.empty((many, 0), NUMBERS)


def _joined(parts: list[list[Any]]) -> list[Any]:
    return [value for part in parts for value in part]


def _parsed(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None


def _write(table: pa.Table, path: Path) -> None:
    """Write a table whole or not at all, also over a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)  # it holds what callers sent
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        with open(unfinished, "wb", opener=lambda name, how: os.open(name, how, 0o600)) as file:
            pq.write_table(table, file, compression="zstd")
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        sync_folder(path.parent)
    finally:
        unfinished.unlink(missing_ok=True)
