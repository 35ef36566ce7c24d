"""Whether a project is in a state to change its registry."""

import fcntl
import json
import posixpath
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from recommit import Refusal
from recommit.notebook.run import ending_in_order
from recommit.project.dvc import dvc, reason_of
from recommit.project.git import common, git, prefix, run
from recommit.project.lock import read_lock
from recommit.project.pipeline import is_in
from recommit.project.yaml import read_yaml
from recommit.registry.champion import has_begun, is_half_done, take_back
from recommit.registry.entry import FILES
from recommit.registry.files import CHAMPION


@contextmanager
def changing(root: Path) -> Iterator[bool]:
    """Let one command at a time change the registry, and take back first what a killed one began: whether it did.

    The lock is the repository's: its worktrees have the tags in common.
    """
    with (common(root) / "recommit-registry.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refusal("the registry is being changed already: wait for that command, or end it") from None
        _refuse_begun_elsewhere(root)
        with ending_in_order():
            yield take_back(root)


def _refuse_begun_elsewhere(root: Path) -> None:
    """Refuse where a killed command left tags half made in another worktree, which has what is to be restored."""
    for other in _worktrees(root):
        if other.resolve() != root.resolve() and has_begun(other):
            raise Refusal(
                f"a command that was cut short had begun to change the registry in {other}: "
                "`recommit promote` or `rollback` there takes it back first"
            )


def _worktrees(root: Path) -> list[Path]:
    """The project's folder in each worktree of its repository."""
    listed = git(root, "worktree", "list", "--porcelain").splitlines()
    below = prefix(root)
    return [Path(line.removeprefix("worktree ")) / below for line in listed if line.startswith("worktree ")]


def half_done(root: Path) -> str | None:
    """Words for a change of the registry that is half done in one of the repository's worktrees, or None."""
    place = next(filter(is_half_done, _worktrees(root)), None)
    if place is None:
        return None
    return (
        f"a change of the registry is half done in {place}: wait for it or, where it was cut short, "
        "`recommit promote` or `rollback` there takes it back first"
    )


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


def refuse_own(root: Path) -> None:
    """Refuse where the user has something of their own where the champion goes, which would be lost or committed.

    The model's own files are not looked at: they may be broken, and are to be replaced.
    """
    more = sorted(path for path in (root / CHAMPION).rglob("*") if not path.is_dir() or path.is_symlink())
    own = [
        path.relative_to(root).as_posix() for path in more if path.relative_to(root / CHAMPION).as_posix() not in FILES
    ]
    own += git(root, "diff", "--name-only", "--relative", "--", f"{CHAMPION}.dvc", "models/.gitignore").splitlines()
    if own:
        raise Refusal(
            f"{', '.join(own)}: yours, and the new champion would take its place: commit it, `git restore` it or "
            "move it away"
        )


def refuse_changes(root: Path) -> None:
    """Refuse where anything differs from the commit: a version is a commit, and its files are to be that commit's."""
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
    """Refuse where results are not those of the code, parameters and data, as `dvc status` sees it.

    Data that DVC keeps and that is not on this machine does not count.
    """
    result = dvc(root, Path(sys.executable).parent, "status", "--json")
    try:
        found: dict[str, list[Any]] = json.loads(result.stdout)
    except ValueError:
        raise Refusal(f"dvc status failed: {reason_of(result)}") from None
    kept = _Kept(root)
    for name, changes in found.items():
        for words in _changes(changes, kept):
            raise Refusal(f"{name} is out of date: {words}: `dvc repro` or `dvc checkout`, commit, then promote")


class _Kept:
    """Which paths only DVC keeps: outs of stages and what `dvc add` tracks, but nothing that Git has."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @cached_property
    def _tracked(self) -> list[str]:
        return git(self._root, "ls-files", "-z").split("\0")

    @cached_property
    def _outs(self) -> set[str]:
        outs = {out.path for stage in read_lock(self._root) for out in stage.outs}
        for name in (name for name in self._tracked if name.endswith(".dvc")):
            for out in read_yaml(self._root / name).get("outs") or []:
                outs.add(posixpath.normpath(posixpath.join(posixpath.dirname(name), str(out["path"]))))
        return outs

    def __contains__(self, path: object) -> bool:
        path = posixpath.normpath(str(path))
        recorded = any(is_in(path, out) or is_in(out, path) for out in self._outs)
        return recorded and not any(is_in(name, path) for name in self._tracked)


def _changes(changes: list[Any], kept: _Kept) -> Iterator[str]:
    for change in changes:
        if not isinstance(change, dict):
            yield str(change)
            continue
        for what, paths in change.items():
            if not isinstance(paths, dict):
                yield f"{what}: {paths}"
                continue
            for path, how in paths.items():
                if how not in ("deleted", "not in cache") or path not in kept:
                    yield f"{what}: {path}: {how}"
