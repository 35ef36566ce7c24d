"""What DVC recorded in a project: the stages of dvc.lock, and the files that `dvc add` tracks."""

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recommit import Refusal
from recommit.project.yaml import read_yaml


@dataclass(frozen=True)
class Recorded:
    """A file or folder as dvc.lock records it; the hash of a folder ends with `.dir`, as DVC writes it."""

    path: str
    md5: str

    @property
    def is_outside(self) -> bool:
        """Whether it lies outside the project: in another folder, or at a URL."""
        return "://" in self.path or posixpath.isabs(self.path) or self.path.split("/")[0] == ".."


@dataclass(frozen=True)
class LockedStage:
    """One stage as dvc.lock records it: its command lines, inputs, parameters by dotted key, and outs."""

    name: str
    cmd: tuple[str, ...]
    deps: tuple[Recorded, ...]
    params: Mapping[str, Any]
    outs: tuple[Recorded, ...]

    @property
    def family(self) -> str:
        """The stage's name in dvc.yaml: `train` for the matrix item `train@boosting-full`."""
        return self.name.partition("@")[0]


def read_lock(folder: Path) -> Iterator[LockedStage]:
    """Yields the stages of dvc.lock in `folder`, in the file's order.

    Raises Refusal where the file is missing, or is not as DVC 3 writes it.
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
    if not found.md5 and not found.is_outside:  # outside the project it may have another kind of hash
        raise KeyError("md5")
    return found


def read_added(folder: Path, files: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yields (path, hash) of each file or folder that the .dvc files among `files` track.

    `files` are paths in the project `folder`; a tracked path may lie outside of it.
    """
    for name in sorted(file for file in files if file.endswith(".dvc")):
        for out in read_yaml(folder / name).get("outs") or []:
            if not isinstance(out, dict) or "path" not in out:
                raise Refusal(f"{name}: outs: expected entries that each have a path: `dvc add` writes them")
            if "md5" in out:
                yield posixpath.normpath(posixpath.join(posixpath.dirname(name), out["path"])), str(out["md5"])
