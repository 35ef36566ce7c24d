"""Returns the lineage of a thing: the stages that made it or depend on it, and the model that scored a row."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from recommit import Refusal
from recommit.lineage.chain import Step, behind, contradictions, declaring, in_front, makers, readers
from recommit.lineage.snapshot import Snapshot, snapshot
from recommit.lineage.thing import TABLES, Thing, content_of, known, named
from recommit.lineage.versions import Version, asked, registry_of, version_with
from recommit.registry.history import Registry
from recommit.registry.tags import CANDIDATE

if TYPE_CHECKING:
    from recommit.lineage.rows import Row


@dataclass(frozen=True)
class Lineage:
    """Everything that `recommit lineage` prints: the commit that was read, the thing, and its chain of stages.

    `steps` are in an order in which they can run. `same_as` are pairs: a path that no stage made, and the registered
    version with the same bytes. `warnings` name contradictions in the commit, and faults of the version's tags. `model`
    is the lineage of the model that scored `row`; it may belong to another commit.
    """

    direction: Literal["back", "forward"]
    shot: Snapshot
    thing: Thing
    steps: tuple[Step, ...]
    same_as: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    row: "Row | None" = None
    model: "Lineage | None" = None


def trace(project: Path, text: str, rev: str | None = None, forward: bool = False) -> Lineage:
    """Return the lineage of what `text` names in the commit `rev` (default: HEAD) of the project in `project`.

    With `forward`, the stages are those that depend on it, else those that made it. Raises Refusal if nothing has this
    name, or if it cannot be read.
    """
    registry = registry_of(project, text)
    version = asked(registry, text) if registry else None
    if version and rev:
        raise Refusal(f"{text} names its own commit: leave --rev out")
    if version:
        shot, thing = _of_version(project, version)
    else:
        shot = snapshot(project, rev or "HEAD")
        thing = named(shot, text)
    if forward:
        first = declaring(shot, thing.key) if thing.kind == "parameter" else readers(shot, thing.path)
        return Lineage("forward", shot, thing, in_front(shot, first), warnings=version.warnings if version else ())
    found = _back(shot, thing, registry, version.warnings if version else ())
    return _with_row(found, registry) if thing.kind == "row" else found


def _of_version(project: Path, version: Version) -> tuple[Snapshot, Thing]:
    shot = snapshot(project, version.commit)
    md5 = known(shot, CANDIDATE)
    if not md5:
        raise Refusal(f"{version.name}: dvc.lock of its commit {shot.sha[:10]} records no {CANDIDATE}")
    return shot, Thing("version", version.name, CANDIDATE, md5)


def _back(shot: Snapshot, thing: Thing, registry: Registry | None, warnings: tuple[str, ...] = ()) -> Lineage:
    steps = () if thing.kind in ("parameter", "code") else behind(shot, thing.path)
    leaves = {item.path: item.md5 for step in steps for item in step.data if not item.made_by}
    if not steps and thing.kind != "parameter":
        leaves[thing.path] = thing.md5
    same = ((path, version_with(registry, path, md5)) for path, md5 in sorted(leaves.items()) if md5 and registry)
    same_as = tuple((path, version.name) for path, version in same if version)
    return Lineage("back", shot, thing, steps, same_as, (*warnings, *contradictions(shot, steps)))


def _with_row(found: Lineage, registry: Registry | None) -> Lineage:
    from recommit.lineage.rows import inputs_of, model_of, row_of

    shot, thing = found.shot, found.thing
    content = content_of(shot, thing.path, thing.md5) if thing.md5 else (shot.project / thing.path).read_bytes()
    row = row_of(content, thing.path, thing.key)
    own = {maker.name for maker in makers(shot, thing.path)}
    given = [item for step in found.steps if step.stage in own for item in step.data]
    for item in (item for item in given if item.path.endswith(TABLES)):
        table = shot.content(item.path, item.md5)
        inputs = None if table is None else inputs_of(table, item.path, row)
        if inputs is not None:
            row = replace(row, inputs_from=item.path, inputs=inputs)
            break
    model = model_of(shot, row, [item.path for item in given], registry)
    if isinstance(model, str) and registry and not makers(shot, model):
        # The champion, for example, is a copy: the version with the same bytes has the lineage.
        model = version_with(registry, model, known(shot, model) or "") or model
    if isinstance(model, Version):
        return replace(found, row=row, model=_back(*_of_version(shot.project, model), registry, model.warnings))
    return replace(found, row=row, model=_back(shot, named(shot, model), registry) if model else None)


def as_json(found: Lineage) -> dict[str, Any]:
    """Return the lineage as plain data, as `--format json` prints it. It is the same on every machine."""
    return {
        "direction": found.direction,
        "commit": {"sha": found.shot.sha, "date": found.shot.date},
        "thing": asdict(found.thing),
        "steps": [asdict(step) for step in found.steps],
        "same_as": dict(found.same_as),
        "warnings": list(found.warnings),
        "row": asdict(found.row) if found.row else None,
        "model": as_json(found.model) if found.model else None,
    }
