"""`recommit run`: executes one notebook as its stage."""

import sys
from pathlib import Path

import click


@click.command(name="run")
@click.argument("notebook", type=click.Path(path_type=Path))
@click.option("--stage", metavar="NAME", help="Which stage, if several run this notebook: train@boosting-full.")
@click.option("--fresh", is_flag=True, envvar="RECOMMIT_FRESH", help="Run it, even if its inputs gave results before.")
def command(notebook: Path, stage: str | None, fresh: bool) -> None:
    """Execute NOTEBOOK as its stage of dvc.yaml: this is what a stage's cmd calls.

    The notebook receives only the parameters that the stage declares. The executed notebook is written to the .ipynb
    among the stage's outs, in a form that is the same on every run. If a cell fails, nothing is half-written, and
    earlier results stay.

    If the stage's declared inputs gave results before, in any experiment, branch or clone that shares DVC's cache,
    these are restored instead, and a line says so. With --fresh, `dvc repro --force`, or RECOMMIT_FRESH=1 in the
    environment, the stage runs in any case.

    \b
    Example:
      recommit run notebooks/train.ipynb --stage train@boosting-full
    Exit status: 0 done, 1 a cell failed, 2 it could not start.
    """
    from recommit.notebook.ahead import status_from_repro

    if (status := status_from_repro()) is not None:
        sys.exit(status)

    from recommit.notebook.run import run

    run(notebook, stage, fresh)
