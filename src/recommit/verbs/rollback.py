"""`recommit rollback`: brings back the version that had a stage before."""

import click


@click.command(name="rollback")
@click.option("--to", metavar="VERSION", help="The version to bring back, by default the one before.")
@click.option("--stage", metavar="NAME", default="prod", show_default=True, help="The stage to give to it.")
@click.option("--reason", metavar="TEXT", default="", help="Why; recorded in the tag.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def command(to: str | None, stage: str, reason: str, as_json: bool) -> None:
    """Roll a stage back to the version that had it before.

    The version's files are taken from DVC's cache or a remote, compared with the hashes in its tag, and loaded, and its
    golden rows are checked. Then it gets the stage by a new tag, and becomes the champion in a commit of its own. The
    files of the newest model are not needed. All of this happens, or nothing.

    \b
    Example:
      recommit rollback --reason "refuses every flight to Denver"
    Exit status: 0 it has the stage, 2 it could not be brought back.
    """
    from recommit.project.files import root
    from recommit.registry.change import report
    from recommit.registry.rollback import rollback

    report(rollback(root(), stage, to, reason), as_json, click.echo)
