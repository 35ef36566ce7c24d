"""Finds file contents by their hash: in a commit, in DVC's caches, and among the outs of replays."""

import json
import os
import shutil
from pathlib import Path

from recommit import Refusal
from recommit.project.hashes import Ignored, files_in, listed, md5_of, md5_of_folder, stays_inside


def cached(cache: Path, md5: str) -> Path | None:
    """Returns the file with the hash `md5` in a `cache` of DVC, or None where it is missing or damaged."""
    path = cache / "files" / "md5" / md5[:2] / md5[2:]
    return path if path.is_file() and md5_of(path) == md5.removesuffix(".dir") else None


class Contents:
    """Files and folders by their hash. DVC's caches are only read."""

    def __init__(self, made: Path, *caches: Path) -> None:
        """Looks for contents in the `caches` of DVC; `made` is the folder in which replays keep theirs."""
        self.made = made
        self.caches = list(caches)
        self._places: dict[str, Path] = {}
        made.mkdir(parents=True, exist_ok=True)

    def find(self, md5: str) -> Path | None:
        """Returns a file whose contents have the hash `md5`, or None. A damaged file in a cache does not count."""
        if md5 in self._places:
            return self._places[md5]
        for cache in self.caches:
            if path := cached(cache, md5):
                self._places[md5] = path
                return path
        return None

    def know(self, path: Path) -> str:
        """Remembers the file `path`, which stays where it is, and returns its hash."""
        md5 = md5_of(path)
        self._places.setdefault(md5, path)
        return md5

    def add(self, path: Path, md5: str) -> None:
        """Moves the file `path`, whose hash is `md5`, to where later replays find it."""
        if md5 not in self._places:
            os.replace(path, self.made / md5)
            self._places[md5] = self.made / md5

    def add_folder(self, folder: Path, name: str, ignored: Ignored) -> None:
        """Moves the files of `folder` to where later replays find them; `name` is its path in the project."""
        files = {inside: md5_of(folder / inside) for inside in files_in(folder, name, ignored)}
        for inside, md5 in files.items():
            self.add(folder / inside, md5)
        md5 = md5_of_folder(files)
        (self.made / md5).write_bytes(listed(files))
        self._places[md5] = self.made / md5

    def listing(self, md5: str) -> dict[str, str] | None:
        """Returns the files of the folder with the hash `md5`, path in it to hash; None where they are not known."""
        path = self.find(md5)
        return None if path is None else {entry["relpath"]: entry["md5"] for entry in json.loads(path.read_bytes())}

    def put(self, md5: str, folder: Path, name: str) -> None:
        """Copies the contents to the file `name` in `folder`. A copy, because a stage may change its input.

        Raises Refusal where `name` leads out of `folder`.
        """
        found, to = self.find(md5), folder / name
        assert found, md5
        if not stays_inside(name):
            raise Refusal(f"{name} leads out of the project: a cache or dvc.lock was tampered with")
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(found, to)
        if os.access(found, os.X_OK):
            to.chmod(to.stat().st_mode | 0o111)
