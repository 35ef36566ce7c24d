"""The lineage of a thing, put together: the thing, the stages behind or in front of it, and a row's model."""

import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from recommit import Refusal
from recommit.lineage.chain import Item, Step, behind, declaring, in_front, makers, readers, step
from recommit.lineage.snapshot import Snapshot, snapshot
from recommit.lineage.thing import TABLES, Thing, known, named
from recommit.lineage.versions import Version, artifact_path, asked, registry_of, version_with
from recommit.project.lock import LockedStage
from recommit.registry.history import Registry, read_registry

if TYPE_CHECKING:
    from recommit.lineage.rows import Row


@dataclass(frozen=True)
class Lineage:
    """All that `recommit lineage` tells: the commit that was read, the thing, and its chain of stages.

    `steps` are in an order in which they can run. `same_as` are pairs of a path in the chain that no stage made and a
    registered version with the very same bytes. `beware` says in words what is not in order with the tags of the
    version that was followed. `model` is the lineage of the model that the row `row` names; it may be of another
    commit.
    """

    direction: Literal["back", "forward"]
    shot: Snapshot
    thing: Thing
    steps: tuple[Step, ...]
    same_as: tuple[tuple[str, str], ...] = ()
    beware: tuple[str, ...] = ()
    row: "Row | None" = None
    model: "Lineage | None" = None


def trace(project: Path, text: str, rev: str | None = None, forward: bool = False) -> Lineage:
    """The lineage of what `text` names in the commit `rev` (default: HEAD) of the project in the folder `project`.

    Raises Refusal where nothing is called so, or it cannot be read.
    """
    registry = registry_of(project)
    version = asked(registry, text) if registry else None
    if version:
        if rev:
            raise Refusal(f"{text} names its own commit: leave --rev out")
        shot, thing = _of_version(project, version)
    else:
        shot = snapshot(project, rev or "HEAD")
        try:
            thing = named(shot, text)
        except Refusal:
            if registry is None and re.fullmatch(r"[\w/-]+@[\w.-]+", text):
                read_registry(project)  # raises: why there are no versions is the nearer reason
            raise
    if forward:
        beware = version.beware if version else ()
        return Lineage("forward", shot, thing, in_front(shot, _first(shot, thing)), beware=beware)
    if version:
        return _version_back(project, registry, version)
    found = _back(shot, thing, registry)
    return _with_row(found, registry) if thing.kind == "row" else found


def _of_version(project: Path, version: Version) -> tuple[Snapshot, Thing]:
    shot = snapshot(project, version.commit)
    path = artifact_path(shot.pipeline, version)
    md5 = known(shot, path)
    if not md5:
        raise Refusal(f"{version.name}: dvc.lock of its commit {shot.sha[:10]} records no {path}")
    return shot, Thing("version", version.name, path, md5)


def _version_back(project: Path, registry: Registry | None, version: Version) -> Lineage:
    shot, thing = _of_version(project, version)
    return replace(_back(shot, thing, registry), beware=version.beware)


def _back(shot: Snapshot, thing: Thing, registry: Registry | None) -> Lineage:
    steps = () if thing.kind in ("parameter", "code") else behind(shot, thing.path)
    leaves = {item.path: item.md5 for one in steps for item in one.data if not item.made_by}
    if not steps and thing.kind != "parameter":
        leaves[thing.path] = thing.md5
    same = ((path, version_with(registry, path, md5)) for path, md5 in sorted(leaves.items()) if md5 and registry)
    return Lineage("back", shot, thing, steps, tuple((path, version.name) for path, version in same if version))


def _first(shot: Snapshot, thing: Thing) -> list[LockedStage]:
    return declaring(shot, thing.key) if thing.kind == "parameter" else readers(shot, thing.path)


def _with_row(found: Lineage, registry: Registry | None) -> Lineage:
    from recommit.lineage.rows import inputs_of, row_of
    from recommit.lineage.scored import model_of

    shot, thing = found.shot, found.thing
    content = shot.content(thing.path, thing.md5) if thing.md5 else (shot.project / thing.path).read_bytes()
    if content is None:
        raise Refusal(
            f"{thing.path} as commit {shot.sha[:10]} recorded it ({thing.md5[:8]}) is neither in DVC's cache "
            "nor in the working tree: `dvc fetch`, at that commit, gets it"
        )
    row = row_of(content, thing.path, thing.key)
    given = [item for maker in makers(shot, thing.path) for item in step(shot, maker).data]
    for item in (item for item in given if item.path.endswith(TABLES)):
        table = shot.content(item.path, item.md5)
        inputs = None if table is None else inputs_of(table, item.path, row)
        if inputs is not None:
            row = replace(row, inputs_from=item.path, inputs=inputs)
            break
    of = model_of(shot, row, [item.path for item in given], registry)
    if isinstance(of, Version):
        return replace(found, row=row, model=_version_back(shot.project, registry, of))
    return replace(found, row=row, model=_from_where_it_was_made(shot, of, registry) if of else None)


def _from_where_it_was_made(shot: Snapshot, path: str, registry: Registry | None) -> Lineage:
    """The lineage of a model file or folder: if no stage made it, that of the version with the same bytes."""
    thing = named(shot, path)
    same = version_with(registry, path, thing.md5) if registry and not makers(shot, path) else None
    return _version_back(shot.project, registry, same) if same else _back(shot, thing, registry)


def as_json(found: Lineage) -> dict[str, Any]:
    """The lineage as plain data, as `--format json` prints it; the same for the same commit on every machine."""
    thing = asdict(found.thing)
    return {
        "direction": found.direction,
        "commit": {"sha": found.shot.sha, "date": found.shot.date},
        "thing": thing | {"notes": list(found.thing.notes)},
        "steps": [_step_as_json(one) for one in found.steps],
        "same_as": dict(found.same_as),
        "beware": list(found.beware),
        "row": asdict(found.row) if found.row else None,
        "model": as_json(found.model) if found.model else None,
    }


def _step_as_json(one: Step) -> dict[str, Any]:
    def listed(items: tuple[Item, ...]) -> list[dict[str, Any]]:
        return [asdict(item) | {"made_by": list(item.made_by), "notes": list(item.notes)} for item in items]

    return {
        "stage": one.stage,
        "desc": one.desc,
        "cmd": one.cmd,
        "params": dict(one.params),
        "code": listed(one.code),
        "data": listed(one.data),
        "packages": [asdict(package) | {"sha256": list(package.sha256)} for package in one.packages],
        "outs": listed(one.outs),
    }
