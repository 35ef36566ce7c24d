"""Whether a project is in a state to change its registry."""

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from recommit import Refusal
from recommit.notebook.run import ending_in_order
from recommit.registry.champion import take_back
from recommit.registry.git import git, run


@contextmanager
def changing(root: Path) -> Iterator[bool]:
    """Let one command at a time change the registry, and take back first what a killed one began: whether it did."""
    (root / ".recommit").mkdir(exist_ok=True)
    with (root / ".recommit" / "registry.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refusal("the registry is being changed already: wait for that command, or end it") from None
        with ending_in_order():
            yield take_back(root)


def refuse_no_branch(root: Path) -> None:
    """Refuse where the commit of a new champion would be on no branch."""
    if run(root, "symbolic-ref", "--quiet", "HEAD").returncode:
        raise Refusal("HEAD is on no branch, and the new champion is a commit: `git switch` to one")
    if run(root, "rev-parse", "--verify", "--quiet", "HEAD").returncode:
        raise Refusal("there is no commit yet: commit the project and its results")


def refuse_staged(root: Path) -> None:
    """Refuse where something is staged: the commit of a champion holds that change alone."""
    staged = git(root, "diff", "--cached", "--name-only").splitlines()
    if staged:
        raise Refusal(
            f"{staged[0]} is staged, and the champion is committed alone: commit it or `git restore --staged`"
        )


def refuse_changes(root: Path) -> None:
    """Refuse where anything differs from the commit: a version is a commit, and its files are to be that commit's."""
    changed = git(root, "status", "--porcelain").splitlines()
    if changed:
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        raise Refusal(f"not all is committed: {changed[0][3:]}{more}: commit it or `git restore` it, then promote")


def refuse_stale(root: Path) -> None:
    """Refuse where results are not those of the code, parameters and data, as `dvc status` sees it.

    Data that is not on this machine does not count.
    """
    programs = Path(sys.executable).parent
    env = os.environ | {"PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    result = subprocess.run(["dvc", "status", "--json"], cwd=root, env=env, capture_output=True, text=True)
    try:
        found: dict[str, list[Any]] = json.loads(result.stdout)
    except ValueError:
        said = [line for line in result.stderr.splitlines() if line.strip()] or ["no reason given"]
        raise Refusal(f"dvc status failed: {said[0].removeprefix('ERROR: ')}") from None
    for name, changes in found.items():
        for words in _changes(changes):
            raise Refusal(f"{name} is out of date: {words}: `dvc repro` or `dvc checkout`, commit, then promote")


def _changes(changes: list[Any]) -> Iterator[str]:
    for change in changes:
        if not isinstance(change, dict):
            yield str(change)
            continue
        for what, paths in change.items():
            if not isinstance(paths, dict):
                yield f"{what}: {paths}"
                continue
            yield from (
                f"{what}: {path}: {how}" for path, how in paths.items() if how not in ("deleted", "not in cache")
            )
