"""Finds the thing whose lineage is asked for by its name. An unknown name is refused with similar names."""

import difflib
import json
import os
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from recommit import Refusal
from recommit.lineage.chain import makers
from recommit.lineage.snapshot import Snapshot
from recommit.project.git import run
from recommit.project.pipeline import is_in

Kind = Literal["version", "file", "folder", "figure", "metric", "parameter", "code", "row"]

TABLES = (".parquet", ".csv")


@dataclass(frozen=True)
class Thing:
    """What was asked for: its kind, its name, its path in the project, and its recorded hash, "" if there is none.

    `key` is the dotted key of a metric or parameter, or the key of a row; `value` is the value of the metric or
    parameter; `note` is a remark in words.
    """

    kind: Kind
    name: str
    path: str
    md5: str
    key: str = ""
    value: Any = None
    note: str = ""


def named(shot: Snapshot, text: str) -> Thing:
    """Return the file, folder, figure, metric, parameter or row that `text` names. A row is not read yet.

    `text` is a path, `PATH:KEY`, or `PATH#NUMBER` for a table. Raises Refusal, with similar names, if the commit has no
    such thing.
    """
    path, key = _path(shot, text), ""
    md5 = known(shot, path)
    if md5:
        return _file(shot, path, md5)
    for mark in (":", "#"):
        name, _, after = text.partition(mark)
        if after and (mark == ":" or after.isdigit()):
            path, key = _path(shot, name), after if mark == ":" else f"#{after}"
            break
    md5 = known(shot, path) or ""
    if key and path.endswith(TABLES) and (md5 or (shot.project / path).is_file()):
        return Thing("row", text, path, md5, key)
    if not key or not md5:
        raise _unknown(shot, text, path)
    kind: Kind = "parameter" if path == "params.yaml" else "metric"
    return Thing(kind, text, path, md5, key, _value(shot, path, md5, key))


def known(shot: Snapshot, path: str) -> str | None:
    """Return the hash of the file or folder `path` in the commit; None if the commit does not have it.

    The commit has the outs and deps of stages, what `dvc add` tracks, the files inside these, and what Git tracks.
    """
    if path in shot.recorded:
        return shot.recorded[path]
    for folder, md5 in shot.recorded.items():
        inside = path[len(folder) + 1 :]
        if is_in(path, folder) and md5.endswith(".dir") and (found := (shot.listing(folder, md5) or {}).get(inside)):
            return found
    return next(iter(shot.hashes(path)), None)


def content_of(shot: Snapshot, path: str, md5: str) -> bytes:
    """Return the contents of `path` with the hash `md5`. Raises Refusal if they are not here."""
    found = shot.content(path, md5)
    if found is None:
        raise Refusal(
            f"{path} as commit {shot.sha[:10]} recorded it ({md5[:8]}) is neither in DVC's cache nor in the working "
            "tree: `dvc fetch`, at that commit, gets it"
        )
    return found


def _file(shot: Snapshot, path: str, md5: str) -> Thing:
    folder = md5.endswith(".dir")
    if makers(shot, path):
        return Thing(
            "folder" if folder else "figure" if path.endswith((".png", ".svg", ".jpg")) else "file", path, path, md5
        )
    if any(is_in(path, added) for added in shot.added):
        note = "added by `dvc add`: no stage of this pipeline made it"
        return Thing("folder" if folder else "file", path, path, md5, note=note)
    last = run(shot.project, "log", "-1", "--format=%h of %cs: %s", "--abbrev=10", shot.sha, "--", path).stdout.strip()
    note = f"kept by Git: no stage made it. Last changed by commit {last}" if last else ""
    return Thing("folder" if folder else "code", path, path, md5, note=note)


def _path(shot: Snapshot, text: str) -> str:
    """Return `text`, a path that may be absolute or relative to the current folder, as dvc.yaml writes it."""
    plain = posixpath.normpath(text)
    from_here = Path(os.path.relpath(Path.cwd().resolve() / text, shot.project)).as_posix()
    return from_here if Path(text).is_absolute() or (known(shot, from_here) and not known(shot, plain)) else plain


def _value(shot: Snapshot, path: str, md5: str, key: str) -> Any:
    """Return the value at the dotted `key` of the JSON or YAML file `path`."""
    if not path.endswith((".json", ".yaml", ".yml")):
        raise Refusal(f"{path} holds no keys: only JSON, YAML and, by row, parquet and CSV files are looked into")
    where = f"{path} of commit {shot.sha[:10]}"
    try:
        return value_at(shot.params if path == "params.yaml" else _read(content_of(shot, path, md5), path), key)
    except KeyError as error:
        names = [str(name) for name in error.args]
        near = difflib.get_close_matches(key.rpartition(".")[2], names, n=8, cutoff=0.4) or sorted(names)[:8]
        raise Refusal(f"{where} has no {key}: there are {', '.join(near) or 'no keys'}") from None
    except (ValueError, YAMLError, RecursionError) as error:
        said = (str(error).splitlines() or ["it is not YAML"])[0]
        raise Refusal(f"{where} cannot be read: {said}") from None


def _read(content: bytes, path: str) -> Any:
    if path.endswith(".json"):
        return json.loads(content, parse_constant=str)  # Python writes NaN, which is not JSON
    return YAML(typ="safe", pure=True).load(content.decode())


def value_at(found: Any, key: str) -> Any:
    """Return the value at the dotted `key` in mappings and lists. Raises KeyError with the existing keys."""
    if not key:
        return found
    within = dict(enumerate(found)) if isinstance(found, list) else found if isinstance(found, Mapping) else {}
    # A key may itself contain dots, as file names do: the longest one that fits is taken.
    for name in sorted(within, key=lambda name: -len(str(name))):
        if key == str(name) or key.startswith(f"{name}."):
            return value_at(within[name], key[len(str(name)) + 1 :])
    raise KeyError(*within)


def _unknown(shot: Snapshot, text: str, path: str) -> Refusal:
    names = sorted(set(shot.recorded) | set(shot.files))
    near = [name for name in names if posixpath.basename(name) == posixpath.basename(path)]
    near = list(dict.fromkeys([*near, *difflib.get_close_matches(path, names, n=4, cutoff=0.5)]))[:5]
    hint = f"near it: {', '.join(near)}" if near else "`dvc dag --outs` shows what stages make"
    for folder in (out for out, (_, md5) in shot.made.items() if is_in(path, out) and shot.listing(out, md5) is None):
        hint = f"{folder} is a folder whose list of files is not in DVC's cache: `dvc fetch` gets it"
    return Refusal(f"{text}: commit {shot.sha[:10]} knows no such file, metric, row or version: {hint}")
