"""The stages that params.yaml leaves out: which may be, and what each then writes instead of its results."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import nbformat

from recommit import Refusal
from recommit.project.params import LEAVE_OUT
from recommit.project.pipeline import Stage
from recommit.project.yaml import read_params

MAY_BE = ("quality", "search", "importance", "staleness", "robustness", "monitor")
"""The stages that may be left out: no other stage computes with what they find."""
LEFT_OUT = b"left out by leave_out in params.yaml\n"
"""What a table then holds. DVC warns of empty files."""
LEFT_OUT_PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mP4DwABAQEAHLCMmQAAAABJRU5ErkJggg=="
)
"""What a figure then holds: one white pixel."""


def refuse_others(folder: Path) -> None:
    """Raise Refusal where `leave_out` in params.yaml names a stage that must run, or says neither true nor false."""
    said = read_params(folder).get(LEAVE_OUT, {})
    allowed = f"expected true or false beside any of {', '.join(MAY_BE)}"
    if not isinstance(said, Mapping):
        raise Refusal(f"params.yaml: {LEAVE_OUT} is {said!r}: {allowed}")
    for name, value in said.items():
        if name not in MAY_BE:
            raise Refusal(f"params.yaml: {LEAVE_OUT} names {name}, which cannot be left out: {allowed}")
        if not isinstance(value, bool):
            raise Refusal(f"params.yaml: {LEAVE_OUT}.{name} is {value!r}: {allowed}")


def is_left_out(folder: Path, stage: Stage) -> bool:
    """Return whether params.yaml of the project in `folder` leaves out `stage`, all items of a matrix alike.

    Raises Refusal where dvc.yaml does not say that the stage depends on it: DVC would not run it when that changes.
    """
    if not read_params(folder).get(LEAVE_OUT, {}).get(stage.family, False):
        return False
    key = f"{LEAVE_OUT}.{stage.family}"
    if key not in stage.params:
        raise Refusal(f"dvc.yaml: stage {stage.family} does not declare {key}, which is true: add it to its params")
    return True


def instead(stage: Stage, out: str) -> bytes:
    """Return what a `stage` that is left out writes to the file `out`: in whatever form, that it is left out."""
    suffix = PurePosixPath(out).suffix
    if suffix == ".json":
        return (json.dumps({"left_out": stage.family, "version": 1}, indent=1) + "\n").encode()
    if suffix != ".ipynb":
        return LEFT_OUT_PICTURE if suffix == ".png" else LEFT_OUT
    said = (
        f"# {stage.name} is left out\n"
        f"`{LEAVE_OUT}.{stage.family}` in `params.yaml` is true: nothing of it was measured. `false` brings it back."
    )
    kernel = {"display_name": "Recommit", "language": "python", "name": "recommit"}
    page = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_markdown_cell(said, id="left-out")],
        metadata={"kernelspec": kernel, "language_info": {"name": "python"}, "recommit": stage.noted},
    )
    return nbformat.writes(page).encode()
