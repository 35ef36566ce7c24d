"""Golden rows: some hundred inputs with the answers expected, kept beside a model and replayed when it is loaded."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from recommit.artifact.model import Model, Unanswered
from recommit.artifact.parity import answers
from recommit.artifact.plain_parquet import Kind, read_plain, write_plain
from recommit.artifact.probes import KIND
from recommit.artifact.sets import Conformal

PROBABILITY, NEGATIVE, POSITIVE = "golden_probability", "golden_negative", "golden_positive"
BOUNDARY = "boundary"
MOST_BYTES = 16 * 2**20
MOST_ROWS = 2000
TOLERANCE = 1e-6
"""A few steps of the float32 that a model computes in: what another processor's rounding may change."""
_DTYPES = {"number": "float32", "text": object}
# How many rows of each kind are kept.
_KEPT = {"usual": 200, "threshold": 90, "category": 60, "missing": 40, "unseen": 10, "extreme": 40}


@dataclass(frozen=True)
class Golden:
    """Golden rows: the columns that the model reads, the probability expected, (n,), and the set, (n, 2) bool."""

    rows: pd.DataFrame
    probability: np.ndarray
    sets: np.ndarray


def choose(asked: pd.DataFrame, model: Model, sets: Conformal, seed: int) -> pd.DataFrame:
    """Draw the golden rows from those of `recommit.artifact.probes`, some of each kind that the model answers.

    With them come the rows whose probabilities are nearest to where a set changes, one on either side: `BOUNDARY`.
    """
    parts = []
    for kind, rows in asked.groupby(KIND, sort=False):
        drawn = rows.sample(min(len(rows), _KEPT[str(kind)]), random_state=seed).sort_index()
        parts.append(drawn[np.isfinite(answers(model.predict_proba, drawn, Unanswered))])
    probability = answers(model.predict_proba, asked, Unanswered)
    nearest = [place for edge in (1 - sets.quantile, sets.quantile) for place in _beside(probability, edge)]
    parts.append(asked.iloc[nearest].assign(**{KIND: BOUNDARY}))
    return pd.concat(parts, ignore_index=True)[[*model.columns, KIND]]


def _beside(probability: np.ndarray, edge: float) -> list[int]:
    """The places of the largest of (n,) numbers up to an edge, and of the smallest beyond; NaN is neither."""
    below = np.where(probability <= edge, probability, -np.inf)
    above = np.where(probability > edge, probability, np.inf)
    return [
        int(place) for place, side in ((below.argmax(), below), (above.argmin(), above)) if np.isfinite(side[place])
    ]


def golden_bytes(rows: pd.DataFrame, model: Model, sets: Conformal) -> bytes:
    """The golden file of rows that `choose` gave, with what the model says of them: the same bytes each time."""
    probability = model.predict_proba(rows)
    held = sets.sets(probability)
    columns = {name: rows[name].to_numpy(dtype=_DTYPES[kind]) for name, kind in model.columns.items()}
    columns |= {KIND: rows[KIND].to_numpy(dtype=object)}
    columns |= {PROBABILITY: probability, NEGATIVE: held[:, 0], POSITIVE: held[:, 1]}
    return write_plain(columns, _kinds(model.columns))


def read_golden(content: bytes, columns: Mapping[str, str]) -> Golden:
    """The golden rows in the bytes of a file, for a model that reads `columns`, name to "number" or "text".

    Raises ValueError in one line when it is no such file.
    """
    found = read_plain(content, _kinds(columns), MOST_ROWS)
    rows = pd.DataFrame({name: found[name] for name in columns})
    return Golden(rows, found[PROBABILITY], np.column_stack([found[NEGATIVE], found[POSITIVE]]))


def replay(golden: Golden, model: Model, sets: Conformal) -> str | None:
    """What differs when the rows are predicted again, in a line; None when nothing does by more than `TOLERANCE`."""
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


def _kinds(columns: Mapping[str, str]) -> dict[str, Kind]:
    own: dict[str, Kind] = {KIND: "text", PROBABILITY: "float64", NEGATIVE: "bool", POSITIVE: "bool"}
    return {name: "float32" if kind == "number" else "text" for name, kind in columns.items()} | own


def _words(held: np.ndarray) -> str:
    return {(False, False): "nothing", (True, False): "no", (False, True): "yes", (True, True): "no or yes"}[
        tuple(held.tolist())
    ]
