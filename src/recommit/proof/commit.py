"""Lays out a commit in a folder of its own: its files, and the stages that its dvc.lock records."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from recommit import Refusal
from recommit.project.git import git, ignored, reason_of, run
from recommit.project.lock import LockedStage, read_added, read_lock
from recommit.project.pipeline import is_in, stages


@dataclass(frozen=True)
class Commit:
    """A commit's project in `folder`, which is a clone of its own. `files` are the paths that Git tracks."""

    sha: str
    folder: Path
    files: frozenset[str]
    stages: tuple[LockedStage, ...]
    added: Mapping[str, str]
    """The paths that `dvc add` tracks, with their hashes."""

    def beneath(self, path: str) -> Iterator[str]:
        """Returns the tracked files that are `path` or lie beneath it, sorted."""
        return (file for file in sorted(self.files) if is_in(file, path))


def lay_out(project: Path, rev: str, folder: Path) -> Commit:
    """Clones the commit `rev` of the repository around `project` into `folder`. The repository is only read.

    Raises Refusal if there is no such commit, or nothing to prove in it.
    """
    found = run(project, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{rev}^{{commit}}")
    if found.stderr.strip():
        raise Refusal(f"git: {reason_of(found)}")
    if found.returncode:
        raise Refusal(f"{rev} names no commit of this repository: `git log` lists them")
    sha = found.stdout.strip()
    top = git(project, "rev-parse", "--show-toplevel")
    git(project, "clone", "--quiet", "--shared", "--no-checkout", top, str(folder))
    as_committed = ("-c", "core.hooksPath=/dev/null", "-c", "core.autocrlf=false", "-c", "core.eol=lf")
    git(folder, *as_committed, "checkout", "--quiet", "--detach", sha)
    inside = folder / project.resolve().relative_to(Path(top).resolve())
    if not (inside / "dvc.yaml").is_file():
        raise Refusal(f"commit {sha[:10]} has no dvc.yaml: there is no pipeline to prove")
    files = frozenset(filter(None, git(inside, "ls-files", "-z").split("\0")))
    declared = {stage.name for stage in stages(inside)}
    locked = tuple(stage for stage in read_lock(inside) if stage.name in declared)
    if not locked:
        raise Refusal(f"dvc.lock of commit {sha[:10]} records no stage: there is nothing to prove")
    for stage in locked:
        for recorded in (*stage.deps, *stage.outs):
            if recorded.is_outside:
                raise Refusal(
                    f"dvc.lock, stage {stage.name}: {recorded.path} is outside the project: "
                    "a replay would touch it itself"
                )
    return Commit(sha, inside, files, locked, dict(read_added(inside, files)))


def unkept(commit: Commit, paths: set[str]) -> set[str]:
    """Returns those of `paths` that Git neither tracks nor ignores, so that they should have been committed."""
    absent = {path for path in paths if not any(commit.beneath(path))}
    return absent - ignored(commit.folder, absent)
