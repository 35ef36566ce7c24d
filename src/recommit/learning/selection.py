"""Choose the candidate among all fits, by what they scored on the folds."""

from pathlib import Path

import pandas as pd

from recommit.learning.scores import HIGHER_IS_BETTER


def read_folds(folder: Path) -> pd.DataFrame:
    """Every fit's fold scores, from the files MODEL-FEATURES.csv in `folder`: fit, model, features, then their columns.

    Raises ValueError when there is none.
    """
    files = sorted(folder.glob("*.csv"))
    if not files:
        raise ValueError(f"{folder}: no fit has written its fold scores: `dvc repro train` makes them")
    tables = []
    for file in files:
        model, _, features = file.stem.rpartition("-")
        table = pd.read_csv(file, dtype={"fold": "str"})
        for place, (column, value) in enumerate({"fit": file.stem, "model": model, "features": features}.items()):
            table.insert(place, column, value)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def rank(folds: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Every fit with its mean scores over the folds, best first by `metric`; equal ones by name.

    Raises ValueError for an unknown metric.
    """
    if metric not in HIGHER_IS_BETTER:
        raise ValueError(f"no metric {metric!r} to select by; there are {', '.join(HIGHER_IS_BETTER)}")
    means = folds.groupby(["fit", "model", "features"], as_index=False)[list(HIGHER_IS_BETTER)].mean()
    order = means.sort_values([metric, "fit"], ascending=[not HIGHER_IS_BETTER[metric], True])
    return order.reset_index(drop=True)
