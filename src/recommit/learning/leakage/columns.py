"""Look for leaks in columns, one look after another: columns that a look names are left out of later looks."""

from collections.abc import Sequence
from itertools import pairwise

import pandas as pd

from recommit.evidence.stages import Leak
from recommit.learning.leakage.bounds import Bounds
from recommit.learning.leakage.shuffled import strong_against_shuffled, stronger_lately
from recommit.learning.leakage.spans import within
from recommit.learning.leakage.target import target_in_columns
from recommit.learning.leakage.telling import telling_values
from recommit.learning.splits import folds

LOOKS = ("target_in_columns", "strong_columns", "strong_against_shuffled", "stronger_lately", "telling_value")
# Counting is quick, and rare values need many rows.
_COUNTED = 5


def leaks_in_columns(
    rows: pd.DataFrame, as_of: str, months: int, columns: Sequence[str], target: str, bounds: Bounds, seed: int
) -> list[Leak]:
    """Return the leaks in columns of the training `rows`, proofs and questions: see `Leak`.

    `rows` has `predicted_at` and `label_known_at` (UTC), the columns and the target (true or false). It looks at the
    last `months` before the test month that ends at `as_of`: each by what came before it, and each within itself. Each
    column is named by one look. Raises ValueError as `splits.folds` and for a target that is not true or false.
    """
    sampled = folds(_sample(rows, bounds.rows, seed), as_of, months)
    apart = [
        within(_sample(part, max(bounds.rows // months, 1), seed), starts, ends)
        for part, starts, ends in _months(rows, sampled[0].starts, sampled[-1].ends)
    ]
    last = folds(_sample(rows, _COUNTED * bounds.rows, seed), as_of, 1)
    # The last month's own split shows what begins in that month; it may be empty if the month is short.
    alone = [split for split in apart[-1:] if len(split.train) and len(split.test)]
    found = target_in_columns([*sampled, *alone], columns, target, bounds)
    found += strong_against_shuffled(sampled[-1], _left(columns, found), target, bounds.worth, seed)
    found += stronger_lately(apart, _left(columns, found), target, bounds.rise, seed)
    for split in [*last, *alone]:
        found += telling_values(split, _left(columns, found), target, bounds.odds)
    return found


def _left(columns: Sequence[str], found: Sequence[Leak]) -> list[str]:
    named = {column for leak in found for column in leak.where.split(", ")}
    return [column for column in columns if column not in named]


def _sample(rows: pd.DataFrame, most: int, seed: int) -> pd.DataFrame:
    return rows.sample(min(most, len(rows)), random_state=seed).sort_index()


def _months(
    rows: pd.DataFrame, first: pd.Timestamp, ends: pd.Timestamp
) -> list[tuple[pd.DataFrame, pd.Timestamp, pd.Timestamp]]:
    """Return the rows, start and end of each month, from the month before `first` up to `ends`."""
    edges = pd.date_range(first - pd.DateOffset(months=1), ends, freq="MS")
    at = rows["predicted_at"]
    return [(rows[(at >= low) & (at < high)], low, high) for low, high in pairwise(edges)]
