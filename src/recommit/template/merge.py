"""Merge a later template into a file that a user has edited: text line by line, notebooks by cell, dvc.yaml by stage.

Each function takes three versions: `old`, as the earlier template wrote it, `ours`, as the user has it now, and `new`,
as the later template writes it. Where both changed the same place, Git's conflict markers hold both, for the user to
choose.
"""

import json
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from ruamel.yaml import YAML

Merge = Callable[[str, str, str], "Merged"]


class Merged(NamedTuple):
    """The merged text, and in how many places both sides had changed the same thing."""

    text: str
    conflicts: int


def merge(name: str, old: str, ours: str, new: str) -> Merged:
    """Merge three versions of the file called `name`, by what kind of file it is. Raises ValueError as JSON or YAML."""
    return three_way(old, ours, new, _merge_of(name))


def three_way(old: str, ours: str, new: str, both: Merge) -> Merged:
    """Return the side that changed, or what `both` makes of the three where both sides did."""
    if ours == old:
        return Merged(new, 0)
    if new in (old, ours):
        return Merged(ours, 0)
    return both(old, ours, new)


def merge_text(old: str, ours: str, new: str) -> Merged:
    """Merge line by line, as `git merge-file` does."""
    with TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("ours", "old", "new")]
        for file, text in zip(files, (ours, old, new), strict=True):
            file.write_text(text, encoding="utf-8", newline="")
        labels = [part for label in ("yours", "before", "later template") for part in ("-L", label)]
        command = ["git", "merge-file", "-p", *labels, *map(str, files)]
        done = subprocess.run(command, capture_output=True, check=False)
    if not 0 <= done.returncode < 128:
        raise ValueError(f"git merge-file cannot merge it: {done.stderr.decode(errors='replace').strip()}")
    return Merged(done.stdout.decode("utf-8"), done.returncode)


def merge_notebook(old: str, ours: str, new: str) -> Merged:
    """Merge cell by cell, by the cells' ids: a conflict stands inside a cell's source, so that the notebook opens.

    The user's order of cells stays; a new cell comes after the cell that it follows in the later template. A cell that
    either side has deleted, and the other has not changed, is gone.
    """
    before, mine, later = (json.loads(text) for text in (old, ours, new))
    known, other = _by_id(before["cells"]), _by_id(later["cells"])
    conflicts = 0
    cells: list[Mapping[str, Any]] = []
    for cell in mine["cells"]:
        base, theirs = known.get(str(cell.get("id"))), other.get(str(cell.get("id")))
        if base and theirs:
            source = three_way(_source(base), _source(cell), _source(theirs), merge_text)
            conflicts += source.conflicts
            kept = theirs if _source(cell) == _source(base) else cell
            cells.append({**kept, "source": source.text.splitlines(keepends=True)})
        elif not base or _source(cell) != _source(base):  # the user's own, or one that the user has changed
            cells.append(cell)
    order = [cell["id"] for cell in later["cells"]]
    ids = [str(cell.get("id")) for cell in cells]
    for name in _added(order, known, ids):
        cells.insert(_after(name, order, [str(cell.get("id")) for cell in cells]), other[name])
    return Merged(json.dumps({**later, "cells": cells}, indent=1, ensure_ascii=False) + "\n", conflicts)


def merge_pipeline(old: str, ours: str, new: str) -> Merged:
    """Merge dvc.yaml stage by stage. The user's deps stay: `recommit check --fix` writes those that follow from others.

    A stage that the user has deleted stays deleted; a new stage comes after the one that it follows in the template.
    What stands before and after the stages is merged as text.
    """
    (head, known, tail, _), (our_head, mine, our_tail, deps), (new_head, other, new_tail, _) = map(
        _stages, (old, ours, new)
    )
    conflicts, stages = 0, {}
    for name, text in mine.items():
        if name in known and name in other:
            merged = three_way(known[name], text, other[name], merge_text)
            conflicts, stages[name] = conflicts + merged.conflicts, merged.text
        elif name not in known or text != known[name]:
            stages[name] = text
    names, order = list(stages), list(other)
    for name in _added(order, known, names):
        names.insert(_after(name, order, names), name)
    ends = [three_way(*parts, merge_text) for parts in ((head, our_head, new_head), (tail, our_tail, new_tail))]
    body = "".join(_with_deps(stages[name], deps[name]) if name in stages else other[name] for name in names)
    return Merged(ends[0].text + body + ends[1].text, conflicts + sum(end.conflicts for end in ends))


def _merge_of(name: str) -> Merge:
    if name == "dvc.yaml":
        return merge_pipeline
    return merge_notebook if name.endswith(".ipynb") else merge_text


def _by_id(cells: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {cell["id"]: cell for cell in cells if "id" in cell}


def _source(cell: Mapping[str, Any]) -> str:
    return "".join(cell["source"])


def _added(order: Iterable[str], known: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    return [name for name in order if name not in known and name not in names]


def _after(name: str, order: list[str], names: list[str]) -> int:
    """The place in `names` after the last one that stands before `name` in `order`."""
    before = order[: order.index(name)]
    return max((place + 1 for place, other in enumerate(names) if other in before), default=0)


def _with_deps(stage: str, deps: str) -> str:
    """Put `deps`, the lines of a stage's deps, before its outs."""
    lines = stage.splitlines(keepends=True)
    place = next((n for n, line in enumerate(lines) if line.startswith(("    outs:", "    metrics:"))), len(lines))
    return "".join([*lines[:place], deps, *lines[place:]])


def _stages(text: str) -> tuple[str, dict[str, str], str, dict[str, str]]:
    """Return what stands before the stages in dvc.yaml, each stage's lines without deps, what follows, and the deps."""
    lines = text.splitlines(keepends=True)
    nodes = {key.value: (key, value) for key, value in YAML().compose(text).value}
    stages = nodes["stages"][1].value
    starts = [_first_line(lines, key.start_mark.line) for key, _ in stages]
    ends = [key.start_mark.line for key, _ in nodes.values() if key.start_mark.line > starts[-1]]
    last = _first_line(lines, min(ends)) if ends else len(lines)
    found, deps = {}, {}
    for (key, entry), first, end in zip(stages, starts, [*starts[1:], last], strict=True):
        inner = [one.start_mark.line for one, _ in entry.value] + [end]
        skipped = {
            line
            for (one, _), start, stop in zip(entry.value, inner, inner[1:], strict=False)
            if one.value == "deps"
            for line in range(start, stop)
            if lines[line].strip()
        }
        found[key.value] = "".join(lines[line] for line in range(first, end) if line not in skipped)
        deps[key.value] = "".join(lines[line] for line in sorted(skipped))
    return "".join(lines[: starts[0]]), found, "".join(lines[last:]), deps


def _first_line(lines: list[str], line: int) -> int:
    """The first of the comment lines that stand right above `line`, or `line` itself."""
    while line and lines[line - 1].lstrip().startswith("#"):
        line -= 1
    return line
