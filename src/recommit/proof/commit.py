"""A commit as it was written down: its tree, and the stages that its dvc.lock records."""

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recommit import Refusal
from recommit.git import git, reason_of, run
from recommit.notebook.project import is_in, read_yaml


@dataclass(frozen=True)
class Recorded:
    """A file or folder as dvc.lock records it; the hash of a folder ends with `.dir`, as DVC writes it."""

    path: str
    md5: str

    @property
    def is_outside(self) -> bool:
        """Whether it is not in the project: another folder, or a remote."""
        return "://" in self.path or posixpath.isabs(self.path) or self.path.split("/")[0] == ".."


@dataclass(frozen=True)
class LockedStage:
    """One stage of dvc.lock."""

    name: str
    cmd: tuple[str, ...]
    deps: tuple[Recorded, ...]
    params: Mapping[str, Any]
    outs: tuple[Recorded, ...]

    @property
    def family(self) -> str:
        """The name in dvc.yaml: an item of a matrix stage without its item."""
        return self.name.partition("@")[0]


@dataclass(frozen=True)
class Commit:
    """A commit's project, laid out in `folder`, a clone of its own; `files` are those that Git tracks in it."""

    sha: str
    folder: Path
    files: frozenset[str]
    stages: tuple[LockedStage, ...]
    added: Mapping[str, str]
    """What `dvc add` tracks, path to hash."""

    def beneath(self, path: str) -> Iterator[str]:
        """The tracked files that are `path` or lie beneath it."""
        return (file for file in sorted(self.files) if is_in(file, path))


def lay_out(project: Path, rev: str, folder: Path) -> Commit:
    """Clone `rev` of the repository around `project` into `folder`; the repository itself is only read.

    Raises Refusal where there is no such commit, or nothing to prove in it.
    """
    found = run(project, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{rev}^{{commit}}")
    if found.stderr.strip():
        raise Refusal(f"git: {reason_of(found)}")
    if found.returncode:
        raise Refusal(f"{rev} names no commit of this repository: `git log` lists them")
    sha = found.stdout.strip()
    top = git(project, "rev-parse", "--show-toplevel")
    git(project, "clone", "--quiet", "--shared", "--no-checkout", top, str(folder))
    as_committed = ("-c", "core.hooksPath=/dev/null", "-c", "core.autocrlf=false", "-c", "core.eol=lf")
    git(folder, *as_committed, "checkout", "--quiet", "--detach", sha)
    inside = folder / project.resolve().relative_to(Path(top).resolve())
    if not (inside / "dvc.yaml").is_file():
        raise Refusal(f"commit {sha[:10]} has no dvc.yaml: there is no pipeline to prove")
    files = frozenset(filter(None, git(inside, "ls-files", "-z").split("\0")))
    locked = tuple(read_lock(inside))
    if not locked:
        raise Refusal(f"dvc.lock of commit {sha[:10]} records no stage: there is nothing to prove")
    for stage in locked:
        for recorded in (*stage.deps, *stage.outs):
            if recorded.is_outside:
                raise Refusal(
                    f"dvc.lock, stage {stage.name}: {recorded.path} is outside the project: "
                    "a replay would touch it itself"
                )
    return Commit(sha, inside, files, locked, dict(read_added(inside, files)))


def read_added(folder: Path, files: Iterable[str]) -> Iterator[tuple[str, str]]:
    """What the .dvc files among `files` track, path to hash; a path may lie outside the project in `folder`."""
    for name in sorted(file for file in files if file.endswith(".dvc")):
        for out in read_yaml(folder / name).get("outs") or []:
            if not isinstance(out, dict) or "path" not in out:
                raise Refusal(f"{name}: outs: expected entries that each have a path: `dvc add` writes them")
            if "md5" in out:
                yield posixpath.normpath(posixpath.join(posixpath.dirname(name), out["path"])), str(out["md5"])


def unkept(commit: Commit, paths: set[str]) -> set[str]:
    """Those of the project's `paths` that Git neither tracks nor ignores: somebody was to commit them."""
    absent = sorted(path for path in paths if not any(commit.beneath(path)))
    result = run(commit.folder, "check-ignore", "--no-index", "-z", "--stdin", given="\0".join(absent))
    return set(absent) - set(result.stdout.split("\0"))


def head_of(project: Path) -> str:
    """The commit that is checked out."""
    return git(project, "rev-parse", "HEAD")


def read_lock(folder: Path) -> Iterator[LockedStage]:
    """The stages of dvc.lock in `folder`, in its order, whether what they read and made is in the project or not.

    Raises Refusal where it is missing or not DVC 3's.
    """
    if not (folder / "dvc.lock").is_file():
        raise Refusal("the commit has no dvc.lock: its pipeline was never run, or its results were never committed")
    content = read_yaml(folder / "dvc.lock")
    if not isinstance(content.get("stages") or {}, dict):
        raise Refusal("dvc.lock: stages: expected a record by each stage's name: `git restore dvc.lock`")
    for name, entry in (content.get("stages") or {}).items():
        try:
            yield LockedStage(
                name=name,
                cmd=tuple(entry["cmd"] if isinstance(entry["cmd"], list) else entry["cmd"].splitlines()),  # as DVC
                deps=tuple(_recorded(dep) for dep in entry.get("deps", [])),
                params=entry.get("params", {}).get("params.yaml", {}),
                outs=tuple(_recorded(out) for out in entry.get("outs", [])),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise Refusal(f"dvc.lock, stage {name}: {error} is missing or unreadable: `dvc repro` writes it") from None


def _recorded(entry: Mapping[str, Any]) -> Recorded:
    path = entry["path"] if "://" in entry["path"] else posixpath.normpath(entry["path"])
    found = Recorded(path, str(entry.get("md5") or ""))
    if not found.md5 and not found.is_outside:  # what is elsewhere may have another kind of hash
        raise KeyError("md5")
    return found
