"""`recommit advance`: moves the clock on, and does all that a new period asks for."""

import click


@click.command(name="advance")
@click.option("--to", metavar="DATE", help="Where the clock is to stand, as in 2013-10-01; one period on if not said.")
@click.option("--dry-run", is_flag=True, help="Print what would be done, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print what was decided as JSON.")
def command(to: str | None, dry_run: bool, as_json: bool) -> None:
    """Move the clock on, period by period, by `split.by` of params.yaml, and commit what follows.

    In each turn: new data is brought in, and DVC records its hash; what was predicted of the period that has passed
    goes into data/log; as_of is moved; the pipeline runs; the gate decides. If it says yes, the candidate is promoted,
    and the new champion predicts the rows to come. If it says no, the champion stays, and the turn is done as well. A
    record and a page of each turn are in reports/advance. Nothing is pushed: the command prints how to publish.

    If it is killed at any point, the same command goes on, and ends with the same commits. Two never run at once. What
    you have not committed is never committed by it: it refuses to start.

    \b
    Example:
      recommit advance
    Exit status: 0 the clock was moved, also if a candidate was refused; 1 a stage failed, or it was interrupted; 2 it
    could not start.
    """
    import json

    from rich.console import Console

    from recommit.advance.dry_run import steps
    from recommit.advance.page import lines
    from recommit.advance.publish import publishing
    from recommit.advance.run import advance, finish
    from recommit.evidence.files import plain
    from recommit.learning.parallel import workers
    from recommit.project.files import root
    from recommit.repro.run import run

    folder = root()
    if dry_run:
        found = list(steps(folder, to))
        click.echo(json.dumps(found, indent=1) if as_json else "\n".join(found))
        return
    console = Console(stderr=True, soft_wrap=True)
    turns = advance(
        folder, to, lambda: run(folder, (), workers(), console, summing_up=False), lambda line: console.print(line)
    )
    if as_json:
        click.echo(json.dumps([plain(turn) for turn in turns], indent=1, ensure_ascii=False))
    else:
        click.echo("\n".join([*(line for turn in turns for line in lines(turn)), *publishing(folder, turns)]))
    finish(folder)
