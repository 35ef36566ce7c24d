"""`recommit check`: finds faults of the project without running it."""

import gc
import json

import click

from recommit import Refusal


@click.command(name="check")
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects with `where` and `what`.")
@click.option("--fix", is_flag=True, help="First write what can be derived, and remove what no stage makes any more.")
def command(as_json: bool, fix: bool) -> None:
    """Compare what dvc.yaml and params.yaml declare with what notebooks and modules use, and run nothing.

    It checks parameters cells, deps against imports and file names, outs and plots, unused parameters, and
    notebooks with outputs. Each fault is a line. It is quick, so that a Git hook can call it. A notebook
    that no stage runs is not checked. With --fix, the deps of every stage are first written into dvc.yaml, and the
    files and dvc.lock entries of removed stages are deleted; each change is a line.

    \b
    Examples:
      recommit check
      recommit check --fix
    Exit status: 0 nothing to mend, 1 something, 2 it could not start.
    """
    from recommit.check.declared import Declared
    from recommit.check.deps import write_deps
    from recommit.check.findings import check
    from recommit.check.leftovers import remove_leftovers
    from recommit.project.files import root

    # The syntax trees of all modules stay to the end: to look again and again for what can go takes half of the time.
    gc.disable()
    at_end = click.get_current_context().call_on_close
    at_end(gc.enable)
    at_end(gc.freeze)  # comes first: what is read stays out of the last look at the exit, too
    if fix:
        for name in write_deps(Declared(root())):
            click.echo(f"dvc.yaml: stage {name}: deps written", err=as_json)
        for line in remove_leftovers(root()):
            click.echo(line, err=as_json)
    declared = Declared(root())
    found = check(declared)
    if as_json:
        click.echo(json.dumps([vars(finding) for finding in found], indent=1))
    else:
        for finding in found:
            click.echo(finding)
    if found:
        raise Refusal(f"{len(found)} to mend", 1)
    if not as_json:
        counted = f"{len(declared.entries)} stages, {len(declared.notebooks)} notebooks"
        aside = f" (no stage runs {', '.join(declared.scratch)})" if declared.scratch else ""
        click.echo(f"recommit check: {counted}{aside}: nothing to mend")
