"""`recommit repro`: `dvc repro` with stages side by side."""

import sys

import click


@click.command(name="repro")
@click.argument("stages", nargs=-1)
@click.option("--jobs", metavar="N", type=click.IntRange(min=1), help="Stages at once; as many as CPUs if not said.")
def command(stages: tuple[str, ...], jobs: int | None) -> None:
    """Do what `dvc repro STAGES` does, with stages that do not wait for one another side by side.

    DVC itself decides what has to run and writes dvc.lock, as ever: afterwards `dvc repro` finds nothing to do. A stage
    that fails ends the run, and earlier results stay.

    \b
    Example:
      recommit repro select --jobs 2
    Exit status: 0 done, 1 a stage failed or it was interrupted, 2 it could not start.
    """
    import asyncio
    import json
    import os
    import time
    from contextlib import suppress

    from rich.console import Console

    from recommit import Refusal
    from recommit.project.files import root, write_whole
    from recommit.repro.plan import plan
    from recommit.repro.show import Show
    from recommit.repro.side_by_side import repro
    from recommit.repro.summary import summary

    folder = root()
    planned = plan(folder, stages)
    durations = folder / ".recommit" / "durations.json"
    seconds: dict[str, float] = {}
    with suppress(OSError, ValueError):
        seconds = json.loads(durations.read_text())
    jobs = jobs or len(os.sched_getaffinity(0))
    console = Console(soft_wrap=True)
    show = Show(list(planned.stages), seconds, jobs, console)
    started = time.monotonic()
    try:
        with show.live:
            status = asyncio.run(repro(planned, stages, jobs, seconds, show))
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise Refusal("interrupted: of stages that had not ended, earlier results stay", 1) from None
    finally:
        write_whole(durations, json.dumps(show.seconds, indent=1).encode())
    if status:
        console.print(show.errors(), end="", markup=False, highlight=False)
        sys.exit(1 if show.failed else 2)
    console.print(f"{len(show.ran)} of {len(planned.stages)} stages ran, {time.monotonic() - started:.0f} s")
    for line in summary(folder, planned.outs):
        console.print(line, markup=False, highlight=False)
