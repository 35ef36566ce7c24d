"""Finds the stages that made a path, and those that would run again if it changed, in dvc.lock of one commit."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import chain
from typing import Any, Literal

from recommit import Refusal
from recommit.lineage.snapshot import Snapshot
from recommit.project.files import REQUIREMENTS
from recommit.project.lock import LockedStage, Recorded
from recommit.project.pipeline import is_in

Kept = Literal["git", "dvc", "outside", "nowhere"]
_CODE = ("src/", "notebooks/", "install/", "locks/")


@dataclass(frozen=True)
class Item:
    """A file or folder that a stage read or made: its path, its hash in dvc.lock, and the stages that made it.

    `kept` says where its contents are kept: "nowhere" if the commit does not have the path any more. Files outside the
    project are named and never read.
    """

    path: str
    md5: str
    kept: Kept
    made_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Package:
    """A package of data: its name, its version, and the SHA-256 hashes of its archives in the lock file."""

    name: str
    version: str
    sha256: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """One run of a stage: its parameters, the code, data and packages of data that it read, and what it made."""

    stage: str
    desc: str
    cmd: str
    params: Mapping[str, Any]
    code: tuple[Item, ...]
    data: tuple[Item, ...]
    packages: tuple[Package, ...]
    outs: tuple[Item, ...]

    @property
    def family(self) -> str:
        """The stage's name in dvc.yaml: `train` for the matrix item `train@boosting-full`."""
        return self.stage.partition("@")[0]


def makers(shot: Snapshot, path: str) -> list[LockedStage]:
    """Return the stages that made `path`, the folder it lies in, or something in it; in dvc.lock's order."""
    return [stage for stage in shot.locked if any(overlap(out.path, path) for out in stage.outs)]


def readers(shot: Snapshot, path: str) -> list[LockedStage]:
    """Return the stages that read `path`, the folder it lies in, or something in it; in dvc.lock's order."""
    return [stage for stage in shot.locked if any(overlap(dep.path, path) for dep in stage.deps)]


def declaring(shot: Snapshot, key: str) -> list[LockedStage]:
    """Return the stages that declare the parameter `key`, one above it or one beneath it."""
    path = key.replace(".", "/")
    return [stage for stage in shot.locked if any(overlap(own.replace(".", "/"), path) for own in stage.params)]


def overlap(one: str, other: str) -> bool:
    """Tell whether one of two paths is the other or lies in it."""
    return is_in(one, other) or is_in(other, one)


def behind(shot: Snapshot, path: str) -> tuple[Step, ...]:
    """Return all stages that `path` depends on, in an order in which they can run."""
    return _reached(shot, makers(shot, path), lambda stage: _before(shot, stage))


def in_front(shot: Snapshot, first: Iterable[LockedStage]) -> tuple[Step, ...]:
    """Return the stages `first` and all that depend on them, in an order in which they can run."""
    return _reached(shot, first, lambda stage: [after for out in stage.outs for after in readers(shot, out.path)])


def _before(shot: Snapshot, stage: LockedStage) -> list[LockedStage]:
    return [maker for dep in stage.deps for maker in makers(shot, dep.path)]


def _reached(
    shot: Snapshot, first: Iterable[LockedStage], onward: Callable[[LockedStage], list[LockedStage]]
) -> tuple[Step, ...]:
    """Return the stages `first`, and all stages that `onward` leads to from them, in an order in which they can run."""
    reached: set[str] = set()
    waiting = list(first)
    while waiting:
        stage = waiting.pop()
        if stage.name not in reached:
            reached.add(stage.name)
            waiting += onward(stage)
    stages = {stage.name: stage for stage in shot.locked if stage.name in reached}
    before = {name: [one.name for one in _before(shot, stage) if one.name in reached] for name, stage in stages.items()}
    try:
        return tuple(_step(shot, stages[name]) for name in TopologicalSorter(before).static_order())
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        raise Refusal(f"dvc.lock of commit {shot.sha[:10]} has a circle, {circle}: `dvc repro` mends it") from None


def _step(shot: Snapshot, stage: LockedStage) -> Step:
    entry = (shot.pipeline.get("stages") or {}).get(stage.family) or {}
    inputs = [_item(shot, dep) for dep in sorted(stage.deps, key=lambda dep: dep.path)]
    code = tuple(item for item in inputs if _is_code(item))
    return Step(
        stage=stage.name,
        desc=str(entry.get("desc") or ""),
        cmd=" && ".join(stage.cmd),
        params=dict(sorted(stage.params.items())),
        code=code,
        data=tuple(item for item in inputs if item not in code),
        # A stage that reads what another stage made reads no raw data.
        packages=() if any(item.made_by for item in inputs) else tuple(_packages(shot, code)),
        outs=tuple(_item(shot, out) for out in sorted(stage.outs, key=lambda out: out.path)),
    )


def _item(shot: Snapshot, found: Recorded) -> Item:
    made_by = tuple(maker.name for maker in makers(shot, found.path))
    in_dvc = made_by or any(overlap(found.path, path) for path in shot.added)
    in_place: Kept = "git" if any(shot.beneath(found.path)) else "dvc" if in_dvc else "nowhere"
    return Item(found.path, found.md5, "outside" if found.is_outside else in_place, made_by)


def _is_code(item: Item) -> bool:
    named_so = item.path.startswith(_CODE) or item.path.endswith((".py", ".ipynb"))
    return named_so and item.kept == "git" and not item.made_by


def contradictions(shot: Snapshot, steps: Iterable[Step]) -> Iterator[str]:
    """Yield a line for each input of `steps` that has another hash in the commit than when the stage read it."""
    for item in dict.fromkeys(item for step in steps for item in (*step.code, *step.data)):
        maker, made = shot.made.get(item.path, ("", shot.added.get(item.path, "")))
        known = {made} if made else {"nothing"} if item.kept == "nowhere" else set(shot.hashes(item.path))
        # Only DVC can compute the hash of a folder that holds outs which are folders.
        folders = [out for out, (_, md5) in shot.made.items() if md5.endswith(".dir") and is_in(out, item.path)]
        if known and item.md5 not in known and (made or not folders):
            yield (
                f"{item.path}: a stage read {item.md5[:8]}, {f'stage {maker} made' if maker else 'the commit has'} "
                f"{min(known)[:8]}: dvc.lock is older, or was edited by hand"
            )


def _packages(shot: Snapshot, code: Iterable[Item]) -> Iterator[Package]:
    """Yield the packages from which a stage with the modules `code` reads raw data.

    Such a package is a dependency of the project that these modules name in a string and never import. The modules of
    `recommit` are left out, because they name no data set.
    """
    files = {file for item in code for file in shot.beneath(item.path) if file.endswith((".py", ".ipynb"))}
    extras = shot.project_table.get("optional-dependencies", {}).values()
    asked = [*shot.project_table.get("dependencies", []), *chain.from_iterable(extras)]
    text = "\n".join(shot.text(file) for file in sorted(files) if not file.startswith("src/recommit/"))
    for entry in re.split(r"\n(?=\S)", shot.text(REQUIREMENTS).replace("\\\n", " ")):
        if match := re.match(r"([A-Za-z0-9._-]+)==([^\s;]+)", entry):
            name = "[-_.]+".join(re.split(r"[-_.]+", match[1]))
            is_asked = any(re.match(rf"{name}(?![\w.-])", line, re.IGNORECASE) for line in asked)
            is_named = re.search(rf"""["']{name}\\?["'](?!:)""", text, re.IGNORECASE)  # no key of a notebook's JSON
            if is_asked and is_named and not re.search(rf"\b(import|from) {name}\b", text, re.IGNORECASE):
                yield Package(match[1], match[2], tuple(sorted(re.findall(r"sha256:([0-9a-f]{64})", entry))))
