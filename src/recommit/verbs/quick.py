"""`recommit quick`: a first report from a sample of the rows, within a minute."""

import click


@click.command(name="quick")
def command() -> None:
    """Run the pipeline through `select` on a sample, in a copy of the project, and print a first report.

    The sample has some 10,000 rows; a smaller table is used as a whole. The report says how well each fit predicts rows
    that it has not seen, beside the baseline; which columns give the target away; how the rows were split; and what to
    do next. The notebooks run as they stand. Data, models, reports and dvc.lock of the project stay as they are, and
    the rows to test on are not judged: what was run lies in .dvc/tmp/quick until the next look.

    \b
    Example:
      recommit quick
    Exit status: 0 done, 1 a stage failed, 2 it could not start.
    """
    from rich.console import Console

    from recommit.project.files import root
    from recommit.quick.first_report import first_report
    from recommit.quick.look import look

    folder = look(root(), Console(stderr=True, soft_wrap=True))
    click.echo(first_report(folder))
