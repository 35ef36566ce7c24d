"""Split conformal prediction: how far from its truth an answer may be, at a stated level."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike


def quantile(scores: ArrayLike, level: float) -> float:
    """Return the score that a new row's exceeds with probability 1 - `level` at most (Vovk, Gammerman and Shafer 2005).

    `scores` say of each row, (n,), how far its answer was from the truth; the rows were not learned from. Raises
    ValueError for a level outside 0 to 1, or fewer rows than it needs.
    """
    found = np.sort(np.asarray(scores, dtype="float64"))
    if not 0 < level < 1:
        raise ValueError(f"the level of a conformal set must be between 0 and 1, not {level}")
    place = math.ceil((len(found) + 1) * level)
    if place > len(found):
        raise ValueError(f"{len(found)} rows are too few for sets at level {level}")
    return float(found[place - 1])


def quantiles(scores: ArrayLike, outcomes: ArrayLike, names: Sequence[str], level: float) -> tuple[float, ...]:
    """Return the `quantile` of the rows of each outcome by itself, so that the level holds for each.

    `outcomes` are the places, (n,), of what came among `names`. This is the label-conditional, or Mondrian, conformal
    predictor (Vovk, Gammerman and Shafer 2005, chapter 4.5). Raises ValueError as `quantile` does, with the outcome.
    """
    found, place = [], np.asarray(outcomes)
    for at, name in enumerate(names):
        try:
            found.append(quantile(np.asarray(scores)[place == at], level))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return tuple(found)
