"""One `recommit repro`: what is planned, run and shown, and the durations that the next one estimates by."""

import json
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from rich.console import Console

from recommit.project.files import write_whole
from recommit.repro.plan import plan
from recommit.repro.show import AS_IT_IS, Show
from recommit.repro.side_by_side import repro, to_the_end
from recommit.repro.summary import summary

_DURATIONS = ".recommit/durations.json"


def run(folder: Path, targets: Sequence[str], jobs: int, console: Console) -> int:
    """Do what `dvc repro TARGETS` does in the project in `folder`, at most `jobs` stages at once, on `console`.

    Returns 0, or 1 where a stage failed, or 2 where DVC could not start. Raises Refusal where it is interrupted.
    """
    planned = plan(folder, targets)
    seconds: dict[str, float] = {}
    with suppress(OSError, ValueError):
        seconds = json.loads((folder / _DURATIONS).read_text())
    show = Show(list(planned.stages), seconds, jobs, console)
    started = time.monotonic()
    try:
        status = to_the_end(repro(planned, targets, jobs, show), show)
    finally:
        write_whole(folder / _DURATIONS, json.dumps(show.seconds, indent=1).encode())
    console.print(show.complaints(), end="", **AS_IT_IS)
    if status:
        return 1 if show.failed else 2
    console.print(f"{len(show.ran)} of {len(planned.stages)} stages ran, {time.monotonic() - started:.0f} s")
    for line in summary(folder, planned.outs):
        console.print(line, **AS_IT_IS)
    return 0
