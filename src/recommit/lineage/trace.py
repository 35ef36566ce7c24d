"""The lineage of a thing, put together: the thing, the stages behind or in front of it, and a row's model."""

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from recommit import Refusal
from recommit.lineage.chain import Item, Step, behind, declaring, in_front, makers, readers, step, touches
from recommit.lineage.snapshot import Snapshot, snapshot
from recommit.lineage.thing import TABLES, Thing, known, named
from recommit.lineage.versions import ASKED, Version, artifact_path, resolve, version_with, versions
from recommit.proof.commit import LockedStage

if TYPE_CHECKING:
    from recommit.lineage.rows import Row


@dataclass(frozen=True)
class Lineage:
    """All that `recommit lineage` tells: the commit that was read, the thing, and its chain of stages.

    `steps` are in an order in which they can run. `same_as` are pairs of a path in the chain that no stage made and a
    registered version with the very same bytes. `model` is the lineage of the model that the row `row` names; it may be
    of another commit.
    """

    direction: Literal["back", "forward"]
    shot: Snapshot
    thing: Thing
    steps: tuple[Step, ...]
    same_as: tuple[tuple[str, str], ...] = ()
    row: "Row | None" = None
    model: "Lineage | None" = None


def trace(project: Path, text: str, rev: str | None = None, forward: bool = False) -> Lineage:
    """The lineage of what `text` names in the commit `rev` (default: HEAD) of the project in the folder `project`.

    Raises Refusal where nothing is called so, or it cannot be read.
    """
    asked = ASKED.fullmatch(text)
    if asked and any(version.name == asked["name"] for version in versions(project)):
        if rev:
            raise Refusal(f"{text} names its own commit: leave --rev out")
        shot, thing = _of_version(project, resolve(project, asked["name"], asked["which"]))
    else:
        shot = snapshot(project, rev or "HEAD")
        try:
            thing = named(shot, text)
        except Refusal:
            if asked:
                resolve(project, asked["name"], asked["which"])
            raise
    if forward:
        return Lineage("forward", shot, thing, in_front(shot, _first(shot, thing)))
    found = _back(shot, thing)
    return _with_row(found) if thing.kind == "row" else found


def _of_version(project: Path, version: Version) -> tuple[Snapshot, Thing]:
    shot = snapshot(project, version.sha)
    path = artifact_path(shot.pipeline, version)
    md5 = known(shot, path)
    if not md5:
        raise Refusal(f"{version.tag}: dvc.lock of its commit {shot.sha[:10]} records no {path}")
    return shot, Thing("version", version.tag, path, md5)


def _back(shot: Snapshot, thing: Thing) -> Lineage:
    steps = () if thing.kind in ("parameter", "code") else behind(shot, thing.path)
    leaves = {item.path: item.md5 for one in steps for item in one.data if not item.made_by}
    if not steps and thing.kind != "parameter":
        leaves[thing.path] = thing.md5
    same = ((path, _same(shot, path, md5)) for path, md5 in sorted(leaves.items()) if md5)
    return Lineage("back", shot, thing, steps, tuple((path, version.tag) for path, version in same if version))


def _same(shot: Snapshot, path: str, md5: str) -> Version | None:
    """The newest registered version with these bytes, or, of a folder, with the model in it."""
    listing = (shot.listing(path, md5) or {}) if md5.endswith(".dir") else {}
    models = [hashed for name, hashed in listing.items() if name.endswith(".onnx")]
    return next(filter(None, (version_with(shot.project, one, path) for one in (md5, *models))), None)


def _first(shot: Snapshot, thing: Thing) -> list[LockedStage]:
    return declaring(shot, thing.key) if thing.kind == "parameter" else readers(shot, thing.path)


def _with_row(found: Lineage) -> Lineage:
    from recommit.lineage.rows import inputs_of, row_of

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
    return replace(found, row=row, model=_model(shot, row, given))


def _model(shot: Snapshot, row: "Row", given: list[Item]) -> Lineage | None:
    """The lineage of the model that the row names, else of the one that the stage was given."""
    from recommit.lineage.rows import hash_in

    # Stages copy models: the one that the predicting stage was given is meant, or what is registered, if among them.
    registers = [str(entry["path"]) for entry in (shot.pipeline.get("artifacts") or {}).values() if "path" in entry]
    likely = [[item.path for item in given], registers]
    near = sorted(_models(shot), key=lambda model: [not any(touches(model[0], path) for path in one) for one in likely])
    texts = list(row.models.values())
    hashes = [found for text in texts if (found := hash_in(text))]
    for path, md5 in near:
        if any(_is(shot, path, md5, wanted) for wanted in hashes):
            return _from_where_it_was_made(shot, path, md5)
    said = _version_in(shot.project, texts)
    for version in ([said] if said else []) + (versions(shot.project) if hashes else []):
        then, thing = _of_version(shot.project, version)
        if not hashes or any(_is(then, thing.path, thing.md5, wanted) for wanted in hashes):
            return _back(then, thing)
    if hashes:
        named_so = f" ({said.tag})" if said else ""
        raise Refusal(
            f"the row names the model {hashes[0][:12]}{named_so}, and neither commit {shot.sha[:10]} nor a registered "
            "version has it here: `--rev` names the commit that predicted, DVC's `fetch --all-tags` gets the files"
        )
    models = dict(near)
    return next((_from_where_it_was_made(shot, item.path, item.md5) for item in given if item.path in models), None)


def _version_in(project: Path, texts: list[str]) -> Version | None:
    """The registered version that the texts of a row name, in one of them (`NAME@v1.0.0`) or in two."""
    known = {version.tag: version for version in versions(project)}
    return next((known[text] for text in [*texts, *map("@".join, permutations(texts, 2))] if text in known), None)


def _from_where_it_was_made(shot: Snapshot, path: str, md5: str) -> Lineage:
    """The lineage of a model file or folder: if no stage made it, that of the version with the same bytes."""
    same = None if makers(shot, path) else _same(shot, path, md5)
    if same:
        return _back(*_of_version(shot.project, same))
    return _back(shot, named(shot, path))


def _models(shot: Snapshot) -> Iterator[tuple[str, str]]:
    """The recorded files that are models and folders that hold one, path and hash; those that stages made first."""
    made = {path: md5 for path, (_, md5) in shot.made.items()}
    read = {dep.path: dep.md5 for stage in shot.locked for dep in stage.deps}
    for path, md5 in (made | shot.added | {path: md5 for path, md5 in read.items() if path not in made}).items():
        inside = (shot.listing(path, md5) or {}) if md5.endswith(".dir") else {}
        if path.endswith(".onnx") or any(name.endswith(".onnx") for name in inside):
            yield path, md5


def _is(shot: Snapshot, path: str, md5: str, wanted: str) -> bool:
    """Whether a model file, or one in a model folder, has a hash (MD5 or SHA-256) that begins with `wanted`."""
    inside = {path: md5}
    if md5.endswith(".dir"):
        listing = shot.listing(path, md5) or {}
        inside |= {f"{path}/{name}": hashed for name, hashed in listing.items() if name.endswith(".onnx")}
    if any(hashed.startswith(wanted) for hashed in inside.values()):
        return True
    contents = (shot.content(file, hashed) for file, hashed in inside.items() if file.endswith(".onnx"))
    return any(hashlib.sha256(content).hexdigest().startswith(wanted) for content in contents if content)


def as_json(found: Lineage) -> dict[str, Any]:
    """The lineage as plain data, as `--format json` prints it; the same for the same commit on every machine."""
    thing = asdict(found.thing)
    return {
        "direction": found.direction,
        "commit": {"sha": found.shot.sha, "date": found.shot.date},
        "thing": thing | {"notes": list(found.thing.notes)},
        "steps": [_step_as_json(one) for one in found.steps],
        "same_as": dict(found.same_as),
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
