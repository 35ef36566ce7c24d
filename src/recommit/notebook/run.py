"""Runs one notebook as its stage: either all its outs are written, or the earlier ones stay."""

import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from warnings import catch_warnings

import nbformat
from nbformat import NotebookNode
from nbformat.warnings import MissingIDFieldWarning

from recommit import Refusal
from recommit.notebook.canonical import INJECTED_ID, as_bytes
from recommit.notebook.contract import check_contract
from recommit.notebook.ledger import note
from recommit.notebook.reuse import Earlier, by_force, earlier
from recommit.project.files import alone, root, write_whole
from recommit.project.hashes import hash_of, ignored_by_dvc
from recommit.project.left_out import instead, is_left_out, refuse_others
from recommit.project.params import LEAVE_OUT, notebook_values
from recommit.project.pipeline import Stage, find_stage, refuse_strays, stages
from recommit.project.text import is_encodable
from recommit.project.vendored import refuse_another_machinery
from recommit.project.yaml import read_yaml


def run(notebook: Path, name: str | None = None, fresh: bool = False) -> None:
    """Executes `notebook` as the stage `name`; by default the stage that DVC runs, or the only one of this notebook.

    If the stage's declared inputs gave results before, in any experiment, branch or clone that shares DVC's cache,
    these are restored instead, unless `fresh` is true. The executed notebook is written to the stage's .ipynb out, and
    the durations of its cells to a .log file beside it. For a stage that params.yaml leaves out, no kernel starts, and
    its outs say that it is left out. Raises Refusal, with status 2 if no cell has run, and status 1 if a cell failed:
    then the notebook up to this cell is in reports/failed/, and every out is as it was.
    """
    folder = root()
    refuse_another_machinery(folder)
    path = _relative(notebook, folder)
    every = stages(folder)
    siblings = [other for other in every if other.notebook == path]
    stage = find_stage(siblings, path, name or _from_dvc(siblings))
    executed = stage.executed
    values = check_contract(folder, read_notebook(folder / path), stage, siblings)
    refuse_strays(folder, stage, every)
    refuse_others(folder)
    if is_left_out(folder, stage):
        with ending_in_order(), _alone(folder, stage), _whole_or_nothing(folder, stage):
            for out in stage.outs:
                write_whole(folder / out, instead(stage, out))
        _progress(f"{stage.name}: left out by {LEAVE_OUT} in params.yaml", last=True)
        return
    before = earlier(folder, stage, values, frozenset(out for other in every for out in other.outs))
    if before and not fresh and not by_force():
        with ending_in_order(), _alone(folder, stage):
            if before.fetch():
                with _whole_or_nothing(folder, stage):
                    before.put()
                _progress(
                    f"{stage.name}: restored, its declared inputs gave these results before: {before.key[:10]}", True
                )
                return

    # JupyterLab's extras install this package. Importing it takes a second, and jsonschema works without it.
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    import papermill

    from recommit.notebook.engine import CellFailed

    durations: list[str] = []

    def cell_done(cell: int, cells: int, seconds: float) -> None:
        durations.append(f"cell {cell} of {cells}: {seconds:.2f} s")
        _progress(f"{stage.name}: {durations[-1]}", last=cell == cells)

    with ending_in_order(), _alone(folder, stage), _whole_or_nothing(folder, stage):
        try:
            result = papermill.execute_notebook(
                str(folder / path).replace("{", "{{").replace("}", "}}"),  # papermill fills in braces
                None,
                engine_name="recommit",
                kernel_name="recommit",
                language="python",
                progress_bar=False,
                stage=stage,
                values=values,
                cell_done=cell_done,
            )
        except CellFailed as failure:
            kept = _keep(folder, stage, failure.partial)
            raise Refusal(f"stage {stage.name} failed in {path}, {failure}\n{kept}\nearlier results stay", 1) from None
        except KeyboardInterrupt:
            raise Refusal(f"stage {stage.name} was interrupted; earlier results stay", 1) from None
        try:
            write_whole(folder / executed, as_bytes(result))
            write_whole((folder / executed).with_suffix(".log"), ("\n".join(durations) + "\n").encode())
        except OSError as error:
            raise Refusal(f"{executed} could not be written: {error.strerror}; earlier results stay", 1) from None
        missing = [out for out in stage.outs if not (folder / out).exists()]
        if missing:
            raise Refusal(
                f"stage {stage.name} declares {', '.join(missing)} in dvc.yaml, but {path} did not write it: "
                "write it, or take it out of outs; earlier results stay",
                1,
            )
        if before:
            refuse_changed(before, values)
            if said := before.keep():
                _progress(said, last=True)


def refuse_changed(before: Earlier, values: Mapping[str, Any], kept: str = "; earlier results stay") -> None:
    """Raises Refusal if inputs changed during the run, since DVC hashes deps and reads params.yaml after the run."""
    changed = before.changed()
    if notebook_values(before.stage, before.folder) != values or is_left_out(before.folder, before.stage):
        changed.append("params.yaml")
    if changed:
        raise Refusal(
            f"{', '.join(changed)} changed while stage {before.stage.name} ran, and dvc.lock would say that the new "
            f"content gave these results: run it again{kept}",
            1,
        )


def _from_dvc(siblings: list[Stage]) -> str | None:
    """Returns the stage that DVC is running if it is one of the `siblings`, else None."""
    name = os.environ.get("DVC_STAGE")
    return name if name in {stage.name for stage in siblings} else None


def _relative(notebook: Path, folder: Path) -> str:
    if not notebook.is_file():
        raise Refusal(f"{notebook}: there is no such notebook")
    absolute = notebook.resolve()
    if not absolute.is_relative_to(folder):
        raise Refusal(f"{notebook} is outside the project {folder}")
    return absolute.relative_to(folder).as_posix()


def read_notebook(path: Path) -> NotebookNode:
    """Returns the notebook in the file `path`.

    Raises Refusal if it is no notebook that a stage can run: not valid, a cell without an id of its own, or text that
    UTF-8 cannot hold.
    """
    try:
        text = path.read_text(encoding="utf-8")
        with catch_warnings(action="ignore", category=MissingIDFieldWarning):  # refused further down
            notebook = nbformat.reads(text, as_version=4)
            nbformat.validate(notebook)
        cells = json.loads(text)["cells"]
    except (ValueError, AttributeError, KeyError, TypeError, nbformat.ValidationError) as error:
        raise Refusal(f"{path}: not a notebook: {str(error).splitlines()[0]}: mend or `git restore` it") from None
    without_id = [str(number) for number, cell in enumerate(cells, start=1) if "id" not in cell]
    if without_id:
        numbers = ", ".join(without_id)
        raise Refusal(f"{path}: cells without an id ({numbers}) get a random one in each run: save it in JupyterLab")
    ids = [cell["id"] for cell in cells]
    for name in sorted({name for name in ids if ids.count(name) > 1}):
        numbers = " and ".join(str(number) for number, other in enumerate(ids, start=1) if other == name)
        raise Refusal(
            f"{path}: cells {numbers} have one id, {name!r}, and all but one get a random one in each run: "
            "give each its own"
        )
    for number, cell in enumerate(cells, start=1):
        if cell["id"] == INJECTED_ID:
            raise Refusal(
                f"{path}: cell {number} has the id {INJECTED_ID!r}, which is that of the cell that a run adds: "
                "give it another"
            )
        if not is_encodable(cell):
            raise Refusal(
                f"{path}: cell {number} holds half a character (a lone surrogate, \\ud800 to \\udfff), which no UTF-8 "
                "file can hold: take it out, or write its escape in the text of a Python string"
            )
    return notebook


@contextmanager
def ending_in_order() -> Iterator[None]:
    """Makes SIGTERM and SIGHUP raise KeyboardInterrupt, as Ctrl-C does, so that everything is cleaned up."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _alone(folder: Path, stage: Stage) -> AbstractContextManager[None]:
    """Raises Refusal if the stage runs already: both runs would move the same outs."""
    return alone(folder, stage.file_name, f"stage {stage.name}")


@contextmanager
def _whole_or_nothing(folder: Path, stage: Stage) -> Iterator[None]:
    """Moves the stage's outs aside while it runs; after a failure, removes what it wrote and brings them back.

    If an earlier run was killed, the outs that it moved aside are brought back first, unless the outs are those of
    dvc.lock, which Git and DVC have restored since.
    """
    aside = folder / ".recommit" / "aside" / stage.file_name
    if aside.exists() and not _are_recorded(folder, stage):
        _bring_back(folder, aside, stage.outs)
    _remove(aside)
    for out in stage.outs:
        if os.path.lexists(folder / out):
            (aside / out).parent.mkdir(parents=True, exist_ok=True)
            (folder / out).rename(aside / out)
        (folder / out).parent.mkdir(parents=True, exist_ok=True)
    try:
        yield
        note(folder, stage.outs)  # restored or computed: somebody can see the results
    except BaseException:
        for out in stage.outs:
            _remove(folder / out)
        _bring_back(folder, aside, stage.outs)
        raise
    _remove(aside)


def _are_recorded(folder: Path, stage: Stage) -> bool:
    """Returns whether all outs of the stage are here with the hashes that dvc.lock records."""
    try:
        outs = read_yaml(folder / "dvc.lock")["stages"][stage.name]["outs"]
        recorded = {out["path"]: out["md5"] for out in outs}
        ignored = ignored_by_dvc(folder)
        return all(hash_of(folder / out, out, ignored) == recorded[out] for out in stage.outs)
    except (Refusal, OSError, KeyError, TypeError):
        return False


def _bring_back(folder: Path, aside: Path, outs: tuple[str, ...]) -> None:
    for out in outs:
        if os.path.lexists(aside / out):
            _remove(folder / out)
            (folder / out).parent.mkdir(parents=True, exist_ok=True)
            (aside / out).rename(folder / out)
    _remove(aside)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _keep(folder: Path, stage: Stage, partial: NotebookNode) -> str:
    """Writes the partial notebook to reports/failed/ and says where. A full disk must not hide the first failure."""
    path = folder / "reports" / "failed" / f"{stage.file_name}.ipynb"
    try:
        write_whole(path, as_bytes(partial))
    except OSError as error:
        return f"the notebook up to there could not be kept: {error.strerror}"
    return f"the notebook up to there, with the traceback: {path}"


def _progress(line: str, last: bool) -> None:
    """Shows `line`: on a terminal over the line before, elsewhere as a line of its own."""
    if sys.stderr.isatty():
        print(f"\r\033[K{line}", end="\n" if last else "", file=sys.stderr, flush=True)
    else:
        print(line, file=sys.stderr, flush=True)
