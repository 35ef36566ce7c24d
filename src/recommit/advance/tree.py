"""The working tree of an advance: what it may change and commit, and how it gets back to the last commit."""

import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path, PurePosixPath

from recommit import Refusal
from recommit.advance.period import PARAMS, moved
from recommit.project.dvc import dvc, reason_of
from recommit.project.git import blob, git, prefix, run
from recommit.project.lock import LockedStage, read_lock
from recommit.project.pipeline import is_in, stages
from recommit.registry.files import CHAMPION, PROGRAMS
from recommit.registry.state import POINTERS
from recommit.registry.transaction import commit_of

LOG = "data/log"
"""The folder with what was predicted of each period before it began, kept by DVC as a whole."""
LOG_POINTERS = (f"{LOG}.dvc", "data/.gitignore")
_LITERAL = {"GIT_LITERAL_PATHSPECS": "1"}
RECORDS = "reports/advance"
"""The folder with a record and a page of each turn, kept by Git."""


def changed(root: Path) -> list[str]:
    """Returns the paths in the project `root` that differ from the last commit, untracked ones too.

    A path outside of the project, in the same repository, begins with `../`.
    """
    words = ("--porcelain", "-z", "--no-renames", "--untracked-files=all", "--ignore-submodules=none")
    said = git(root, "status", *words, more={"GIT_OPTIONAL_LOCKS": "0"})
    below = prefix(root)
    names = [entry[3:] for entry in said.split("\0") if entry]
    inside = f"{below}/" if below else ""
    return [name.removeprefix(inside) if name.startswith(inside) else f"../{name}" for name in names]


def tables(root: Path) -> list[str]:
    """Returns the .dvc files in Git by which data came into the project: not those of the champion and of the log."""
    names = git(root, "ls-files", "--", "*.dvc").splitlines()
    return [name for name in names if name not in (POINTERS[0], LOG_POINTERS[0])]


def refuse_own(root: Path, to: str, interrupted: bool, promoting: bool) -> None:
    """Raises Refusal for a change to the tree that is not of an advance to `to`, which was `interrupted` or not begun.

    `promoting` says whether it had come to the promotion, which changes the champion. Nothing of the user's is
    committed with what an advance makes, or overwritten by it.
    """
    names = changed(root)
    if interrupted:
        ours = _ours(root, to) | ({CHAMPION, *POINTERS} if promoting else set())
        names = [name for name in names if not any(is_in(name, path) for path in ours) or _is_edited(root, name, to)]
    if names:
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        raise Refusal(
            f"{names[0]}{more}: not committed, and not of an advance: commit it, `git restore` it or take it away; "
            "an advance commits only what it made"
        )


def _ours(root: Path, to: str) -> set[str]:
    outs = {out for stage in stages(root) for out in stage.outs}
    added = tables(root)
    beside = {PurePosixPath(name).parent / ".gitignore" for name in (*outs, *added)}
    fixed = (PARAMS, "dvc.lock", LOG, *LOG_POINTERS, *record_files(to))
    return {*outs, *added, *map(str, beside), *fixed}


def record_files(to: str) -> tuple[str, str]:
    """Returns the paths of the record and of the page of the turn to the date `to`."""
    return f"{RECORDS}/{to}.json", f"{RECORDS}/{to}.md"


def _is_edited(root: Path, name: str, to: str) -> bool:
    """Returns whether `name` is params.yaml with another change than that of the clock."""
    before, file = blob(root, "HEAD", PARAMS), root / PARAMS
    if name != PARAMS or before is None:
        return False
    return not file.is_file() or file.read_text(encoding="utf-8") not in (before, moved(before, to))


def put_back(root: Path) -> None:
    """Brings all files to the state of the last commit that an interrupted advance left otherwise.

    What DVC keeps of the stages stays as it is: the pipeline makes or restores it.
    """
    git(root, "reset", "--quiet")
    for name in changed(root):
        if git(root, "ls-files", "--", name, more=_LITERAL):
            git(root, "restore", "--", name, more=_LITERAL)
        else:
            (root / name).unlink()
    for pointer in (POINTERS[0], LOG_POINTERS[0]):
        if (root / pointer).is_file():
            checked(root, "checkout", "--quiet", "--force", pointer)


def commit(root: Path, paths: Collection[str], message: str) -> str:
    """Commits the present state of `paths` with nothing else, and returns the commit. It runs no hooks.

    The branch moves from the last commit to the new one in one step; afterwards the index follows.
    """
    head = git(root, "rev-parse", "HEAD")
    (root / ".recommit").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root / ".recommit", prefix="advance-") as place:
        index = {"GIT_INDEX_FILE": f"{place}/index"}
        git(root, "read-tree", head, more=index)
        tracked = set(git(root, "ls-files", "-z", more=index).split("\0"))
        known = [path for path in paths if any(is_in(name, path) for name in tracked)]
        _add(root, known, index, "--update")
        there = [path for path in paths if (root / path).exists() and path not in tracked]
        ignored = run(root, "check-ignore", "-z", "--stdin", given="\0".join(there), more=index).stdout.split("\0")
        _add(root, [path for path in there if path not in ignored], index)
        made = commit_of(root, git(root, "write-tree", more=index), head, message)
    git(root, "update-ref", "-m", f"recommit: {message}", "HEAD", made, head)
    git(root, "reset", "--quiet")
    return made


def _add(root: Path, paths: Sequence[str], index: dict[str, str], *how: str) -> None:
    """Adds the files at `paths` to the `index`, as `git add` does."""
    if paths:
        words = ("add", *how, "--pathspec-from-file=-", "--pathspec-file-nul")
        git(root, *words, given="\0".join(sorted(paths)), more=index | _LITERAL)


def made_by_stages(root: Path) -> set[str]:
    """Returns what a run of the pipeline changes in Git: outs that Git keeps, dvc.lock, and lines in .gitignore."""
    every = stages(root)
    beside = {str(PurePosixPath(out).parent / ".gitignore") for stage in every for out in stage.outs}
    return {"dvc.lock", *beside, *(out for stage in every for out in stage.uncached)}


def locked(root: Path, revision: str = "HEAD") -> list[LockedStage]:
    """Returns the stages that dvc.lock records at `revision`."""
    with tempfile.TemporaryDirectory() as private:
        Path(private, "dvc.lock").write_text(blob(root, revision, "dvc.lock") or "stages: {}\n", encoding="utf-8")
        return list(read_lock(Path(private)))


def locked_outs(root: Path, revision: str = "HEAD") -> Mapping[str, str]:
    """Returns the hash of each out that dvc.lock records at `revision`, by its path."""
    return {out.path: out.md5 for stage in locked(root, revision) for out in stage.outs}


def checked(root: Path, *words: str) -> None:
    """Runs `dvc WORDS` in `root`. Raises Refusal with DVC's reason if it fails."""
    result = dvc(root, PROGRAMS, *words)
    if result.returncode:
        raise Refusal(f"`dvc {words[0]}` failed: {reason_of(result)}")
