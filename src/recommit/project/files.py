"""Finds the project's folder, writes a file whole or not at all, and keeps two runs apart."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recommit import Refusal

REQUIREMENTS = "locks/run.txt"
"""The lock file of the environment: every package with its version and hash."""


def root(start: Path | None = None) -> Path:
    """Returns the project's folder: the nearest one with a dvc.yaml, from `start` (default: current folder) upward.

    Raises Refusal where there is none.
    """
    start = (start or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        if (folder / "dvc.yaml").is_file():
            return folder
    raise Refusal(f"no dvc.yaml at or above {start}: go into a project")


def write_whole(path: Path, content: bytes) -> None:
    """Writes `content` to the file `path`. If that fails, the file is as it was before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def alone(folder: Path, name: str, what: str) -> Iterator[None]:
    """Raises Refusal if another process does `what` in the project in `folder`; `name` is what it is locked by.

    The lock ends with the process.
    """
    path = folder / ".recommit" / f"{name}.lock"
    path.parent.mkdir(exist_ok=True)
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refusal(f"{what} is being run already: wait for that run, or end it") from None
        yield
