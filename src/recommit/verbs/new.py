"""`recommit new`: starts a project on a table."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from recommit.template.look import Question


@click.command(name="new")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--data", metavar="TABLE", help="A CSV or parquet file, its URL, or with --query the URL of a database.")
@click.option(
    "--query",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The SQL that gives the table; it says in which order.",
)
@click.option("--target", metavar="COLUMN", help="What is predicted.")
@click.option("--time", metavar="COLUMN", help="When a row's prediction is asked for.")
@click.option("--no-time", is_flag=True, help="Rows have no time, although a column looks like one.")
@click.option("--key", metavar="COLUMN", help="What names a row; else rows are numbered.")
@click.option("--group", metavar="COLUMN", help="Rows of one value, such as a patient, are in one part only.")
@click.option("--task", metavar="KIND", type=click.Choice(["binary", "classes", "number"]), help="The kind of answer.")
@click.option("--positive", metavar="VALUE", help="Of two outcomes the one that is predicted.")
@click.option(
    "--horizon",
    metavar="HOURS",
    type=click.FloatRange(min=0, min_open=True),
    help="How long after it the target is known.",
)
@click.option("--to-come", is_flag=True, help="Rows without a target are still to come: they are predicted.")
@click.option("--known", metavar="COLUMN", multiple=True, help="Known when asked; may be given again.")
@click.option("--not-known", metavar="COLUMN", multiple=True, help="Not known when asked; may be given again.")
@click.option("--split", metavar="BY", help="day, week, month, quarter, or so many rows in order of time.")
@click.option("--as-of", metavar="DATE", help="The clock: later rows are taken as still to come.")
@click.option("--zone", metavar="ZONE", help="The time zone of instants without one: UTC if not said.")
@click.option(
    "--repeated-hour",
    type=click.Choice(["first", "second"]),
    help="Which of the two, where clocks of the zone show an hour twice.",
)
@click.option("--separator", metavar="TEXT", default="", help="What stands between columns; else as the names show.")
@click.option("--encoding", metavar="NAME", default="utf-8", help="The encoding of the file: utf-8 if not said.")
@click.option("--decimal", type=click.Choice([".", ","]), help="The decimal point or comma.")
@click.option("--day-first/--month-first", default=None, help="Which comes first in dates like 03/04/2013.")
@click.option("--yes", is_flag=True, help="Ask nothing: take the guesses, which stay open questions.")
@click.option("--remote", metavar="URL", default="", help="Where DVC keeps data and results; adds a CI workflow.")
def command(
    path: Path, data: str | None, query: Path | None, target: str | None, yes: bool, remote: str, **told: Any
) -> None:
    """Start a project on a table: a repository of Git and DVC in the new folder PATH, green at once.

    It looks at the table: what each column seems to be, which ones give the target away, how to split the rows. What it
    cannot know it asks on a terminal, each question with its guess; with --yes it asks nothing. Nothing is left out or
    chosen in silence: it ends with what was assumed, the whole command, and what to run next.

    \b
    Example:
      recommit new churn --data customers.csv --target left --time asked_at --key customer_id
      recommit new churn --data postgresql://me@db/shop --query customers.sql --target left
    Exit status: 0 done, 2 no project can be made of this: the reason is a line, and nothing is left at PATH.
    """
    from recommit import Refusal
    from recommit.rawtable.form import Form
    from recommit.template.begin import begin
    from recommit.template.look import Said
    from recommit.template.look_summary import summary
    from recommit.template.source import Source

    asks = sys.stdin.isatty() and not yes
    if not asks and (missing := [name for name, value in {"--data": data, "--target": target}.items() if not value]):
        raise Refusal(f"a project needs a table and what is predicted: add {' and '.join(missing)}")
    if told["time"] and told["no_time"]:
        raise Refusal("--time and --no-time exclude each other: name the column, or say that there is none")
    if twice := sorted({*told["known"]} & {*told["not_known"]}):
        raise Refusal(f"{', '.join(twice)} is in --known and in --not-known: it can be in one")
    said = Said(
        target=target or click.prompt("Which column is predicted?"),
        time="" if told["no_time"] else told["time"],
        known=dict.fromkeys(told["known"], True) | dict.fromkeys(told["not_known"], False),
        by=told["split"],
        **{name: told[name] for name in ("key", "group", "task", "positive", "horizon", "as_of", "zone", "to_come")},
    )
    form = Form(
        decimal=told["decimal"] or "",
        repeated_hour=told["repeated_hour"] or "",
        **{name: told[name] for name in ("separator", "encoding", "day_first")},
    )
    source = Source(
        data or click.prompt("Which file is the table?"), query.read_text(encoding="utf-8").strip() if query else ""
    )
    found = begin(path, source, said, form, remote, _ask if asks else None)
    more = {"query": str(query or ""), "remote": remote}
    click.echo(summary(found, str(path), source.where, {flag: value for flag, value in more.items() if value}))
    click.echo(f"\nNext:\n  cd {shlex.quote(str(path))}\n  make quick   # a first report, in a minute")
    click.echo("  make repro   # then commit what it made, and open reports/index.html")


def _ask(question: "Question") -> str:
    click.echo(f"\n{question.about}: {question.asks} ({question.why})")
    return str(click.prompt("  answer", default=question.guess)).strip()
