"""What is known by its hash, as DVC 3 computes it: files of the commit, of DVC's caches, and made by replays."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from pathspec import GitIgnoreSpec

from recommit import Refusal

Ignored = Callable[[str], bool]
"""Whether DVC leaves a path of the project out of folders."""


def stays_inside(name: str) -> bool:
    """Whether the path `name`, put into a folder, stays in it, and out of a `.git` that belongs to a repository."""
    return not any(part in ("", ".", "..") or part.lower() == ".git" for part in name.split("/"))


def ignored_by_dvc(folder: Path) -> Ignored:
    """What .dvcignore in `folder` says, and what DVC leaves out of itself."""
    own = folder / ".dvcignore"
    lines = own.read_text(encoding="utf-8").splitlines() if own.is_file() else []
    return GitIgnoreSpec.from_lines([*lines, ".git/", ".hg/", ".dvc/"]).match_file


def files_in(folder: Path, name: str, ignored: Ignored) -> Iterator[str]:
    """The files in the folder `folder` that DVC counts, by their path in it; `name` is the folder's in the project."""
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).as_posix()
        if path.is_file() and not ignored(f"{name}/{inside}"):
            yield inside


def md5_of(path: Path) -> str:
    """A file's hash as DVC 3 records it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def md5_of_bytes(content: bytes) -> str:
    """The hash of a file that holds these, as DVC 3 records it."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def listed(files: Mapping[str, str]) -> bytes:
    """A folder as DVC 3 writes it down, from its files' hashes by their path in it."""
    return json.dumps([{"md5": files[name], "relpath": name} for name in sorted(files)], sort_keys=True).encode()


def md5_of_folder(files: Mapping[str, str]) -> str:
    """A folder's hash as DVC 3 records it."""
    return md5_of_bytes(listed(files)) + ".dir"


def hash_of(path: Path, name: str, ignored: Ignored) -> str:
    """The hash of a file or folder on disk, which is `name` in the project."""
    if not path.is_dir():
        return md5_of(path)
    return md5_of_folder({inside: md5_of(path / inside) for inside in files_in(path, name, ignored)})


class Contents:
    """Files and folders by their hash. DVC's caches are only read."""

    def __init__(self, made: Path, caches: Mapping[str, Path]) -> None:
        """`caches` are folders by what the record calls them; replays keep theirs in the folder `made`."""
        self.made = made
        self.caches = dict(caches)
        self._places: dict[str, Path] = {}
        made.mkdir(parents=True, exist_ok=True)

    def find(self, md5: str) -> Path | None:
        """A file with these contents, or None. A cached file that is not what its name says is none."""
        if md5 in self._places:
            return self._places[md5]
        for cache in self.caches.values():
            path = cache / "files" / "md5" / md5[:2] / md5[2:]
            if path.is_file() and md5_of(path) == md5.removesuffix(".dir"):
                self._places[md5] = path
                return path
        return None

    def origin(self, md5: str) -> str:
        """Where contents that were found are from: a cache's name, `replays` or `commit`."""
        place = self.find(md5)
        assert place
        caches = (name for name, cache in self.caches.items() if place.is_relative_to(cache))
        return next(caches, "replays" if place.is_relative_to(self.made) else "commit")

    def know(self, path: Path) -> str:
        """Know a file that stays where it is by its hash, which is returned."""
        md5 = md5_of(path)
        self._places.setdefault(md5, path)
        return md5

    def add(self, path: Path, md5: str) -> None:
        """Keep a file whose hash is known for the replays to come; `path` is moved."""
        if md5 not in self._places:
            os.replace(path, self.made / md5)
            self._places[md5] = self.made / md5

    def add_folder(self, folder: Path, name: str, ignored: Ignored) -> None:
        """Keep a folder, whose files are moved; `name` is its path in the project."""
        files = {inside: md5_of(folder / inside) for inside in files_in(folder, name, ignored)}
        for inside, md5 in files.items():
            self.add(folder / inside, md5)
        md5 = md5_of_folder(files)
        (self.made / md5).write_bytes(listed(files))
        self._places[md5] = self.made / md5

    def listing(self, md5: str) -> dict[str, str] | None:
        """The files of a folder, path in it to hash, where they are known."""
        path = self.find(md5)
        return None if path is None else {entry["relpath"]: entry["md5"] for entry in json.loads(path.read_bytes())}

    def put(self, md5: str, folder: Path, name: str) -> None:
        """Write a copy of the contents into `folder`: a stage that changes its input must not reach the cache."""
        found, to = self.find(md5), folder / name
        assert found, md5
        if not stays_inside(name):
            raise Refusal(f"{name} leads out of the project: a cache or dvc.lock was tampered with")
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(found, to)
        if os.access(found, os.X_OK):
            to.chmod(to.stat().st_mode | 0o111)
