"""Calls Git, without those environment variables that lead to another repository."""

import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from pathlib import Path

from recommit import Refusal

# Git sets these for a hook (`git rev-parse --local-env-vars` lists them). They would lead commands into another
# repository, or show them other contents. Variables for the author, for signing and for configuration stay.
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
    """Returns `environment` without the variables that name a repository."""
    return {name: value for name, value in environment.items() if name not in _OF_A_REPOSITORY}


def run_raw(
    folder: Path, *words: str, given: bytes = b"", more: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Runs `git WORDS` in `folder` and returns the result as bytes, also when it fails.

    `given` is its standard input, `more` are further environment variables. Raises Refusal where Git is not installed,
    or does not trust the folder because it belongs to another user.
    """
    command = ["git", "-C", str(folder), *words]
    env = without_repository(os.environ) | {"LANGUAGE": "en"} | dict(more or {})
    try:
        result = subprocess.run(command, input=given, env=env, capture_output=True)
    except FileNotFoundError:
        raise Refusal("git is not installed, and the project is kept in it: install git") from None
    if result.returncode and b"safe.directory" in result.stderr:  # every command of Git would fail
        said = [line.strip() for line in result.stderr.decode(errors="replace").splitlines() if line.strip()]
        hint = next(
            (line for line in said if line.startswith("git config")), "git config --global --add safe.directory"
        )
        raise Refusal(f"{said[0]}: the folder is another user's: if you trust it: `{hint}`")
    return result


def run(
    folder: Path, *words: str, given: str | None = None, more: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Does the same as `run_raw` with text. Bytes that are not UTF-8, as in an old commit's message, are replaced."""
    result = run_raw(folder, *words, given=(given or "").encode(), more=more)
    out, err = (said.decode(errors="replace") for said in (result.stdout, result.stderr))
    return subprocess.CompletedProcess(result.args, result.returncode, out, err)


def git(folder: Path, *words: str, given: str | None = None, more: Mapping[str, str] | None = None) -> str:
    """Returns what `git WORDS` prints, without the last line's end. Raises Refusal with Git's words if it fails."""
    result = run(folder, *words, given=given, more=more)
    if result.returncode:
        raise Refusal(f"git {words[0]} failed: {reason_of(result)}")
    return result.stdout.rstrip("\n")


def reason_of(result: subprocess.CompletedProcess[str]) -> str:
    """Returns why a command of Git failed: its lines of `fatal:` and `error:`, else the last three lines."""
    said = [line.strip() for line in (result.stderr or result.stdout).splitlines() if line.strip()]
    faults = [line for line in said if line.startswith(("fatal:", "error:"))]
    return "; ".join(faults or said[-3:]) or "no reason given"


def prefix(root: Path) -> str:
    """Returns the path of the project `root` in its repository, "" at the top."""
    return git(root, "rev-parse", "--show-prefix").rstrip("/")


def common(root: Path) -> Path:
    """Returns the Git folder that all worktrees of the repository share."""
    return root / git(root, "rev-parse", "--git-common-dir")


def ignored(root: Path, names: Iterable[str]) -> set[str]:
    """Returns those of the paths `names` that Git ignores, tracked or not; all of them where there is no repository."""
    asked = sorted(names)
    result = run(root, "check-ignore", "--no-index", "-z", "--stdin", given="\0".join(asked))
    return set(asked if result.returncode > 1 else result.stdout.split("\0")) - {""}


def blob(root: Path, commit: str, name: str) -> str | None:
    """Returns the text of the project's file `name` at `commit`, or None if it is not there."""
    result = run(root, "show", f"{commit}:./{name}")
    return result.stdout if result.returncode == 0 else None


def blobs(root: Path, names: Sequence[str]) -> dict[str, bytes | None]:
    """Returns the contents of the objects `names` by name, None for one that is not there, by one call of Git.

    A name is an object's id, or COMMIT:PATH with a path from the repository's top, on one line.
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
    """Returns whether Git is to sign tags: what tag.gpgSign says, else whether user.signingKey is set."""
    said = run(root, "config", "--type=bool", "tag.gpgSign").stdout.strip()
    return said == "true" if said else run(root, "config", "user.signingKey").returncode == 0
