"""`recommit predict`: scores a table with a model."""

import json
from pathlib import Path
from typing import Literal

import click


@click.command(name="predict")
@click.option(
    "--input", "table", metavar="TABLE", required=True, type=click.Path(path_type=Path), help="What to score."
)
@click.option("--output", metavar="TABLE", required=True, type=click.Path(path_type=Path), help="Where predictions go.")
@click.option("--model", metavar="MODEL", help="NAME@STAGE, NAME@VERSION, VERSION or a folder; else the champion.")
@click.option("--history", metavar="FOLDER", type=click.Path(path_type=Path), help="What features are computed from.")
@click.option("--features-only", is_flag=True, help="Write the features of a plan's rows, and no prediction.")
@click.option("--strict", is_flag=True, help="Write nothing when any row cannot be scored.")
@click.option("--workers", metavar="N", type=click.IntRange(min=1), help="Processes; as many as CPUs if not said.")
@click.option("--engine", type=click.Choice(["local", "dask"]), default="local", help="What runs them.")
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="A Dask scheduler that you trust to run code here; else processes of this machine.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def command(
    table: Path,
    output: Path,
    model: str | None,
    history: Path | None,
    features_only: bool,
    strict: bool,
    workers: int | None,
    engine: Literal["local", "dask"],
    scheduler: str | None,
    as_json: bool,
) -> None:
    """Score every row of a table, parquet or CSV, of any size.

    Its columns tell what it is: a plan (rows whose features are computed from the history in data/raw, or FOLDER, by
    the very functions that training used), or a table that has the model's inputs. Each prediction has the row's key,
    the answer (a probability, the most likely class with the probability of each, or a number), the set or the interval
    beside it, and the model's name, version and hash.

    A value outside of a range that is declared as a draft is told. A row that breaks the schema goes to
    OUTPUT.rejects.csv with its number and the reasons. The output appears whole or not at all; interrupted, it starts
    anew. It is the same to the last bit whatever the engine and the workers.

    With --features-only, a plan's rows get the values that the model would be given, each as it was known at the row's
    own prediction instant.

    With --scheduler, that address is trusted: Dask sends code both ways. Its workers see the same files under the same
    paths, and run this commit's code; one that would give other bits is refused.

    \b
    Example:
      recommit predict --input plan.csv --output predictions.parquet --model flights@prod
    Exit status: 0 predicted (rows rejected are counted), 1 not so, 2 it could not start.
    """
    from recommit import Refusal
    from recommit.batch.named import open_scorer
    from recommit.batch.predict import Request, predict
    from recommit.notebook.run import ending_in_order
    from recommit.problem import load_problem
    from recommit.project.files import root

    if scheduler is not None and engine != "dask":
        raise Refusal("--scheduler is for --engine dask: add it")
    folder = root()
    problem = load_problem(folder)
    scorer = open_scorer(folder, model)
    request = Request(
        input=table,
        output=output,
        history=history or folder / "data/raw",
        features_only=features_only,
        strict=strict,
        engine=engine,
        workers=workers,
        scheduler=scheduler,
    )
    with ending_in_order():
        try:
            summary = predict(problem, scorer, request, say=lambda line: click.echo(line, err=True))
        except KeyboardInterrupt:
            raise Refusal(f"interrupted: nothing was written to {output}", 1) from None
    if as_json:
        rejects = str(summary.rejects) if summary.rejects else None
        counts = {"predicted": summary.predicted, "rejected": summary.rejected, "outside": summary.outside}
        click.echo(json.dumps(counts | {"output": str(output), "rejects": rejects}))
    else:
        left_out = f"; {summary.rejected:,} rows could not be scored: see {summary.rejects}" if summary.rejects else ""
        what = "rows with their features" if features_only else "predictions"
        click.echo(f"{summary.predicted:,} {what} in {output}{left_out}")
        for name, rows in summary.outside.items():
            click.echo(f"{name}: in {rows:,} rows a value that the rows of the draft in columns.py did not have")
    if not summary.predicted:
        raise Refusal("no row could be scored", 1)
