"""Compares two executed notebooks: sources exactly, texts by their words and numbers, figures by their pixels."""

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import nbformat
from nbformat import NotebookNode

from recommit.proof.compare.comparison import Comparison, at, count, counted, different, exactly, first, reading, within
from recommit.proof.compare.figure import compare_encoded_figures
from recommit.proof.compare.text import compare_text
from recommit.proof.compare.values import ANOTHER_WAY, compare_values
from recommit.proof.tolerance import EXACTLY, Tolerance


def _read(content: bytes) -> NotebookNode:
    # nbformat.read would give a cell without an id a random one, and so would validate.
    notebook = nbformat.v4.reads(content.decode())
    nbformat.validate(copy.deepcopy(notebook), version=4)
    return notebook


@reading("a notebook", _read)
def compare_notebooks(before: NotebookNode, after: NotebookNode, tolerance: Tolerance) -> Comparison:
    """Compares two notebook files of format 4: cell by cell, from cell 1, then the notebook's metadata."""
    pairs = enumerate(zip(before.cells, after.cells, strict=False), 1)
    cells = first(
        within(f"cell {number} ({old.get('id', 'no id')})", _compare_cells(old, new, tolerance))
        for number, (old, new) in pairs
    )
    around = compare_values({**before, "cells": []}, {**after, "cells": []}, EXACTLY)
    return first([counted(len(before.cells), len(after.cells), "cell", cells), around, ANOTHER_WAY])


def compare_outputs(was: Sequence[NotebookNode], now: Sequence[NotebookNode], tolerance: Tolerance) -> Comparison:
    """Compares a cell's outputs, from output 1: their number, types and texts, and what each format shows."""
    if len(was) != len(now):
        return different(*(f"{count(len(outputs), 'output')}{_types(outputs)}" for outputs in (was, now)))
    pairs = enumerate(zip(was, now, strict=True), 1)
    return first(within(f"output {number}", first(_compare_output(*pair, tolerance))) for number, pair in pairs)


def _compare_cells(was: NotebookNode, now: NotebookNode, tolerance: Tolerance) -> Comparison:
    def parts() -> Iterator[Comparison]:
        for key in ("id", "cell_type"):
            yield at(key, exactly(str(was.get(key)), str(now.get(key))))
        yield at("source", exactly(was.source, now.source))
        yield compare_outputs(was.get("outputs", []), now.get("outputs", []), tolerance)
        yield compare_values({**was, "outputs": []}, {**now, "outputs": []}, EXACTLY)

    return first(parts())


def _compare_output(was: NotebookNode, now: NotebookNode, tolerance: Tolerance) -> Iterator[Comparison]:
    yield at("type", exactly(was.output_type, now.output_type))
    shown = [output.get("data", {}) for output in (was, now)]
    if set(shown[0]) != set(shown[1]):
        yield different(*(f"shown as {', '.join(sorted(data)) or 'nothing'}" for data in shown))
    for kind in (kind for kind in shown[0] if kind in shown[1]):
        yield at(kind, _compare_shown(kind, shown[0][kind], shown[1][kind], tolerance))
    yield at("text", compare_text(_text(was), _text(now), tolerance))
    compared = {"data": {}, "text": "", "traceback": []}
    yield compare_values({**was, **compared}, {**now, **compared}, EXACTLY)


def _compare_shown(kind: str, was: Any, now: Any, tolerance: Tolerance) -> Comparison:
    if kind == "image/png" and was != now:
        return compare_encoded_figures(was, now, tolerance)
    if kind.startswith("text/") or kind == "image/svg+xml":
        return compare_text(was, now, tolerance)
    return compare_values(was, now, tolerance)


def _text(output: NotebookNode) -> str:
    return output.get("text", "\n".join(output.get("traceback", [])))


def _types(outputs: Sequence[NotebookNode]) -> str:
    return f" ({', '.join(output.output_type for output in outputs)})" if outputs else ""
