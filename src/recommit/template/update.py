"""Bring a later version of the machinery and of its template into a project, from the wheels themselves."""

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, NamedTuple
from zipfile import BadZipFile, ZipFile

from packaging.version import Version
from ruamel.yaml import YAMLError

from recommit import Refusal
from recommit.project.files import REQUIREMENTS, write_whole
from recommit.project.git import run
from recommit.project.named import named_problem
from recommit.project.vendored import wheels_of
from recommit.template.merge import merge

What = Literal["new", "replaced", "locked", "merged", "conflict", "beside", "removed", "kept"]
WORDS: Mapping[What, str] = {
    "new": "new",
    "replaced": "replaced: you had not changed it",
    "locked": "replaced: `make lock` adds the packages of your own again",
    "merged": "merged with your changes",
    "conflict": "merged, with conflicts: choose between the lines marked <<<<<<< and >>>>>>>",
    "beside": "changed by both in a way that cannot be merged: the later version lies beside it, as {}.new",
    "removed": "removed: the later template has it no more",
    "kept": "changed by you, and no more in the later template: kept",
}


class Change(NamedTuple):
    """What an update does to a file; `content` is what it then holds, None where it is removed or kept."""

    path: str
    what: What
    content: bytes | None


def update(root: Path, wheel: Path) -> list[Change]:
    """Bring what the file `wheel` holds into the project in `root`, and return what was done to each file.

    What the user has not changed is replaced, what both changed is merged, and what the user has deleted stays deleted.
    Raises Refusal, and changes nothing, where there are changes that Git does not hold, and where `wheel` is none of
    this machinery, or older than the one that the project has.
    """
    told, earlier = _answers(root), _pinned(root)
    if _version(wheel) < _version(earlier):
        raise Refusal(f"{wheel} is older than {earlier.name}, which the project has: `git revert` the update to that")
    if run(root, "status", "--porcelain", "--untracked-files=no").stdout.strip():
        raise Refusal("the project has changes that are not committed: commit them first, then an update can be undone")
    before, after = (_named_here(root, told, rendered(one, told)) for one in (earlier, wheel))
    changes = list(changes_of(root, before, after))
    others = set(run(root, "ls-files", "--others").stdout.splitlines())
    if taken := [change.path for change in changes if change.path in others]:
        raise Refusal(f"{taken[0]} is not in Git, and the later template has such a file: commit it, or move it away")
    for change in changes:
        _apply(root, change)
    return changes


def changes_of(root: Path, before: Mapping[str, bytes], after: Mapping[str, bytes]) -> Iterator[Change]:
    """Yield what becomes of each file of the project in `root`: `before` and `after` are the two templates' files."""
    for path in sorted({*before, *after}):
        old, new, file = before.get(path), after.get(path), root / path
        ours = file.read_bytes() if file.is_file() else None
        if old == new or ours == new or (ours is None and old is not None):
            continue  # nothing new, there already, or deleted by the user
        if new is None:
            yield Change(path, "removed", None) if ours == old else Change(path, "kept", None)
        elif ours is None:
            yield Change(path, "new", new)
        elif ours == old:
            yield Change(path, "replaced", new)
        elif path.startswith("locks/"):  # a resolution is whole or none
            yield Change(path, "locked", new)
        else:
            yield _merged(path, old or b"", ours, new)


def rendered(wheel: Path, told: Mapping[str, object]) -> dict[str, bytes]:
    """Return the files of a project with the answers `told`, as the code in `wheel` writes them, by path."""
    with TemporaryDirectory() as place:
        code, folder = Path(place, "code"), Path(place, "project")
        folder.mkdir()
        try:
            with ZipFile(wheel) as content:
                content.extractall(code)
        except (OSError, BadZipFile) as error:
            raise Refusal(f"{wheel} is no wheel that can be read: {error}") from None
        command = [sys.executable, "-m", "recommit.template", str(wheel.absolute()), str(folder)]
        environment = os.environ | {"PYTHONPATH": str(code)}
        done = subprocess.run(
            command, cwd=code, env=environment, input=json.dumps(told), capture_output=True, text=True, check=False
        )
        if done.returncode:
            last = (done.stderr.strip() or "no reason given").splitlines()[-1]
            raise Refusal(f"{wheel} holds no template that can be rendered here: {last}")
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def _named_here(root: Path, told: Mapping[str, object], files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files with the problem's package called as in the project in `root`, where it may have been renamed."""
    begun, now = str(told["name"]).replace("-", "_"), named_problem(root)[0].partition(".")[0]
    return {re.sub(rf"^src/{begun}/", f"src/{now}/", path): content for path, content in files.items()}


def _merged(path: str, old: bytes, ours: bytes, new: bytes) -> Change:
    try:
        found = merge(path, old.decode(), ours.decode(), new.decode())
    except (ValueError, KeyError, YAMLError):  # not text, not JSON, not the form of a notebook or of dvc.yaml
        return Change(path, "beside", new)
    return Change(path, "conflict" if found.conflicts else "merged", found.text.encode())


def _apply(root: Path, change: Change) -> None:
    file = root / change.path
    if change.what == "removed":
        file.unlink()
    elif change.content is not None:
        place = file.with_name(f"{file.name}.new") if change.what == "beside" else file
        place.parent.mkdir(parents=True, exist_ok=True)
        write_whole(place, change.content)


def _answers(root: Path) -> dict[str, object]:
    """What the project was begun with, as pyproject.toml keeps it."""
    said = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    told = said.get("tool", {}).get("recommit", {}).get("new")
    if not told:
        raise Refusal("pyproject.toml has no [tool.recommit.new]: `recommit new` did not begin this project")
    return dict(told)


def _pinned(root: Path) -> Path:
    """The wheel of the machinery that the project has now."""
    found = dict(wheels_of(root)).get("recommit")
    if found is None:
        raise Refusal(f"{REQUIREMENTS} takes recommit from no wheel in vendor/: `git restore` it")
    return found


def _version(wheel: Path) -> Version:
    """The version of a wheel of the machinery, by its name."""
    named = re.fullmatch(r"recommit-([^-]+)-py3-none-any\.whl", wheel.name)
    if not named:
        raise Refusal(f"{wheel} is no wheel of recommit: one is called recommit-VERSION-py3-none-any.whl")
    return Version(named[1])
