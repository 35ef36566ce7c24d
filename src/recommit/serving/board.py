"""Numbers that all workers of a server can read, and that outlive each of them.

Each worker adds to memory of its own, small files that are mapped, which takes no lock. A worker that replaces another
one takes over its file and goes on from its counters; only gauges begin anew. A worker lives as long as its file is
locked, and the lock ends with the process, however that ends. Files of one layout have a description beside them, so
that workers may have other series than each other, as while one model replaces another.
"""

import fcntl
import hashlib
import mmap
import os
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
import orjson

from recommit.serving.metrics import BY_NAME

Labels = tuple[str, ...]
Key = tuple[str, Labels]
"""A metric's name, and the values of its labels."""


@dataclass(frozen=True)
class Numbers:
    """The numbers of one series, (boards, size), which of the boards are of workers that live, and a histogram's ends.

    `size` is 1, or of a histogram as `Board` says.
    """

    values: np.ndarray
    lives: np.ndarray
    bounds: Sequence[float] | None


class Board:
    """The numbers of one worker: `numbers` holds them, as `places` says.

    A counter or gauge has one place. A histogram has one for each of its `bounds`, one beyond, and one for the sum.
    """

    def __init__(
        self,
        series: Mapping[str, Sequence[Labels]],
        bounds: Mapping[str, Sequence[float]],
        folder: Path | None = None,
    ) -> None:
        """Lay out the `series` of each metric; in `folder` other workers see them, without one nobody does."""
        self.bounds, self.folder = {name: tuple(ends) for name, ends in bounds.items() if name in series}, folder
        self.places: dict[Key, int] = {}
        size = 0
        for name, all_labels in series.items():
            for labels in all_labels:
                self.places[name, labels] = size
                size += _size(self.bounds.get(name))
        self._bytes = max(size, 1) * 8
        said = orjson.dumps([[[*key], place] for key, place in self.places.items()]), orjson.dumps(self.bounds)
        self.layout = hashlib.sha256(b"".join(said)).hexdigest()[:16]
        self._map = self._take(b"[%s,%s]" % said) if folder else mmap.mmap(-1, self._bytes)
        self.numbers = memoryview(self._map).cast("d")
        self.ended, self.counts = False, any(BY_NAME[name].kind != "gauge" for name in series)
        self._forget()

    def _forget(self) -> None:
        for (name, _), place in self.places.items():
            if BY_NAME[name].kind == "gauge":
                self.numbers[place] = np.nan

    def end(self) -> None:
        """Leave the counters to whoever goes on with them; gauges are told no more."""
        self._forget()
        self.ended = True
        if self.folder:
            if not self.counts:
                self._path.unlink(missing_ok=True)
            fcntl.flock(self._fd, fcntl.LOCK_UN)
            self.numbers.release()
            self._map.close()
            os.close(self._fd)

    def place(self, name: str, *labels: str) -> int:
        """Returns where the number of a counter or gauge is in `numbers`."""
        return self.places[name, labels]

    def observe(self, place: int, bounds: Sequence[float], value: float) -> None:
        """Add one value to the histogram at `place`."""
        self.numbers[place + bisect_left(bounds, value)] += 1
        self.numbers[place + len(bounds) + 1] += value

    def observe_all(self, place: int, bounds: Sequence[float], values: np.ndarray) -> None:
        """Add values to the histogram at `place`."""
        for at, many in zip(*np.unique(np.searchsorted(bounds, values), return_counts=True), strict=True):
            self.numbers[place + int(at)] += int(many)
        self.numbers[place + len(bounds) + 1] += float(values.sum())

    def read(self) -> np.ndarray:
        """Returns the numbers as they are now."""
        return np.frombuffer(self._map, "f8").copy()

    def _take(self, said: bytes) -> mmap.mmap:
        """Returns the memory of the first file that no living worker has."""
        folder = self.folder or Path()
        new = folder / f"{os.getpid()}.{self.layout}.new"
        new.write_bytes(said)
        new.replace(folder / f"{self.layout}.json")
        for number in count():
            self._path = folder / f"{number}.{self.layout}"
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if _lock(self._fd, fcntl.LOCK_EX) and os.fstat(self._fd).st_nlink:
                os.posix_fallocate(self._fd, 0, self._bytes)  # a full disk is seen now, and not at the first number
                return mmap.mmap(self._fd, self._bytes)
            os.close(self._fd)
        raise AssertionError


def gathered(boards: Iterable[Board], folder: Path | None) -> dict[Key, Numbers]:
    """Returns the numbers of all workers: of the `boards` of this process, or all that lie in `folder`."""
    found: dict[Key, list[tuple[np.ndarray, bool, Sequence[float] | None]]] = {}
    mine = ((board.places, board.bounds, board.read(), True) for board in boards)
    for places, bounds, numbers, lives in _all(folder) if folder else mine:
        for key, place in places.items():
            ends = bounds.get(key[0])
            found.setdefault(key, []).append((numbers[place : place + _size(ends)], lives, ends))
    return {
        key: Numbers(np.array([one[0] for one in many]), np.array([one[1] for one in many], "bool"), many[0][2])
        for key, many in found.items()
    }


def _all(folder: Path) -> Iterator[tuple[dict[Key, int], Mapping[str, Sequence[float]], np.ndarray, bool]]:
    for described in sorted(folder.glob("*.json")):
        said, bounds = orjson.loads(described.read_bytes())
        places = {(name, tuple(labels)): place for (name, labels), place in said}
        size = max((place + _size(bounds.get(name)) for (name, _), place in places.items()), default=1)
        for path in sorted(folder.glob(f"*.{described.stem}")):
            try:
                with path.open("rb") as file:
                    content = file.read()
                    if len(content) >= size * 8:
                        lives = not _lock(file.fileno(), fcntl.LOCK_SH)
                        yield places, bounds, np.frombuffer(content, "f8", size), lives
            except FileNotFoundError:  # its gauges are told no more
                continue


def _size(bounds: Sequence[float] | None) -> int:
    return 1 if bounds is None else len(bounds) + 2


def _lock(fd: int, how: int) -> bool:
    try:
        fcntl.flock(fd, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
