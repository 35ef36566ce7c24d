"""Make a model the champion: its files in models/champion, kept by DVC, in a commit of its own, or nothing at all."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from recommit import Refusal
from recommit.registry.entry import Before
from recommit.registry.git import git, run

_FOLDER = "models/champion"
_BESIDE = ("models/champion.dvc", "models/.gitignore")
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
    git(root, "commit", "--quiet", "--file=-", given=f"{title}\n\nRegistry-Tag: {tag.tag} {tag.object}\n")
    return git(root, "rev-parse", "HEAD")


def _dvc_add(root: Path) -> None:
    programs = Path(sys.executable).parent
    path = f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    command = ["dvc", "add", "--quiet", _FOLDER]
    result = subprocess.run(command, cwd=root, env=os.environ | {"PATH": path}, capture_output=True, text=True)
    if result.returncode:
        said = [line for line in result.stderr.splitlines() if line.strip()] or ["no reason given"]
        raise Refusal(f"dvc add {_FOLDER} failed: {said[0].removeprefix('ERROR: ')}")


@contextmanager
def all_or_nothing(root: Path, tags: Sequence[str]) -> Iterator[None]:
    """Within it `tags` are made and the champion is changed; on any failure both are as they were before.

    What was there is written down first, so that the next command can take back what a killed one began.
    """
    take_back(root)
    place = _place(root)
    (place / "before").mkdir(parents=True)
    for name in (_FOLDER, *_BESIDE):
        _copy(root / name, place / "before" / Path(name).name)
    begun = {"head": git(root, "rev-parse", "HEAD"), "tags": list(tags)}
    unfinished = place / ".begun"
    unfinished.write_text(json.dumps(begun), encoding="utf-8")
    unfinished.rename(place / "begun.json")
    try:
        yield
    except BaseException:
        _undo(root)
        raise
    _forget(root)


def take_back(root: Path) -> bool:
    """Take back what a command that was killed began; whether there was anything."""
    if not (_place(root) / "begun.json").is_file():
        shutil.rmtree(_place(root), ignore_errors=True)
        return False
    return _undo(root)


def _undo(root: Path) -> bool:
    """Restore tags, index and files. The commit comes last: where it is made, all is, and nothing is undone."""
    place = _place(root)
    begun = json.loads((place / "begun.json").read_text(encoding="utf-8"))
    since = run(root, "log", "--format=%B", f"{begun['head']}..HEAD").stdout
    if any(tag in begun["tags"] for tag, _ in _NAMED.findall(since)):
        _forget(root)
        return False
    for tag in begun["tags"]:
        run(root, "update-ref", "-d", f"refs/tags/{tag}")
    run(root, "reset", "--quiet", "--", _FOLDER, *_BESIDE)
    for name in (_FOLDER, *_BESIDE):
        _remove(root / name)
        _copy(place / "before" / Path(name).name, root / name)
    _forget(root)
    return True


def _forget(root: Path) -> None:
    (_place(root) / "begun.json").unlink(missing_ok=True)
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
