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
    from rich.console import Console

    from recommit.learning.parallel import workers
    from recommit.project.files import root
    from recommit.repro.run import run

    status = run(root(), stages, jobs or workers(), Console(soft_wrap=True))
    sys.exit(status)
