"""Whether what a version's features were computed by is what is here now: an old model, new features do not fit."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq

from recommit import Refusal
from recommit.project.git import git
from recommit.project.hashes import md5_of
from recommit.project.lock import LockedStage, read_lock
from recommit.project.pipeline import is_in
from recommit.registry.files import MODEL, lock_of
from recommit.registry.tags import CANDIDATE


@dataclass(frozen=True)
class _Table:
    path: str
    md5: str
    stage: str
    columns: frozenset[str]


@dataclass(frozen=True)
class Changed:
    """The code that a version's features were computed by: `files` that are others now, and `new` ones."""

    files: tuple[str, ...] = ()
    new: tuple[str, ...] = ()


def changed_features(root: Path, tag: str, commit: str, inputs: Sequence[str]) -> Changed | None:
    """What has changed, since `commit`, of the code that computes features; None where no table of them is here.

    `inputs` are the columns that the model of `tag` needs. Raises Refusal where no table has some of them any more;
    tables that are not as dvc.lock records them say nothing of that.
    """
    try:
        now = list(read_lock(root))
    except Refusal:  # whatever became of the present: the old model is wanted
        return None
    tables = list(_tables(root, now))
    table = max(tables, key=lambda found: len(found.columns.intersection(inputs)), default=None)
    if table is None or not table.columns.intersection(inputs):
        return None
    code = sorted(_code(now, table.stage) | _code(lock_of(root, commit), table.stage))
    shown = git(root, "diff", "--name-status", "--no-renames", "--relative", "-z", commit, "--", *code) if code else ""
    status = dict(zip(shown.split("\0")[1::2], shown.split("\0")[::2], strict=False))
    changed = Changed(
        tuple(name for name, what in status.items() if what != "A"),
        tuple(name for name, what in status.items() if what == "A"),
    )
    missing = sorted(set(inputs).difference(*(found.columns for found in tables)))
    if missing and any(md5_of(root / found.path) != found.md5 for found in tables):
        return None
    if missing:
        back = f"`git checkout {tag} -- {' '.join(changed.files)}`, " if changed.files else ""
        raise Refusal(
            f"{tag} needs {', '.join(missing)}, which no stage makes any more ({table.stage} makes {table.path}): "
            f"bring its features back first: {back}`dvc repro {table.stage}`, then commit"
        )
    return changed


def _tables(root: Path, locked: Sequence[LockedStage]) -> Iterator[_Table]:
    """The tables that were made on the way to the candidate, of those on this machine, the nearest first."""
    for stage in _before_candidate(locked):
        for out in stage.outs:
            if out.path.endswith(".parquet") and (columns := _columns(root / out.path)):
                yield _Table(out.path, out.md5, stage.name, columns)


def _before_candidate(locked: Sequence[LockedStage]) -> list[LockedStage]:
    """The stages before the one that writes the candidate, whose golden rows would pass for features."""
    wanted: Collection[str] = [f"{CANDIDATE}/{MODEL}"]
    found: list[LockedStage] = []
    while wanted:
        makers = [
            stage
            for stage in locked
            if stage not in found
            and any(is_in(out.path, path) or is_in(path, out.path) for out in stage.outs for path in wanted)
        ]
        found += makers
        wanted = {dep.path for stage in makers for dep in stage.deps}
    return [stage for stage in found if all(out.path != f"{CANDIDATE}/{MODEL}" for out in stage.outs)]


def _code(locked: Sequence[LockedStage], name: str) -> set[str]:
    """The modules and packages that a stage depends on, but for the machinery, which knows nothing of features."""
    made = [out.path for stage in locked for out in stage.outs]
    deps = (PurePosixPath(dep.path) for stage in locked if stage.name == name for dep in stage.deps)
    code = {str(dep) for dep in deps if dep.suffix in ("", ".py") and "recommit" not in dep.parts}
    return {path for path in code if not any(is_in(path, out) or is_in(out, path) for out in made)}


def _columns(table: Path) -> frozenset[str]:
    try:
        return frozenset(pq.read_schema(table).names)
    except (OSError, pa.ArrowInvalid):
        return frozenset()
