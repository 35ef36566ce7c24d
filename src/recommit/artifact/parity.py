"""Parity: does the model file say what the scikit-learn model says, on usual rows and on rows built to differ?"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from recommit.artifact.model import Model, Unanswered
from recommit.artifact.probes import KIND, probes

TOLERANCE = 1e-5
"""A difference that rounding to float32 explains is a tenth of it; a row on another branch of a tree is far over."""
EXPECTED = "golden_scikit_learn"
"""The column of what the scikit-learn model says, before calibration; NaN where it refuses the row."""


@dataclass(frozen=True)
class Compared:
    """How one kind of row went: how many, how many compared, the largest difference, how many beyond tolerance.

    Not compared are the rows that scikit-learn refuses: `refused`, of which the file refuses `refused_by_both`. A row
    that only the file refuses, or that it gives no probability, counts as the largest difference that there can be, 1.
    """

    kind: str
    rows: int
    compared: int
    refused: int
    refused_by_both: int
    largest: float
    beyond: int


def answered(fitted: Any, content: bytes, rows: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The rows of `probes`, with what the fitted scikit-learn model says of each in the column `EXPECTED`.

    `content` is the model file made of `fitted`, `rows` the usual ones, with the columns that it reads.

    Raises ValueError when a column is absent or every usual row is refused: then it is no odd value that is refused.
    """
    asked = probes(content, rows, seed)
    columns = asked.drop(columns=KIND)
    absent = [name for name in getattr(fitted, "feature_names_in_", ()) if name not in columns]
    if absent:
        raise ValueError(f"the model was fitted on the columns {', '.join(absent)}, which its file does not read")

    def predict(part: pd.DataFrame) -> np.ndarray:
        return fitted.predict_proba(part)[:, 1]

    parts = {kind: answers(predict, part, ValueError) for kind, part in columns.groupby(asked[KIND], sort=False)}
    if np.isnan(parts["usual"]).all():
        predict(columns[asked[KIND] == "usual"])  # says why
    return asked.assign(**{EXPECTED: np.concatenate(list(parts.values()))})


def compare(model: Model, asked: pd.DataFrame, calibrate: Callable[[np.ndarray], np.ndarray]) -> list[Compared]:
    """Hold a model file against scikit-learn's answers to the rows that `answered` gave, kind by kind.

    `calibrate` is the calibration that the file has in it, (n,) to (n,): it is applied here in double precision.

    Raises ValueError when a column that the file reads is absent, or is of another type.
    """
    results = []
    for kind, rows in asked.groupby(KIND, sort=False):
        expected = calibrate(rows[EXPECTED].to_numpy(dtype="float64"))
        known = ~np.isnan(expected)
        found = answers(model.predict_proba, rows, Unanswered)
        said = found[known]
        difference = np.abs(np.where((said >= 0) & (said <= 1), said, np.inf) - expected[known]).clip(max=1)
        largest, beyond = float(difference.max(initial=0)), int((difference > TOLERANCE).sum())
        refused, both = int((~known).sum()), int((~known & np.isnan(found)).sum())
        results.append(Compared(str(kind), len(rows), int(known.sum()), refused, both, largest, beyond))
    return results


def answers(predict: Callable[[pd.DataFrame], np.ndarray], rows: pd.DataFrame, refusal: type[ValueError]) -> np.ndarray:
    """What `predict` says of each row, (n,), NaN for those that it refuses, which it does by raising `refusal`.

    A table with one such row is refused whole, so it is halved until that row is found. Other errors are raised.
    """
    if rows.empty:
        return np.empty(0)
    try:
        return np.asarray(predict(rows), dtype="float64")
    except refusal:
        if len(rows) == 1:
            return np.array([np.nan])
        half = len(rows) // 2
        return np.concatenate([answers(predict, part, refusal) for part in (rows.iloc[:half], rows.iloc[half:])])


def largest(compared: list[Compared]) -> float:
    """The largest difference of all kinds."""
    return max(one.largest for one in compared)


def as_evidence(compared: list[Compared]) -> dict[str, Any]:
    """The comparison as evidence keeps it."""
    kinds = {one.kind: asdict(one) for one in compared}
    return {
        "tolerance": TOLERANCE,
        "largest": largest(compared),
        "beyond": sum(one.beyond for one in compared),
        "rows": sum(one.rows for one in compared),
        "compared": sum(one.compared for one in compared),
        "kinds": {kind: {name: value for name, value in one.items() if name != "kind"} for kind, one in kinds.items()},
    }


def as_table(compared: list[Compared]) -> pd.DataFrame:
    """The comparison for reading: a row a kind."""
    rows = [asdict(one) | {"largest": f"{one.largest:.1e}", "beyond": one.beyond} for one in compared]
    words = {"refused": "refused by scikit-learn", "refused_by_both": "by both"}
    return pd.DataFrame(rows).rename(columns=words).set_index("kind")
