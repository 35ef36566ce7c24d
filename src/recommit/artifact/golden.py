"""Golden rows: some hundred inputs with the expected answers, which a model must give again when it is loaded.

`golden.json` holds the format and, for each column, the list of its values. The columns are the inputs, the kind of
row, and what is written of a prediction: for example the expected probability, and the expected set in words. A missing
number is null. A number is written with all its digits, so that the same float is read back.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from recommit.artifact.answers import Answers, distance, finite, from_parts, to_parts
from recommit.artifact.closed import parse
from recommit.artifact.files import demand
from recommit.artifact.model import Model, Unanswered
from recommit.artifact.parity import answers
from recommit.artifact.probes import KIND

PREFIX = "golden_"
"""What the names of the columns with expected answers begin with."""
BOUNDARY = "boundary"
MOST_BYTES = 16 * 2**20
MOST_ROWS = 2000
TOLERANCE = 1e-6
"""The largest `distance` of an answer that passes: a few steps of float32, as another processor may round."""
FORMAT = 2
"""Raised when a reader of the old format would misread the new one."""
# For each kind of column: the allowed types of its values in JSON, and the type of the array made of them.
_KINDS: dict[str, tuple[set[type], Any]] = {
    "number": ({float, type(None)}, "float32"),
    "text": ({str}, object),
    "answer": ({float}, "float64"),
}
# At most so many rows of each kind are kept; more rows make the file larger and notice smaller changes of a model.
_KEPT = {"usual": 200, "threshold": 90, "category": 60, "missing": 40, "unseen": 10, "extreme": 40}


@dataclass(frozen=True)
class Golden:
    """Golden rows: the columns that the model reads, the expected answers, and what is to be written beside them."""

    rows: pd.DataFrame
    answer: np.ndarray
    beside: dict[str, np.ndarray]


def choose(asked: pd.DataFrame, model: Model, task: Answers, seed: int) -> pd.DataFrame:
    """Return the golden rows: some of each kind in `asked`, from `recommit.artifact.probes`, that `model` can answer.

    Added, with the kind `BOUNDARY`, are the rows whose answer is nearest to one of `task.edges`, one on either side.
    Rows with an infinite number are left out, because JSON has none. `seed` decides which rows are drawn.
    """
    numbers = asked[[name for name, kind in model.columns.items() if kind == "number"]]
    asked = asked[~np.isinf(numbers.to_numpy(dtype="float32")).any(axis=1)]
    parts = []
    for kind, rows in asked.groupby(KIND, sort=False):
        drawn = rows.sample(min(len(rows), _KEPT[str(kind)]), random_state=seed).sort_index()
        found = answers(model.answer, drawn, Unanswered, model.shape)
        parts.append(drawn[finite(found)])
    answer = answers(model.answer, asked, Unanswered, model.shape) if task.edges else np.empty(0)
    nearest = [place for edge in task.edges for part in to_parts(answer) for place in _beside(part, edge)]
    parts.append(asked.iloc[nearest].assign(**{KIND: BOUNDARY}))
    return pd.concat(parts, ignore_index=True)[[*model.columns, KIND]]


def _beside(answer: np.ndarray, edge: float) -> list[int]:
    """Return the places of the largest `answer` up to `edge` and of the smallest above it, if there are any."""
    below = np.where(answer <= edge, answer, -np.inf)
    above = np.where(answer > edge, answer, np.inf)
    return [
        int(place) for place, side in ((below.argmax(), below), (above.argmin(), above)) if np.isfinite(side[place])
    ]


def golden_bytes(rows: pd.DataFrame, model: Model, task: Answers) -> bytes:
    """Return the bytes of golden.json for `rows`, from `choose`, with the answers of `model` as `task` writes them."""
    columns = {
        name: _listed(rows[name].to_numpy(dtype="float32")) if kind == "number" else rows[name].tolist()
        for name, kind in model.columns.items()
    }
    written = task.columns(model.answer(rows))
    columns |= {KIND: rows[KIND].tolist()} | {PREFIX + name: values.to_pylist() for name, values in written.items()}
    return json.dumps({"format": FORMAT, "columns": columns}, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def read_golden(content: bytes, columns: Mapping[str, str], task: Answers) -> Golden:
    """Return the golden rows in `content`, the bytes of golden.json, for a model that reads `columns`.

    `columns` maps each name to "number" or "text"; `task` tells what is written of a prediction. Raises ValueError in
    one line for any other content.
    """
    said = parse(content)
    fits = isinstance(said, dict) and said.keys() == {"format", "columns"} and isinstance(said["columns"], dict)
    demand(fits, "it holds no golden rows: due are 'format' and 'columns', and nothing else")
    demand(said["format"] == FORMAT, f"it is of format {said['format']!r:.20}, and this version reads {FORMAT}")
    written = task.columns(np.empty((0, *task.shape)))
    due = {**columns, KIND: "text"} | {
        PREFIX + name: "answer" if pa.types.is_floating(values.type) else "text" for name, values in written.items()
    }
    for name in sorted(said["columns"].keys() ^ due.keys()):
        demand(name not in due, f"it lacks the column {name!r}")
        demand(name in due, f"it has a column {name!r:.60}, which the model does not read")
    found = {name: _array(name, said["columns"][name], kind) for name, kind in due.items()}
    sizes = {len(values) for values in found.values()}
    fits = len(sizes) == 1 and 1 <= min(sizes) <= MOST_ROWS
    demand(fits, f"it has columns of {sorted(sizes)} rows: due are 1 to {MOST_ROWS}, as many in each")
    rows = pd.DataFrame({name: found[name] for name in columns})
    beside = {name: found[PREFIX + name] for name in written if name not in task.parts}
    return Golden(rows, from_parts([found[PREFIX + name] for name in task.parts]), beside)


def _array(name: str, values: Any, kind: str) -> np.ndarray:
    types, dtype = _KINDS[kind]
    fits = isinstance(values, list) and set(map(type, values)) <= types
    demand(fits, f"its column {name!r} must be a list of values of the kind {kind}")
    with np.errstate(over="ignore"):
        array = np.array(values, dtype=dtype)
    demand(kind != "number" or _listed(array) == values, f"its column {name!r} holds numbers that are no float32")
    return array


def _listed(numbers: np.ndarray) -> list[float | None]:
    """Return `numbers`, (n,) float32, as a list of the same floats, with None for those that are missing."""
    return [None if math.isnan(number) else number for number in numbers.tolist()]


def replay(golden: Golden, model: Model, task: Answers) -> str | None:
    """Predict the golden rows again, and return in one line what differs from the expected answers, or None."""
    try:
        answer = model.answer(golden.rows)
    except ValueError as error:
        return str(error)
    away = distance(answer, golden.answer, task.spread)
    if not (away <= TOLERANCE).all():
        return _differs(
            " and ".join(task.parts), away, *([_said(one) for one in all_] for all_ in (answer, golden.answer))
        )
    written = task.columns(golden.answer)
    for name, due in golden.beside.items():
        found, expected = written[name].to_pylist(), due.tolist()
        if found != expected:
            wrong = [one != other for one, other in zip(found, expected, strict=True)]
            return _differs(name, np.array(wrong), found, expected)
    return None


def _said(answer: np.ndarray) -> str:
    return " and ".join(f"{number:.7g}" for number in np.atleast_1d(answer))


def _differs(name: str, away: np.ndarray, found: Sequence[Any], due: Sequence[Any]) -> str:
    row = int(np.argmax(away))
    wrong = (away > TOLERANCE).sum()
    return f"{wrong} of {len(away)} golden rows; row {row} gives the {name} {found[row]}, not {due[row]}"
