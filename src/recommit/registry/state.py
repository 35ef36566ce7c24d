"""Refuses to change the registry of a project that is not in order: each function checks one thing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recommit import Refusal
from recommit.project.dvc import status
from recommit.project.git import git, run
from recommit.project.lock import read_added, read_lock
from recommit.project.pipeline import is_in
from recommit.registry.entry import FILES
from recommit.registry.files import CHAMPION

POINTERS = (f"{CHAMPION}.dvc", "models/.gitignore")
"""The files in Git that name the champion, whose contents DVC keeps."""
NONE_YET = "README.md"
"""The file in models/champion of a new project; it says that no version was promoted yet."""
CHECK_OUT = f"`git reset -- models && git restore {' '.join(POINTERS)} && dvc checkout {POINTERS[0]}`"
"""The command that puts the champion of the last commit into the working tree."""


def refuse_no_branch(root: Path) -> None:
    """Raises Refusal if there is no branch for the commit of a new champion, or no commit yet."""
    if run(root, "symbolic-ref", "--quiet", "HEAD").returncode:
        raise Refusal("HEAD is on no branch, and the new champion is a commit: `git switch` to one")
    if run(root, "rev-parse", "--verify", "--quiet", "HEAD").returncode:
        raise Refusal("there is no commit yet: commit the project and its results")


def refuse_own(root: Path) -> None:
    """Raises Refusal if a file of the user in models/champion would be lost, or a change to POINTERS committed.

    The model's own files are not checked: they may be broken, and are replaced.
    """
    git(root, "update-index", "--force-write-index")  # fails where another program holds the index
    changed = git(root, "diff", "HEAD", "--name-only", "--relative", "--", *POINTERS).splitlines()
    if changed:
        back = CHECK_OUT if POINTERS[0] in changed else "`git restore` it"
        raise Refusal(
            f"{', '.join(changed)}: not as in the last commit: you changed it, or a promotion was killed before it "
            f"could write it: commit your change, or {back}"
        )
    here = sorted(path for path in (root / CHAMPION).rglob("*") if not path.is_dir() or path.is_symlink())
    own = [path for path in here if path.relative_to(root / CHAMPION).as_posix() not in (*FILES, NONE_YET)]
    if own:
        names = ", ".join(path.relative_to(root).as_posix() for path in own)
        raise Refusal(f"{names}: yours, and the new champion takes that folder's place: move it away")


def refuse_staged(root: Path) -> None:
    """Raises Refusal if something is staged, because the champion's commit holds no other change."""
    staged = git(root, "diff", "--cached", "--name-only").splitlines()
    if staged:
        raise Refusal(
            f"{staged[0]} is staged, and the champion is committed alone: commit it or `git restore --staged`"
        )


def refuse_changes(root: Path) -> None:
    """Raises Refusal if any file differs from the commit, because a version consists of the files of its commit."""
    unseen = [
        line for line in git(root, "ls-files", "-v", "--", ":/").splitlines() if line[0].islower() or line[0] == "S"
    ]
    if unseen:
        raise Refusal(
            f"{unseen[0][2:]} is marked so that Git does not look at it, and may be anything: "
            f"`git update-index --no-assume-unchanged --no-skip-worktree` it (or `git sparse-checkout disable`)"
        )
    changed = git(root, "status", "--porcelain", "--untracked-files=all", "--ignore-submodules=none").splitlines()
    if changed:
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        back = "take it away" if changed[0].startswith("??") else "`git restore` it"
        raise Refusal(f"not all is committed: {changed[0][3:]}{more}: commit it or {back}, then promote")


def refuse_stale(root: Path) -> None:
    """Raises Refusal if `dvc status` finds results that do not belong to the code, parameters and data.

    Data that DVC keeps and that is not on this machine does not count.
    """
    found = status(root)
    kept = _kept_by_dvc(root) if found else set()
    for name, changes in found.items():
        for words in _changes(changes, kept):
            raise Refusal(f"{name} is out of date: {words}: `dvc repro` or `dvc checkout`, commit, then promote")


def _kept_by_dvc(root: Path) -> set[str]:
    """Returns the paths of all outs, and of what `dvc add` tracks."""
    pointers = git(root, "ls-files", "--", "*.dvc").splitlines()
    return {out.path for stage in read_lock(root) for out in stage.outs} | dict(read_added(root, pointers)).keys()


def _changes(changes: list[Any], kept: set[str]) -> Iterator[str]:
    """Yields in words each of the `changes` that `dvc status` reports for a stage, except absent data among `kept`."""
    for change in changes:
        for what, paths in change.items() if isinstance(change, dict) else [(change, {})]:
            if not isinstance(paths, dict) or not paths:
                yield f"{what}: {paths}" if paths else str(what)
                continue
            for path, how in paths.items():
                absent = how in ("deleted", "not in cache")
                if not absent or not any(is_in(path, out) or is_in(out, path) for out in kept):
                    yield f"{what}: {path}: {how}"
