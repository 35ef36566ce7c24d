"""Parity: does the model file say what the scikit-learn model says, on usual rows and on rows built to differ?"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from recommit.artifact.model import Model
from recommit.artifact.probes import KIND, probes

TOLERANCE = 1e-5
"""A difference that rounding to float32 explains is a tenth of it; a row on another branch of a tree is far over."""
EXPECTED = "golden_scikit_learn"
"""The column of what the scikit-learn model says, before calibration; NaN where it refuses the row."""


@dataclass(frozen=True)
class Compared:
    """How one kind of row went: how many, how many compared, the largest difference, how many beyond tolerance.

    Not compared are the rows that scikit-learn refuses: `refused`. A row that only the file refuses, or that it gives
    no probability, counts as the largest difference that there can be, 1.
    """

    kind: str
    rows: int
    compared: int
    refused: int
    largest: float
    beyond: int


def answered(fitted: Any, content: bytes, rows: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The rows of `probes`, with what the fitted scikit-learn model says of each in the column `EXPECTED`.

    `content` is the model file made of `fitted`, `rows` the usual ones, with the columns that it reads.
    """
    asked = probes(content, rows, seed)
    columns = asked.drop(columns=KIND)
    parts = [
        answers(lambda part: fitted.predict_proba(part)[:, 1], part)
        for _, part in columns.groupby(asked[KIND], sort=False)
    ]
    return asked.assign(**{EXPECTED: np.concatenate(parts)})


def compare(model: Model, asked: pd.DataFrame, calibrate: Callable[[np.ndarray], np.ndarray]) -> list[Compared]:
    """Hold a model file against scikit-learn's answers to the rows that `answered` gave, kind by kind.

    `calibrate` is the calibration that the file has in it, (n,) to (n,): it is applied here in double precision.
    """
    results = []
    for kind, rows in asked.groupby(KIND, sort=False):
        expected = calibrate(rows[EXPECTED].to_numpy(dtype="float64"))
        known = ~np.isnan(expected)
        said = answers(model.predict_proba, rows[known])
        difference = np.abs(np.where((said >= 0) & (said <= 1), said, np.inf) - expected[known]).clip(max=1)
        largest, beyond = float(difference.max(initial=0)), int((difference > TOLERANCE).sum())
        refused = len(rows) - int(known.sum())
        results.append(Compared(str(kind), len(rows), int(known.sum()), refused, largest, beyond))
    return results


def answers(predict: Callable[[pd.DataFrame], np.ndarray], rows: pd.DataFrame) -> np.ndarray:
    """What `predict` says of each row, (n,), NaN for those that it refuses.

    A table with one such row is refused whole, so it is halved until that row is found.
    """
    if rows.empty:
        return np.empty(0)
    try:
        return np.asarray(predict(rows), dtype="float64")
    except ValueError:
        if len(rows) == 1:
            return np.array([np.nan])
        half = len(rows) // 2
        return np.concatenate([answers(predict, rows.iloc[:half]), answers(predict, rows.iloc[half:])])


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
    return pd.DataFrame(rows).rename(columns={"refused": "refused by scikit-learn"}).set_index("kind")
