"""Make a model the champion: its files in models/champion, kept by DVC, in a commit of its own, or nothing at all."""

import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from recommit import Refusal
from recommit.project.dvc import dvc, reason_of
from recommit.project.git import git, run
from recommit.registry.entry import Before, Entry, as_message
from recommit.registry.tags import Tag, write_tag

_FOLDER = "models/champion"
_BESIDE = ("models/champion.dvc", "models/.gitignore")
_NOTE = "begun.json"
_NAMED = re.compile(r"^Registry-Tag: (\S+) ([0-9a-f]{40,64})$", re.MULTILINE)


def last_named(root: Path) -> Before | None:
    """The stage's tag that the last commit of a champion names, or None."""
    text = run(root, "log", "-1", "--format=%B", "--", f"{_FOLDER}.dvc").stdout
    found = _NAMED.findall(text)
    return Before(tag=found[-1][0], object=found[-1][1]) if found else None


def install(root: Path, source: Path, files: Sequence[str], title: str, tag: Before) -> str | None:
    """Put the model in `source` into models/champion, have DVC keep it, and commit that alone.

    The commit's message is `title` and the stage's tag. Gives the commit, or None where it was the champion already.
    To be called within `all_or_nothing`.
    """
    new, folder = _place(root) / "new", root / _FOLDER
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    for name in files:
        shutil.copyfile(source / name, new / name)
    _remove(folder)
    shutil.move(new, folder)
    if git(root, "ls-files", "--", _FOLDER):
        git(root, "rm", "-r", "--quiet", "--cached", "--", _FOLDER)
    _dvc_add(root)
    git(root, "add", "--", *(name for name in _BESIDE if (root / name).exists()))
    if run(root, "diff", "--cached", "--quiet").returncode == 0:
        return None
    return _commit(root, title, tag)


def _commit(root: Path, title: str, tag: Before) -> str:
    """Commit what is staged under the tag's name, and see that the message still has it: hooks may rewrite one."""
    head = git(root, "rev-parse", "HEAD")
    try:
        git(root, "commit", "--quiet", "--file=-", given=f"{title}\n\nRegistry-Tag: {tag.tag} {tag.object}\n")
    except Refusal as refusal:
        hooks = "a hook of this repository, such as pre-commit or commit-msg, may have refused it"
        raise Refusal(f"{refusal} ({hooks})") from None
    commit = git(root, "rev-parse", "HEAD")
    if (tag.tag, tag.object) not in _NAMED.findall(git(root, "log", "-1", "--format=%B", commit)):
        git(root, "update-ref", "HEAD", head, commit)
        raise Refusal(
            f"the commit of {_FOLDER} lost its line `Registry-Tag: {tag.tag} …`, by which a lost tag shows: "
            "a hook of this repository (prepare-commit-msg or commit-msg) took it out; have it left in"
        )
    return commit


def _dvc_add(root: Path) -> None:
    result = dvc(root, Path(sys.executable).parent, "add", "--quiet", _FOLDER)
    if result.returncode:
        raise Refusal(f"dvc add {_FOLDER} failed: {reason_of(result)}")


class Begun(BaseModel):
    """What a change set out from, and the tags that it makes: written down before each step, for it to be taken back.

    A tag is its own when it is the object noted here or, killed before that was known, when it has the very message.
    """

    model_config = ConfigDict(extra="forbid")

    head: str
    branch: str
    messages: dict[str, str] = {}
    objects: dict[str, str] = {}


@dataclass(frozen=True)
class Work:
    """A change of the registry under way."""

    root: Path
    begun: Begun

    def tag(self, ref: str, title: str, entry: Entry, after: Sequence[Tag]) -> Before:
        """Make a tag, as `write_tag` does, that is taken away again unless all is done."""
        self.begun.messages[ref] = as_message(title, entry)
        _note(self.root, self.begun)
        self.begun.objects[ref] = write_tag(self.root, ref, title, entry, after)
        _note(self.root, self.begun)
        return Before(tag=ref, object=self.begun.objects[ref])


@contextmanager
def all_or_nothing(root: Path) -> Iterator[Work]:
    """Within it tags are made and the champion is changed; on any failure all is as it was before.

    What was there is written down first, so that the next command can take back what a killed one began.
    """
    take_back(root)
    place = _place(root)
    (place / "before").mkdir(parents=True)
    for name in (_FOLDER, *_BESIDE):
        _copy(root / name, place / "before" / Path(name).name)
    begun = Begun(head=git(root, "rev-parse", "HEAD"), branch=_branch(root))
    _note(root, begun)
    try:
        yield Work(root, begun)
    except BaseException:
        _undo(root)
        raise
    _forget(root)


def has_begun(root: Path) -> bool:
    """Whether a command that was killed left something to be taken back."""
    return (_place(root) / _NOTE).is_file()


def is_half_done(root: Path) -> bool:
    """Whether a change of the registry is under way, or was cut short before its commit."""
    try:
        begun = Begun.model_validate_json((_place(root) / _NOTE).read_bytes())
    except FileNotFoundError:
        return False
    except ValueError:
        return True
    return not _is_committed(root, begun)


def _is_committed(root: Path, begun: Begun) -> bool:
    """Whether a commit since then names one of its tags."""
    since = run(root, "log", "--format=%B", f"{begun.head}..refs/heads/{begun.branch}").stdout
    return bool(set(_NAMED.findall(since)) & set(begun.objects.items()))


def take_back(root: Path) -> bool:
    """Take back what a command that was killed began; whether there was anything.

    Raises Refusal on another branch than the one that it began on.
    """
    if not has_begun(root):
        shutil.rmtree(_place(root), ignore_errors=True)
        return False
    return _undo(root)


def _undo(root: Path) -> bool:
    """Restore tags, index and files. The commit comes last: where it is made, all is, and nothing is undone."""
    place = _place(root)
    try:
        begun = Begun.model_validate_json((place / _NOTE).read_bytes())
    except ValueError:
        raise Refusal(
            f"{place / _NOTE} cannot be read; it says what a command cut short had begun: compare `git status` and "
            "`git tag` with what should be, then delete that folder"
        ) from None
    if _is_committed(root, begun):
        _forget(root)
        return False
    if _branch(root) != begun.branch:
        raise Refusal(
            f"a command that was cut short had begun to change the registry on {begun.branch}, and this is "
            f"{_branch(root) or 'no branch'}: `git switch {begun.branch}`, then do this again, and it is taken back"
        )
    for tag in begun.messages:
        made = begun.objects.get(tag) or _with_message(root, tag, begun.messages[tag])
        if made:
            run(root, "update-ref", "-d", f"refs/tags/{tag}", made)
    run(root, "reset", "--quiet", "--", _FOLDER, *_BESIDE)
    for name in (_FOLDER, *_BESIDE):
        if run(root, "diff", "--quiet", begun.head, "HEAD", "--", name).returncode == 0:
            _remove(root / name)
            _copy(place / "before" / Path(name).name, root / name)
        else:  # pulled since: what was there before is not what belongs there now
            run(root, "checkout", "--quiet", "HEAD", "--", name)
    _forget(root)
    return True


def _with_message(root: Path, tag: str, message: str) -> str | None:
    """The tag object of that name, where its text begins with `message`; a signature follows it."""
    text = run(root, "cat-file", "tag", f"refs/tags/{tag}").stdout
    if not text.partition("\n\n")[2].startswith(message):
        return None
    return git(root, "rev-parse", f"refs/tags/{tag}")


def _branch(root: Path) -> str:
    return run(root, "symbolic-ref", "--quiet", "--short", "HEAD").stdout.strip()


def _note(root: Path, begun: Begun) -> None:
    unfinished = _place(root) / ".begun"
    unfinished.write_text(begun.model_dump_json(), encoding="utf-8")
    unfinished.replace(_place(root) / _NOTE)


def _forget(root: Path) -> None:
    (_place(root) / _NOTE).unlink(missing_ok=True)
    shutil.rmtree(_place(root), ignore_errors=True)


def _place(root: Path) -> Path:
    return root / ".recommit" / "champion"


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _copy(path: Path, to: Path) -> None:
    if path.is_dir():
        shutil.copytree(path, to)
    elif path.exists():
        shutil.copy2(path, to)
