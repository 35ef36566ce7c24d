"""`recommit report`: pages for people from what the stages wrote."""

import click


@click.command(name="report")
def command() -> None:
    """Write reports/index.html and a page for each executed notebook: what the `report` stage calls.

    What it shows, and in which order, is what that stage of dvc.yaml lists under deps.

    \b
    Example:
      recommit report
    Exit status: 0 done, 2 a stage has not run yet.
    """
    from recommit.notebook.project import root
    from recommit.report.pages import write_report

    write_report(root())
