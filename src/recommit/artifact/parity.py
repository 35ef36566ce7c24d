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
TEST = "test"
"""The kind of the rows of the test month."""
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
    absent = [name for name in getattr(fitted, "feature_names_in_", ()) if name not in asked]
    if absent:
        raise ValueError(f"the model was fitted on the columns {', '.join(absent)}, which its file does not read")
    parts = [
        _asked(fitted, part, str(kind)) for kind, part in asked.drop(columns=KIND).groupby(asked[KIND], sort=False)
    ]
    usual = next(part for part in parts if (part[KIND] == "usual").all())
    if usual[EXPECTED].isna().all():
        fitted.predict_proba(usual.drop(columns=[KIND, EXPECTED]))  # says why
    return pd.concat(parts, ignore_index=True)


def _asked(fitted: Any, rows: pd.DataFrame, kind: str) -> pd.DataFrame:
    expected = answers(lambda part: fitted.predict_proba(part)[:, 1], rows, ValueError)
    return rows.assign(**{KIND: kind}).assign(**{EXPECTED: expected})


def with_test(asked: pd.DataFrame, fitted: Any, rows: pd.DataFrame) -> pd.DataFrame:
    """The rows that `answered` gave and, as a kind of their own, those of the test month, without their outcomes."""
    return pd.concat([asked, _asked(fitted, rows, TEST)], ignore_index=True)


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
