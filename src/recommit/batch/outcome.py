"""Puts predictions beside what really happened."""

import pandas as pd


def happened(predictions: pd.DataFrame, facts: pd.DataFrame, key: str, target: str, dtype: str) -> pd.DataFrame:
    """Returns `predictions` with the column `target` of `facts`, joined by `key`; unknown outcomes are left out.

    `dtype` is the type of the joined column: a problem's `task.dtype`.

    Raises ValueError for a key that is twice in either table.
    """
    joined = predictions.merge(facts[[key, target]], on=key, how="left", validate="one_to_one")
    return joined[joined[target].notna()].astype({target: dtype}).reset_index(drop=True)
