"""A commit as it was written down: its tree, and the stages that its dvc.lock records."""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recommit import Refusal
from recommit.notebook.project import read_yaml, stages


@dataclass(frozen=True)
class Recorded:
    """A file or folder as dvc.lock records it; the hash of a folder ends with `.dir`, as DVC writes it."""

    path: str
    md5: str


@dataclass(frozen=True)
class LockedStage:
    """One stage of dvc.lock."""

    name: str
    cmd: str
    deps: tuple[Recorded, ...]
    params: Mapping[str, Any]
    outs: tuple[Recorded, ...]


@dataclass(frozen=True)
class Commit:
    """A commit's project, laid out in `folder`, a clone of its own; `files` are those that Git tracks in it."""

    sha: str
    folder: Path
    files: frozenset[str]
    stages: tuple[LockedStage, ...]

    def beneath(self, path: str) -> Iterator[str]:
        """The tracked files that are `path` or lie beneath it."""
        return (file for file in sorted(self.files) if is_in(file, path))


def is_in(file: str, path: str) -> bool:
    """Whether `file` is `path` or lies beneath it; both are relative to the project."""
    return file == path or file.startswith(f"{path}/")


def lay_out(project: Path, rev: str, folder: Path) -> Commit:
    """Clone `rev` of the repository around `project` into `folder`; the repository itself is only read.

    Raises Refusal where there is no such commit, or nothing to prove in it.
    """
    sha = _git(project, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{rev}^{{commit}}", missing=rev)
    top = _git(project, "rev-parse", "--show-toplevel")
    _git(project, "clone", "--quiet", "--shared", "--no-checkout", top, str(folder))
    _git(folder, "-c", "core.hooksPath=/dev/null", "checkout", "--quiet", "--detach", sha)
    inside = folder / project.resolve().relative_to(Path(top).resolve())
    if not (inside / "dvc.yaml").is_file():
        raise Refusal(f"commit {sha[:10]} has no dvc.yaml: there is no pipeline to prove")
    files = _git(inside, "ls-files", "-z").split("\0")
    return Commit(sha, inside, frozenset(filter(None, files)), tuple(read_lock(inside)))


def _git(folder: Path, *words: str, missing: str = "") -> str:
    try:
        result = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True)
    except FileNotFoundError:
        raise Refusal("git is not installed, and a commit is read with it: install git") from None
    if result.returncode:
        if missing:
            raise Refusal(f"{missing} names no commit of this repository: `git log` lists them")
        said = result.stderr.strip().splitlines() or ["no reason given"]
        raise Refusal(f"git {words[0]}: {said[-1]}")
    return result.stdout.strip()


def read_lock(folder: Path) -> Iterator[LockedStage]:
    """The stages of dvc.lock in `folder`, in its order. Raises Refusal where it is missing or not DVC 3's."""
    if not (folder / "dvc.lock").is_file():
        raise Refusal("the commit has no dvc.lock: its pipeline was never run, or its results were never committed")
    content = read_yaml(folder / "dvc.lock")
    for name, entry in (content.get("stages") or {}).items():
        try:
            yield LockedStage(
                name=name,
                cmd=" && ".join(entry["cmd"]) if isinstance(entry["cmd"], list) else entry["cmd"],
                deps=tuple(Recorded(dep["path"], str(dep["md5"])) for dep in entry.get("deps", [])),
                params=entry.get("params", {}).get("params.yaml", {}),
                outs=tuple(Recorded(out["path"], str(out["md5"])) for out in entry.get("outs", [])),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise Refusal(f"dvc.lock, stage {name}: {error} is missing or unreadable: `dvc repro` writes it") from None


def md5_of(path: Path) -> str:
    """A file's hash as DVC 3 records it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def md5_of_folder(files: Mapping[str, str]) -> str:
    """A folder's hash as DVC 3 records it, from its files' hashes by their path in it."""
    listed = [{"md5": files[name], "relpath": name} for name in sorted(files)]
    content = json.dumps(listed, sort_keys=True).encode()
    return hashlib.md5(content, usedforsecurity=False).hexdigest() + ".dir"


def hash_of(path: Path, ignored: tuple[str, ...] = ()) -> str:
    """The hash of a file or folder on disk; names that end like one of `ignored` do not count."""
    if not path.is_dir():
        return md5_of(path)
    files = (file for file in path.rglob("*") if file.is_file() and not file.name.endswith(ignored))
    return md5_of_folder({file.relative_to(path).as_posix(): md5_of(file) for file in files})


class Contents:
    """What is known by its hash: DVC's caches, which are only read, and what replays made."""

    def __init__(self, made: Path, caches: list[Path]) -> None:
        self.made = made
        self.caches = caches
        self._places: dict[str, Path] = {}
        made.mkdir(parents=True, exist_ok=True)

    def find(self, md5: str) -> Path | None:
        """A file with these contents, or None. A cached file that is not what its name says is none."""
        if md5 in self._places:
            return self._places[md5]
        for cache in self.caches:
            path = cache / "files" / "md5" / md5[:2] / md5[2:]
            if path.is_file() and (md5.endswith(".dir") or md5_of(path) == md5):
                self._places[md5] = path
                return path
        return None

    def add(self, path: Path, md5: str) -> None:
        """Keep a file whose hash is known for the replays to come; `path` is moved."""
        if md5 not in self._places:
            os.replace(path, self.made / md5)
            self._places[md5] = self.made / md5

    def know(self, path: Path) -> str:
        """Know a file that stays where it is by its hash, which is returned."""
        md5 = md5_of(path)
        self._places.setdefault(md5, path)
        return md5

    def add_folder(self, files: Mapping[str, str]) -> None:
        """Know a folder by its files' hashes."""
        md5 = md5_of_folder(files)
        if self.find(md5) is None:
            listed = [{"md5": files[name], "relpath": name} for name in sorted(files)]
            (self.made / md5).write_text(json.dumps(listed, sort_keys=True))
            self._places[md5] = self.made / md5

    def listing(self, md5: str) -> dict[str, str] | None:
        """The files of a folder, path in it to hash, where they are known."""
        path = self.find(md5)
        return None if path is None else {entry["relpath"]: entry["md5"] for entry in json.loads(path.read_text())}

    def put(self, md5: str, to: Path) -> None:
        """Write a copy of the contents: a stage that changes its input must not reach the cache."""
        found = self.find(md5)
        assert found, md5
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(found, to)


def declared_outs(folder: Path) -> dict[str, str]:
    """Each out that dvc.yaml in `folder` declares, with its stage's name."""
    return {out: stage.name for stage in stages(folder) for out in stage.outs}
