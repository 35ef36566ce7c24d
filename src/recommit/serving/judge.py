"""Whether the model of a share of requests is worse than the other: by bounds that hold at all times at once.

Each request falls into one of two groups by chance. At any time, n requests of a group bound its rates and its
distribution: a rate by Clopper and Pearson (1934, doi:10.1093/biomet/26.4.404), the distribution by the inequality of
Dvoretzky, Kiefer and Wolfowitz with the constant of Massart (1990, doi:10.1214/aop/1176990746). One looks after every
request, so that the bound after n requests may be wrong with the probability risk / (n (n + 1)) alone: these sum to
`risk` over all n, and it does not matter how often, or by how many workers, is looked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, sqrt

REASONS = {
    "errors": "it refuses or fails at more requests",
    "latency": "it answers more requests slowly",
    "predictions": "its predictions are spread otherwise",
}
"""Why a canary is aborted."""


@dataclass(frozen=True)
class Bounds:
    """What is still no reason to abort; the defaults are where one begins.

    `errors` is by how much the share of requests that get an error may be higher, and `slow` that of those that take
    longer than `seconds`. `shift` is the largest difference of the two distributions of predictions. `risk` is the
    probability that a canary is aborted that is within all bounds: a smaller one takes more requests to abort.
    """

    errors: float = 0.02
    slow: float = 0.05
    seconds: float = 0.25
    shift: float = 0.1
    risk: float = 0.01


@dataclass(frozen=True)
class Group:
    """What came of the requests of one group; `spread` are how many predictions fell between two ends of values."""

    requests: int
    errors: int
    slow: int
    spread: Sequence[int]


def verdict(first: Group, canary: Group, bounds: Bounds) -> str | None:
    """Returns the one of `REASONS` that is sure, or None."""
    risk, sizes = bounds.risk / (2 * len(REASONS)), (canary.requests, first.requests)
    if _least(canary.errors, sizes[0], risk) > _most(first.errors, sizes[1], risk) + bounds.errors:
        return "errors"
    if _least(canary.slow, sizes[0], risk) > _most(first.slow, sizes[1], risk) + bounds.slow:
        return "latency"
    if distance(first.spread, canary.spread) - _band(first.spread, risk) - _band(canary.spread, risk) > bounds.shift:
        return "predictions"
    return None


def distance(one: Sequence[int], other: Sequence[int]) -> float:
    """Returns the largest difference of two distributions, at the ends that values were counted by."""
    if not sum(one) or not sum(other):
        return 0.0
    largest = below_one = below_other = 0.0
    for first, second in zip(one, other, strict=True):
        below_one, below_other = below_one + first / sum(one), below_other + second / sum(other)
        largest = max(largest, abs(below_one - below_other))
    return largest


def _spent(risk: float, size: int) -> float:
    return risk / (size * (size + 1))


def _least(many: int, size: int, risk: float) -> float:
    """Returns the lower bound of a rate."""
    from scipy.special import betaincinv

    return float(betaincinv(many, size - many + 1, _spent(risk, size))) if many else 0.0


def _most(many: int, size: int, risk: float) -> float:
    """Returns the upper bound of a rate."""
    from scipy.special import betaincinv

    return float(betaincinv(many + 1, size - many, 1 - _spent(risk, size))) if many < size else 1.0


def _band(spread: Sequence[int], risk: float) -> float:
    """Returns by how much a distribution may be another one than what was seen of it."""
    size = sum(spread)
    return sqrt(log(2 / _spent(risk, size)) / (2 * size)) if size else 1.0
