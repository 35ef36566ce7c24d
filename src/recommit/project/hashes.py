"""Hashes of files and folders, as DVC 3 computes them."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

from pathspec import GitIgnoreSpec

Ignored = Callable[[str], bool]
"""Whether DVC leaves a path of the project out of folders."""


def stays_inside(name: str) -> bool:
    """Whether the path `name`, put into a folder, stays in it, and out of a `.git` that belongs to a repository."""
    return not any(part in ("", ".", "..") or part.lower() == ".git" for part in name.split("/"))


def ignored_by_dvc(folder: Path) -> Ignored:
    """What .dvcignore says, in `folder` and in the folders beneath it, and what DVC leaves out of itself."""

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
