"""The chain of stages behind a thing, or in front of it, as dvc.lock of one commit records them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from recommit.lineage.packages import Package, packages_of
from recommit.lineage.snapshot import Snapshot
from recommit.project.lock import LockedStage, Recorded
from recommit.project.pipeline import is_in

_CODE = ("src/", "notebooks/", "install/", "locks/")


Kept = Literal["git", "dvc", "outside"]


@dataclass(frozen=True)
class Item:
    """A file or folder that a stage read or made: its hash as dvc.lock records it, and where it is from.

    `kept` says who keeps the contents: what is outside the project is named here and never read. `made_by` are the
    stages that made it or something in it. `notes` say in words where the commit contradicts itself about it.
    """

    path: str
    md5: str
    kept: Kept
    made_by: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_code(self) -> bool:
        """Whether it is a program, a notebook or part of the environment, and no data."""
        return not self.made_by and self.kept == "git" and _is_code(self.path)


@dataclass(frozen=True)
class Step:
    """One run of a stage: what it read, with which parameters and packages of data, and what it made."""

    stage: str
    desc: str
    cmd: str
    params: Mapping[str, Any]
    inputs: tuple[Item, ...]
    outs: tuple[Item, ...]
    packages: tuple[Package, ...]

    @property
    def family(self) -> str:
        """The name in dvc.yaml: an item of a matrix stage without its item."""
        return self.stage.partition("@")[0]

    @property
    def code(self) -> tuple[Item, ...]:
        """The inputs that are programs."""
        return tuple(item for item in self.inputs if item.is_code)

    @property
    def data(self) -> tuple[Item, ...]:
        """The inputs that are data."""
        return tuple(item for item in self.inputs if not item.is_code)


def _is_code(path: str) -> bool:
    return path.startswith(_CODE) or path.endswith((".py", ".ipynb"))


def touches(one: str, other: str) -> bool:
    """Whether one of two paths is the other or lies in it."""
    return is_in(one, other) or is_in(other, one)


def makers(shot: Snapshot, path: str) -> list[LockedStage]:
    """The stages that made `path`, the folder it lies in, or something in it; in dvc.lock's order."""
    return [stage for stage in shot.locked if any(touches(out.path, path) for out in stage.outs)]


def behind(shot: Snapshot, path: str) -> tuple[Step, ...]:
    """All stages that `path` comes of, those nearest to the raw data first."""
    _read_ahead(shot)
    found: dict[str, Step] = {}

    def visit(stage: LockedStage, above: frozenset[str]) -> None:
        if stage.name in found or stage.name in above:
            return
        for dep in stage.deps:
            for maker in makers(shot, dep.path):
                visit(maker, above | {stage.name})
        found[stage.name] = step(shot, stage)

    for maker in makers(shot, path):
        visit(maker, frozenset())
    return tuple(found.values())


def readers(shot: Snapshot, path: str) -> list[LockedStage]:
    """The stages that read `path`, the folder it lies in, or something in it; in dvc.lock's order."""
    return [stage for stage in shot.locked if any(touches(dep.path, path) for dep in stage.deps)]


def declaring(shot: Snapshot, key: str) -> list[LockedStage]:
    """The stages that declare the parameter `key`, one above it or one beneath it."""
    return [
        stage
        for stage in shot.locked
        if any(own == key or own.startswith(f"{key}.") or key.startswith(f"{own}.") for own in stage.params)
    ]


def in_front(shot: Snapshot, first: list[LockedStage]) -> tuple[Step, ...]:
    """The stages `first` and all that run again after them, each after those whose outs it reads."""
    _read_ahead(shot)
    reached: dict[str, LockedStage] = {}
    waiting = list(first)
    while waiting:
        stage = waiting.pop()
        if stage.name not in reached:
            reached[stage.name] = stage
            waiting += [other for out in stage.outs for other in readers(shot, out.path)]
    ordered: dict[str, LockedStage] = {}

    def place(stage: LockedStage, above: frozenset[str]) -> None:
        if stage.name in ordered or stage.name in above:
            return
        for dep in stage.deps:
            for maker in makers(shot, dep.path):
                if maker.name in reached:
                    place(maker, above | {stage.name})
        ordered[stage.name] = stage

    for stage in shot.locked:
        if stage.name in reached:
            place(stage, frozenset())
    return tuple(step(shot, stage) for stage in ordered.values())


def _read_ahead(shot: Snapshot) -> None:
    """Read all tracked inputs in one call of Git, instead of one a file."""
    paths = {dep.path for stage in shot.locked for dep in stage.deps}
    shot.read(*sorted({file for path in paths if not makers(shot, path) for file in shot.beneath(path)}))


def step(shot: Snapshot, stage: LockedStage) -> Step:
    """A recorded stage with its description, and with where each input is from."""
    entry = (shot.pipeline.get("stages") or {}).get(stage.family) or {}
    inputs = tuple(_input(shot, dep) for dep in sorted(stage.deps, key=lambda dep: dep.path))
    return Step(
        stage=stage.name,
        desc=str(entry.get("desc") or ""),
        cmd=" && ".join(stage.cmd),
        params=dict(sorted(stage.params.items())),
        inputs=inputs,
        outs=tuple(
            Item(out.path, out.md5, _kept(shot, out), (stage.name,))
            for out in sorted(stage.outs, key=lambda out: out.path)
        ),
        # What comes out of other stages is not raw any more.
        packages=() if any(item.made_by for item in inputs) else packages_of(shot, [item.path for item in inputs]),
    )


def _input(shot: Snapshot, dep: Recorded) -> Item:
    made_by = tuple(maker.name for maker in makers(shot, dep.path))
    kept = _kept(shot, dep)
    return Item(dep.path, dep.md5, kept, made_by, tuple(_notes(shot, dep.path, dep.md5, made_by, kept == "git")))


def _kept(shot: Snapshot, recorded: Recorded) -> Kept:
    if recorded.is_outside:
        return "outside"
    return "git" if any(shot.beneath(recorded.path)) else "dvc"


def _notes(shot: Snapshot, path: str, md5: str, made_by: tuple[str, ...], in_git: bool) -> Iterator[str]:
    maker, made = shot.made.get(path, ("", md5))
    added = shot.added.get(path, md5)
    inside = [md5_made for out, (_, md5_made) in shot.made.items() if is_in(out, path) and out != path]
    alone = inside and not any(one.endswith(".dir") for one in inside)
    if alone and path not in shot.made and md5 not in shot.hashes_of_folder(path):
        yield "what stages made beneath it does not give this hash: dvc.lock was edited, or only in part committed"
    elif made != md5:
        yield f"{maker} made {made[:8]} of it: dvc.lock was edited by hand, or only in part committed"
    elif added != md5:
        yield f"its .dvc file says {added[:8]}: dvc.lock is older"
    elif in_git and not made_by and shot.hash_in_git(path) != md5:
        yield "the commit holds another content than the stage ran on: dvc.lock is older"
