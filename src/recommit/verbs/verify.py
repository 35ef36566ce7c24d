"""`recommit verify`: prove that a commit's recorded results come back."""

from pathlib import Path

import click


@click.command(name="verify")
@click.argument("rev", default="HEAD")
@click.option("--stage", "stages", metavar="NAME", multiple=True, help="Prove this one only; may be given again.")
@click.option("--jobs", metavar="N", type=click.IntRange(min=1), help="Replays at once; as many as CPUs if not said.")
@click.option("--as-is", is_flag=True, help="Vary nothing.")
@click.option("--allow-equal", is_flag=True, help="Outputs that are equal within the tolerance will do.")
@click.option("--rebuild", is_flag=True, help="Make the commit's own environment first (downloads packages).")
@click.option("--json", "as_json", is_flag=True, help="Print the record instead of the table.")
@click.option("--record", metavar="FILE", type=click.Path(path_type=Path), help="Where to write the record.")
@click.option("--badge", metavar="FILE", type=click.Path(path_type=Path), help="Put what was proved into this page.")
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

    Each stage runs in a private folder that holds what it declares and nothing else, with time zone, locale, threads,
    hash seed and more unlike here. Outputs are identical, equal within the tolerance of pyproject.toml, different,
    missing, or come of something undeclared. Nothing of yours is touched; the record is written to
    .recommit/proofs, or to the FILE of --record.

    \b
    Example:
      recommit verify HEAD~1 --stage train@boosting-full
    Exit status: 0 every output came back, 1 one did not, 2 it could not run.
    """
    import json
    import sys

    from recommit import Refusal
    from recommit.notebook.project import root
    from recommit.notebook.run import ending_in_order
    from recommit.proof.record import as_record, table, update_badge, write_record
    from recommit.proof.verify import Request, verify

    folder = root()
    request = Request(rev, stages, jobs or 0, as_is, rebuild)
    try:
        with ending_in_order():
            proof = verify(folder, request, say=lambda line: click.echo(line, err=True))
    except OSError as error:
        raise Refusal(f"the proof could not be made: {error}: see to the disk, then run it again") from None
    found = as_record(proof)
    path = record or folder / ".recommit" / "proofs" / f"{proof.commit[:10]}.json"
    write_record(found, path)
    if badge:
        update_badge(badge, found)
    click.echo(json.dumps(found, indent=1, ensure_ascii=False) if as_json else "\n".join(table(proof)))
    click.echo(f"record: {path}", err=True)
    sys.exit(0 if proof.proves(allow_equal) else 1)
