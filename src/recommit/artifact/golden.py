"""Golden rows: some hundred inputs with the expected answers, which a model must give again when it is loaded.

`golden.json` holds the format and, for each column, the list of its values. The columns are the inputs, the kind of
row, the expected probability, and whether each outcome is in the expected set. A missing number is null. A number is
written with all its digits, so that the same float is read back.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from recommit.artifact.closed import parse
from recommit.artifact.files import demand
from recommit.artifact.model import Model, Unanswered
from recommit.artifact.parity import answers
from recommit.artifact.probes import KIND
from recommit.artifact.sets import Conformal

PROBABILITY, NEGATIVE, POSITIVE = "golden_probability", "golden_negative", "golden_positive"
BOUNDARY = "boundary"
MOST_BYTES = 16 * 2**20
MOST_ROWS = 2000
TOLERANCE = 1e-6
"""The largest difference of a probability that passes: a few steps of float32, as another processor may round."""
FORMAT = 1
"""Raised when a reader of the old format would misread the new one."""
# For each kind of column: the allowed types of its values in JSON, and the type of the array made of them.
_KINDS: dict[str, tuple[set[type], Any]] = {
    "number": ({float, type(None)}, "float32"),
    "text": ({str}, object),
    "probability": ({float}, "float64"),
    "yes or no": ({bool}, "bool"),
}
# At most so many rows of each kind are kept; more rows make the file larger and notice smaller changes of a model.
_KEPT = {"usual": 200, "threshold": 90, "category": 60, "missing": 40, "unseen": 10, "extreme": 40}


@dataclass(frozen=True)
class Golden:
    """Golden rows: the columns that the model reads, the expected probability, (n,), and set, (n, 2) bool."""

    rows: pd.DataFrame
    probability: np.ndarray
    sets: np.ndarray


def choose(asked: pd.DataFrame, model: Model, sets: Conformal, seed: int) -> pd.DataFrame:
    """Return the golden rows: some of each kind in `asked`, from `recommit.artifact.probes`, that `model` can answer.

    Added, with the kind `BOUNDARY`, are the rows whose probability is nearest to where a set of `sets` changes, one on
    either side. Rows with an infinite number are left out, because JSON has none. `seed` decides which rows are drawn.
    """
    numbers = asked[[name for name, kind in model.columns.items() if kind == "number"]]
    asked = asked[~np.isinf(numbers.to_numpy(dtype="float32")).any(axis=1)]
    parts = []
    for kind, rows in asked.groupby(KIND, sort=False):
        drawn = rows.sample(min(len(rows), _KEPT[str(kind)]), random_state=seed).sort_index()
        parts.append(drawn[np.isfinite(answers(model.predict_proba, drawn, Unanswered))])
    probability = answers(model.predict_proba, asked, Unanswered)
    nearest = [place for edge in (1 - sets.quantile, sets.quantile) for place in _beside(probability, edge)]
    parts.append(asked.iloc[nearest].assign(**{KIND: BOUNDARY}))
    return pd.concat(parts, ignore_index=True)[[*model.columns, KIND]]


def _beside(probability: np.ndarray, edge: float) -> list[int]:
    """Return the places of the largest `probability` up to `edge` and of the smallest above it, if there are any."""
    below = np.where(probability <= edge, probability, -np.inf)
    above = np.where(probability > edge, probability, np.inf)
    return [
        int(place) for place, side in ((below.argmax(), below), (above.argmin(), above)) if np.isfinite(side[place])
    ]


def golden_bytes(rows: pd.DataFrame, model: Model, sets: Conformal) -> bytes:
    """Return the bytes of golden.json for `rows`, from `choose`, with the answers of `model` and `sets`."""
    probability = model.predict_proba(rows)
    held = sets.sets(probability)
    columns = {
        name: _listed(rows[name].to_numpy(dtype="float32")) if kind == "number" else rows[name].tolist()
        for name, kind in model.columns.items()
    }
    columns |= {KIND: rows[KIND].tolist(), PROBABILITY: probability.tolist()}
    columns |= {NEGATIVE: held[:, 0].tolist(), POSITIVE: held[:, 1].tolist()}
    return json.dumps({"format": FORMAT, "columns": columns}, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def read_golden(content: bytes, columns: Mapping[str, str]) -> Golden:
    """Return the golden rows in `content`, the bytes of golden.json, for a model that reads `columns`.

    `columns` maps each name to "number" or "text". Raises ValueError in one line for any other content.
    """
    said = parse(content)
    fits = isinstance(said, dict) and said.keys() == {"format", "columns"} and isinstance(said["columns"], dict)
    demand(fits, "it holds no golden rows: due are 'format' and 'columns', and nothing else")
    known = said["format"] == FORMAT and said["format"] is not True
    demand(known, f"it is of format {said['format']!r:.20}, and this version reads {FORMAT}")
    due = {**columns, KIND: "text", PROBABILITY: "probability", NEGATIVE: "yes or no", POSITIVE: "yes or no"}
    for name in sorted(said["columns"].keys() ^ due.keys()):
        demand(name not in due, f"it lacks the column {name!r}")
        demand(name in due, f"it has a column {name!r:.60}, which the model does not read")
    found = {name: _array(name, said["columns"][name], kind) for name, kind in due.items()}
    sizes = {len(values) for values in found.values()}
    fits = len(sizes) == 1 and 1 <= min(sizes) <= MOST_ROWS
    demand(fits, f"it has columns of {sorted(sizes)} rows: due are 1 to {MOST_ROWS}, as many in each")
    rows = pd.DataFrame({name: found[name] for name in columns})
    return Golden(rows, found[PROBABILITY], np.column_stack([found[NEGATIVE], found[POSITIVE]]))


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


def replay(golden: Golden, model: Model, sets: Conformal) -> str | None:
    """Predict the golden rows again, and return in one line what differs from the expected answers, or None."""
    try:
        probability = model.predict_proba(golden.rows)
    except ValueError as error:
        return str(error)
    difference = np.abs(probability - golden.probability)
    wrong = ~(difference <= TOLERANCE)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[np.argmax(difference[wrong])])
        found, due = probability[row], golden.probability[row]
        return f"{wrong.sum()} of {len(wrong)} golden rows; row {row} gives the probability {found:.7g}, not {due:.7g}"
    wrong = (sets.sets(golden.probability) != golden.sets).any(axis=1)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        found, due = (_words(held[row]) for held in (sets.sets(golden.probability), golden.sets))
        return f"{wrong.sum()} of {len(wrong)} golden rows; row {row} gives the set {found}, not {due}"
    return None


def _words(held: np.ndarray) -> str:
    return {(False, False): "nothing", (True, False): "no", (False, True): "yes", (True, True): "no or yes"}[
        tuple(held.tolist())
    ]
