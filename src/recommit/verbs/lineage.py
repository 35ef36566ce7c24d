"""`recommit lineage`: from a model, a prediction, a metric or a figure back to raw data, code and parameters."""

import json
from pathlib import Path

import click


@click.command(name="lineage")
@click.argument("thing")
@click.option("--rev", metavar="REV", help="The commit to read; HEAD if not said. A model version names its own.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "dot", "rocrate", "openlineage"]),
    default="text",
    show_default=True,
    help="A tree, data, a Graphviz graph, a Provenance Run Crate, or OpenLineage events.",
)
@click.option("--forward", is_flag=True, help="What would change if THING did, instead of what it comes of.")
@click.option(
    "--output", metavar="PATH", type=click.Path(path_type=Path), help="Write to PATH; a crate: folder or .zip."
)
def command(thing: str, rev: str | None, form: str, forward: bool, output: Path | None) -> None:
    """Print what THING comes of, as the commit's dvc.lock records it. Nothing is run or checked out.

    \b
    THING is
      a model version   flights@v1.2.0, or flights@prod: the one that holds the stage
      a file or folder  data/features/train.parquet, models/candidate, src/flights/features.py
      a metric          reports/metrics/validation.json:candidate.auc
      a parameter       params.yaml:seed
      a prediction      data/predictions/upcoming.parquet:ROWKEY, or #12 for row 12, counted from 0

    \b
    Example:
      recommit lineage reports/figures/roc.png
      recommit lineage params.yaml:horizon_hours --forward
    Exit status: 0 it was found, 2 nothing is called so, or it could not be read.
    """
    from recommit import Refusal
    from recommit.lineage.trace import as_json, trace
    from recommit.project.files import root, write_whole

    if form == "rocrate":
        from recommit.lineage.crate import may_write, write_crate

        if output is None:
            raise Refusal("a crate is a folder or a zip file: say where, as in --output lineage.zip")
        may_write(output)
    if form in ("rocrate", "openlineage") and forward:
        raise Refusal(f"{form} tells what was run, and --forward what would be: use text, json or dot")
    found = trace(root(), thing, rev, forward)
    if form not in ("text", "json"):  # those say it themselves
        for words in (*found.beware, *(found.model.beware if found.model else ())):
            click.echo(f"beware: {words}", err=True)
    if form == "rocrate" and output:
        write_crate(found, output)
        click.echo(f"written: {output}", err=True)
        return
    if form == "json":
        lines = [json.dumps(as_json(found), indent=1, ensure_ascii=False)]
    elif form == "openlineage":
        from recommit.lineage.events import events

        lines = [json.dumps(event, ensure_ascii=False, sort_keys=True) for event in events(found)]
    else:
        from recommit.lineage.text import dot, tree

        lines = list(dot(found) if form == "dot" else tree(found))
    if output:
        write_whole(output, ("\n".join(lines) + "\n").encode())
        click.echo(f"written: {output}", err=True)
    else:
        click.echo("\n".join(lines))
