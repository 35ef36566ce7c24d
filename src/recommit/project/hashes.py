"""Hashes of files and folders, as DVC 3 computes them."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

from pathspec import GitIgnoreSpec

Ignored = Callable[[str], bool]
"""Called with a path in the project: returns whether DVC leaves it out of a folder's hash."""


def stays_inside(name: str) -> bool:
    """Returns whether the path `name`, taken below a folder, stays in this folder and leads into no `.git`."""
    return not any(part in ("", ".", "..") or part.lower() == ".git" for part in name.split("/"))


def ignored_by_dvc(folder: Path) -> Ignored:
    """Returns the rule by which DVC ignores files of the project in `folder`.

    It follows all .dvcignore files in `folder` and beneath it, and what DVC always ignores.
    """

    @cache
    def rules(above: str) -> GitIgnoreSpec | None:
        own = folder / above / ".dvcignore"
        lines = own.read_text(encoding="utf-8").splitlines() if own.is_file() else []
        lines += [] if above else [".git/", ".hg/", ".dvc/"]
        return GitIgnoreSpec.from_lines(lines) if lines else None

    def ignored(name: str) -> bool:
        parts = name.split("/")
        for depth in reversed(range(len(parts))):  # a deeper file overrules those above it
            said = rules("/".join(parts[:depth]))
            if said and (found := said.check_file("/".join(parts[depth:])).include) is not None:
                return found
        return False

    return ignored


def files_in(folder: Path, name: str, ignored: Ignored) -> Iterator[str]:
    """Yields the files of `folder` that DVC counts, as paths in it, sorted. `name` is its path in the project."""
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).as_posix()
        if path.is_file() and not ignored(f"{name}/{inside}"):
            yield inside


def md5_of(path: Path) -> str:
    """Returns the MD5 of the file `path`, as DVC 3 records it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def md5_of_bytes(content: bytes) -> str:
    """Returns the MD5 of `content`, as DVC 3 records it for a file."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def listed(files: Mapping[str, str]) -> bytes:
    """Returns the JSON by which DVC 3 records a folder; `files` maps each path in it to its hash."""
    return json.dumps([{"md5": files[name], "relpath": name} for name in sorted(files)], sort_keys=True).encode()


def md5_of_folder(files: Mapping[str, str]) -> str:
    """Returns the hash of a folder as DVC 3 records it, ending with `.dir`; `files` maps each path to its hash."""
    return md5_of_bytes(listed(files)) + ".dir"


def hash_of(path: Path, name: str, ignored: Ignored) -> str:
    """Returns the hash of the file or folder `path`, whose path in the project is `name`."""
    if not path.is_dir():
        return md5_of(path)
    return md5_of_folder({inside: md5_of(path / inside) for inside in files_in(path, name, ignored)})
