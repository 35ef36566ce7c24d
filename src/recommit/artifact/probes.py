"""Rows that show whether a model file and its scikit-learn model agree: real rows, and rows built to differ."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from recommit.artifact.graph import read_graph
from recommit.artifact.operators import Columns, Node

KIND = "golden_kind"
"""The column with the kind of row: usual, threshold, category, missing, unseen or extreme."""
UNSEEN = "(never seen)"
_FLOAT32 = np.finfo("float32")
EXTREMES = (0.0, 1e6, -1e6, float(_FLOAT32.max), float(_FLOAT32.min), float(_FLOAT32.smallest_subnormal))
Changes = dict[str, float | str]


def probes(content: bytes, rows: pd.DataFrame, seed: int, most: int = 15_000) -> pd.DataFrame:
    """Return all `rows` and others built from them, with the column `KIND`.

    `rows` has the columns that the model reads, float32 and text. `content` is the model file. For each split of its
    trees, three rows are built that come to it, with the threshold and the next float32 on either side: at most `most`
    rows, drawn by `seed`. Further rows hold each category, a missing value, an unseen category and extreme numbers.
    """
    graph, draw = read_graph(content), np.random.default_rng(seed)
    rows = rows[list(graph.inputs)].reset_index(drop=True)
    usual = rows.iloc[draw.integers(len(rows), size=400)].reset_index(drop=True)
    numbers = [name for name, kind in graph.inputs.items() if kind == "number"]
    texts = [name for name, kind in graph.inputs.items() if kind == "text"]
    parts = {
        "usual": rows,
        "threshold": _changed(usual, _at_thresholds(graph.predictors, usual, draw, most)),
        "category": _changed(usual, [{name: one} for name, known in graph.categories.items() for one in known]),
        "missing": _changed(
            usual, [dict.fromkeys(blank, np.nan) for blank in (*([name] for name in numbers), numbers)]
        ),
        "unseen": _changed(usual, [{name: UNSEEN} for name in texts]),
        "extreme": _changed(usual, [{name: value} for value in EXTREMES for name in numbers]),
    }
    return pd.concat([part.assign(**{KIND: kind}) for kind, part in parts.items()], ignore_index=True)


def _changed(usual: pd.DataFrame, changes: list[Changes]) -> pd.DataFrame:
    """Return one row of `usual` per entry of `changes`, with that entry's values in it."""
    rows = usual.iloc[np.arange(len(changes)) % len(usual)].reset_index(drop=True)
    for name in map(str, rows.columns):
        places = [place for place, changed in enumerate(changes) if name in changed]
        values = rows[name].to_numpy(dtype="float32" if rows[name].dtype == np.float32 else object, copy=True)
        values[places] = [changes[place][name] for place in places]
        rows[name] = pd.Series(values, dtype=rows[name].dtype)
    return rows


def _at_thresholds(
    predictors: Sequence[Node], usual: pd.DataFrame, draw: np.random.Generator, most: int
) -> list[Changes]:
    """Return what to change in the rows of `usual`, one after the other, so that they come to the trees' thresholds.

    At most `most` / 3 splits of the `predictors` are drawn, and three changes made for each.
    """
    # The n-th change is made to the n-th usual row, so a path is compared with that row.
    usual_rows: list[Any] = usual.to_dict("records")
    changes: list[Changes] = []
    trees = [node for node in predictors if "nodes_values" in node.attributes]
    paths = [(node.columns, *split) for node in trees for split in _paths(node.attributes)]
    chosen = np.sort(draw.permutation(len(paths))[: most // 3])
    for columns, path, place, threshold in (paths[number] for number in chosen):
        column, near = columns[place], np.float32(threshold)
        for value in (near, np.nextafter(near, _FLOAT32.max), np.nextafter(near, _FLOAT32.min)):
            within = {**path, place: (float(np.nextafter(value, np.float32("-inf"))), float(value))}
            changes.append(_needs(columns, within, usual_rows[len(changes) % len(usual)]))
            if column.codes or column.category is not None:
                break  # codes are whole numbers, and those beside a threshold come with the paths below it
    return changes


Path = Mapping[int, tuple[float, float]]
"""Maps the place of each column that is split on above a node to the interval of its values: above low, up to high."""
_ANYWHERE = (-np.inf, np.inf)


def _paths(trees: Mapping[str, Any]) -> Iterator[tuple[Path, int, float]]:
    """Yield the path to each split of `trees`, the attributes of a node, with its column's place and its threshold."""
    needed: dict[tuple[int, int], Path] = {}
    lists = ("treeids", "nodeids", "modes", "featureids", "values", "truenodeids", "falsenodeids")
    for tree, node, mode, place, threshold, yes, no in zip(*(trees[f"nodes_{name}"] for name in lists), strict=True):
        path = needed.pop((tree, node), {})
        if mode != b"LEAF":
            yield path, place, threshold
            low, high = path.get(place, _ANYWHERE)
            needed[tree, yes] = {**path, place: (low, min(high, threshold))}
            needed[tree, no] = {**path, place: (max(low, threshold), high)}


def _needs(columns: Columns, path: Path, row: Mapping[str, float | str]) -> Changes:
    """Return what to change in `row` so that it goes down `path`. `columns` are those that the trees read."""
    changes: Changes = {}
    for place, (low, high) in path.items():
        column = columns[place]
        if column.source is None:
            continue
        has = row[column.source]
        if column.category is not None:
            if low >= 0:
                changes[column.source] = column.category
        elif column.codes:
            code = column.codes.index(has) if has in column.codes else -1
            wanted = code if low < code <= high else high if np.isfinite(high) else low + 1
            changes[column.source] = column.codes[int(np.clip(np.floor(wanted), 0, len(column.codes) - 1))]
        elif low == np.inf:  # where only missing values go
            changes[column.source] = np.nan
        elif not low < float(has) <= high:
            bounded = np.isfinite(high) or low >= _FLOAT32.max
            changes[column.source] = high if bounded else float(np.nextafter(np.float32(low), _FLOAT32.max))
    return changes
