"""A copy of a project's working tree with other parameters, for runs whose results are not the project's."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from ruamel.yaml import YAML

from recommit.project.git import git
from recommit.project.lock import read_added
from recommit.project.pipeline import is_in, stages
from recommit.project.yaml import read_params

SHARE = 0.05
"""The share of the rows to use, where the table is no file that DVC keeps, so that nobody knows how many there are."""


def copy_project(
    project: Path, folder: Path, rows: int, changes: Mapping[str, Any], without: Sequence[str] = ()
) -> None:
    """Write the files of `project` to `folder`: what Git lists and `dvc add` keeps, less what its stages make.

    Its params.yaml has the parameter `sample` that leaves about so many `rows`, and the `changes` whose keys it has.
    What is, or is in, a folder of `without` is left out.
    """
    made = {out for stage in stages(project) for out in stage.outs} | {"dvc.lock", *without}
    listed = git(project, "ls-files", "--cached", "--others", "--exclude-standard", "-z").split("\0")
    added = [name for name, _ in read_added(project, listed)]
    for name in {*filter(None, listed), *added}:
        if not any(is_in(name, out) for out in made):
            _copy(project / name, folder / name)
    there = sum(_rows(project / name) for name in added)
    sample = {"sample": min(1.0, round(rows / there, 3)) if there else SHARE}
    with (folder / "params.yaml").open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump(_merged(read_params(project), {**changes, **sample}), file)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target)
    elif source.is_file():
        shutil.copy2(source, target)


def _rows(path: Path) -> int:
    """How many rows a file has: those of a parquet file, else its lines."""
    if path.suffix == ".parquet" and path.is_file():
        return int(pq.read_metadata(path).num_rows)
    return path.read_bytes().count(b"\n") if path.is_file() else 0


def _merged(params: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`params` with those of the `changes` whose keys it has."""
    return {
        key: _merged(value, changes[key])
        if isinstance(value, Mapping) and isinstance(changes.get(key), Mapping)
        else changes.get(key, value)
        for key, value in params.items()
    }
