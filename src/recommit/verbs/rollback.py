"""`recommit rollback`: bring back the version that had a stage before."""

import click


@click.command(name="rollback")
@click.option("--to", metavar="VERSION", help="The version to bring back; the one before if not said.")
@click.option("--stage", metavar="NAME", default="prod", show_default=True, help="The stage to give back.")
@click.option("--reason", metavar="TEXT", default="", help="Why; kept with it.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def command(to: str | None, stage: str, reason: str, as_json: bool) -> None:
    """Roll a stage back to the version that had it before.

    The version's files are taken from DVC's cache or a remote, held against the hashes in its tag, loaded, and its
    golden rows replayed; only then does it get the stage, as a new tag, and become the champion, in a commit of its
    own. The newest model's files are not needed. All of this happens or nothing.

    \b
    Example:
      recommit rollback --reason "refuses every flight to Denver"
    Exit status: 0 it has the stage, 2 it could not be brought back.
    """
    from recommit.project.files import root
    from recommit.registry.change import report
    from recommit.registry.rollback import rollback

    report(rollback(root(), stage, to, reason), as_json, click.echo)
