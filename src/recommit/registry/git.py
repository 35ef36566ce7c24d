"""What the registry asks of Git."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

from recommit import Refusal

# A hook runs with these; they would lead commands into another repository. Who commits and how it signs stays.
_OF_A_REPOSITORY = {
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
}


def run(
    folder: Path, *words: str, given: str | None = None, more: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `git WORDS` in `folder`, with `given` as its input and `more` in its environment, whatever comes of it."""
    command = ["git", "-C", str(folder), *words]
    try:
        return subprocess.run(
            command, input=given or "", env=_environment() | dict(more or {}),
            capture_output=True, text=True, encoding="utf-8", errors="replace",
        )  # fmt: skip
    except FileNotFoundError:
        raise Refusal("git is not installed, and the registry is kept in it: install git") from None


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in _OF_A_REPOSITORY}


def git(folder: Path, *words: str, given: str | None = None, more: Mapping[str, str] | None = None) -> str:
    """What `git WORDS` prints, without the last line's end. Raises Refusal with what it said where it fails."""
    result = run(folder, *words, given=given, more=more)
    if result.returncode:
        raise Refusal(f"git {words[0]} failed: {reason_of(result)}")
    return result.stdout.rstrip("\n")


def reason_of(result: subprocess.CompletedProcess[str]) -> str:
    """Why a command of Git failed: what it calls fatal or an error, or else the last lines of what was said."""
    said = [line.strip() for line in (result.stderr or result.stdout).splitlines() if line.strip()]
    faults = [line for line in said if line.startswith(("fatal:", "error:"))]
    return "; ".join(faults or said[-3:]) or "no reason given"


def prefix(root: Path) -> str:
    """The project's folder in its repository, "" at its top."""
    return git(root, "rev-parse", "--show-prefix").rstrip("/")


def common(root: Path) -> Path:
    """The folder of the repository that all its worktrees share."""
    return root / git(root, "rev-parse", "--git-common-dir")


def blob(root: Path, commit: str, name: str) -> str | None:
    """The text of a project's file at a commit, or None where it is not there."""
    result = run(root, "show", f"{commit}:./{name}")
    return result.stdout if result.returncode == 0 else None


def blobs(root: Path, names: Sequence[str]) -> dict[str, bytes | None]:
    """The contents of the objects of these names (COMMIT:PATH, from the repository's top), by one call of Git.

    None for one that is not there. A name is one line.
    """
    asked = "".join(f"{name}\n" for name in names).encode("utf-8", "surrogateescape")
    result = subprocess.run(
        ["git", "-C", str(root), "cat-file", "--batch"], input=asked, env=_environment(), capture_output=True
    )
    stream, found = BytesIO(result.stdout), dict[str, bytes | None]()
    for name in names:
        *_, kind, size = [b"", *stream.readline().split(b" ")]
        found[name] = stream.read(int(size)) if kind == b"blob" else None
        if found[name] is not None:
            stream.read(1)
    return found


def signs(root: Path) -> bool:
    """Whether tags are to be signed: as tag.gpgSign says, or else when there is a key to sign with."""
    said = run(root, "config", "--type=bool", "tag.gpgSign").stdout.strip()
    return said == "true" if said else run(root, "config", "user.signingKey").returncode == 0
