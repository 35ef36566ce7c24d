"""A private temporary place for one run of `recommit verify`, and the end of whatever a killed run left."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import psutil

_PREFIX = "recommit-verify-"


@contextmanager
def private_place() -> Iterator[Path]:
    """A new folder, gone afterwards with every process that still runs in it.

    Clears first what killed runs of this user left: their folders, whose lock nobody holds, and their processes.
    """
    top = Path(tempfile.gettempdir()).resolve()
    with (top / f"{_PREFIX}{os.getuid()}.lock").open("w") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        for left in top.glob(f"{_PREFIX}*/"):
            if left.is_dir() and left.stat().st_uid == os.getuid():
                _clear_if_left(left)
        place = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=top))
        held = _lock(place)
    try:
        yield place
    finally:
        clear(place)
        if held:
            held.close()


def _lock(place: Path) -> IO[str] | None:
    """The place's lock, held; None where another process holds it."""
    lock = (place / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock


def _clear_if_left(place: Path) -> None:
    lock = _lock(place)
    if lock is not None:
        clear(place)
        lock.close()


def clear(place: Path) -> None:
    """End every process of this user that runs in `place`, and remove it."""
    end_processes(place)
    shutil.rmtree(place, ignore_errors=True)


def end_processes(place: Path) -> None:
    """Kill whatever runs in `place` or beneath it, found by its working folder."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and Path(process.cwd()).is_relative_to(place):
                process.kill()
                process.wait(10)
