"""Compares two executed notebooks: sources exactly, texts by their words and numbers, figures by their pixels."""

import copy
from collections.abc import Sequence
from typing import Any

import nbformat
from nbformat import NotebookNode

from recommit.proof.compare.comparison import Comparison, first, reading
from recommit.proof.compare.values import ANOTHER_WAY, Picture, Text, compare_values, numbered
from recommit.proof.tolerance import Tolerance


def _read(content: bytes) -> NotebookNode:
    # nbformat.read would give a cell without an id a random one, and so would validate without the copy.
    notebook = nbformat.v4.reads(content.decode())
    nbformat.validate(copy.deepcopy(notebook), version=4)
    return notebook


@reading("a notebook", _read)
def compare_notebooks(before: NotebookNode, after: NotebookNode, tolerance: Tolerance) -> Comparison:
    """Compares two notebook files of format 4: cell by cell, from cell 1, then the notebook's metadata."""
    was, now = ({**_cells(notebook), **notebook, "cells": []} for notebook in (before, after))
    return first([compare_values(was, now, tolerance), ANOTHER_WAY])


def compare_outputs(was: Sequence[NotebookNode], now: Sequence[NotebookNode], tolerance: Tolerance) -> Comparison:
    """Compares the outputs of a cell, counted from 1: their number, their types, and their text and figures."""
    return compare_values(_outputs(was), _outputs(now), tolerance)


def _cells(notebook: NotebookNode) -> dict[str, Any]:
    """Returns the cells by names that tell the place of a difference, as in `cell 2 (share).output 1.text`."""
    return {
        f"{place} ({cell.get('id', 'no id')})": {**_outputs(cell.get("outputs", [])), **cell, "outputs": []}
        for place, cell in numbered("cell", notebook.cells).items()
    }


def _outputs(outputs: Sequence[NotebookNode]) -> dict[str, Any]:
    return numbered("output", [_output(output) for output in outputs])


def _output(output: NotebookNode) -> dict[str, Any]:
    data = {kind: _shown(kind, content) for kind, content in output.get("data", {}).items()}
    text = output.get("text", "\n".join(output.get("traceback", [])))
    return {**output, "data": data, "text": Text(text), "traceback": []}


def _shown(kind: str, content: Any) -> Any:
    if kind == "image/png":
        return Picture(content)
    return Text(content) if kind.startswith("text/") or kind == "image/svg+xml" else content
