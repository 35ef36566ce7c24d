"""`recommit lineage`: traces a model, prediction, metric or figure back to raw data, code and parameters."""

import json
from pathlib import Path

import click


@click.command(name="lineage")
@click.argument("thing")
@click.option("--rev", metavar="REV", help="The commit to read, by default HEAD. A model version names its own.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "openlineage", "rocrate"]),
    default="text",
    show_default=True,
    help="Words, all data, OpenLineage events, or a Process Run Crate. The last two need the extra `lineage`.",
)
@click.option("--forward", is_flag=True, help="Show what depends on THING instead of what it was made from.")
@click.option(
    "--output", metavar="PATH", type=click.Path(path_type=Path), help="Write to PATH; a crate is a new folder."
)
def command(thing: str, rev: str | None, form: str, forward: bool, output: Path | None) -> None:
    """Print what THING was made from, as the commit's dvc.lock records it. Nothing is run or checked out.

    \b
    THING is
      a model version   flights@v1.2.0, or flights@prod: the one that holds the stage
      a file or folder  data/features/train.parquet, models/candidate, src/flights/features.py
      a metric          reports/metrics/validation.json:auc
      a parameter       params.yaml:seed
      a prediction      data/predictions/upcoming.parquet:ROWKEY, or #12 for row 12, counted from 0

    \b
    Example:
      recommit lineage reports/figures/curve.png
      recommit lineage params.yaml:horizon_hours --forward
    Exit status: 0 it was found, 2 there is no such thing, or it could not be read.
    """
    from recommit import Refusal
    from recommit.lineage.text import lines
    from recommit.lineage.trace import as_json, trace
    from recommit.project.files import root, write_whole

    if form in ("rocrate", "openlineage") and forward:
        raise Refusal(f"{form} describes past runs, and --forward future ones: use --format text or json")
    if form == "rocrate" and output is None:
        raise Refusal("--format rocrate writes a folder: name it, as in --output crate")
    try:
        if form == "rocrate":
            from recommit.lineage.export.rocrate import write_crate
        elif form == "openlineage":
            from recommit.lineage.export.openlineage import events
    except ImportError as error:
        raise Refusal(
            f"--format {form}: {error}: install the packages of the extra `lineage` in pyproject.toml"
        ) from None
    found = trace(root(), thing, rev, forward)
    if form == "text":
        text = "\n".join(lines(found))
    elif form == "json":
        text = json.dumps(as_json(found), indent=1, ensure_ascii=False)
    else:
        for words in (*found.warnings, *(found.model.warnings if found.model else ())):
            click.echo(f"warning: {words}", err=True)
    if form == "openlineage":
        text = "\n".join(json.dumps(event, ensure_ascii=False, sort_keys=True) for event in events(found))
    if form == "rocrate" and output:
        write_crate(found, output)
    elif output:
        write_whole(output, f"{text}\n".encode())
    else:
        click.echo(text)
    if output:
        click.echo(f"written: {output}", err=True)
