"""`recommit verify`: proves that a commit's recorded results come back."""

import json
import sys
from pathlib import Path

import click


@click.command(name="verify")
@click.argument("rev", default="HEAD")
@click.option("--stage", "stages", metavar="NAME", multiple=True, help="Prove only this stage; may be repeated.")
@click.option("--jobs", metavar="N", type=click.IntRange(min=1), help="Replays at once, by default as many as CPUs.")
@click.option("--as-is", is_flag=True, help="Vary nothing.")
@click.option("--allow-equal", is_flag=True, help="Accept outputs that are equal within the tolerance.")
@click.option("--rebuild", is_flag=True, help="Make the commit's own environment first (downloads packages).")
@click.option("--json", "as_json", is_flag=True, help="Print the record instead of the table.")
@click.option("--record", metavar="FILE", type=click.Path(path_type=Path), help="Where to write the record.")
@click.option(
    "--badge", metavar="FILE", type=click.Path(path_type=Path), help="A page to update if everything is proved."
)
def command(
    rev: str,
    stages: tuple[str, ...],
    jobs: int | None,
    as_is: bool,
    allow_equal: bool,
    rebuild: bool,
    as_json: bool,
    record: Path | None,
    badge: Path | None,
) -> None:
    """Prove commit REV: replay every stage of its dvc.lock, and compare every output with the recorded one.

    Each stage runs in a private folder that holds only what it declares, with another time zone, locale, number of
    threads, hash seed and more. Each output is identical, equal within the tolerance of pyproject.toml, different,
    missing, or made from something undeclared. Your files are only read; the record is written to .recommit/proofs, or
    to the FILE of --record.

    \b
    Example:
      recommit verify HEAD~1 --stage train@boosting-full
    Exit status: 0 every output came back, 1 one did not, 2 it could not run.
    """

    from recommit import Refusal
    from recommit.notebook.run import ending_in_order
    from recommit.project.files import root
    from recommit.proof.record import as_record, page_with_badge, table, update_badge, write_record
    from recommit.proof.verify import Request, verify

    folder = root()
    if badge:
        page_with_badge(badge)
    try:
        with ending_in_order():
            request = Request(rev, stages, jobs or 0, as_is, rebuild)
            proof = verify(folder, request, say=lambda line: click.echo(line, err=True))
        found = as_record(proof)
        click.echo(json.dumps(found, indent=1, ensure_ascii=False) if as_json else "\n".join(table(proof)))
        path = record or folder / ".recommit" / "proofs" / f"{proof.commit[:10]}.json"
        write_record(found, path)
        if badge and proof.whole and proof.varied and proof.proves():
            update_badge(badge, found)
        elif badge:
            click.echo(f"{badge} keeps its line: not all of the commit was proved", err=True)
    except OSError as error:
        raise Refusal(f"{error}: check the disk or the file, then run it again") from None
    except KeyboardInterrupt:
        raise Refusal("interrupted: none of your files was changed") from None
    click.echo(f"record: {path}", err=True)
    sys.exit(0 if proof.proves(allow_equal) else 1)
