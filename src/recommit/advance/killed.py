"""Ends what a killed advance left running, and takes away the locks that a killed program left."""

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from recommit import Refusal
from recommit.advance.journal import MARK
from recommit.project.git import common, git

_SECONDS = 20.0
"""How long a process may take to put in order what it began, before it is killed."""


def end_processes(mark: str) -> None:
    """Ends all processes that an advance with this `mark` started: asked first, then killed."""
    for end in (psutil.Process.terminate, psutil.Process.kill):
        found = list(_marked(mark))
        for process in found:
            with suppress(psutil.Error):
                end(process)
        psutil.wait_procs(found, timeout=_SECONDS)


def take_locks_away(root: Path) -> None:
    """Takes away lock files of Git and DVC that no program holds any more.

    Raises Refusal while a program of Git is at work in the repository: then the lock is that program's.
    """
    # DVC notes there which process reads or writes what, and cannot read a file that it was killed in.
    (root / ".dvc/tmp/rwlock").unlink(missing_ok=True)
    own, top = (Path(git(root, "rev-parse", name)) for name in ("--absolute-git-dir", "--show-toplevel"))
    deadline = time.monotonic() + _SECONDS
    while locks := sorted({*_locks(own), *_locks(common(root).resolve())}):
        if not (busy := next(_of_git(top), None)):
            for lock in locks:
                lock.unlink(missing_ok=True)
            return
        if time.monotonic() > deadline:
            raise Refusal(f"{locks[0]}: process {busy.pid} of Git is at work here: wait until it has ended")
        time.sleep(0.1)


def _marked(mark: str) -> Iterator[psutil.Process]:
    this = psutil.Process().pid
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid != this and process.environ().get(MARK) == mark:
                yield process


def _locks(folder: Path) -> Iterator[Path]:
    yield from (path for name in ("index", "HEAD", "packed-refs") if (path := folder / f"{name}.lock").is_file())
    yield from (path for path in (folder / "refs").rglob("*.lock") if path.is_file())


def _of_git(top: Path) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.name() == "git" and Path(process.cwd()).is_relative_to(top.resolve()):
                yield process
