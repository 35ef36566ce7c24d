"""Whether a version that comes back still fits the features that this project computes now."""

import tempfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq

from recommit import Refusal
from recommit.project.git import blob, git
from recommit.project.hashes import md5_of
from recommit.project.lock import LockedStage, Recorded, read_lock
from recommit.project.pipeline import is_in


def changed_code(root: Path, tag: str, commit: str, inputs: Sequence[str]) -> tuple[str, ...] | None:
    """Returns the files of the features' code that differ between `commit` and now; None where that cannot be seen.

    `inputs` are the columns that the model of `tag` needs. It cannot be seen where no table of features is on this
    machine as dvc.lock records it. Raises Refusal where no such table has some of the inputs.
    """
    try:
        now = list(read_lock(root))
    except Refusal:  # whatever became of the present: the old model is wanted
        return None
    tables = _tables(root, now)
    best = max(tables, key=lambda table: len(tables[table].intersection(inputs)), default=None)
    if best is None or not tables[best].intersection(inputs):
        return None
    stage, table = best
    code = sorted(_code(now, stage) | _code(_locked(root, commit), stage))
    # What is new since then is not in that commit, and could not be brought back from it.
    different = ("diff", "--name-only", "--no-renames", "--diff-filter=a", "--relative", "-z", commit, "--", *code)
    changed = tuple(filter(None, git(root, *different).split("\0"))) if code else ()
    missing = sorted(set(inputs).difference(*tables.values()))
    if missing and any(md5_of(root / made.path) != made.md5 for _, made in tables):
        return None
    if missing:
        back = f"`git checkout {tag} -- {' '.join(changed)}`, " if changed else ""
        raise Refusal(
            f"{tag} needs {', '.join(missing)}, which no stage makes any more ({stage} makes {table.path}): "
            f"bring its features back first: {back}`dvc repro {stage}`, then commit"
        )
    return changed


def _locked(root: Path, commit: str) -> list[LockedStage]:
    """Returns the stages of dvc.lock at `commit`."""
    with tempfile.TemporaryDirectory() as place:
        Path(place, "dvc.lock").write_text(blob(root, commit, "dvc.lock") or "", encoding="utf-8")
        return list(read_lock(Path(place)))


def _tables(root: Path, locked: Sequence[LockedStage]) -> dict[tuple[str, Recorded], frozenset[str]]:
    """Returns the columns of each table on this machine that a stage made, by the stage's name and the table.

    Tables in models are left out: a model's golden rows look like features.
    """
    made = ((stage.name, out) for stage in locked for out in stage.outs if out.path.endswith(".parquet"))
    columns = {(stage, out): _columns(root / out.path) for stage, out in made if not is_in(out.path, "models")}
    return {table: names for table, names in columns.items() if names}


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
