"""Let every Python of the environment run the code of the tree that it is started in.

An editable install would tie the environment to one checkout: a second clone, `dvc exp run --temp` or a queue worker
would import the first one's `src`. So the environment holds no code of the project at all, only this hook, which puts
the `src` of the project around the current directory on the path when Python starts.
"""

import os
import sys


def root(start: str) -> str | None:
    """The nearest folder at or above `start` that holds `dvc.yaml` and `src`, or None."""
    folder = start
    while True:
        if os.path.isfile(os.path.join(folder, "dvc.yaml")) and os.path.isdir(os.path.join(folder, "src")):
            return folder
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above


def activate() -> None:
    """Put the current tree's `src` first on the path; outside a project, do nothing."""
    try:
        found = root(os.getcwd())
    except OSError:
        return
    if found:
        sys.path.insert(0, os.path.join(found, "src"))


def main() -> None:
    """The `recommit` command: hand over to the current tree's own; outside of a project to that of this environment.

    So `recommit new` runs anywhere. Every other verb then says itself that it needs a project.
    """
    clone = os.path.join(os.path.dirname(sys.prefix), "src")
    if not root(os.getcwd()) and os.path.isdir(os.path.join(clone, "recommit")):
        sys.path.append(clone)
    try:
        from recommit.cli import main as command
    except ModuleNotFoundError as error:
        if error.name not in ("recommit", "recommit.cli"):
            raise
        sys.exit(
            f"recommit: no project (a folder with dvc.yaml and src) at or above {os.getcwd()}: go into one; a new "
            "one is made from a clone of recommit: make new TO=FOLDER DATA=TABLE TARGET=COLUMN"
        )
    command()
