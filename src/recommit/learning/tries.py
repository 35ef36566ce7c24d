"""Allow for many tries on one test period: the error rate is divided by the number of tries.

The best of many tries looks better than it is. Bonferroni's inequality allows for it, however alike the tries are: k
intervals that each miss the truth with probability a / k hold it together with probability 1 - a or more.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from recommit.evidence.numbers import Interval
from recommit.evidence.stages import Block, Test
from recommit.learning.intervals import from_sums

PROVING = {"better_than_baseline": ("baseline", 1.0), "not_worse_than_champion": ("champion", -1.0)}
"""The rules in which the candidate must be *surely* good: whom it is compared with, and the sign of the bound.

The others hold the measured number itself against its bound, or refuse what is *surely* bad, which a smaller error rate
would make milder.
"""


@dataclass(frozen=True)
class Shortfall:
    """A rule that fails after so many `looks`: the interval at their level, and the bound missed, in its unit."""

    rule: str
    interval: Interval
    bound: float
    looks: int

    def __str__(self) -> str:
        found = self.interval
        numbers = f"{found.value:.4f} [{found.low:.4f}, {found.high:.4f}] at {100 * found.level:.4g} %"
        return (
            f"rule {self.rule}: {self.looks} candidates were judged on this test period, so the error rate is divided "
            f"by {self.looks}: {numbers}, and the lower end must reach {self.bound:g}: judge on a new test period "
            "(move as_of), try fewer, or overrule it by --force with --reason"
        )


def keys_hash(keys: pd.Series) -> str:
    """Return the SHA-256 of the sorted keys: the same for the same rows in any order."""
    return hashlib.sha256("\n".join(sorted(map(str, keys))).encode()).hexdigest()


def by_block(labels: ArrayLike, losses: Mapping[str, np.ndarray]) -> tuple[Block, ...]:
    """Return the rows and the sum of each model's losses of each block, in order: enough for intervals at any level.

    `labels` say to which block, such as a day, each row belongs.
    """
    names, codes = np.unique(np.asarray(labels), return_inverse=True)
    sums = {name: np.bincount(codes, weights=loss) for name, loss in losses.items()}
    rows = np.bincount(codes)
    return tuple(
        Block(str(block), int(rows[place]), {name: float(one[place]) for name, one in sums.items()})
        for place, block in enumerate(names)
    )


def shortfalls(
    test: Test, bounds: Mapping[str, float], looks: int, rules: Sequence[str] = tuple(PROVING)
) -> list[Shortfall]:
    """Return which of `rules` do not hold with the error rate divided by `looks`, by the evidence `test`.

    `bounds` are the gate's. Raises KeyError where the evidence does not compare with the model that a rule names.
    """
    rows = [block.rows for block in test.blocks]
    sums = {
        name: [block.losses[name] for block in test.blocks]
        for name in ("candidate", *(PROVING[rule][0] for rule in rules))
    }
    found = []
    for rule in rules:
        other, sign = PROVING[rule]
        level = 1 - (1 - test.differences[other][test.loss].level) / looks
        gain = (from_sums(sums[other], rows) - from_sums(sums["candidate"], rows)).interval(level)
        interval = test.scale.of_loss(gain)
        bound = sign * bounds[rule] + 0.0  # no -0 in the words
        if not (interval.low >= bound if sign < 0 else interval.low > bound):
            found.append(Shortfall(rule, interval, bound, looks))
    return found
