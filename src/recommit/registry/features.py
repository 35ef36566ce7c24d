"""Whether a version that comes back still fits the features that this project computes now."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq

from recommit import Refusal
from recommit.project.git import blob, git
from recommit.project.hashes import md5_of
from recommit.project.lock import LockedStage, read_lock
from recommit.project.pipeline import is_in


@dataclass(frozen=True)
class _Table:
    path: str
    md5: str
    stage: str
    columns: frozenset[str]


def changed_code(root: Path, tag: str, commit: str, inputs: Sequence[str]) -> tuple[str, ...] | None:
    """Returns the files of the features' code that differ between `commit` and now; None where that cannot be seen.

    `inputs` are the columns that the model of `tag` needs. It cannot be seen where no table of features is on this
    machine as dvc.lock records it. Raises Refusal where no such table has some of the inputs.
    """
    try:
        now = list(read_lock(root))
    except Refusal:  # whatever became of the present: the old model is wanted
        return None
    tables = list(_tables(root, now))
    table = max(tables, key=lambda found: len(found.columns.intersection(inputs)), default=None)
    if table is None or not table.columns.intersection(inputs):
        return None
    code = sorted(_code(now, table.stage) | _code(_locked(root, commit), table.stage))
    # What is new since then is not in that commit, and could not be brought back from it.
    different = ("diff", "--name-only", "--no-renames", "--diff-filter=a", "--relative", "-z", commit, "--", *code)
    changed = tuple(filter(None, git(root, *different).split("\0"))) if code else ()
    missing = sorted(set(inputs).difference(*(found.columns for found in tables)))
    if missing and any(md5_of(root / found.path) != found.md5 for found in tables):
        return None
    if missing:
        back = f"`git checkout {tag} -- {' '.join(changed)}`, " if changed else ""
        raise Refusal(
            f"{tag} needs {', '.join(missing)}, which no stage makes any more ({table.stage} makes {table.path}): "
            f"bring its features back first: {back}`dvc repro {table.stage}`, then commit"
        )
    return changed


def _locked(root: Path, commit: str) -> list[LockedStage]:
    """Returns the stages of dvc.lock at `commit`."""
    with tempfile.TemporaryDirectory() as place:
        Path(place, "dvc.lock").write_text(blob(root, commit, "dvc.lock") or "", encoding="utf-8")
        return list(read_lock(Path(place)))


def _tables(root: Path, locked: Sequence[LockedStage]) -> Iterator[_Table]:
    """Yields the tables on this machine that stages made, but none in models, whose golden rows look like features."""
    for stage in locked:
        for out in stage.outs:
            table = root / out.path
            if out.path.endswith(".parquet") and not is_in(out.path, "models") and (columns := _columns(table)):
                yield _Table(out.path, out.md5, stage.name, columns)


def _code(locked: Sequence[LockedStage], name: str) -> set[str]:
    """Returns the code that the stage `name` depends on, without the machinery, which knows nothing of features."""
    made = [out.path for stage in locked for out in stage.outs]
    deps = (PurePosixPath(dep.path) for stage in locked if stage.name == name for dep in stage.deps)
    code = {str(dep) for dep in deps if dep.suffix in ("", ".py") and "recommit" not in dep.parts}
    return {path for path in code if not any(is_in(path, out) or is_in(out, path) for out in made)}


def _columns(table: Path) -> frozenset[str]:
    try:
        return frozenset(pq.read_schema(table).names)
    except (OSError, pa.ArrowInvalid):
        return frozenset()
