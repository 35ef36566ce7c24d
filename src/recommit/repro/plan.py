"""Which stages `dvc repro` will come to, and whether one has to run: what may then run before DVC comes to it."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recommit import Refusal
from recommit.notebook.reuse import Earlier, earlier
from recommit.project.dvc import dvc_config
from recommit.project.git import ignored
from recommit.project.lock import LockedStage, read_lock
from recommit.project.params import declared_values
from recommit.project.pipeline import Stage, is_in, makers, stages

UNKNOWN = 5.0
"""Seconds that a stage is thought to take which never ran here."""


@dataclass(frozen=True)
class Plan:
    """The stages of the project in `folder` that a `dvc repro` of some targets comes to."""

    folder: Path
    stages: Mapping[str, Stage]
    """By name, in the order of dvc.yaml."""
    before: Mapping[str, frozenset[str]]
    """By each stage's name, the names of those whose outs it reads."""
    made: frozenset[str]
    """The outs of all stages of the project."""
    unwritten: frozenset[str]
    """Those of them for which DVC writes no line into a .gitignore: Git keeps them, or ignores them already."""
    locked: Mapping[str, LockedStage]
    """What dvc.lock records, by the stage's name."""

    @property
    def outs(self) -> frozenset[str]:
        """The outs of these stages."""
        return frozenset(out for stage in self.stages.values() for out in stage.outs)

    def dvc_writes_into_deps_of(self, stage: Stage) -> bool:
        """Whether DVC will add a .gitignore, or a line to it, to a folder that the stage depends on, as it saves."""
        for out in self.made:
            parent, _, file = out.rpartition("/")
            if any(is_in(parent, dep) for dep in stage.deps) and out not in self.unwritten:
                ignoring = self.folder / parent / ".gitignore"
                if not ignoring.is_file() or f"/{file}" not in ignoring.read_text().splitlines():
                    return True
        return False

    def weights(self, seconds: Mapping[str, float]) -> dict[str, float]:
        """By each stage's name, how long it and the longest way from it to the end take, in seconds.

        `seconds` are the durations of earlier runs; a stage that it lacks counts as one of `UNKNOWN` seconds.
        """
        after: dict[str, float] = {}

        def weight(name: str) -> float:
            if name not in after:
                rest = [weight(other) for other in self.stages if name in self.before[other]]
                after[name] = seconds.get(name, UNKNOWN) + max(rest, default=0.0)
            return after[name]

        return {name: weight(name) for name in self.stages}


def plan(folder: Path, targets: Sequence[str]) -> Plan:
    """The plan of `dvc repro TARGETS` in the project in `folder`; without targets, that of all stages.

    A target that names no stage of dvc.yaml, as a file or a pattern, adds nothing: DVC sees to it alone.
    """
    every = {stage.name: stage for stage in stages(folder)}
    before = {name: makers(stage, every.values()) for name, stage in every.items()}
    wanted = [name for name, stage in every.items() if not targets or {name, stage.family} & {*targets}]
    reached: set[str] = set()
    while wanted:
        name = wanted.pop()
        reached.add(name)
        wanted += before[name] - reached
    made = frozenset(out for stage in every.values() for out in stage.outs)
    locked = {}
    with suppress(Refusal):  # none yet, or DVC says what is wrong with it
        locked = {stage.name: stage for stage in read_lock(folder)}
    return Plan(
        folder,
        {name: stage for name, stage in every.items() if name in reached},
        {name: before[name] for name in reached},
        made,
        frozenset(out for stage in every.values() for out in stage.uncached) | ignored(folder, made),
        locked,
    )


def runs_ahead(stage: Stage) -> bool:
    """Whether the stage may run before DVC comes to it: one notebook, and DVC deletes none of its outs first."""
    one = stage.notebook is not None and len(stage.cmd.splitlines()) == 1
    return one and not stage.always_changed and not stage.frozen and stage.persistent == {*stage.outs}


def leaves_files_in_place(folder: Path) -> bool:
    """Whether DVC leaves a result where it is as it saves it; with links to its cache, it is gone for a moment."""
    kind = dvc_config(folder).get("cache", {}).get("type") or "copy"
    first = kind[0] if isinstance(kind, list) else kind.split(",")[0]
    return str(first).strip() in ("copy", "reflink")


@dataclass(frozen=True)
class Inputs:
    """What a stage's results come of: its parameters, and its deps as they were when this was made."""

    values: Mapping[str, Any]
    deps: Earlier

    def changed(self) -> list[str]:
        """Those that no longer are what they were."""
        try:
            now = declared_values(self.deps.stage, self.deps.folder)
        except Refusal:  # params.yaml has lost one
            return ["params.yaml"]
        return self.deps.changed() + ([] if now == self.values else ["params.yaml"])

    def are_recorded(self, locked: LockedStage | None) -> bool:
        """Whether dvc.lock records results of just these, and all of them are there."""
        stage, folder = self.deps.stage, self.deps.folder
        if locked is None or locked.cmd != tuple(stage.cmd.splitlines()):
            return False
        return (
            {dep.path: dep.md5 for dep in locked.deps} == {dep: self.deps.deps[dep] for dep in stage.deps}
            and locked.params == {key: _at(self.values, key) for key in stage.params}
            and {out.path for out in locked.outs} == {*stage.outs}
            and all((folder / out).exists() for out in stage.outs)
        )


def inputs(folder: Path, stage: Stage, made: frozenset[str]) -> Inputs | None:
    """The inputs of `stage` as they are now; None where one is missing: then the stage's own run says which.

    `made` are the outs of all stages.
    """
    try:
        values = declared_values(stage, folder)
    except Refusal:
        return None
    deps = earlier(folder, stage, values, made)
    return Inputs(values, deps) if deps else None


def _at(values: Mapping[str, Any], key: str) -> Any:
    """The value of a dotted key."""
    found: Any = values
    for part in key.split("."):
        found = found[part]
    return found
