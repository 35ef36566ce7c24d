"""What is known at this moment: history, and the events that any worker has taken since."""

import asyncio
import ctypes
import hashlib
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import orjson
import pandas as pd
import pyarrow as pa

from recommit.artifact.files import sha256
from recommit.artifact.load import MANIFEST
from recommit.artifact.manifest import read_manifest
from recommit.events import Event
from recommit.history import read_history
from recommit.live import Live
from recommit.problem import Problem
from recommit.serving.refused import Refused, one_line
from recommit.serving.store import FileStore, Place, Store, Unkept
from recommit.serving.told import event_of, said_of

AT_ONCE = 32
"""Events that are taken before others are heard again; more make long requests a little faster."""
_log = logging.getLogger("recommit.serving")
Made = TypeVar("Made")


@dataclass
class Verdicts:
    """What came of events, by their places from 0: those that were new, that said nothing new, and that are refused."""

    taken: list[int]
    repeated: list[int]
    refused: dict[int, str]

    def told(self) -> dict[str, Any]:
        """Returns the same as it is answered, with places from 1."""
        return {
            "taken": [place + 1 for place in self.taken],
            "repeated": [place + 1 for place in self.repeated],
            "refused": [{"event": place + 1, "error": why} for place, why in self.refused.items()],
        }


@dataclass
class Now:
    """History with the first `last` events of the store, and of each table a hash that says which facts these are.

    It may know events that are just being kept, and hashes say so.
    """

    live: Live
    states: dict[str, str]
    last: int = 0


class Known:
    """History of a problem with all events that are in a store.

    It belongs to the loop that answers requests: it is read and changed by nobody else. `begin` reads history anew.
    What only rows need that are asked about before the `clock` is forgotten.
    """

    def __init__(
        self, problem: Problem, begin: Callable[[], Now], store: Store, clock: pd.Timestamp | None = None
    ) -> None:
        """Begin with history and all that the store holds. Raises `Refusal` when that cannot be read."""
        self.problem, self._begin, self._store, self._clock = problem, begin, store, clock
        self.declared = {table.name: table for table in problem.history}
        self._now = self._begun()
        self._taken: list[str] = []  # what `_now` knows beyond the `last` of the store
        self._unkept = False  # whether `_now` may know events that the store does not hold
        self.example: dict[str, Any] | None = None  # an event, once it was asked for
        self._one, self._thread = asyncio.Lock(), ThreadPoolExecutor(1, "events")

    def fresh(self) -> Now:
        """Returns history with all events that any worker has taken. Raises `Refused` when they cannot be read."""
        try:
            new = self._store.since(self._now.last)
        except Unkept as error:
            raise _away(error) from None
        if new:
            said = [one for _, one in new]
            mine = len(self._taken) if said[: len(self._taken)] == self._taken else 0
            self._now.live.update(self._read(said[mine:]), judged=True)
            self._see(self._now, said[mine:])
            self._now.last, self._taken = new[-1][0], []
        return self._now

    async def take(self, said: Sequence[Any]) -> Verdicts:
        """Takes events, as JSON says them, and keeps those that are new: then every worker's next answer knows them.

        Each is judged by itself. Raises `Refused` when they cannot be kept: then none is.
        """
        async with self._keeping() as keep:
            verdicts, new = await self._judged(said)
            if new:
                await keep(new, None)
        return verdicts

    async def follow(self, file: Path, at_most: int) -> bool:
        """Takes the next lines of a file of events, at most so many bytes; returns whether there were any.

        It goes on where any worker has left it, also before a restart. A line that is no event, or is refused, is told
        in the log and skipped. What stands behind the last end of a line is still being written. Where the file is
        another one than before, or shorter, all of it is read: what was taken before is a repetition.
        """
        async with self._keeping() as keep:
            place, content = _next(file, self._store.place(str(file)), at_most)
            begin = place[1]
            said, places = [], []
            for line in content.split(b"\n")[:-1] or [content]:
                if line.strip():
                    said.append(_parsed(line))
                    places.append(begin)
                begin += len(line) + 1
            verdicts, new = await self._judged(said)
            if content:
                await keep(new, (str(file), (place[0], place[1] + len(content))))
        for at, why in verdicts.refused.items():
            _log.warning("--follow: the line at byte %d was skipped: %s", places[at], why)
        return bool(content)

    async def _judged(self, said: Sequence[Any]) -> tuple[Verdicts, list[str]]:
        """Returns what comes of events, and those that are new, as they are kept."""
        refused: dict[int, str] = {}
        taken: list[int] = []
        kept: list[str] = []
        for first in range(0, len(said), AT_ONCE):
            events = []
            for place, one in enumerate(said[first : first + AT_ONCE], first):
                try:
                    events.append(event_of(one, self.declared, place))
                except ValueError as error:
                    refused[place] = one_line(str(error))
            found = self._now.live.update(events)
            told = [said_of(event, self.declared) for event in found.accepted]
            self._see(self._now, told)
            self._taken += told
            kept += told
            taken += [event.place for event in found.accepted]  # type: ignore[attr-defined]
            refused |= {one.event.place: one_line(one.why) for one in found.refused}  # type: ignore[attr-defined]
            await asyncio.sleep(0)
        repeated = {*range(len(said))} - {*taken} - {*refused}
        return Verdicts(sorted(taken), sorted(repeated), dict(sorted(refused.items()))), kept

    @asynccontextmanager
    async def _keeping(self) -> AsyncIterator[Callable[[list[str], tuple[str, Place] | None], Awaitable[None]]]:
        """Keeps other workers from taking events meanwhile; gives what keeps those that were taken.

        Where they could not be kept, history is made anew before others are taken: sent again, they are new again.
        """
        store = self._store

        async def keep(events: list[str], followed: tuple[str, Place] | None) -> None:
            await self._aside(lambda: store.keep(events, followed))

        async with self._one:
            try:
                if self._unkept:
                    self._now, self._taken = await self._aside(self._begun), []
                await self._aside(store.begin)
                self.fresh()
                self._unkept = True
                yield keep
                self._unkept = False
            except Unkept as error:
                raise _away(error) from None
            finally:
                with suppress(Unkept):
                    await self._aside(store.drop)

    async def _aside(self, work: Callable[[], Made]) -> Made:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _begun(self) -> Now:
        now, kept = self._begin(), self._store.since(0)
        said = [one for _, one in kept]
        refused = now.live.update(self._read(said)).refused if said else ()
        if refused:
            _log.warning("%d of %d kept events are refused now: %s", len(refused), len(kept), one_line(refused[0].why))
        if self._clock is not None:
            now.live.forget(self._clock)
        self._see(now, said)
        now.last = kept[-1][0] if kept else 0
        return now

    def _see(self, now: Now, said: Iterable[str]) -> None:
        """Notes that events are known: the hash of a table's state is that of the one before and the event."""
        states = dict(now.states)
        for one in said:
            table = orjson.loads(one)["table"]
            states[table] = hashlib.sha256(f"{states.get(table, '')}{one}".encode()).hexdigest()
        now.states = states

    def _read(self, said: Iterable[str]) -> list[Event]:
        found: list[Event] = []
        for one in said:
            try:
                found.append(event_of(orjson.loads(one), self.declared))
            except ValueError as error:  # of a table that there is no more
                _log.warning("a kept event is refused now: %s", one_line(str(error)))
        return found


def opened(problem: Problem, model: Path, history: Path, store: str) -> Known:
    """Returns what is known of a problem: from the tables in `history`, and the events in `store`, a file or a URL.

    Rows that are asked about before the clock of the `model` are not answered, and what only they need is forgotten.
    """
    clock = read_manifest(model / MANIFEST).as_of

    def begin() -> Now:
        live = Live(problem, read_history(problem.history, history))
        files = {table.name: history / f"{table.name}.parquet" for table in problem.history}
        return Now(live, {name: sha256(file.read_bytes()) for name, file in files.items()})

    return Known(problem, begin, _store(store, problem.name), None if clock is None else pd.Timestamp(clock, tz="UTC"))


def _store(where: str, problem: str) -> Store:
    if "://" not in where:
        return FileStore(Path(where))
    from recommit.serving.redis_store import RedisStore

    return RedisStore(where, problem)


def give_back() -> None:
    """Gives memory back to the system that was needed to read history, where the allocators can be told to."""
    pa.default_memory_pool().release_unused()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _away(error: BaseException) -> Refused:
    _log.error("the store of events: %s", error)
    return Refused(503, "the store of events cannot be used now: ask again later", {"Retry-After": "1"}, "store")


def _next(file: Path, place: Place, at_most: int) -> tuple[Place, bytes]:
    """Returns where the next whole lines of a file begin, and these lines; a longer line comes in pieces."""
    try:
        with file.open("rb") as opened_file:
            now = os.fstat(opened_file.fileno())
            same = place[0] == now.st_ino and place[1] <= now.st_size
            at = place[1] if same else 0
            opened_file.seek(at)
            content = opened_file.read(at_most)
    except OSError:
        return place, b""
    end = content.rfind(b"\n") + 1
    return (now.st_ino, at), content[: end or (len(content) if len(content) == at_most else 0)]


def _parsed(line: bytes) -> Any:
    """Returns what a line says; a text, which is no event either, where it is no JSON."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return "no JSON"
