"""What the commit of a version records of it, which the record in its tag is held against."""

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from recommit import Refusal
from recommit.registry.entry import FILES, VersionEntry
from recommit.registry.evidence import DECISION
from recommit.registry.files import lock_in
from recommit.registry.git import blobs, prefix
from recommit.registry.tags import CANDIDATE

_OUT = re.compile(
    rf"path: {CANDIDATE}/({'|'.join(map(re.escape, FILES))})\n(?: +hash: md5\n)? +md5: ([0-9a-f]{{32}})\n"
)
"""A file of the candidate in dvc.lock, as DVC writes it; parsing 150 such files would take a minute."""


@dataclass(frozen=True)
class Recorded:
    """Of one commit: MD5 of dvc.lock and those it lists for the candidate's files, SHA-256 and verdict of the decision.

    None where the file is not in the commit.
    """

    lock: str | None = None
    files: Mapping[str, frozenset[str]] = field(default_factory=dict)
    evidence: str | None = None
    decision: str = "none"


def records(root: Path, commits: Collection[str]) -> dict[str, Recorded]:
    """What each of these commits records, by two calls of Git for all."""
    if not commits:
        return {}
    below = prefix(root)
    folder = f"{below}/" if below else ""
    names = {commit: (f"{commit}:{folder}dvc.lock", f"{commit}:{folder}{DECISION}") for commit in commits}
    found = blobs(root, [name for pair in names.values() for name in pair])
    return {commit: _recorded(found[lock], found[decision]) for commit, (lock, decision) in names.items()}


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
    return what


def _recorded(lock: bytes | None, decision: bytes | None) -> Recorded:
    return Recorded(
        lock=hashlib.md5(lock, usedforsecurity=False).hexdigest() if lock is not None else None,
        files=_files((lock or b"").decode("utf-8", "replace")),
        evidence=hashlib.sha256(decision).hexdigest() if decision is not None else None,
        decision=_verdict(decision or b""),
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


def _verdict(decision: bytes) -> str:
    try:
        content = json.loads(decision)
    except (ValueError, RecursionError):
        return "none"
    return str(content.get("verdict", "none")) if isinstance(content, dict) else "none"
