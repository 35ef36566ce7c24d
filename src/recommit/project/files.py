"""Finds the project's folder, and writes a file whole or not at all."""

from pathlib import Path

from recommit import Refusal

REQUIREMENTS = "locks/run.txt"
"""The lock file of the environment: every package with its version and hash."""


def root(start: Path | None = None) -> Path:
    """Returns the project's folder: the nearest one with a dvc.yaml, from `start` (default: current folder) upward.

    Raises Refusal where there is none.
    """
    start = (start or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        if (folder / "dvc.yaml").is_file():
            return folder
    raise Refusal(f"no dvc.yaml at or above {start}: go into a project")


def write_whole(path: Path, content: bytes) -> None:
    """Writes `content` to the file `path`. If that fails, the file is as it was before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
