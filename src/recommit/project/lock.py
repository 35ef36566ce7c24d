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


def read_added(folder: Path, files: Iterable[str]) -> Iterator[tuple[str, str]]:
    """What the .dvc files among `files` track, path to hash; a path may lie outside the project in `folder`."""
    for name in sorted(file for file in files if file.endswith(".dvc")):
        for out in read_yaml(folder / name).get("outs") or []:
            if not isinstance(out, dict) or "path" not in out:
                raise Refusal(f"{name}: outs: expected entries that each have a path: `dvc add` writes them")
            if "md5" in out:
                yield posixpath.normpath(posixpath.join(posixpath.dirname(name), out["path"])), str(out["md5"])
