"""The stages behind a path, or those that run again after it, as dvc.lock of one commit records them."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any, Literal

from recommit import Refusal
from recommit.lineage.snapshot import Snapshot
from recommit.project.files import REQUIREMENTS
from recommit.project.lock import LockedStage, Recorded
from recommit.project.pipeline import is_in

Kept = Literal["git", "dvc", "outside"]
_CODE = ("src/", "notebooks/", "install/", "locks/")


@dataclass(frozen=True)
class Item:
    """A file or folder that a stage read or made: its path, the hash in dvc.lock, and the stages that made it.

    `kept` says who keeps the contents. What is outside the project is named, and never read.
    """

    path: str
    md5: str
    kept: Kept
    made_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Package:
    """A package of data: its name and version, and the sha256 of the archives that the lock file allows."""

    name: str
    version: str
    sha256: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """One run of a stage: its parameters, the code and data that it read, its packages of data, and what it made."""

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
        """The stage's name in dvc.yaml, without a matrix stage's item."""
        return self.stage.partition("@")[0]


def makers(shot: Snapshot, path: str) -> list[LockedStage]:
    """The stages that made `path`, the folder it lies in, or something in it; in dvc.lock's order."""
    return [stage for stage in shot.locked if any(overlap(out.path, path) for out in stage.outs)]


def readers(shot: Snapshot, path: str) -> list[LockedStage]:
    """The stages that read `path`, the folder it lies in, or something in it; in dvc.lock's order."""
    return [stage for stage in shot.locked if any(overlap(dep.path, path) for dep in stage.deps)]


def declaring(shot: Snapshot, key: str) -> list[LockedStage]:
    """The stages that declare the parameter `key`, one above it or one beneath it."""
    path = key.replace(".", "/")
    return [stage for stage in shot.locked if any(overlap(own.replace(".", "/"), path) for own in stage.params)]


def overlap(one: str, other: str) -> bool:
    """Whether one of two paths is the other or lies in it."""
    return is_in(one, other) or is_in(other, one)


def behind(shot: Snapshot, path: str) -> tuple[Step, ...]:
    """All stages that `path` comes of, in an order in which they can run."""
    return _reached(shot, makers(shot, path), lambda stage: _before(shot, stage))


def in_front(shot: Snapshot, first: Iterable[LockedStage]) -> tuple[Step, ...]:
    """The stages `first` and all that run again after them, in an order in which they can run."""
    return _reached(shot, first, lambda stage: [after for out in stage.outs for after in readers(shot, out.path)])


def _before(shot: Snapshot, stage: LockedStage) -> list[LockedStage]:
    return [maker for dep in stage.deps for maker in makers(shot, dep.path)]


def _reached(
    shot: Snapshot, first: Iterable[LockedStage], onward: Callable[[LockedStage], list[LockedStage]]
) -> tuple[Step, ...]:
    """The stages `first`, and all that `onward` leads to from them."""
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
        # What another stage made is not raw any more.
        packages=() if any(item.made_by for item in inputs) else tuple(_packages(shot, code)),
        outs=tuple(_item(shot, out) for out in sorted(stage.outs, key=lambda out: out.path)),
    )


def _item(shot: Snapshot, found: Recorded) -> Item:
    kept: Kept = "outside" if found.is_outside else "git" if any(shot.beneath(found.path)) else "dvc"
    return Item(found.path, found.md5, kept, tuple(maker.name for maker in makers(shot, found.path)))


def _is_code(item: Item) -> bool:
    named_so = item.path.startswith(_CODE) or item.path.endswith((".py", ".ipynb"))
    return named_so and item.kept == "git" and not item.made_by


def contradictions(shot: Snapshot, steps: Iterable[Step]) -> Iterator[str]:
    """Where the commit contradicts itself, in words: inputs of `steps` that the commit holds with another hash."""
    for path, md5 in dict.fromkeys((item.path, item.md5) for step in steps for item in (*step.code, *step.data)):
        maker, made = shot.made.get(path, ("", ""))
        known = {made} if made else {shot.added[path]} if path in shot.added else set(shot.hashes(path))
        by_parts = any(is_in(out, path) and md5_made.endswith(".dir") for out, (_, md5_made) in shot.made.items())
        if known and md5 not in known and (made or not by_parts):  # a folder of folders has a hash that only DVC knows
            who = f"stage {maker} made" if maker else "the commit has"
            yield f"{path}: a stage read {md5[:8]}, {who} {min(known)[:8]}: dvc.lock is older, or was edited by hand"


def _packages(shot: Snapshot, code: Iterable[Item]) -> Iterator[Package]:
    """The packages that raw data is read from.

    Those are dependencies of the project that the stage's own modules name as a text and never import. `recommit`
    itself is left out: it knows of no data set.
    """
    files = {file for item in code for file in shot.beneath(item.path) if file.endswith((".py", ".ipynb"))}
    text = "\n".join(shot.text(file) for file in sorted(files) if not file.startswith("src/recommit/"))
    for entry in re.split(r"\n(?=\S)", shot.text(REQUIREMENTS).replace("\\\n", " ")):
        if match := re.match(r"([A-Za-z0-9._-]+)==([^\s;]+)", entry):
            name = "[-_.]+".join(re.split(r"[-_.]+", match[1]))
            is_asked = any(
                re.match(rf"{name}(?![\w.-])", line, re.IGNORECASE)
                for line in shot.project_table.get("dependencies", [])
            )
            is_named = re.search(rf"""["']{name}\\?["'](?!:)""", text, re.IGNORECASE)  # no key of a notebook's JSON
            if is_asked and is_named and not re.search(rf"\b(import|from) {name}\b", text, re.IGNORECASE):
                yield Package(match[1], match[2], tuple(sorted(re.findall(r"sha256:([0-9a-f]{64})", entry))))
