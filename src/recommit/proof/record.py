"""Writes a proof as a table for the terminal, as a record file, and as a line for a README."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from recommit import Refusal
from recommit.project.files import write_whole
from recommit.proof.verdict import WORST_LAST, StageVerdict
from recommit.proof.verify import Proof

_BADGE = re.compile(r"(<!-- proof -->\n).*?(<!-- /proof -->)", re.DOTALL)


def as_record(proof: Proof) -> dict[str, Any]:
    """Returns the proof as plain data, as `--json` prints it and the record file holds it."""
    record = asdict(proof)
    for stage, verdict in zip(record["stages"], proof.stages, strict=True):
        stage["verdict"] = verdict.word
    record["varied"] = {variation.kind: variation.how for variation in proof.varied}
    return record


def write_record(record: Mapping[str, Any], path: Path) -> None:
    """Writes `record` as JSON to `path`; the file appears whole or not at all."""
    write_whole(path, (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode())


def table(proof: Proof) -> Iterator[str]:
    """Yields the lines of the table: one for each stage, and below it the faults of the stage."""
    width = max([len(stage.stage) for stage in proof.stages] + [5])
    yield f"{'stage':<{width}}  {'verdict':<10}  {'outputs':>7}  {'seconds':>7}"
    for stage in proof.stages:
        yield f"{stage.stage:<{width}}  {stage.word:<10}  {len(stage.outputs):>7}  {stage.seconds:>7.1f}"
        yield from (f"    {line}" for line in _details(stage))
    yield ""
    yield f"commit {proof.commit[:10]}: {summary(as_record(proof))}"
    varied = ", ".join(f"{variation.kind}" for variation in proof.varied)
    yield f"varied: {varied or 'nothing, as asked'}"
    if proof.watched != "strace":
        yield f"not watched: files and addresses outside the sandbox ({proof.watched})"


def _details(stage: StageVerdict) -> Iterator[str]:
    yield from (f"note: {note}" for note in stage.notes)
    yield from stage.problems
    yield from (f"undeclared: {line}" for line in stage.undeclared)
    yield from ("it failed: " * (not number) + line for number, line in enumerate(stage.said.splitlines()))
    for output in stage.outputs:
        if output.verdict != "identical" and stage.status == 0:
            yield f"{output.path}: {output.verdict}: {output.where}"
    if stage.cause:
        yield f"what breaks it: {stage.cause}"


def summary(record: Mapping[str, Any]) -> str:
    """Returns in words how many outputs of `record` have which verdict."""
    counts = Counter(output["verdict"] for stage in record["stages"] for output in stage["outputs"])
    total = sum(counts.values())
    words = [f"{counts[word]} {word}" for word in WORST_LAST if counts[word]]
    for kind, what in (
        ("status", "failed"),
        ("undeclared", "touched what they do not declare"),
        ("problems", "have a wrong record"),
    ):
        stages = sum(bool(stage[kind]) for stage in record["stages"])
        words += [f"stages that {what}: {stages}"] if stages else []
    return f"{total} outputs of {len(record['stages'])} stages: {', '.join(words) or 'nothing to prove'}"


def badge(record: Mapping[str, Any]) -> str:
    """Returns the line for a README: what was proved, by which command, and where."""
    machine, varied = record["machine"], ", ".join(record["varied"])
    return (
        f"**Proved:** `make verify` replayed the stages of commit {record['commit'][:10]}, each in a folder with its\n"
        f"declared inputs alone, with other {varied}.\n"
        f"{summary(record)}. Python {machine['python']}, {machine['cpu']}: [record](docs/proof.json).\n"
    )


def page_with_badge(path: Path) -> str:
    """Returns the text of the page at `path`. Raises Refusal if it has no place for the line."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    if not _BADGE.search(text):
        raise Refusal(f"{path} has no place for the line: put <!-- proof --> and <!-- /proof --> on lines of their own")
    return text


def update_badge(path: Path, record: Mapping[str, Any]) -> None:
    """Puts the line of `record` between the two `proof` comments of the page at `path`."""
    text = _BADGE.sub(lambda match: match[1] + badge(record) + match[2], page_with_badge(path))
    write_whole(path, text.encode())
