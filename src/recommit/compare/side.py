"""One side of a comparison: what a commit, an experiment or the working tree holds of its candidate."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from recommit import Refusal
from recommit.artifact.answers import answers_in
from recommit.evidence.files import FOLDER, parse
from recommit.evidence.stages import Selection
from recommit.problem import Problem
from recommit.project.contents import cached
from recommit.project.dvc import cache_of
from recommit.project.git import blobs, git, prefix, run
from recommit.project.hashes import md5_of
from recommit.project.params import leaves
from recommit.project.pipeline import is_in
from recommit.project.yaml import parse_yaml

WORKSPACE = "workspace"
"""The name of the working tree, as DVC has it."""
_SELECTION = f"{FOLDER}/selection.json"
_READ = ("params.yaml", "dvc.lock", _SELECTION)
_EXPERIMENT = re.compile(r"refs/exps/(?P<start>[0-9a-f]{2})/(?P<rest>[0-9a-f]{38})/(?P<name>.+)")
_STAGE = re.compile(r"^  (\S.*):\n((?:    .*\n)+)", re.MULTILINE)
_SECTION = re.compile(r"^    (deps|params|outs):\n((?:(?:    -| {6}).*\n)+)", re.MULTILINE)
_ENTRY = re.compile(r"^    - path: (.+)\n(?: +hash: md5\n)? +md5: (\S+)\n +size: (\d+)\n", re.MULTILINE)


@dataclass(frozen=True)
class Side:
    """The results called `name`: those of `commit`, or of the working tree where it is None.

    `lock` is the text of dvc.lock. Parsing a long one as YAML takes a second, so what is asked of it is searched.
    """

    name: str
    commit: str | None
    params: Mapping[str, Any]
    lock: str
    selection: Selection

    @property
    def fit(self) -> str:
        """The candidate: a model on a feature set."""
        return self.selection.chosen

    @property
    def folds(self) -> str:
        """The file of what the candidate predicted for the folds."""
        return f"data/folds/{self.fit}.parquet"

    @property
    def bytes_of_model(self) -> int:
        """The size of the candidate's model file; 0 where dvc.lock does not record it."""
        return self._recorded(f"models/fits/{self.fit}.onnx")[1]

    @property
    def md5_of_folds(self) -> str:
        """The hash of the predictions for the folds; empty where dvc.lock does not record it."""
        return self._recorded(self.folds)[0]

    def reads(self, file: str) -> bool:
        """Return whether a stage reads the tracked `file`, or what the .dvc file `file` keeps."""
        return any(is_in(file.removesuffix(".dvc"), path) for path in self._paths("deps"))

    def makes(self, file: str) -> bool:
        """Return whether `file` is a stage's out, or in one."""
        return any(is_in(file, path) for path in self._paths("outs"))

    def outdated(self) -> list[str]:
        """Return the stages up to `select` that ran with other parameters than params.yaml now holds."""
        stages = {name: dict(_SECTION.findall(body)) for name, body in _STAGE.findall(self.lock)}
        paths = {
            name: {kind: [path for path, *_ in _ENTRY.findall(text)] for kind, text in sections.items()}
            for name, sections in stages.items()
        }
        needed, found = ["select"], list[str]()
        for name in needed:
            deps = paths.get(name, {}).get("deps", [])
            needed += [
                other
                for other in paths
                if other not in needed and any(is_in(out, dep) for out in paths[other].get("outs", []) for dep in deps)
            ]
            told = stages.get(name, {}).get("params")
            values = parse_yaml(told.encode(), "dvc.lock")["params.yaml"] if told else {}
            if any(value_at(self.params, key) != value for key, value in values.items()):
                found.append(name)
        return sorted(found)

    def _paths(self, kind: str) -> list[str]:
        found = (text for section, text in _SECTION.findall(self.lock) if section == kind)
        return [path for text in found for path in re.findall(r"^    - path: (.+)$", text, re.MULTILINE)]

    def _recorded(self, path: str) -> tuple[str, int]:
        found = {name: (md5, int(size)) for name, md5, size in _ENTRY.findall(self.lock)}
        return found.get(path, ("", 0))


def named(root: Path, name: str) -> Side:
    """Return the side that `name` names: the workspace, an experiment, or else a branch, tag or commit.

    Raises Refusal where there is no such, or it has no candidate.
    """
    if name == WORKSPACE:
        return working_tree(root)
    head = run(root, "rev-parse", "--verify", "--quiet", "HEAD").stdout.strip()
    called = [(base, commit) for one, base, commit in _experiments(root) if one == name]
    commits = {commit for base, commit in called if base == head} or {commit for _, commit in called}
    if len(commits) > 1:
        raise Refusal(f"{len(commits)} experiments are called {name}: name one by its commit: `dvc exp list --all`")
    rev = next(iter(commits), name)
    said = run(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{rev}^{{commit}}")
    if said.returncode:
        raise Refusal(f"{name} is no experiment, branch, tag or commit: `dvc exp list --all` and `git log` list them")
    return at(root, name, said.stdout.strip())


def experiments(root: Path) -> Iterator[tuple[str, str]]:
    """Yield name and commit of each experiment that was begun from HEAD, sorted by name."""
    head = git(root, "rev-parse", "HEAD")
    yield from sorted((name, commit) for name, base, commit in _experiments(root) if base == head)


def at(root: Path, name: str, commit: str) -> Side:
    """Return the side of `commit`, called `name`. Raises Refusal where it has no candidate, or it cannot be read."""
    folder = prefix(root)
    paths = {file: f"{commit}:{folder}/{file}" if folder else f"{commit}:{file}" for file in _READ}
    found = blobs(root, list(paths.values()))
    return _side(name, commit, {file: found[path] for file, path in paths.items()})


def working_tree(root: Path) -> Side:
    """Return the side of the working tree. Raises Refusal where it has no candidate."""
    files = {file: (root / file).read_bytes() if (root / file).is_file() else None for file in _READ}
    return _side(WORKSPACE, None, files)


def predictions(root: Path, side: Side, problem: Problem) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the rows of the folds with their targets, and what the candidate of `side` predicted for them.

    They are read from DVC's cache or, with the hash that dvc.lock records, from the working tree. Raises Refusal where
    they are not here, with the command that brings them, or where they answer another question.
    """
    place = cached(cache_of(root), side.md5_of_folds) if side.md5_of_folds else None
    if place is None and side.md5_of_folds and (root / side.folds).is_file():
        place = root / side.folds if md5_of(root / side.folds) == side.md5_of_folds else None
    if place is None:
        raise Refusal(f"{side.name}: DVC's cache lacks {side.folds}, {side.md5_of_folds[:8]}: {_to_get(root, side)}", 1)
    table, parts = pd.read_parquet(BytesIO(place.read_bytes())), problem.task.parts
    if lacking := [name for name in (problem.target, "fold", *parts) if name not in table]:
        told = ", ".join(map(str, table.columns))
        raise Refusal(f"{side.name} answers another question: its predictions have {told}, and no {lacking[0]}", 1)
    return table.drop(columns=list(parts)), answers_in(table, parts)


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the parameters that differ: dotted key to both values, None for one that is not there."""
    values = {key: (value_at(before, key), value_at(after, key)) for key in [*leaves(before), *leaves(after)]}
    return {key: (old, new) for key, (old, new) in values.items() if old != new}


def value_at(params: Mapping[str, Any], key: str) -> Any:
    """Return the value at a dotted key, None where there is none."""
    found: Any = params
    for part in key.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _side(name: str, commit: str | None, files: Mapping[str, bytes | None]) -> Side:
    absent = next((file for file, content in files.items() if content is None), None)
    if absent:
        todo = "`dvc repro select`" + (", then commit" if commit else "")
        raise Refusal(f"{name} has no {absent}: its pipeline did not run up to `select`: {todo}", 1)
    params, lock, selection = (content or b"" for content in files.values())
    try:
        return Side(
            name, commit, parse_yaml(params, "params.yaml"), lock.decode(), parse(selection, Selection, _SELECTION)
        )
    except Refusal as refusal:
        raise Refusal(f"{name}: {refusal}", 1) from None


def _experiments(root: Path) -> Iterator[tuple[str, str, str]]:
    """Yield name, the commit that it was begun from, and commit of each experiment of DVC."""
    for line in git(root, "for-each-ref", "--format=%(objectname) %(refname)", "refs/exps").splitlines():
        commit, _, ref = line.partition(" ")
        if found := _EXPERIMENT.fullmatch(ref):
            yield found["name"], found["start"] + found["rest"], commit


def _to_get(root: Path, side: Side) -> str:
    if side.commit is None:
        return "`dvc repro select` makes it, `dvc pull` gets it from a remote"
    if any(commit == side.commit for _, _, commit in _experiments(root)):
        return f"`dvc exp pull origin {side.name}` gets it from a remote"
    return f"`dvc fetch --all-commits {side.folds}` gets it from a remote"
