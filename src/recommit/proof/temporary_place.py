"""Makes a temporary folder for one run of `recommit verify`, and removes what killed runs left."""

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import psutil

_PREFIX = "recommit-verify-"
_LOCK = ".held-by-recommit-verify"  # only folders of `recommit verify` hold this file


@contextmanager
def temporary_place() -> Iterator[Path]:
    """Yields a new folder. Afterwards it is removed, and every process that still runs in it is ended.

    First, folders and processes of this user's killed runs are removed. Such a folder is known by its lock file, which
    no process holds any more.
    """
    top = Path(tempfile.gettempdir()).resolve()
    with _opened(top / f"{_PREFIX}{os.getuid()}.lock") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        for left in top.glob(f"{_PREFIX}*"):
            with suppress(OSError):
                _clear_if_left(left)
        place = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=top))
        held = _opened(place / _LOCK)
        fcntl.flock(held, fcntl.LOCK_EX)
    try:
        yield place
    finally:
        clear(place)
        held.close()


def _opened(path: Path) -> IO[str]:
    """Returns the lock file at `path`, which is made if missing. A symbolic link is refused by an OSError."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+")


def _clear_if_left(place: Path) -> None:
    found = place.lstat()
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and (place / _LOCK).is_file()
    if not ours:
        return
    with _opened(place / _LOCK) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        clear(place)


def clear(place: Path) -> None:
    """Ends every process of this user that runs in `place`, and removes the folder."""
    end_processes(place)
    shutil.rmtree(place, ignore_errors=True)


def end_processes(place: Path) -> None:
    """Kills every process whose working folder is `place` or beneath it."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and Path(process.cwd()).is_relative_to(place):
                process.kill()
                process.wait(10)
