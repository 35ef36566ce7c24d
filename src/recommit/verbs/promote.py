"""`recommit promote`: makes the candidate a version and gives it a stage, if its evidence allows."""

import click


@click.command(name="promote")
@click.option("--stage", metavar="NAME", default="prod", show_default=True, help="The stage to give to it.")
@click.option("--reason", metavar="TEXT", default="", help="Why; recorded in the tag.")
@click.option("--force", is_flag=True, help="Overrule the evidence. Needs --reason; every listing shows it.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def command(stage: str, reason: str, force: bool, as_json: bool) -> None:
    """Promote the candidate: register the commit's model as the next version, and give it a stage.

    Everything must be committed, and models/decision.json must say yes to exactly these files. Version and stage are
    tags that record the evidence. With the stage prod, the candidate also becomes the champion in models/champion, in a
    commit of its own: the next candidate has to beat it. All of this happens, or nothing. The command prints how to
    publish it.

    \b
    Example:
      recommit promote --reason "clock moved to October"
    Exit status: 0 promoted, or it was already; 1 the evidence is against it; 2 it could not start.
    """
    from recommit.project.files import root
    from recommit.registry.change import report
    from recommit.registry.promote import promote

    report(promote(root(), stage, reason, force), as_json, click.echo)
