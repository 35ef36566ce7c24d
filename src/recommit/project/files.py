"""Where the project is, and how a file is written so that no half of it is ever seen."""

from pathlib import Path

from recommit import Refusal

REQUIREMENTS = "locks/run.txt"
"""The lock file of the environment: every package with its version and hash."""


def root(start: Path | None = None) -> Path:
    """The project's folder: the nearest one at or above `start`, by default the current folder, that holds dvc.yaml."""
    start = (start or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        if (folder / "dvc.yaml").is_file():
            return folder
    raise Refusal(f"no dvc.yaml at or above {start}: go into a project")


def write_whole(path: Path, content: bytes) -> None:
    """Write `content` to the file `path`, which then is whole; after an error it is as it was before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
