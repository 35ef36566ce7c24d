"""`recommit models`: lists the versions of the model, their stages and their evidence."""

import sys

import click


@click.command(name="models")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON instead of the table.")
def command(as_json: bool) -> None:
    """List the versions of the model: stage, clock, metrics with intervals, the gate's decision, proof.

    They are read from the repository's tags. Tags that were moved, copied or made without a record are named, and so
    are records that contradict their commit.

    \b
    Example:
      recommit models
    Exit status: 0 fine, 1 a tag is not in order, 2 it could not be read.
    """
    import json

    from recommit.project.files import root
    from recommit.registry.history import read_registry
    from recommit.registry.listing import as_data, as_text

    folder = root()
    data = as_data(folder, read_registry(folder))
    click.echo(json.dumps(data, indent=1, ensure_ascii=False) if as_json else "\n".join(as_text(data)))
    sys.exit(1 if data["problems"] else 0)
