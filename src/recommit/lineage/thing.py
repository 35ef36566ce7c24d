"""What a user may ask the lineage of, found by its name; a name that nobody knows is refused with those near it."""

import difflib
import os
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from recommit import Refusal
from recommit.lineage.chain import makers
from recommit.lineage.keys import inside as value_inside
from recommit.lineage.keys import value_at
from recommit.lineage.snapshot import Snapshot
from recommit.project.git import run
from recommit.project.pipeline import is_in

Kind = Literal["version", "file", "folder", "figure", "metric", "parameter", "code", "row"]

FIGURES = (".png", ".svg", ".jpg", ".jpeg", ".gif")
TABLES = (".parquet", ".csv")


@dataclass(frozen=True)
class Thing:
    """What was asked for, found: its kind, its path in the project and the recorded hash, "" where there is none.

    `key` is a metric's or parameter's dotted key, or a row's; `value` what is there; `notes` are remarks in words.
    """

    kind: Kind
    name: str
    path: str
    md5: str
    key: str = ""
    value: Any = None
    notes: tuple[str, ...] = ()


def named(shot: Snapshot, text: str) -> Thing:
    """The file, folder, figure, metric or parameter that `text` names in the commit, or the row, not yet looked up.

    `text` is a path, `PATH:KEY`, or `PATH#NUMBER` of a table. Raises Refusal, with near names, where there is none.
    """
    whole = _path(shot, text)
    if md5 := known(shot, whole):
        return _file(shot, whole, md5)
    path, key = _split(shot, text)
    if key is None:
        raise _unknown(shot, text, whole)
    md5 = known(shot, path) or ""
    if not md5 and not (path.endswith(TABLES) and (shot.project / path).is_file()):
        raise _unknown(shot, text, path)
    if path == "params.yaml":
        return Thing("parameter", text, path, md5, key, _parameter(shot, key))
    if path.endswith(TABLES):
        return Thing("row", text, path, md5, key)
    return Thing("metric", text, path, md5, key, _metric(shot, path, md5, key))


def known(shot: Snapshot, path: str) -> str | None:
    """The recorded hash of a file or folder that the commit knows; None where it knows none.

    A stage's out or input, something `dvc add` tracks, a file inside one of these, or a file that Git tracks.
    """
    recorded = {item.path: item.md5 for stage in shot.locked for item in (*stage.deps, *stage.outs)}
    recorded |= shot.added | {made: md5 for made, (_, md5) in shot.made.items()}
    if path in recorded:
        return recorded[path]
    if path in shot.files:
        return shot.hash_in_git(path)
    for folder, md5 in recorded.items():
        if is_in(path, folder) and md5.endswith(".dir"):
            listing = shot.listing(folder, md5)
            if listing is not None and (found := listing.get(path[len(folder) + 1 :])):
                return found
    return next(iter(shot.hashes_of_folder(path)), None)


def _file(shot: Snapshot, path: str, md5: str) -> Thing:
    plots = {plot for stage in shot.declared for plot in stage.plots}
    folder = md5.endswith(".dir")
    if makers(shot, path):
        kind: Kind = "folder" if folder else "figure" if path.endswith(FIGURES) or path in plots else "file"
        return Thing(kind, path, path, md5)
    if any(is_in(path, added) for added in shot.added):
        note = "`dvc add` put it here: no stage of this pipeline made it"
        return Thing("folder" if folder else "file", path, path, md5, notes=(note,))
    return Thing("folder" if folder else "code", path, path, md5, notes=tuple(_last_change(shot, path)))


def _last_change(shot: Snapshot, path: str) -> Iterator[str]:
    said = run(shot.project, "log", "-1", "--format=%h %cs %s", "--abbrev=10", shot.sha, "--", path).stdout.strip()
    if said:
        sha, date, subject = said.split(" ", 2)
        yield f"kept by Git, no stage made it; last changed by commit {sha} of {date}: {subject}"


def _path(shot: Snapshot, text: str) -> str:
    """A path as dvc.yaml writes it, from one that may be absolute or from the current folder."""
    if Path(text).is_absolute():
        return posixpath.normpath(os.path.relpath(text, shot.project).replace(os.sep, "/"))
    plain = posixpath.normpath(text)
    here = Path.cwd().resolve()
    if here != shot.project and here.is_relative_to(shot.project):
        from_here = posixpath.normpath(f"{here.relative_to(shot.project).as_posix()}/{text}")
        return from_here if known(shot, from_here) and not known(shot, plain) else plain
    return plain


def _split(shot: Snapshot, text: str) -> tuple[str, str | None]:
    """The path and the key of `PATH:KEY` or `PATH#NUMBER`; the key is None where `text` has none."""
    for mark in (":", "#"):
        path, found, key = text.partition(mark)
        if found and key and (mark == ":" or key.isdigit()):
            return _path(shot, path), key if mark == ":" else f"#{key}"
    return _path(shot, text), None


def _parameter(shot: Snapshot, key: str) -> Any:
    try:
        return value_inside(shot.params, key)
    except KeyError as error:
        raise Refusal(f"params.yaml of commit {shot.sha[:10]} has no {key}{_near(key, error.args)}") from None


def _metric(shot: Snapshot, path: str, md5: str, key: str) -> Any:
    if not path.endswith((".json", ".yaml", ".yml")):
        raise Refusal(f"{path} holds no keys: only JSON, YAML and, by row, parquet and CSV files are looked into")
    content = shot.content(path, md5)
    if content is None:
        raise Refusal(
            f"{path} as commit {shot.sha[:10]} recorded it ({md5[:8]}) is neither in DVC's cache nor in the working "
            "tree: `dvc fetch`, at that commit, gets it"
        )
    try:
        return value_at(content, path, key)
    except KeyError as error:
        raise Refusal(f"{path} of commit {shot.sha[:10]} has no {key}{_near(key, error.args)}") from None
    except ValueError as error:
        raise Refusal(f"{path} of commit {shot.sha[:10]} cannot be read: {error}") from None


def _near(key: str, names: tuple[Any, ...]) -> str:
    """What to say of the keys that are there, those like the one asked for first."""
    words = [str(name) for name in names]
    near = difflib.get_close_matches(key.rpartition(".")[2], words, n=8, cutoff=0.4)
    shown = near or sorted(words)[:8]
    return f": there are {', '.join(shown)}" if shown else ""


def _unknown(shot: Snapshot, text: str, path: str) -> Refusal:
    names = sorted(
        {item.path for stage in shot.locked for item in (*stage.deps, *stage.outs)} | set(shot.files) | set(shot.added)
    )
    near = difflib.get_close_matches(path, names, n=4, cutoff=0.5)
    last = [name for name in names if posixpath.basename(name) == posixpath.basename(path)]
    near = list(dict.fromkeys([*last, *near]))[:5]
    hint = f"near it: {', '.join(near)}" if near else "`dvc dag --outs` shows what stages make"
    unlisted = [
        out.path
        for stage in shot.locked
        for out in stage.outs
        if is_in(path, out.path) and shot.listing(out.path, out.md5) is None
    ]
    if unlisted:
        hint = f"{unlisted[0]} is a folder whose list of files is not in DVC's cache: `dvc fetch` gets it"
    return Refusal(f"{text}: commit {shot.sha[:10]} knows no such file, metric, row or version: {hint}")
