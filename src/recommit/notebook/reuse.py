"""Keeps the results of runs, and restores them when a stage has the same declared inputs again.

DVC's own run cache cannot: it is off for outs with `persist: true`, which keep earlier results when a stage fails.
"""

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import psutil

from recommit.project.dvc import cache_of
from recommit.project.hashes import Ignored, files_in, hash_of, ignored_by_dvc, md5_of, stays_inside
from recommit.project.pipeline import Stage, is_in

_FORMAT = 1  # of a record and its key; after a change, no earlier record is found


@dataclass(frozen=True)
class _Record:
    """What a run wrote: path in the project to hash, which files are executable, and which outs are folders.

    This is no pydantic model, because importing pydantic takes longer than restoring a stage.
    """

    files: dict[str, str]
    executable: list[str]
    folders: list[str]


@dataclass(frozen=True)
class Earlier:
    """The earlier results of `stage` in the project `folder` for the inputs that it has now.

    `cache` is DVC's cache; clones and experiments can share it. Records, and files that DVC does not cache, are in its
    folder `recommit`; all other files are DVC's own. Each file is checked by its hash.
    """

    folder: Path
    stage: Stage
    cache: Path
    key: str
    """The hash of everything that the stage declares."""
    deps: Mapping[str, str]
    """The hash of each dep when the key was made."""
    stamps: Mapping[str, tuple[int, int, int]]
    """For each file of the deps, time of change, size and inode when the key was made."""
    made: frozenset[str]
    """The outs of all stages. When DVC saves an out, it sets the mode of its files, which changes no content."""

    def fetch(self) -> bool:
        """Copies the earlier results, each checked, to a folder of their own. Returns False if one is missing."""
        shutil.rmtree(self._beside, ignore_errors=True)
        record = self._read()
        if record is None:
            return False
        try:
            for name, md5 in record.files.items():
                self._lay_out(name, md5, name in record.executable)
            for name in record.folders:
                (self._beside / name).mkdir(parents=True, exist_ok=True)
        except OSError:  # gone, not what its hash says, or no room
            shutil.rmtree(self._beside, ignore_errors=True)
            return False
        return True

    def put(self) -> None:
        """Moves what `fetch` copied to the places of the outs, which must be empty, with the file of durations."""
        for name in (*self.stage.outs, _log(self.stage)):
            if (self._beside / name).exists():
                (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                (self._beside / name).replace(self.folder / name)
        shutil.rmtree(self._beside, ignore_errors=True)

    def changed(self) -> list[str]:
        """Returns the deps that changed during the run: DVC would record their new hash with results of the old one."""
        if _stamps(self.folder, self.stage, self.made) == self.stamps:
            return []
        now = _hashes(self.folder, self.stage)
        return [dep for dep, md5 in self.deps.items() if now.get(dep) != md5]

    def keep(self) -> str:
        """Records what the run wrote, and returns why this failed, or "".

        Nothing is recorded if a dep was changed and changed back during the run, because it is not known which content
        the run read.
        """
        try:
            if _stamps(self.folder, self.stage, self.made) != self.stamps:
                return ""
            ignored = ignored_by_dvc(self.folder)
            written = (
                name for out in (*self.stage.outs, _log(self.stage)) for name in _files(self.folder, out, ignored)
            )
            files = {name: md5_of(self.folder / name) for name in written}
            record = _Record(
                files,
                executable=[name for name in files if os.access(self.folder / name, os.X_OK)],
                folders=[out for out in self.stage.outs if (self.folder / out).is_dir()],
            )
            for name, md5 in files.items():
                if name == _log(self.stage) or any(is_in(name, out) for out in self.stage.uncached):
                    self._add(self._own(md5), (self.folder / name).read_bytes())
            self._add(self._entry, json.dumps(vars(record), indent=1).encode())
        except OSError as error:
            return f"{self.stage.name}: this run is not kept for other experiments: {error}"
        return ""

    @property
    def _beside(self) -> Path:
        return self.folder / ".recommit" / "restored" / self.stage.file_name

    @property
    def _entry(self) -> Path:
        return self.cache / "recommit" / "runs" / self.key[:2] / f"{self.key[2:]}.json"

    def _own(self, md5: str) -> Path:
        return self.cache / "recommit" / "files" / md5[:2] / md5[2:]

    def _read(self) -> _Record | None:
        """Returns the record for this key if it is valid and has the outs that the stage declares, else None."""
        allowed = (*self.stage.outs, _log(self.stage))
        try:
            record = _Record(**json.loads(self._entry.read_bytes()))
            sound = all(
                stays_inside(name) and any(is_in(name, out) for out in allowed) and re.fullmatch("[0-9a-f]{32}", md5)
                for name, md5 in record.files.items()
            )
            told = {out for out in self.stage.outs if out in record.folders or any(is_in(n, out) for n in record.files)}
            whole = told == {*self.stage.outs} and {*record.folders} <= told
        except (OSError, ValueError, TypeError, AttributeError):
            return None
        return record if sound and whole else None

    def _lay_out(self, name: str, md5: str, executable: bool) -> None:
        to = self._beside / name
        to.parent.mkdir(parents=True, exist_ok=True)
        for found in (self.cache / "files" / "md5" / md5[:2] / md5[2:], self._own(md5)):
            with suppress(FileNotFoundError):
                shutil.copyfile(found, to)
                if md5_of(to) == md5:
                    to.chmod(to.stat().st_mode | (0o111 if executable else 0))
                    return
        raise FileNotFoundError(name)

    def _add(self, place: Path, content: bytes) -> None:
        """Writes the file `place` whole, also if another process writes it at the same time."""
        place.parent.mkdir(parents=True, exist_ok=True)
        descriptor, unfinished = tempfile.mkstemp(dir=place.parent, prefix=".unfinished-")
        try:
            with open(descriptor, "wb") as file:
                file.write(content)
            os.chmod(unfinished, 0o444)  # as DVC does
            os.replace(unfinished, place)
        finally:
            Path(unfinished).unlink(missing_ok=True)


def earlier(
    folder: Path, stage: Stage, values: Mapping[str, Any], made: frozenset[str] = frozenset()
) -> Earlier | None:
    """Returns the earlier results of `stage` for its present inputs and parameter `values`, which need not be there.

    `made` are the outs of all stages. Returns None if results are not kept: the project in `folder` has no .dvc (as in
    the sandbox of `recommit verify`), a dep is missing, or the stage is always_changed.
    """
    if stage.always_changed or not (folder / ".dvc").is_dir():
        return None
    if not all((folder / dep).exists() for dep in _deps(stage)):
        return None
    stamps = _stamps(folder, stage, made)  # first, so that a change during the hashing is noticed
    deps = _hashes(folder, stage)
    return Earlier(folder, stage, cache_of(folder), _key(stage, values, deps), deps, stamps, made)


def by_force() -> bool:
    """Returns whether a `dvc repro` or `dvc exp run` with --force started this process."""
    with suppress(psutil.Error):
        for process in psutil.Process().parents():
            words = process.cmdline()
            if any(PurePosixPath(word).name == "dvc" for word in words[:3]) and {"repro", "exp"} & set(words[:5]):
                return any(re.fullmatch(r"--force|-[a-zA-Z]*f[a-zA-Z]*", word) for word in words)
    return False


def _deps(stage: Stage) -> list[str]:
    return sorted({*stage.deps, *filter(None, [stage.notebook])})


def _stamps(folder: Path, stage: Stage, made: frozenset[str]) -> dict[str, tuple[int, int, int]]:
    ignored = ignored_by_dvc(folder)
    stamps = {}
    for file in (file for dep in _deps(stage) for file in _files(folder, dep, ignored)):
        at = (folder / file).stat()
        # The inode's time of change (ctime), because `cp -p` and other programs set the content's time (mtime).
        changed = at.st_mtime_ns if any(is_in(file, out) for out in made) else at.st_ctime_ns
        stamps[file] = (changed, at.st_size, at.st_ino)
    return stamps


def _files(folder: Path, name: str, ignored: Ignored) -> list[str]:
    """Returns the file `name`, or the files that DVC counts in the folder `name`."""
    inside = folder / name
    return [f"{name}/{file}" for file in files_in(inside, name, ignored)] if inside.is_dir() else [name]


def _hashes(folder: Path, stage: Stage) -> dict[str, str]:
    """Returns the hash of each dep that exists."""
    ignored = ignored_by_dvc(folder)
    return {dep: hash_of(folder / dep, dep, ignored) for dep in _deps(stage) if (folder / dep).exists()}


def _key(stage: Stage, values: Mapping[str, Any], deps: Mapping[str, str]) -> str:
    """Returns the hash of everything that `stage` declares, values in their order: the executed notebook shows it."""
    declared = {
        "format": _FORMAT,
        "cmd": stage.cmd,
        "values": values,
        "deps": deps,
        "outs": sorted(stage.outs),
    }
    return hashlib.sha256(json.dumps(declared).encode()).hexdigest()


def _log(stage: Stage) -> str:
    """Returns the file beside the executed notebook that holds the durations of cells."""
    return PurePosixPath(stage.executed).with_suffix(".log").as_posix()
