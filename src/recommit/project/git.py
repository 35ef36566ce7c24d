"""What is asked of Git, in an environment that leads to no other repository."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

from recommit import Refusal

# What a hook runs with, most of `git rev-parse --local-env-vars`: it would lead commands into another repository, or
# show them other contents. Who commits, how it signs and what is configured stays.
_OF_A_REPOSITORY = {
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_GRAFT_FILE",
    "GIT_SHALLOW_FILE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_REPLACE_REF_BASE",
}


def without_repository(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment that names no repository."""
    return {name: value for name, value in environment.items() if name not in _OF_A_REPOSITORY}


def run_raw(
    folder: Path, *words: str, given: bytes = b"", more: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run `git WORDS` in `folder`, with `given` as its input and `more` in its environment, whatever comes of it.

    Raises Refusal where Git is missing, or does not trust the folder, since it belongs to another user.
    """
    command = ["git", "-C", str(folder), *words]
    env = without_repository(os.environ) | {"LANGUAGE": "en"} | dict(more or {})
    try:
        result = subprocess.run(command, input=given, env=env, capture_output=True)
    except FileNotFoundError:
        raise Refusal("git is not installed, and the project is kept in it: install git") from None
    if result.returncode and b"safe.directory" in result.stderr:  # it would be an answer to every question
        said = [line.strip() for line in result.stderr.decode(errors="replace").splitlines() if line.strip()]
        hint = next(
            (line for line in said if line.startswith("git config")), "git config --global --add safe.directory"
        )
        raise Refusal(f"{said[0]}: the folder is another user's: if you trust it: `{hint}`")
    return result


def run(
    folder: Path, *words: str, given: str | None = None, more: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """`run_raw` for text. What is not UTF-8 in it, as an old commit's message may be, is replaced."""
    result = run_raw(folder, *words, given=(given or "").encode(), more=more)
    out, err = (said.decode(errors="replace") for said in (result.stdout, result.stderr))
    return subprocess.CompletedProcess(result.args, result.returncode, out, err)


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
    result = run_raw(root, "cat-file", "--batch", given=asked)
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
