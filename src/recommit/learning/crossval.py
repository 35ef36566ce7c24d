"""Cross-validation in time: fit on the past of each fold, score the month after it."""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from recommit.learning.scores import scores
from recommit.learning.splits import Split


def cross_validate(
    build: Callable[[], Any], splits: Sequence[Split], features: Sequence[str], target: str
) -> pd.DataFrame:
    """Fit a new model on each split's training rows and score it on its test rows.

    `build` gives an unfitted scikit-learn classifier; `features` and `target` (bool) are columns of the splits.
    Returns a row a fold, oldest first: fold (its month, as 2013-05), rows_trained, rows_scored, and the `scores`.
    """
    rows = []
    for split in splits:
        model = build().fit(split.train[list(features)], split.train[target])
        probability = model.predict_proba(split.test[list(features)])[:, 1]
        counts = {"rows_trained": len(split.train), "rows_scored": len(split.test)}
        rows.append({"fold": f"{split.starts:%Y-%m}", **counts, **scores(split.test[target], probability)})
    return pd.DataFrame(rows)
