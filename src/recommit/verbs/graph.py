"""`recommit graph`: shows the pipeline, and the state of each stage."""

from pathlib import Path

import click


@click.command(name="graph")
@click.option("--html", metavar="FILE", type=click.Path(path_type=Path), help="Write a page with a picture instead.")
@click.option("--start", metavar="FILE", type=click.Path(path_type=Path), help="Write the page that `make lab` opens.")
def command(html: Path | None, start: Path | None) -> None:
    """Show the stages in the order of the pipeline, what each follows, and whether it is up to date, as DVC tells it.

    Of ways to a stage only the longest is shown. The page needs no network: a click on a stage, or Enter, shows what it
    reads and makes.

    \b
    Example:
      recommit graph
      recommit graph --html /tmp/pipeline.html
    Exit status: 0 shown, 2 dvc.yaml or dvc.lock cannot be read.
    """
    from recommit.graph.boxes import boxes
    from recommit.graph.page import page
    from recommit.graph.start import start as start_page
    from recommit.graph.states import standings
    from recommit.graph.text import lines
    from recommit.project.files import root, write_whole
    from recommit.project.pipeline import stages

    folder = root()
    declared = stages(folder)
    found = boxes(declared)
    if start:
        write_whole(start, "\n".join([*start_page(folder, found, start.resolve().parent), ""]).encode())
        return
    states = standings(folder, declared)
    if html is None:
        for line in lines(found, states):
            click.echo(line)
        return
    write_whole(html, page(folder, found, states, html.resolve().parent).encode())
    click.echo(f"{html}: open it in a browser")
