"""`recommit compare`: the experiments of a commit in a table, or two sides and the paired difference between them."""

from pathlib import Path

import click


@click.command(name="compare")
@click.argument("first", metavar="[A", required=False)
@click.argument("second", metavar="B]", required=False)
@click.option("--html", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="Write a page to FILE.")
def command(first: str | None, second: str | None, html: Path | None) -> None:
    """Print how well candidates predict the validation folds, each beside the other on the same rows.

    A and B are experiments, branches, tags or commits, or `workspace`, the working tree, which B is if it is not said.
    Without A, all experiments that were begun from the last commit are listed beside it. The differences are paired: by
    row, from the predictions for the folds that DVC keeps. Nothing is run, and nothing in the project is written.

    \b
    Example:
      recommit compare
      recommit compare main workspace --html /tmp/compared.html
    Exit status: 0 done, 1 the two cannot be compared, 2 there is no such side, or it could not be read.
    """
    from recommit import Refusal
    from recommit.compare.side import WORKSPACE, named
    from recommit.compare.text import lines, table
    from recommit.problem import load_problem
    from recommit.project.files import root, write_whole

    folder = root()
    if first is None:
        if html:
            raise Refusal("--html shows two: name them, as in `recommit compare main workspace --html FILE`")
        click.echo("\n".join(table(folder, load_problem(folder))))
        return
    from recommit.compare.paired import paired

    one, other = named(folder, first), named(folder, second or WORKSPACE)
    pair = paired(folder, load_problem(folder), one, other)
    said = list(lines(folder, pair, one, other))
    click.echo("\n".join(said))
    if html:
        from recommit.compare.page import page

        write_whole(html, page(pair, one, other, said).encode())
        click.echo(f"written: {html}", err=True)
