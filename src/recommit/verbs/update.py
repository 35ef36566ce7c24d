"""`recommit update`: brings a later version of the machinery and its template into a project."""

from pathlib import Path

import click


@click.command(name="update")
@click.argument("wheel", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def command(wheel: Path) -> None:
    """Bring the machinery in the file WHEEL, and the template in it, into this project.

    Files that you have not changed are replaced. Those that you and the template both changed are merged: notebooks
    cell by cell, dvc.yaml stage by stage, other text line by line; a conflict shows both versions. What you have
    deleted stays deleted. Lock files are replaced: `make lock` adds packages of your own again. All changes must be
    committed, so that Git can undo an update.

    \b
    Example:
      recommit update ../recommit/dist/recommit-0.3.0-py3-none-any.whl
    Exit status: 0 done, 1 done, with conflicts to resolve, 2 refused: the reason is a line, and nothing was changed.
    """
    from recommit import Refusal
    from recommit.check.declared import Declared
    from recommit.check.deps import write_deps
    from recommit.project.files import root
    from recommit.template.update import WORDS, update

    folder = root()
    changes = update(folder, wheel)
    for change in changes:
        click.echo(f"{change.path}: {WORDS[change.what].format(change.path)}")
    if not changes:
        click.echo("recommit update: the project has all that this wheel holds")
        return
    unclear = [change.path for change in changes if change.what in ("conflict", "beside")]
    if not unclear:  # else `recommit check --fix` does it, once the user has chosen
        write_deps(Declared(folder))
    locked = any(change.what == "locked" for change in changes)
    click.echo(f"\nNext:\n  {'make lock && make env' if locked else 'make env'}")
    click.echo("  recommit check --fix && dvc repro")
    if unclear:
        raise Refusal(f"{len(unclear)} files need you: {', '.join(unclear)}", 1)
