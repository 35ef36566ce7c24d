"""`recommit monitor`: says whether a model is still right."""

import json
from pathlib import Path

import click

_TABLE = click.Path(path_type=Path, dir_okay=False)


@click.command(name="monitor")
@click.option("--reference", metavar="TABLE", type=_TABLE, help="Features of rows that the model is right about.")
@click.option("--current", metavar="TABLE", type=_TABLE, help="Features of rows of now.")
@click.option("--model", metavar="MODEL", help="NAME@STAGE, NAME@VERSION, VERSION or a folder; else input alone.")
@click.option("--time", metavar="COLUMN", help="The column of both tables that says when a prediction is asked for.")
@click.option("--output", metavar="FILE", type=_TABLE, help="Where what is found goes, as JSON.")
@click.option("--prometheus", metavar="FILE", type=_TABLE, help="Where Prometheus' textfile collector reads it.")
@click.option("--json", "as_json", is_flag=True, help="Print the alerts as JSON.")
def command(
    reference: Path | None,
    current: Path | None,
    model: str | None,
    time: str | None,
    output: Path | None,
    prometheus: Path | None,
    as_json: bool,
) -> None:
    """Say whether a model is still right: by what the stage monitor found, or by two tables.

    Without tables it tells the alerts in reports/monitor.json, so that cron may call it. With them, it compares the
    days of the current table with those of the reference: what comes in, and with a model also what it says, and what
    came of it where both tables have the target. Tables are features, parquet, of any size: they are read in parts. The
    bounds are those under monitor in params.yaml.

    An alert is the exit status 1, a line, and a number for Prometheus; to send it is Alertmanager's.

    \b
    Examples:
      recommit monitor
      recommit monitor --prometheus /var/lib/node_exporter/textfile/recommit.prom
      recommit monitor --reference old.parquet --current new.parquet --model flights@prod --output found.json
    Exit status: 0 no alert, 1 an alert, 2 it could not run.
    """
    from recommit import Refusal
    from recommit.evidence.files import MONITOR, parse_unless_left_out, plain
    from recommit.evidence.monitor import Monitor
    from recommit.evidence.stages import LeftOut
    from recommit.monitoring import show
    from recommit.project.files import root, write_whole

    folder = root()
    for file in filter(None, (output, prometheus)):
        if not file.parent.is_dir():
            raise Refusal(f"{file.parent}: there is no such folder to write {file.name} into")
    if (reference is None) != (current is None):
        raise Refusal("--reference and --current go together: name both tables, or none to read what the stage found")
    if reference is None or current is None:
        for name, given in {"--model": model, "--time": time, "--output": output}.items():
            if given is not None:
                raise Refusal(f"{name} is for two tables: add --reference and --current")
        file = folder / MONITOR
        if not file.is_file():
            raise Refusal(f"{MONITOR} is missing: `dvc repro monitor` makes it, or name --reference and --current")
        found = parse_unless_left_out(file.read_bytes(), Monitor, MONITOR)
        if isinstance(found, LeftOut):
            raise Refusal("leave_out.monitor in params.yaml is true: nothing was watched")
    else:
        from recommit.monitoring.tables import compare

        if output is None:
            raise Refusal("--output is missing: name the file that what is found is written to")
        found = compare(folder, reference, current, model, time)
        write_whole(output, (json.dumps(plain(found), indent=1) + "\n").encode())
    if prometheus is not None:
        write_whole(prometheus, show.prometheus(found).encode())
    if as_json:
        alerts = [{"series": one.series, "day": str(one.day), "says": str(one)} for one in found.alerts]
        click.echo(json.dumps({"alerts": alerts, "watched_days": found.watched_days}, indent=1))
    else:
        for line in show.words(found):
            click.echo(line)
    if found.alerts:
        raise Refusal(f"alerts: {len(found.alerts)}: the model may be no longer right", 1)
