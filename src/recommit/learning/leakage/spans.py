"""Spans of time within which rows are compared, so that what a column knows of good and bad days is no accusation."""

import numpy as np
import pandas as pd

from recommit.learning.splits import Split

# With fewer rows than this in a span, most of what a row knows would be taken for what its span knows.
LEAST = 20
# Of a month's time, the part that is learned from when a month is split within itself.
_FIRST = 0.6


def spans(instants: pd.Series) -> np.ndarray:
    """The span of each row, int64 from 0 in order of time: a day (UTC), or as many days as hold `LEAST` rows."""
    days, codes = np.unique(instants.dt.floor("D").to_numpy(), return_inverse=True)
    rows = np.bincount(codes, minlength=len(days))
    span, held, number = np.zeros(len(days), dtype="int64"), 0, 0
    for day, count in enumerate(rows):
        if held >= LEAST:
            number, held = number + 1, 0
        span[day] = number
        held += count
    if held < LEAST and number:
        span[span == number] = number - 1
    return span[codes]


def within(rows: pd.DataFrame, starts: pd.Timestamp, ends: pd.Timestamp) -> Split:
    """Split the rows asked about from `starts` to `ends` (UTC) by time: learn from the first part, test on the rest.

    As for `splits.Split`, labels of the first part are known when the second begins. Either part may be empty.
    """
    cut = starts + (ends - starts) * _FIRST
    known = (rows["predicted_at"] >= starts) & (rows["label_known_at"] < cut)
    later = (rows["predicted_at"] >= cut) & (rows["predicted_at"] < ends)
    return Split(rows[known], rows[later], cut, ends)
