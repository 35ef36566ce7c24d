"""Runs stages without DVC, two at once where neither waits for the other."""

import os
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import wait
from multiprocessing.context import ForkProcess
from pathlib import Path

from recommit import Refusal
from recommit.notebook.run import run
from recommit.project.pipeline import Stage, is_in, stages

AT_ONCE = 2
"""A stage computes in one process; more at once gain where there are more processors, and take more memory."""


@dataclass(frozen=True)
class _Running:
    """A stage in a process of its own, when it began, and the file that holds what it says."""

    stage: Stage
    process: ForkProcess
    since: float
    said: Path


def needed_for(targets: Collection[str], every: Collection[Stage]) -> dict[str, set[str]]:
    """Return the names of the stages that the `targets` need, each with those of the stages that it waits for.

    They are in the order of dvc.yaml, the targets among them. `every` are all stages.
    """
    before = {stage.name: {other.name for other in every if _reads(stage, other)} for stage in every}
    wanted = {stage.name for stage in every if stage.family in targets}
    while more := {name for one in wanted for name in before[one]} - wanted:
        wanted |= more
    return {stage.name: before[stage.name] for stage in every if stage.name in wanted}


def run_stages(folder: Path, targets: Collection[str], say: Callable[[str], None]) -> None:
    """Run the `targets` and all that they need, as `recommit run` does, in the project `folder`; `say` each that ended.

    Raises Refusal with what a stage said that failed; those that run beside it are ended.
    """
    import papermill  # noqa: F401 - once here, and not in each of the forks below

    every = {stage.name: stage for stage in stages(folder)}
    waiting = needed_for(targets, every.values())
    running: list[_Running] = []
    try:
        while waiting or running:
            undone = {*waiting, *(one.stage.name for one in running)}
            for name in [name for name, before in waiting.items() if not before & undone][: AT_ONCE - len(running)]:
                del waiting[name]
                running.append(_start(folder, every[name]))
            ended = wait([one.process.sentinel for one in running])
            for one in [one for one in running if one.process.sentinel in ended]:
                running.remove(one)
                one.process.join()
                if one.process.exitcode:
                    raise Refusal(one.said.read_text(encoding="utf-8", errors="replace").strip(), 1)
                say(f"{one.stage.name}: {time.monotonic() - one.since:.1f} s")
    finally:
        for one in running:
            one.process.terminate()
        for one in running:
            one.process.join()


def _reads(stage: Stage, other: Stage) -> bool:
    return any(is_in(out, dep) or is_in(dep, out) for dep in stage.deps for out in other.outs)


def _start(folder: Path, stage: Stage) -> _Running:
    said = folder / ".recommit" / f"{stage.file_name}.said"
    said.parent.mkdir(exist_ok=True)
    process = get_context("fork").Process(target=_run, args=(folder, stage, said))
    process.start()
    return _Running(stage, process, time.monotonic(), said)


def _run(folder: Path, stage: Stage, said: Path) -> None:
    """Run one stage; what it and its kernel say goes into the file `said`, which ends with why it failed."""
    with said.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.chdir(folder)
    try:
        run(folder / (stage.notebook or ""), stage.name)
    except Refusal as refusal:
        said.write_text(str(refusal), encoding="utf-8")
        os._exit(1)
