"""Parity: whether a model file and its scikit-learn model agree, on usual rows and on rows built to differ."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import count, takewhile
from typing import Any

import numpy as np
import pandas as pd

from recommit.artifact.answers import distance, finite, from_parts, to_parts
from recommit.artifact.model import Model, Unanswered
from recommit.artifact.probes import KIND, probes

TOLERANCE = 1e-5
"""The largest `distance` that passes. Rounding to float32 makes a tenth of it; another branch of a tree far more."""
TEST = "test"
"""The kind of the rows of the test period."""
EXPECTED = "golden_scikit_learn"
"""The column of scikit-learn's answers before calibration; NaN where it refuses the row.

The other numbers of an answer, where it has several, are in the same column with _1, _2 and so on after its name.
"""
Predict = Callable[[pd.DataFrame], np.ndarray]
_OF_ONE = 2  # two probabilities are one answer: that of the positive class


@dataclass(frozen=True)
class Compared:
    """The comparison of one kind of row: how many there are, and how many of them differ beyond the tolerance.

    Rows that scikit-learn refuses are not compared: `refused` counts them, and `refused_by_both` those that the file
    refuses too. A row that only the file refuses, or to which it gives no number, counts as a difference of 1.
    """

    kind: str
    rows: int
    compared: int
    refused: int
    refused_by_both: int
    largest: float
    beyond: int


def answered(fitted: Any, content: bytes, rows: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return the rows of `probes` with the answer of `fitted`, a scikit-learn model, in the column `EXPECTED`.

    `content` is the model file made of `fitted`; `rows` are usual rows with the columns that it reads. `seed` decides
    which rows are built. Raises ValueError if a column is absent, or if scikit-learn refuses every usual row.
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
        _predict(fitted)(usual[list(rows.columns)])  # raises the reason
    return pd.concat(parts, ignore_index=True)


def _predict(fitted: Any) -> Predict:
    def probabilities(rows: pd.DataFrame) -> np.ndarray:
        found = np.asarray(fitted.predict_proba(rows))
        return found[:, 1] if found.shape[1] == _OF_ONE else found

    return probabilities if hasattr(fitted, "predict_proba") else fitted.predict


def _asked(fitted: Any, rows: pd.DataFrame, kind: str) -> pd.DataFrame:
    classes = len(getattr(fitted, "classes_", ()))
    with np.errstate(over="ignore", invalid="ignore"):  # rows far out of range are asked on purpose
        expected = answers(_predict(fitted), rows, ValueError, (classes,) if classes > _OF_ONE else ())
    expected = np.where(np.abs(expected) > np.finfo("float32").max, np.nan, expected)  # no file could say so
    return rows.assign(**{KIND: kind}).assign(**dict(zip(_names(), to_parts(expected), strict=False)))


def _names() -> Iterator[str]:
    """Yield the names of the columns of an answer's numbers, without an end."""
    yield EXPECTED
    for place in count(1):
        yield f"{EXPECTED}_{place}"


def with_test(asked: pd.DataFrame, fitted: Any, rows: pd.DataFrame) -> pd.DataFrame:
    """Return `asked`, from `answered`, with `rows` of the test added as the kind `TEST`, answered by `fitted`."""
    return pd.concat([asked, _asked(fitted, rows, TEST)], ignore_index=True)


def compare(
    model: Model, asked: pd.DataFrame, calibrate: Callable[[np.ndarray], np.ndarray], spread: float = 1.0
) -> list[Compared]:
    """Compare the answers of `model` with scikit-learn's to the rows in `asked`, from `answered`: one result per kind.

    `calibrate` is the calibration in the model file, from answers to answers; it is applied to scikit-learn's in double
    precision. Of an answer of several numbers, the largest difference counts.
    Differences are a share of `spread`, as in `recommit.artifact.answers.distance`: 1 for probabilities.

    Raises ValueError if a column that the model reads is absent or of another type.
    """
    results, names = [], list(takewhile(asked.columns.__contains__, _names()))
    for kind, rows in asked.groupby(KIND, sort=False):
        expected = calibrate(from_parts([rows[name].to_numpy(dtype="float64") for name in names]))
        known = finite(expected)
        found = answers(model.answer, rows, Unanswered, model.shape)
        difference = distance(found[known], expected[known], spread).clip(max=1)
        largest, beyond = float(difference.max(initial=0)), int((difference > TOLERANCE).sum())
        refused, both = int((~known).sum()), int((~known & ~finite(found)).sum())
        results.append(Compared(str(kind), len(rows), int(known.sum()), refused, both, largest, beyond))
    return results


def answers(predict: Predict, rows: pd.DataFrame, refusal: type[ValueError], shape: tuple[int, ...] = ()) -> np.ndarray:
    """Return what `predict` answers to each of `rows`, and NaN for a row for which it raises `refusal`.

    `shape` is that of one answer: () or (k,). One such row makes `predict` refuse the whole table, so the table is
    halved until the row is found. Other errors are raised.
    """
    if rows.empty:
        return np.empty((0, *shape))
    try:
        return np.asarray(predict(rows), dtype="float64")
    except refusal:
        if len(rows) == 1:
            return np.full((1, *shape), np.nan)
        half = len(rows) // 2
        return np.concatenate([answers(predict, part, refusal, shape) for part in (rows.iloc[:half], rows.iloc[half:])])


def largest(compared: list[Compared]) -> float:
    """Return the largest difference among all kinds of `compared`."""
    return max(one.largest for one in compared)


def as_evidence(compared: list[Compared]) -> dict[str, Any]:
    """Return `compared` as the evidence file holds it."""
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
    """Return `compared` as a table to look at, with one row per kind."""
    rows = [asdict(one) | {"largest": f"{one.largest:.1e}", "beyond": one.beyond} for one in compared]
    words = {"refused": "refused by scikit-learn", "refused_by_both": "by both"}
    return pd.DataFrame(rows).rename(columns=words).set_index("kind")
