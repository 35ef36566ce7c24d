"""What the commit of a version records of it, which the record in its tag is held against."""

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from recommit import Refusal
from recommit.evidence.decision import Decision
from recommit.evidence.files import DECISION, parse
from recommit.notebook.ledger import TEST
from recommit.project.git import blobs, prefix
from recommit.project.hashes import md5_of_bytes
from recommit.registry.entry import FILES, Accepted, Interval, VersionEntry
from recommit.registry.files import lock_in
from recommit.registry.objections import TEST_NAME, accepted_in, metrics_in
from recommit.registry.tags import CANDIDATE

_OUT = re.compile(
    rf"path: {CANDIDATE}/({'|'.join(map(re.escape, FILES))})\n(?: +hash: md5\n)? +md5: ([0-9a-f]{{32}})\n"
)
"""A file of the candidate in dvc.lock, as DVC writes it; parsing 150 such files would take a minute."""


@dataclass(frozen=True)
class Recorded:
    """Of one commit: MD5 of dvc.lock and those it lists for the candidate's files, SHA-256 and answer of the decision.

    And the points that the decision accepted, and the candidate's metrics on the test month, of the very evidence that
    was decided by: none where the commit does not have it. The others are None where their file is not in the commit.
    """

    lock: str | None = None
    files: Mapping[str, frozenset[str]] = field(default_factory=dict)
    evidence: str | None = None
    decision: str = "none"
    accepted: tuple[Accepted, ...] = ()
    metrics: Mapping[str, Interval] = field(default_factory=dict)


def records(root: Path, commits: Collection[str]) -> dict[str, Recorded]:
    """What each of these commits records, by two calls of Git for all."""
    if not commits:
        return {}
    below = prefix(root)
    folder = f"{below}/" if below else ""
    names = {commit: [f"{commit}:{folder}{name}" for name in ("dvc.lock", DECISION, TEST)] for commit in commits}
    found = blobs(root, [name for three in names.values() for name in three])
    return {commit: _recorded(*(found[name] for name in three)) for commit, three in names.items()}


def contradicted(entry: VersionEntry, recorded: Recorded) -> list[str]:
    """What a version's record says otherwise than its commit, in words."""
    what = []
    if entry.lock != recorded.lock:
        what.append("dvc.lock has another hash" if recorded.lock else "there is no dvc.lock")
    elif other := [name for name, file in entry.files.items() if recorded.files.get(name) != {file.md5}]:
        what.append(f"dvc.lock records another {other[0]}")
    if entry.evidence != recorded.evidence:
        what.append(f"{DECISION} has another hash" if recorded.evidence else f"there is no {DECISION}")
    elif entry.decision not in (recorded.decision, "none"):
        what.append(f"{DECISION} says {recorded.decision}")
    elif entry.accepted != recorded.accepted:
        what.append(f"{DECISION} has other accepted points")
    unread = (entry.decision, entry.measured) == ("none", "validation")  # by a promotion that was forced past it
    if recorded.metrics and (entry.measured, entry.metrics) != ("test", recorded.metrics) and not unread:
        what.append(f"{TEST} has other metrics")
    return what


def _recorded(lock: bytes | None, decision: bytes | None, test: bytes | None) -> Recorded:
    try:
        decided = parse(decision or b"", Decision, DECISION)
    except Refusal:
        decided = None
    judged_by = decided.evidence.get(TEST_NAME) if decided else None
    return Recorded(
        lock=md5_of_bytes(lock) if lock is not None else None,
        files=_files((lock or b"").decode("utf-8", "replace")),
        evidence=hashlib.sha256(decision).hexdigest() if decision is not None else None,
        decision=decided.answer if decided else "none",
        accepted=accepted_in(decided) if decided else (),
        metrics=metrics_in(test) if test is not None and md5_of_bytes(test) == judged_by else {},
    )


def _files(lock: str) -> dict[str, frozenset[str]]:
    found = _OUT.findall(lock)
    if lock and not found:  # not as DVC writes it
        try:
            outs = [(PurePosixPath(out.path), out.md5) for stage in lock_in(lock) for out in stage.outs]
        except Refusal:
            return {}
        found = [(path.name, md5) for path, md5 in outs if str(path.parent) == CANDIDATE]
    return {name: frozenset(md5 for other, md5 in found if other == name) for name, _ in found}
