"""What is known by its hash: files of the commit, of DVC's caches, and made by replays."""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from recommit import Refusal
from recommit.project.hashes import Ignored, files_in, listed, md5_of, md5_of_folder, stays_inside


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
