"""Search a declared space of hyperparameters on past months; confirm the find on a month that it did not see."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from recommit.learning.intervals import Estimate, Interval, blocks
from recommit.learning.parallel import workers
from recommit.learning.scores import log_losses
from recommit.learning.splits import Split

Params = Mapping[str, Any]


@dataclass(frozen=True)
class Tried:
    """One setting: its mean log loss on the folds searched, and that less the default's (below 0 is better)."""

    params: Params
    mean: Interval
    difference: Interval


@dataclass(frozen=True)
class Found:
    """What a search found: every setting tried, the default first, and the best of them.

    `confirmation` is the best's mean log loss less the default's in a month that the search did not see: above 0, the
    find does not hold there. `months` are those searched, `confirmed_in` that one, each as 2013-05.
    """

    tried: tuple[Tried, ...]
    best: Params
    confirmation: Interval
    months: tuple[str, ...]
    confirmed_in: str


def settings(default: Params, space: Mapping[str, Sequence[Any]], most: int, seed: int) -> list[dict[str, Any]]:
    """The default, then up to `most` other settings of the grid that `space` spans, drawn without replacement."""
    grid = [dict(default) | dict(zip(space, values, strict=True)) for values in itertools.product(*space.values())]
    others = [setting for setting in grid if setting != dict(default)]
    order = np.random.default_rng(seed).permutation(len(others))[:most]
    return [dict(default), *(others[place] for place in sorted(order))]


def search(
    build: Callable[[Params], Any],
    tried: Sequence[Params],
    folds: Sequence[Split],
    features: Sequence[str],
    target: str,
    seed: int,
    share: float = 1.0,
) -> Found:
    """Try settings, the default first, on all folds but the last, and confirm the best of them on the last.

    `build` gives an unfitted classifier for a setting; a `share` of each fold's training rows, drawn with `seed`, is
    fitted on, the same rows for every setting. Raises ValueError for fewer than two folds, or a share outside 0 to 1.
    """
    if len(folds) < 2:
        raise ValueError("a search needs two folds or more: one to search on, one to confirm")
    if not 0 < share <= 1:
        raise ValueError(f"the share of training rows to search on must be above 0 and at most 1, not {share}")
    *searched, last = folds
    tables = [_cut(fold, features, target, share, seed) for fold in searched]
    losses = Parallel(n_jobs=workers())(
        delayed(_losses)(build(setting), train, test, features, target) for setting in tried for train, test in tables
    )
    by_setting = np.concatenate(losses).reshape(len(tried), -1).T
    days = pd.concat([test["predicted_at"] for _, test in tables]).dt.date
    means = blocks(days, seed).ratio(by_setting)
    gaps = Estimate(means.value - means.value[0], means.replicates - means.replicates[:, [0]], means.blocks)
    rows = tuple(Tried(setting, mean, gap) for setting, mean, gap in zip(tried, means.each(), gaps.each(), strict=True))
    best = int(np.argmin(means.value))
    confirmation = Interval(0.0, 0.0, 0.0)
    if best:
        train, test = _cut(last, features, target, share, seed)
        default, tuned = Parallel(n_jobs=workers())(
            delayed(_losses)(build(setting), train, test, features, target) for setting in (tried[0], tried[best])
        )
        confirmation = blocks(test["predicted_at"].dt.date, seed).ratio(tuned - default).interval()
    months = tuple(f"{fold.starts:%Y-%m}" for fold in searched)
    return Found(rows, tried[best], confirmation, months, f"{last.starts:%Y-%m}")


def as_table(found: Found) -> pd.DataFrame:
    """Every setting tried, best first: its parameters, and log loss and difference to the default with intervals."""
    rows = [
        {**one.params, "log loss": str(one.mean), "less the default's": str(one.difference)}
        for one in sorted(found.tried, key=lambda one: one.mean.value)
    ]
    return pd.DataFrame(rows)


def as_evidence(found: Found, used_until: pd.Timestamp) -> dict[str, Any]:
    """The search as evidence keeps it; `used_until` is when the last label that it used was known (UTC)."""
    tried = [
        {"params": dict(one.params), "mean": one.mean.as_dict(), "difference": one.difference.as_dict()}
        for one in found.tried
    ]
    return {
        "used_until": str(used_until),
        "months": list(found.months),
        "confirmed_in": found.confirmed_in,
        "default": dict(found.tried[0].params),
        "tuned": dict(found.best),
        "confirmation": found.confirmation.as_dict(),
        "tried": tried,
    }


def _cut(
    fold: Split, features: Sequence[str], target: str, share: float, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A fold's training and test rows with the columns that a fit needs, the training rows thinned to `share`."""
    columns = ["predicted_at", target, *features]
    train = fold.train[columns]
    if share < 1:
        train = train[np.random.default_rng(seed).uniform(size=len(train)) < share]
    return train, fold.test[columns]


def _losses(model: Any, train: pd.DataFrame, test: pd.DataFrame, features: Sequence[str], target: str) -> np.ndarray:
    fitted = model.fit(train[list(features)], train[target])
    return log_losses(test[target], fitted.predict_proba(test[list(features)])[:, 1])
