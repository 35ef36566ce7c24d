"""One `recommit repro`: what is planned, run and shown, and the durations that the next one estimates by."""

import json
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from rich.console import Console

from recommit.project.files import alone, write_whole
from recommit.proof.earlier_proofs import earlier_seconds
from recommit.repro.plan import plan
from recommit.repro.show import AS_IT_IS, Show
from recommit.repro.side_by_side import repro, to_the_end
from recommit.repro.summary import summary

_DURATIONS = ".recommit/durations.json"


def run(folder: Path, targets: Sequence[str], jobs: int, console: Console, summing_up: bool = True) -> int:
    """Do what `dvc repro TARGETS` does in the project in `folder`, at most `jobs` stages at once, on `console`.

    The last lines say what was decided and what is next, if `summing_up`. Returns 0, or 1 where a stage failed, or 2
    where DVC could not start. Raises Refusal where it is interrupted, or where another one runs here.
    """
    with alone(folder, "repro", "`recommit repro`"):
        return _run(folder, targets, jobs, console, summing_up)


def _run(folder: Path, targets: Sequence[str], jobs: int, console: Console, summing_up: bool) -> int:
    planned = plan(folder, targets)
    seconds, source = _seconds(folder)
    show = Show(list(planned.stages), seconds, jobs, console)
    show.begins(source)
    started = time.monotonic()
    try:
        status = to_the_end(repro(planned, targets, jobs, show), show)
    finally:
        write_whole(folder / _DURATIONS, json.dumps(show.seconds, indent=1).encode())
    if not status:
        show.passed()
    console.print(show.complaints(status), end="", **AS_IT_IS)
    if status:
        return 1 if show.failed else 2
    console.print(f"{len({*show.ran})} of {len(planned.stages)} stages ran, {time.monotonic() - started:.0f} s")
    for line in summary(folder, planned.outs, whole=planned.outs == planned.made) if summing_up else ():
        console.print(line, **AS_IT_IS)
    return 0


def _seconds(folder: Path) -> tuple[dict[str, float], str]:
    """The seconds of each stage in earlier runs, or else in the last proof, and in words which of the two."""
    with suppress(OSError, ValueError):
        return json.loads((folder / _DURATIONS).read_text()), "earlier runs here"
    return earlier_seconds(folder), "the last proof"
