"""Whether tags of a clone have changed, by what its files tell of themselves: Git is not asked."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

State = tuple[object, ...]
_TABLES = ("packed-refs", "reftable/tables.list")
"""Files that hold many tags."""


def tags(git: Path) -> State:
    """Returns what is another one when a tag was made, moved or deleted in the folder `git`, which is a `.git`."""
    return (*states(git / name for name in _TABLES), *_loose(git / "refs" / "tags"))


def states(files: Iterable[Path]) -> State:
    """Returns what is another one when one of `files` was made, replaced, written to or deleted."""
    return tuple(_state(file) for file in files)


def _state(file: Path) -> object:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def _loose(folder: Path) -> Iterator[object]:
    try:
        found = sorted(os.scandir(folder), key=lambda one: one.name)
    except OSError:
        return
    for one in found:
        if one.is_dir(follow_symlinks=False):
            yield from _loose(Path(one.path))
        else:
            yield one.path, _state(Path(one.path))
