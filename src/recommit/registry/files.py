"""Hashes the three files of a model, and gets the files of a version from DVC's cache or a remote."""

import fcntl
import hashlib
import shutil
import sys
import tempfile
from collections.abc import Collection, Mapping
from configparser import ConfigParser
from pathlib import Path
from typing import TYPE_CHECKING

from recommit import Refusal
from recommit.project.contents import cached
from recommit.project.dvc import cache_of, fetch
from recommit.project.hashes import md5_of, md5_of_folder
from recommit.registry.entry import FILES, File

if TYPE_CHECKING:
    from recommit.artifact.manifest import Manifest

CHAMPION = "models/champion"
BASELINE = "models/baseline"
"""The folder of the champion until a version is promoted: see `recommit.artifact.champion`."""
MODEL, MANIFEST = "model.onnx", "manifest.json"
PROGRAMS = Path(sys.executable).parent
"""The folder with the command `dvc` of this environment."""


def hashes(folder: Path) -> dict[str, File]:
    """Returns the hashes of the model's files in `folder`, by name. Raises Refusal if one is missing."""
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise Refusal(
            f"{folder}: {', '.join(missing)} missing: a model is {', '.join(FILES)}; `dvc pull` or `dvc repro` gets it"
        )
    return {name: _file(folder / name) for name in FILES}


def sound(folder: Path) -> "Manifest":
    """Loads the model in `folder`, checks its golden rows, and returns its manifest.

    Raises Refusal if a check fails.
    """
    from recommit.artifact.load import load

    return load(folder).manifest


def collected(root: Path, files: Mapping[str, File], fetching: bool = True) -> Path:
    """Returns the folder .recommit/models/HASH with the files of the hashes `files`, from DVC's cache or a remote.

    Each file is checked. The folder appears whole or not at all; of several processes one makes it. Raises Refusal if
    a file cannot be found; without `fetching`, no remote is asked.
    """
    folder = _collected(root, files)
    if not _other(folder, files):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (
        (folder.parent / ".lock").open("w") as lock,
        tempfile.TemporaryDirectory(dir=folder.parent, prefix=".unfinished-") as place,
    ):
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _other(folder, files):
            return folder
        new = Path(place, "model")
        new.mkdir()
        _copy(cache_of(root), files, new)
        if wanted := _other(new, files):
            if not fetching:
                raise Refusal(
                    f"{', '.join(wanted)} not in DVC's cache, or damaged: `dvc fetch --all-tags select` gets it"
                )
            reason = _fetch(root, files, wanted, Path(place))
            _copy(Path(place, "fetched"), files, new)
            for name in _other(new, files):
                what = f"{name} (md5 {files[name].md5})"
                if (new / name).is_file():
                    raise Refusal(f"{what} is not the version's file: the tag records another SHA-256")
                reason = reason or "no remote has it, or only with other contents"
                raise Refusal(
                    f"{what} is neither in DVC's cache nor in a remote: {reason}: `dvc push` where it was made"
                )
        shutil.rmtree(folder, ignore_errors=True)
        new.rename(folder)
    return folder


def places(root: Path, files: Mapping[str, File]) -> list[Path]:
    """Returns where `collected` looks for `files` in this clone."""
    cache, folder = cache_of(root) / "files" / "md5", _collected(root, files)
    return [*(cache / file.md5[:2] / file.md5[2:] for file in files.values()), *(folder / name for name in files)]


def _collected(root: Path, files: Mapping[str, File]) -> Path:
    md5 = md5_of_folder({name: file.md5 for name, file in files.items()})
    return root / ".recommit" / "models" / md5.removesuffix(".dir")


def put_aside(root: Path) -> tuple[str, ...]:
    """Copies those files of the champion that DVC's cache lacks to .recommit/aside, and returns their new paths."""
    kept = []
    for path in (root / CHAMPION / name for name in FILES):
        if path.is_file() and not cached(cache_of(root), md5_of(path)):
            to = root / ".recommit" / "aside" / md5_of(path) / path.name
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, to)
            kept.append(to.relative_to(root).as_posix())
    return tuple(kept)


def scratch_project(root: Path, folder: Path, cache: Path) -> Path:
    """Makes `folder` a DVC project with this `cache` and else the configuration of `root`; returns `folder`."""
    config = ConfigParser(interpolation=None, strict=False)
    config.read(root / ".dvc" / name for name in ("config", "config.local"))
    core = {"no_scm": "true", "autostage": "false", "site_cache_dir": str(folder / ".dvc" / "site")}
    config.read_dict({"core": core, "cache": {"dir": str(cache)}})
    (folder / ".dvc").mkdir(parents=True)
    with (folder / ".dvc" / "config").open("w", encoding="utf-8") as file:
        config.write(file)
    return folder


def _file(path: Path) -> File:
    with path.open("rb") as opened:
        return File(md5=md5_of(path), sha256=hashlib.file_digest(opened, "sha256").hexdigest())


def _other(folder: Path, files: Mapping[str, File]) -> list[str]:
    """Returns the names of those `files` that `folder` lacks or has with other hashes."""
    return [name for name, file in files.items() if not (folder / name).is_file() or _file(folder / name) != file]


def _copy(cache: Path, files: Mapping[str, File], new: Path) -> None:
    """Copies those `files` that `cache` has into the folder `new`."""
    for name, file in files.items():
        if found := cached(cache, file.md5):
            shutil.copyfile(found, new / name)


def _fetch(root: Path, files: Mapping[str, File], wanted: Collection[str], place: Path) -> str:
    """Makes DVC fetch the files `wanted` from its remotes to `place`/fetched, and returns why this failed, or ""."""
    project = scratch_project(root, place / "asked", place / "fetched")
    for name in wanted:
        md5 = files[name].md5
        (project / f"{name}.dvc").write_text(f"outs:\n- md5: {md5}\n  hash: md5\n  path: {name}\n", encoding="utf-8")
    return fetch(root, project, place / "fetched", PROGRAMS)
