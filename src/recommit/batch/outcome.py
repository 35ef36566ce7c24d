"""Puts predictions beside what really happened."""

import numpy as np
import pandas as pd


def happened(predictions: pd.DataFrame, facts: pd.DataFrame, key: str, target: str) -> pd.DataFrame:
    """Returns `predictions` with the column `target` (bool) of `facts`, joined by `key`; unknown outcomes are left out.

    Raises ValueError for a key that is twice in either table, or when no outcome is known.
    """
    joined = predictions.merge(facts[[key, target]], on=key, how="left", validate="one_to_one")
    known = joined[joined[target].notna()].astype({target: "bool"})
    if known.empty:
        raise ValueError(f"of none of {len(predictions)} predictions is the outcome known")
    return known.reset_index(drop=True)


def set_words(outcomes: tuple[str, str]) -> list[str]:
    """Returns the words for the set of no outcome, of the negative one, of the positive one, and of both."""
    return ["neither", *outcomes, " or ".join(outcomes)]


def as_sets(words: pd.Series, outcomes: tuple[str, str]) -> np.ndarray:
    """Returns whether each set, written in `words`, holds the negative and the positive outcome: (n, 2) bool.

    Raises ValueError for words that are no set of these outcomes.
    """
    held = words.map({word: code for code, word in enumerate(set_words(outcomes))})
    if held.isna().any():
        raise ValueError(f"{words[held.isna()].iloc[0]!r} is no set of {outcomes[0]} and {outcomes[1]}")
    code = held.to_numpy("int64")
    return np.column_stack([code & 1, code & 2]).astype(bool)
