"""The hashes that a commit holds of a model and its evidence: a version's tag must record the same ones."""

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from recommit.evidence.files import DECISION
from recommit.project.git import blobs, prefix
from recommit.project.hashes import md5_of_bytes
from recommit.registry.entry import FILES, VersionEntry
from recommit.registry.tags import CANDIDATE

_OUT = re.compile(
    rf"path: {CANDIDATE}/({'|'.join(map(re.escape, FILES))})\n(?: +hash: md5\n)? +md5: ([0-9a-f]{{32}})\n"
)
"""A file of the candidate in dvc.lock, as DVC writes it. Parsing 150 lock files as YAML would take a minute."""


@dataclass(frozen=True)
class Recorded:
    """The hashes in one commit; None or empty for a file that the commit does not have.

    `lock` is the MD5 of dvc.lock, `files` the MD5 that it lists for each of the candidate's files, and `evidence` the
    SHA-256 of models/decision.json, which lists the hash of every evidence file.
    """

    lock: str | None
    files: Mapping[str, str]
    evidence: str | None


def records(root: Path, commits: Collection[str]) -> dict[str, Recorded]:
    """Returns the hashes in each of `commits`, read by two calls of Git for all of them."""
    below = prefix(root)
    folder = f"{below}/" if below else ""
    names = {commit: (f"{commit}:{folder}dvc.lock", f"{commit}:{folder}{DECISION}") for commit in commits}
    found = blobs(root, [name for both in names.values() for name in both])
    return {commit: _recorded(found[lock], found[decision]) for commit, (lock, decision) in names.items()}


def contradicted(entry: VersionEntry, found: Recorded) -> list[str]:
    """Returns the names of what has another hash in `found`, a version's commit, than in `entry`, the version's tag."""
    said_and_held = {
        "dvc.lock": (entry.lock, found.lock),
        "model in dvc.lock": ({name: file.md5 for name, file in entry.files.items()}, found.files),
        DECISION: (entry.evidence, found.evidence),
    }
    return [what for what, (said, held) in said_and_held.items() if said != held]


def _recorded(lock: bytes | None, decision: bytes | None) -> Recorded:
    return Recorded(
        lock=None if lock is None else md5_of_bytes(lock),
        files=dict(_OUT.findall((lock or b"").decode("utf-8", "replace"))),
        evidence=None if decision is None else hashlib.sha256(decision).hexdigest(),
    )
