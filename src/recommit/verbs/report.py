"""`recommit report`: makes pages for people from the results of stages."""

import click


@click.command(name="report")
def command() -> None:
    """Write reports/index.html, a page for each executed notebook, and the documents: what the `report` stage calls.

    It shows the deps of that stage in dvc.yaml, in their order. Model card, datasheet and canvas are filled from
    evidence; a part that nobody has written is listed as a debt.

    \b
    Example:
      recommit report
    Exit status: 0 done, 1 an input changed meanwhile, 2 a stage has not run yet, or a document cannot be filled.
    """
    from recommit.project.files import root
    from recommit.report.pages import write_report

    write_report(root())
