"""The prediction log: for every call that is answered, one line is appended to a local file before the answer is sent.

A line is a list of JSON: instant, request id, numbers, texts, answers, kept values, hashes of states. The first line of
a file, its header, names what is in them. The numbers are the bytes that the model was given, in base64, which is
shorter and written sooner than digits or a batch of Arrow.
"""

import binascii
import errno
import fcntl
import os
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import orjson

from recommit import Refusal
from recommit.serving.matrix import Scored
from recommit.serving.predictor import Predictor

ENDING = ".jsonl"
"""Of a file that calls are, or were, appended to."""
NUMBERS = "<f4"
"""How the numbers of a line lie, as numpy calls it."""
SYNC_SECONDS = 0.5
"""How often what was appended is written through to the disk; longer loses more at a power cut, and costs less."""

_OR = "name another with --log, or log nothing with --no-log"


@dataclass(frozen=True)
class Bounds:
    """When a file is closed and the next one begun: what is closed can be made a table of."""

    size: int = 64 * 2**20
    seconds: float = 3600.0


Role = Literal["served", "canary", "shadow"]
"""What a model is to a request: the one that answers, one that answers a share, or one that only answers the log."""


def header(predictor: Predictor, role: Role = "served") -> dict[str, Any]:
    """Returns the first line of a file: which model answers, as what, and what the values of a line are."""
    scorer, matrix = predictor.scorer, predictor.matrix
    empty = scorer.task.lists(np.zeros((1, *scorer.task.shape)))
    return {
        "log": 1,
        "role": role,
        "model": scorer.name,
        "version": scorer.version,
        "model_sha256": scorer.sha256,
        "numbers_as": "base64 of float32, the lowest byte first, all rows of the first one, then of the next",
        "numbers": [one.name for one in matrix.numbers],
        "texts": [one.name for one in matrix.texts],
        "answers": {name: "text" if isinstance(values[0], str) else "number" for name, values in empty.items()},
        "kept": dict(predictor.problem.kept),
    }


@dataclass(frozen=True)
class Form:
    """What the lines of one model hold: the `header` of its files, and the names of its answers and of what is kept."""

    header: bytes
    answers: tuple[str, ...]
    kept: tuple[str, ...]

    @classmethod
    def of(cls, predictor: Predictor, role: Role = "served") -> "Form":
        """Returns the form of a model's lines."""
        said = header(predictor, role)
        return cls(orjson.dumps(said, option=orjson.OPT_APPEND_NEWLINE), tuple(said["answers"]), tuple(said["kept"]))


class Log:
    """Appends calls to files in `folder`, one for each form; every process has its own, which it holds locked.

    `append` returns when the operating system has the line, so that nothing that was answered is lost with the process;
    a thread writes it through to the disk every `SYNC_SECONDS`. `failed` is told when that could not be done.
    """

    def __init__(
        self,
        folder: Path,
        bounds: Bounds | None = None,
        failed: Callable[[], None] = lambda: None,
    ) -> None:
        """Begin with no file: one is made with the first call of a form."""
        self.folder, self._bounds, self._failed = folder, bounds or Bounds(), failed
        self._files: dict[Form, _File] = {}
        self._past: list[_File] = []
        self._refused: tuple[Form, int] | None = None  # the line that could not be appended last, and its bytes
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Begin to write through by a timer. Raises `Refusal` where this process must not write into the folder."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise Refusal(f"the log's folder {self.folder} cannot be made: {error.strerror}: {_OR}") from None
        if not os.access(self.folder, os.W_OK | os.X_OK):
            raise Refusal(f"the log's folder {self.folder} cannot be written to: {_OR}")
        self._thread = threading.Thread(target=self._through, name="log", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Write all through and close the file."""
        self._ended.set()
        if self._thread:
            self._thread.join()
        with self._lock:
            for form in [*self._files]:
                self._turn(form)
        self.sync()

    def append(self, request_id: str, scored: Scored, form: Form) -> None:
        """Append a call that is about to be answered. Raises OSError where that cannot be, and then it is not in it."""
        found = scored.found
        line = orjson.dumps(
            [
                time.time_ns() // 1000,
                request_id,
                binascii.b2a_base64(scored.numbers.astype(NUMBERS, copy=False).tobytes(), newline=False).decode(),
                scored.texts,
                [found[name] for name in form.answers],
                [found.get(name) for name in form.kept],
                scored.states,
            ],
            option=orjson.OPT_APPEND_NEWLINE,
        )
        self._append(line, form)

    def takes_again(self) -> bool:
        """Returns whether a line as long as the one that was refused last can be appended now."""
        if self._refused is None:
            return True
        form, length = self._refused
        return _works(lambda: self._append(b" " * length, form, keep=False))

    def _append(self, line: bytes, form: Form, keep: bool = True) -> None:
        with self._lock:
            file = self._files.get(form)
            if file is not None and file.size + len(line) > self._bounds.size:
                self._turn(form)
                file = None
            self._refused = form, len(line)
            if file is None:
                file = self._files[form] = _File(self.folder, form.header)
            try:
                file.append(line, keep)
            except OSError:
                if file.torn:
                    self._turn(form)
                raise

    def close(self, form: Form) -> None:
        """Close the file of a model that answers no more."""
        with self._lock:
            self._turn(form)

    def sync(self) -> None:
        """Write through to the disk what was appended, and close the files that are full or old."""
        with self._lock:
            for form, file in [*self._files.items()]:
                if time.monotonic() - file.begun > self._bounds.seconds:
                    self._turn(form)
            past, self._past, files = self._past, [], [*self._files.items()]
        kept = [_works(one.end) for one in past]
        for form, file in files:
            if not _works(file.sync):
                kept.append(False)
                with self._lock:
                    if self._files.get(form) is file:
                        self._turn(
                            form
                        )  # what follows goes into a file that is seen to be written through at its begin
        if not all(kept):
            self._failed()

    def lag_seconds(self) -> float:
        """Returns since when a line waits to be written through, in seconds."""
        waits = [file.waits for file in [*self._files.values()]]
        return max((time.monotonic() - since for since in waits if since is not None), default=0.0)

    def finished(self) -> int:
        """Returns how many files in the folder are not written to any more by this process and wait to be tables."""
        mine = {file.path.name for file in [*self._files.values()]}
        try:
            return sum(one.name.endswith(ENDING) and one.name not in mine for one in os.scandir(self.folder))
        except OSError:
            return 0

    def _turn(self, form: Form) -> None:
        if file := self._files.pop(form, None):
            self._past.append(file)

    def _through(self) -> None:
        while not self._ended.wait(SYNC_SECONDS):
            self.sync()


class _File:
    """A file that lines are appended to. It is locked before others see it, and its name and header are on the disk."""

    def __init__(self, folder: Path, header: bytes) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{os.getpid()}-{secrets.token_hex(3)}{ENDING}"
        self.path, hidden = folder / name, folder / f".{name}"
        self.begun, self.size, self.torn = time.monotonic(), 0, False
        self.waits: float | None = None
        self._fd = os.open(hidden, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.append(header)
            self.sync()
            hidden.rename(self.path)
            sync_folder(folder)
        except OSError:
            os.close(self._fd)
            hidden.unlink(missing_ok=True)
            raise

    def append(self, line: bytes, keep: bool = True) -> None:
        """Append `line` as a whole, or nothing of it, or see that it could be; where that fails the file is `torn`."""
        try:
            if os.write(self._fd, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if not keep:
                os.ftruncate(self._fd, self.size)
                return
        except OSError:
            try:
                os.ftruncate(self._fd, self.size)
            except OSError:
                self.torn = True
            raise
        self.size += len(line)
        if self.waits is None:
            self.waits = time.monotonic()

    def sync(self) -> None:
        """Write through to the disk what was appended."""
        if self.waits is not None:
            self.waits = None
            os.fsync(self._fd)

    def end(self) -> None:
        """Write through, and close, whereby the lock goes."""
        try:
            self.sync()
        finally:
            os.close(self._fd)


def _works(work: Callable[[], None]) -> bool:
    try:
        work()
    except OSError:
        return False
    return True


def sync_folder(folder: Path) -> None:
    """Write through to the disk which files are in `folder`."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
