"""Cut time into spans within which rows are compared, so that a feature of good and bad days is not called a leak."""

import numpy as np
import pandas as pd

from recommit.learning.splits import Split

# With fewer rows per span, most of what a row knows would count as known from its span.
LEAST = 20


def spans(instants: pd.Series) -> np.ndarray:
    """Return the span of each row, int64 from 0 in order of time: a day (UTC), or as many days as hold `LEAST` rows."""
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
    """Split the rows asked about from `starts` to `ends` (UTC) by day: learn from every second day, test on the others.

    Unlike other splits it is not in order of time and must not judge a model. It is for looks that compare rows of one
    day, and shows what begins on any day but the last. Either part may be empty.
    """
    at = rows["predicted_at"]
    inside = (at >= starts) & (at < ends)
    second = (at - starts).dt.days % 2 == 1
    return Split(rows[inside & ~second], rows[inside & second], starts, ends)
