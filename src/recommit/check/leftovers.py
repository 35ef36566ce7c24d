"""Removes what is left of a stage that dvc.yaml no longer declares: its entry in dvc.lock and its outs."""

import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from recommit.project.hashes import hash_of, ignored_by_dvc
from recommit.project.lock import LockedStage, Recorded, read_lock
from recommit.project.pipeline import Stage, is_in, stages

_NAME = re.compile(r"^  (\S.*):$", re.MULTILINE)


def remove_leftovers(folder: Path) -> Iterator[str]:
    """Removes what is left of stages that dvc.yaml in `folder` no longer declares, and yields a line for each.

    An out is removed from disk if it is as dvc.lock records it. It stays if a declared stage writes it, if it was
    edited since its stage ran, and if it became raw data: a stage has exactly this file as a dep, or `dvc add` tracks
    it.
    """
    declared = stages(folder)
    left = leftovers(folder, declared)
    written = [out for stage in declared for out in stage.outs]
    read = {dep for stage in declared for dep in stage.deps}
    for stage in left:
        for out in stage.outs:
            if out.is_outside or any(is_in(out.path, other) or is_in(other, out.path) for other in written):
                continue
            if out.path in read or (folder / f"{out.path}.dvc").is_file():
                yield f"{out.path}: kept, since it is raw data now: `dvc add` it, or commit it"
            else:
                yield from _remove(folder, out)
        yield f"dvc.lock: took out stage {stage.name}, which dvc.yaml no longer declares"
    _take_out(folder / "dvc.lock", left)


def leftovers(folder: Path, declared: Sequence[Stage]) -> list[LockedStage]:
    """Returns the stages that dvc.lock in `folder` records and that are not among the `declared` ones."""
    names = {stage.name for stage in declared}
    recorded = read_lock(folder) if (folder / "dvc.lock").is_file() else ()
    return [stage for stage in recorded if stage.name not in names]


def names_left(folder: Path, declared: Sequence[Stage]) -> list[str]:
    """Returns the names of `leftovers`, from the text of dvc.lock as DVC writes it: to parse it takes half a second."""
    lock = folder / "dvc.lock"
    recorded = _NAME.findall(lock.read_text(encoding="utf-8")) if lock.is_file() else []
    return sorted({name.strip("'") for name in recorded} - {stage.name for stage in declared})


def _remove(folder: Path, out: Recorded) -> Iterator[str]:
    path = folder / out.path
    if not path.exists():
        return
    if hash_of(path, out.path, ignored_by_dvc(folder)) != out.md5:
        yield f"{out.path}: kept, since it was edited after its stage ran: delete it, or move it elsewhere"
        return
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    ignores = path.parent / ".gitignore"
    if ignores.is_file():
        lines = ignores.read_text(encoding="utf-8").splitlines(keepends=True)
        ignores.write_text("".join(line for line in lines if line.strip() != f"/{path.name}"), encoding="utf-8")
    yield f"{out.path}: deleted; its stage is gone"


def _take_out(lock: Path, left: list[LockedStage]) -> None:
    from dvc.utils.serialize import modify_yaml

    if left:
        with modify_yaml(lock) as content:
            for stage in left:
                del content["stages"][stage.name]
