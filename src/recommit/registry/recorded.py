"""What the commit of a version records of it: a promotion writes it into the version's tag, a reader compares both."""

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from recommit import Refusal
from recommit.evidence.decision import Decision
from recommit.evidence.files import DECISION, parse
from recommit.notebook.ledger import TEST
from recommit.project.git import blobs, prefix
from recommit.project.hashes import md5_of_bytes
from recommit.registry.entry import FILES, Accepted, Interval, VersionEntry
from recommit.registry.objections import TEST_NAME, accepted_in, metrics_in
from recommit.registry.tags import CANDIDATE

_OUT = re.compile(
    rf"path: {CANDIDATE}/({'|'.join(map(re.escape, FILES))})\n(?: +hash: md5\n)? +md5: ([0-9a-f]{{32}})\n"
)
"""A file of the candidate in dvc.lock, as DVC writes it; parsing 150 such files would take a minute."""


@dataclass(frozen=True)
class Recorded:
    """The evidence in one commit; what the commit does not have is None, "none" or empty.

    `lock` is the MD5 of dvc.lock, `files` the MD5 that it lists for each of the candidate's files, `evidence` the
    SHA-256 of the decision. `metrics` are the candidate's on the test period, from the evidence that the decision read.
    """

    lock: str | None
    files: Mapping[str, str]
    evidence: str | None
    decision: Literal["yes", "no", "unknown", "none"]
    accepted: tuple[Accepted, ...]
    metrics: dict[str, Interval]


def records(root: Path, commits: Collection[str]) -> dict[str, Recorded]:
    """Returns the evidence in each of `commits`, by two calls of Git for all of them."""
    if not commits:
        return {}
    below = prefix(root)
    folder = f"{below}/" if below else ""
    names = {commit: [f"{commit}:{folder}{name}" for name in ("dvc.lock", DECISION, TEST)] for commit in commits}
    found = blobs(root, [name for three in names.values() for name in three])
    return {commit: _recorded(*(found[name] for name in three)) for commit, three in names.items()}


def contradicted(entry: VersionEntry, found: Recorded) -> list[str]:
    """Returns names of what is different in the commit of a version, `found`, and in the version's record, `entry`."""
    said_and_held = {
        "dvc.lock": (entry.lock, found.lock),
        "model in dvc.lock": ({name: file.md5 for name, file in entry.files.items()}, found.files),
        DECISION: (entry.evidence, found.evidence),
        f"verdict in {DECISION}": (entry.decision, found.decision),
        f"list of accepted points in {DECISION}": (entry.accepted, found.accepted),
        f"set of metrics in {TEST}": (entry.metrics if entry.measured == "test" else {}, found.metrics),
    }
    return [what for what, (said, held) in said_and_held.items() if said != held]


def _recorded(lock: bytes | None, decision: bytes | None, test: bytes | None) -> Recorded:
    try:
        decided = parse(decision or b"", Decision, DECISION)
    except Refusal:
        decided = None
    judged_by = decided.evidence.get(TEST_NAME) if decided else None
    return Recorded(
        lock=md5_of_bytes(lock) if lock is not None else None,
        files=dict(_OUT.findall((lock or b"").decode("utf-8", "replace"))),
        evidence=hashlib.sha256(decision).hexdigest() if decision is not None else None,
        decision=decided.answer if decided else "none",
        accepted=accepted_in(decided) if decided else (),
        metrics=metrics_in(test) if test is not None and md5_of_bytes(test) == judged_by else {},
    )
