"""Makes the tags of a change and the commit of its champion in one transaction of Git: all of them or none."""

import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from recommit import Refusal
from recommit.project.dvc import cache_of, dvc, reason_of
from recommit.project.git import git, prefix, run
from recommit.registry.entry import FILES, Entry
from recommit.registry.files import CHAMPION, PROGRAMS, scratch_project
from recommit.registry.state import CHECK_OUT, POINTERS
from recommit.registry.tags import Tag, make_tag


@dataclass(frozen=True)
class New:
    """A tag to make: its name `ref`, a title for people, and its record."""

    ref: str
    title: str
    entry: Entry


def commit_change(root: Path, tags: Sequence[New], after: Sequence[Tag], champion: Path | None) -> str | None:
    """Makes `tags`, and a commit that makes the model in the folder `champion` the champion, if one is given.

    The tags are dated later than the tags `after`, because GTO and DVC order tags by whole seconds. Before Git's
    transaction nothing changes, even if this process is killed. After it, the working tree is brought up to date.
    Returns the commit, or None if the model was the champion already. Raises Refusal, also if another command made one
    of these tags or moved the branch at the same time.
    """
    head, commit = git(root, "rev-parse", "HEAD"), None
    seconds = max([int(time.time()), *(tag.seconds + 1 for tag in after)])
    ids = {tag.ref: make_tag(root, tag.ref, tag.title, tag.entry, seconds) for tag in tags}
    (root / ".recommit").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root / ".recommit", prefix="champion-") as folder:
        place = Path(folder)
        if champion:
            pointers = _kept(root, champion, place)
            commit = _commit(root, head, pointers, f"champion: {tags[-1].title}", place)
        _transact(root, ids, head, commit)
        try:
            if champion:
                _check_out(root, place)
        except (OSError, Refusal) as error:
            raise Refusal(f"{tags[-1].title}, but not in this working tree: {error}: {CHECK_OUT} does that") from None
    return commit


def _kept(root: Path, source: Path, place: Path) -> dict[str, str]:
    """Adds the model in `source` to DVC's cache, and returns the contents of POINTERS for it, by path.

    A copy of the model is then in `place`/project/champion, to be moved to models/champion.
    """
    project, ignored = scratch_project(root, place / "project", cache_of(root)), root / POINTERS[1]
    (project / "champion").mkdir()
    for name in FILES:
        shutil.copyfile(source / name, project / "champion" / name)
    result = dvc(project, PROGRAMS, "add", "--quiet", "champion")
    if result.returncode:
        raise Refusal(f"dvc add failed for the new champion: {reason_of(result)}")
    lines = ignored.read_text(encoding="utf-8").splitlines() if ignored.is_file() else []
    lines += ["/champion"] * ("/champion" not in lines)
    contents = (project / "champion.dvc").read_text(encoding="utf-8"), "\n".join([*lines, ""])
    return dict(zip(POINTERS, contents, strict=True))


def _commit(root: Path, head: str, pointers: Mapping[str, str], message: str, place: Path) -> str | None:
    """Writes a commit on top of `head` that changes only the champion; None if that would change nothing."""
    index = {"GIT_INDEX_FILE": str(place / "index")}
    git(root, "read-tree", head, more=index)
    git(root, "rm", "-r", "--quiet", "--cached", "--ignore-unmatch", "--", CHAMPION, more=index)
    for name, content in pointers.items():
        blob = git(root, "hash-object", "-w", "--stdin", given=content)
        git(root, "update-index", "--add", "--cacheinfo", f"100644,{blob},{Path(prefix(root), name)}", more=index)
    tree = git(root, "write-tree", more=index)
    if tree == git(root, "rev-parse", f"{head}^{{tree}}"):
        return None
    return commit_of(root, tree, head, message)


def commit_of(root: Path, tree: str, head: str, message: str) -> str:
    """Writes a commit of `tree` on top of `head`, signed if Git is set up so, and returns it. No branch moves."""
    signed = run(root, "config", "--type=bool", "commit.gpgSign").stdout.strip() == "true"
    return git(root, "commit-tree", *["--gpg-sign"] * signed, "-p", head, "-m", message, tree)


def _transact(root: Path, tags: Mapping[str, str], head: str, commit: str | None) -> None:
    """Creates `tags`, name to object id, and moves the branch from `head` to `commit`: all or nothing."""
    lines = [f"create refs/tags/{ref} {made}" for ref, made in tags.items()]
    if commit:
        lines.append(f"update HEAD {commit} {head}")
    try:
        git(root, "update-ref", "-m", "recommit: new champion", "--stdin", given="\n".join([*lines, ""]))
    except Refusal as refusal:
        raise Refusal(
            f"{refusal}; nothing has changed; if another command changed it meanwhile, run this again"
        ) from None


def _check_out(root: Path, place: Path) -> None:
    """Puts the champion of the last commit into the working tree and the index."""
    folder = root / CHAMPION
    if folder.exists() or folder.is_symlink():
        shutil.move(folder, place / "before")
    shutil.move(place / "project" / "champion", folder)
    git(root, "reset", "--quiet", "--", CHAMPION)
    git(root, "checkout", "--quiet", "HEAD", "--", *POINTERS)
