"""Choose the candidate among all fits, by what they scored on the folds."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from recommit.learning.scores import HIGHER_IS_BETTER


def read_folds(folder: Path, models: Sequence[str], feature_sets: Sequence[str]) -> pd.DataFrame:
    """The fold scores of every model on every feature set: columns fit, model, features, then those of the files.

    They are read from the files MODEL-FEATURES.csv in `folder`. Raises ValueError where one is missing.
    """
    tables = []
    for model, features in itertools.product(models, feature_sets):
        fit = f"{model}-{features}"
        try:
            table = pd.read_csv(folder / f"{fit}.csv", dtype={"fold": "str"})
        except FileNotFoundError:
            raise ValueError(f"{folder / fit}.csv is missing: `dvc repro train@{fit}` makes it") from None
        tables.append(table.assign(fit=fit, model=model, features=features))
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
