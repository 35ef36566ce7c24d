"""Keeps events that were taken: what keeps them must do, and a file of SQLite that workers on one machine share."""

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from recommit import Refusal

_BUSY_SECONDS = 10.0
"""How long a worker waits for another one that keeps events."""
_TABLES = """
CREATE TABLE IF NOT EXISTS event (number INTEGER PRIMARY KEY AUTOINCREMENT, said TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS followed (file TEXT PRIMARY KEY, inode INTEGER NOT NULL, position INTEGER NOT NULL);
"""
Place = tuple[int, int]
"""Until where a file was read: which file (its inode), and how many bytes of it."""


class Unkept(Exception):
    """The store cannot be read or written now."""


class Store(Protocol):
    """Events in the order in which they were taken, each with a number, from 1.

    One process at a time keeps events: from `begin` to `keep` or `drop`. What is kept stays over a crash of the process
    and of the machine. Every method raises `Unkept` when it cannot be done.
    """

    def since(self, number: int) -> list[tuple[int, str]]:
        """Returns the events that were kept after that `number`, with their numbers."""

    def begin(self) -> None:
        """Wait until no other process keeps events, and keep others out."""

    def keep(self, events: Sequence[str], followed: tuple[str, Place] | None = None) -> None:
        """Keep events for good, and until where a file was read; then let others in."""

    def drop(self) -> None:
        """Let others in, and keep nothing."""

    def place(self, file: str) -> Place:
        """Until where a file was read; (0, 0) if it was never."""


class FileStore:
    """A store in a file of SQLite."""

    def __init__(self, path: Path) -> None:
        """Open the file, or make it. Raises `Refusal` when it is no such store, or cannot be written."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self._reads, self._writes = (
                sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
                for _ in range(2)
            )
            self._writes.execute("PRAGMA journal_mode = WAL")
            self._writes.execute("PRAGMA synchronous = FULL")
            self._writes.executescript(_TABLES)
            self._path, self._file = path, _file(path)
        except (sqlite3.Error, OSError) as error:
            raise Refusal(f"{path} cannot keep events: {error}: name another file with --store") from None

    def since(self, number: int) -> list[tuple[int, str]]:
        """As the store does it."""
        self._refuse_other()
        try:
            return self._reads.execute(
                "SELECT number, said FROM event WHERE number > ? ORDER BY number", (number,)
            ).fetchall()
        except sqlite3.Error as error:
            raise Unkept(type(error).__name__) from error

    def begin(self) -> None:
        """As the store does it."""
        self._refuse_other()
        self._do("BEGIN IMMEDIATE")

    def keep(self, events: Sequence[str], followed: tuple[str, Place] | None = None) -> None:
        """As the store does it."""
        try:
            self._writes.executemany("INSERT INTO event (said) VALUES (?)", [(one,) for one in events])
        except sqlite3.Error as error:
            raise Unkept(type(error).__name__) from error
        if followed:
            self._do("INSERT OR REPLACE INTO followed VALUES (?, ?, ?)", (followed[0], *followed[1]))
        self._do("COMMIT")

    def drop(self) -> None:
        """As the store does it."""
        if self._writes.in_transaction:
            self._do("ROLLBACK")

    def place(self, file: str) -> Place:
        """As the store does it."""
        return (self._do("SELECT inode, position FROM followed WHERE file = ?", (file,)) or [(0, 0)])[0]

    def _refuse_other(self) -> None:
        """Raises `Unkept` when the file is away, or another one is in its place: others would not see what is kept."""
        try:
            there = _file(self._path) == self._file
        except OSError:
            there = False
        if not there:
            raise Unkept("its file is away, or another one is in its place")

    def _do(self, said: str, values: Sequence[object] = ()) -> list[Any]:
        try:
            return self._writes.execute(said, values).fetchall()
        except sqlite3.Error as error:
            raise Unkept(type(error).__name__) from error


def _file(path: Path) -> tuple[int, int]:
    found = os.stat(path)
    return found.st_dev, found.st_ino
