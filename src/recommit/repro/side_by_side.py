"""Lets one `dvc repro` run the pipeline, and runs stages ahead of it that need not wait for those that it is at.

DVC walks through the stages one after the other, decides, hashes and writes dvc.lock as ever. A stage's command then
asks here (`recommit.notebook.ahead`) for the stage's results: they are there already, or on their way, or made now.
"""

import asyncio
import heapq
import json
import os
import shlex
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from recommit import Refusal
from recommit.notebook.ahead import ADDRESS, YOURSELF
from recommit.notebook.kernels import KERNEL, SERVER, environment
from recommit.project.pipeline import Stage
from recommit.repro import kernel_server
from recommit.repro.plan import Inputs, Plan, inputs, leaves_files_in_place, runs_ahead
from recommit.repro.show import Show

_URGENT = float("inf")
_LONGEST_LINE = 1 << 26
"""Bytes of a line that a stage or DVC may print: an error may hold a whole table."""
Done = TypeVar("Done")


@dataclass(frozen=True)
class Ran:
    """A run of a stage: its exit status, what it said, and what it was run on; None if that cannot be told."""

    status: int
    said: str
    on: Inputs | None
    outs: Mapping[str, tuple[int, int]]
    """When each out was written, and its size."""

    def outdated_by(self) -> list[str]:
        """What changed since it began, of inputs, or since it ended, of outs: none where a run would give the same."""
        if self.on is None:
            return ["an input that was not there"]
        changed = self.on.changed()
        if not changed and self.status == 0:
            now = _stamps(self.on.deps.folder, self.on.deps.stage)
            changed = sorted(name for name in {*now, *self.outs} if now.get(name) != self.outs.get(name))
        return changed


def to_the_end(work: Coroutine[Any, Any, Done], show: Show) -> Done:
    """Do the `work`, `repro` or `without_dvc`, while `show` shows it. Raises Refusal where it is interrupted."""
    try:
        with show.live:
            return asyncio.run(work)
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise Refusal("interrupted: of stages that had not ended, earlier results stay", 1) from None


async def repro(plan: Plan, targets: Sequence[str], jobs: int, show: Show) -> int:
    """`dvc repro TARGETS` with at most `jobs` stages at once; its exit status.

    All that it started has ended when it returns or raises.
    """
    async with _begun(plan, jobs, show) as (runs, private):
        address = str(private / "socket")
        async with await asyncio.start_unix_server(runs.answer, address):
            dvc = await asyncio.create_subprocess_exec(
                *("dvc", "repro", *targets),
                cwd=plan.folder,
                env=_environment() | {ADDRESS: address},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                limit=_LONGEST_LINE,
                start_new_session=True,  # Ctrl-C is for this process, which ends the stages; then DVC ends in order
            )
            ahead = asyncio.create_task(runs.ahead())
            try:
                async for line in dvc.stdout:  # type: ignore[union-attr]
                    if passed := show.dvc(line.decode(errors="replace")):
                        runs.passed(passed)
                return await dvc.wait()
            finally:
                ahead.cancel()
                await runs.end()
                await _ended(dvc)


async def without_dvc(plan: Plan, jobs: int, show: Show) -> bool:
    """Run all stages of `plan`, at most `jobs` at once, where nothing is kept of earlier runs; whether none failed.

    As with `repro`, all that it started has ended when it returns or raises.
    """
    async with _begun(plan, jobs, show) as (runs, _):
        return all(await asyncio.gather(*(runs.once_run(name) for name in plan.stages)))


@asynccontextmanager
async def _begun(plan: Plan, jobs: int, show: Show) -> AsyncIterator[tuple["_Runs", Path]]:
    """The runs of a plan, which end with this, and a private folder. SIGTERM and SIGHUP end them as Ctrl-C does."""
    this = asyncio.current_task()
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, this.cancel)  # type: ignore[union-attr]
    short = "/tmp" if len(tempfile.gettempdir()) > 60 else None  # a socket's path may have about 100 bytes
    with tempfile.TemporaryDirectory(prefix="recommit-repro-", dir=short) as private:
        kernels = str(Path(private) / "kernels")
        runs = _Runs(plan, jobs, show, kernels)
        async with _kernel_server(plan.folder, kernels):
            try:
                yield runs, Path(private)
            finally:
                await runs.end()


def _environment() -> dict[str, str]:
    """The environment of what is started, in which the commands of this Python's environment are found first."""
    return os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


@asynccontextmanager
async def _kernel_server(folder: Path, address: str) -> AsyncIterator[None]:
    """Let kernels be forks of a process that has imported their libraries; on Linux, elsewhere forks are not safe."""
    if sys.platform != "linux":
        yield
        return
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, kernel_server.__file__, address),
        cwd=folder,
        env=environment() | json.loads((KERNEL / "kernel.json").read_text())["env"],
        stdin=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield
    finally:
        server.stdin.close()  # type: ignore[union-attr]  # and so it ends
        await server.wait()


async def _ended(dvc: asyncio.subprocess.Process) -> None:
    """Wait for DVC, which goes on to its next stage and is refused there; end it where it takes too long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(20):
            await dvc.wait()
    if dvc.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(dvc.pid, signal.SIGTERM)
        await dvc.wait()


class _Runs:
    """The runs of one `recommit repro`, by the stage's name."""

    def __init__(self, plan: Plan, jobs: int, show: Show, kernels: str) -> None:
        self._kernels = kernels
        self._plan, self._show, self._weights = plan, show, plan.weights(show.seconds)
        self._slots = _Slots(jobs)
        self._runs: dict[str, asyncio.Task[Ran]] = {}
        self._settled: dict[str, asyncio.Task[None]] = {}
        self._all: dict[str, asyncio.Task[bool]] = {}
        self._passed: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._processes: set[asyncio.subprocess.Process] = set()
        self._ending = False

    async def ahead(self) -> None:
        """Run every stage that has to run, as soon as its inputs are final, until one fails."""
        if leaves_files_in_place(self._plan.folder):
            await asyncio.gather(*(self._once_settled(name) for name in self._plan.stages))

    def _once_settled(self, name: str) -> "asyncio.Task[None]":
        if name not in self._settled:
            self._settled[name] = asyncio.create_task(self._settle(name))
        return self._settled[name]

    async def _settle(self, name: str) -> None:
        """Return when the stage's outs are final: now, after a run ahead of DVC, or when DVC has passed it."""
        for other in sorted(self._plan.before[name]):
            await self._once_settled(other)
        stage = self._plan.stages[name]
        if stage.frozen:
            return
        if runs_ahead(stage) and not self._plan.dvc_writes_into_deps_of(stage):
            now = await asyncio.to_thread(inputs, self._plan.folder, stage, self._plan.made)
            if now and now.are_recorded(self._plan.locked.get(name)):
                self._show.unchanged(name)
                return
            if now and name not in self._runs:
                self._runs[name] = asyncio.create_task(self._run(stage, self._weights[name]))
            if now and (await asyncio.shield(self._runs[name])).status == 0:
                return
        await self._passed[name].wait()

    def passed(self, name: str) -> None:
        """DVC has the results of this stage, or keeps those that are there."""
        self._passed[name].set()

    async def once_run(self, name: str) -> bool:
        """Run the stage when those before it have run; whether all of them succeeded."""
        if name not in self._all:
            self._all[name] = asyncio.create_task(self._run_after_those_before(name))
        return await asyncio.shield(self._all[name])

    async def _run_after_those_before(self, name: str) -> bool:
        for other in self._plan.before[name]:
            if not await self.once_run(other):
                return False
        self._runs[name] = asyncio.create_task(self._run(self._plan.stages[name], self._weights[name]))
        return (await asyncio.shield(self._runs[name])).status == 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Give the command of a stage that DVC runs the stage's exit status and what it said."""
        name = (await reader.readline()).decode().strip()
        stage = self._plan.stages.get(name)
        if stage is None or not runs_ahead(stage):
            writer.write(f"{YOURSELF}\n".encode())
        else:
            ran = await self._result(stage)
            if ran.status == 0:
                self.passed(name)
            writer.write(f"{ran.status}\n{ran.said}".encode())
        with suppress(ConnectionError):
            await writer.drain()
        writer.close()

    async def _result(self, stage: Stage) -> Ran:
        if task := self._runs.get(stage.name):
            self._slots.hurry(stage.name)
            ran = await asyncio.shield(task)
            if self._ending or not (changed := await asyncio.to_thread(ran.outdated_by)):
                return ran
            self._show.again(stage.name, changed)
        self._runs[stage.name] = asyncio.create_task(self._run(stage, _URGENT))
        return await asyncio.shield(self._runs[stage.name])

    async def _run(self, stage: Stage, weight: float) -> Ran:
        folder = self._plan.folder
        async with self._slots.taken(stage.name, weight):
            if self._ending or (weight != _URGENT and self._show.failed):
                return Ran(1, f"stage {stage.name} was not run\n", None, {})
            now = await asyncio.to_thread(inputs, folder, stage, self._plan.made)
            started = time.monotonic()
            self._show.started(stage.name)
            process = await asyncio.create_subprocess_exec(
                *shlex.split(stage.cmd),
                cwd=folder,
                env=_environment() | {"DVC_STAGE": stage.name, "DVC_ROOT": str(folder), SERVER: self._kernels},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                limit=_LONGEST_LINE,
                start_new_session=True,
            )
            self._processes.add(process)
            said = []
            async for line in process.stdout:  # type: ignore[union-attr]
                said.append(line.decode(errors="replace"))
                self._show.said(stage.name, said[-1])
            status = await process.wait()
            self._processes.discard(process)
            if not self._ending:  # else it was ended, and did not fail
                self._show.done(stage.name, status, time.monotonic() - started, said)
            outs = await asyncio.to_thread(partial(_stamps, folder, stage)) if status == 0 else {}
            return Ran(abs(status), "".join(said), now, outs)

    async def end(self) -> None:
        """End all runs: asked, so that each puts in order what it began."""
        self._ending = True
        for process in self._processes:
            with suppress(ProcessLookupError):
                process.terminate()
        await asyncio.gather(*self._runs.values(), return_exceptions=True)


class _Slots:
    """So many may run at once; of those that wait, the one of the largest weight comes next."""

    def __init__(self, jobs: int) -> None:
        self._free = jobs
        self._waiting: list[tuple[float, int, str, asyncio.Future[None]]] = []
        self._count = 0

    @asynccontextmanager
    async def taken(self, name: str, weight: float) -> AsyncIterator[None]:
        """Hold one of the slots."""
        if self._free:
            self._free -= 1
        else:
            turn = asyncio.get_running_loop().create_future()
            self._count += 1
            heapq.heappush(self._waiting, (-weight, self._count, name, turn))
            await turn
        try:
            yield
        finally:
            if self._waiting:
                heapq.heappop(self._waiting)[3].set_result(None)
            else:
                self._free += 1

    def hurry(self, name: str) -> None:
        """Let `name` come next: DVC waits for it."""
        self._waiting = [(-_URGENT if who == name else w, n, who, turn) for w, n, who, turn in self._waiting]
        heapq.heapify(self._waiting)


def _stamps(folder: Path, stage: Stage) -> dict[str, tuple[int, int]]:
    """When each file of the outs was written, and its size."""
    files = [file for out in stage.outs for file in ((folder / out), *(folder / out).rglob("*"))]
    return {
        file.relative_to(folder).as_posix(): ((at := file.stat()).st_mtime_ns, at.st_size)
        for file in files
        if file.is_file()
    }
