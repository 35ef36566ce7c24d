"""Cut rows into spans within which they are compared, so that a feature of good and bad days is not called a leak."""

import numpy as np
import pandas as pd

from recommit.learning.splits import Split

# With fewer rows per span, most of what a row knows would count as known from its span.
LEAST = 20


def spans(blocks: pd.Series) -> np.ndarray:
    """Return the span of each row, int64 from 0 in the order of blocks: a block, or so many as hold `LEAST` rows."""
    codes, names = pd.factorize(blocks, sort=True)
    rows = np.bincount(codes, minlength=len(names))
    span, held, number = np.zeros(len(names), dtype="int64"), 0, 0
    for block, count in enumerate(rows):
        if held >= LEAST:
            number, held = number + 1, 0
        span[block] = number
        held += count
    if held < LEAST and number:
        span[span == number] = number - 1
    return span[codes]


def within(rows: pd.DataFrame, part: Split) -> Split:
    """Split the rows of one part by blocks, such as days: learn from every second block, test on the others.

    Unlike other splits it is not in order of time and must not judge a model. It is for looks that compare rows of one
    block, and shows what begins on any block but the last. Either part may be empty. `part` gives name and blocks.
    """
    second = pd.factorize(part.blocks(rows), sort=True)[0] % 2 == 1
    return Split(part.name, rows[~second], rows[second], part.starts, part.ends, part.blocks)
