"""Search a declared space of hyperparameters on past folds, and advise which setting was better, and how surely.

What trains is what params.yaml says. A search changes nothing: it prints the command that would.
"""

import itertools
import json
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from recommit.evidence.numbers import Interval
from recommit.evidence.stages import FINDS, Advice, Find, Tried
from recommit.learning.intervals import blocks
from recommit.learning.parallel import workers
from recommit.learning.splits import Split
from recommit.task import Task

Params = Mapping[str, Any]
NONE = Interval(0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Found:
    """What a search found: every setting tried, that of params.yaml first, and the best of them.

    `confirmation` is the best's mean loss less the first's in a fold that the search did not see; None where the
    first is the best. `periods` are the names of the folds searched, `confirmed_in` is that one's.
    """

    tried: tuple[Tried, ...]
    best: Tried
    confirmation: Interval | None
    periods: tuple[str, ...]
    confirmed_in: str

    @property
    def current(self) -> Params:
        """The setting of params.yaml."""
        return self.tried[0].params

    @property
    def find(self) -> Find:
        """Whether the fold that was not searched confirms the best setting."""
        if self.confirmation is None:
            return "none"
        if self.confirmation.high < 0:
            return "confirmed"
        return "contradicted" if self.confirmation.low > 0 else "unconfirmed"


def settings(current: Params, space: Mapping[str, Sequence[Any]], most: int, seed: int) -> list[dict[str, Any]]:
    """Return the setting of params.yaml, then up to `most` others of the grid of `space`, drawn without replacement.

    A parameter that `space` does not name keeps its value of `current`.
    """
    grid = [dict(current) | dict(zip(space, values, strict=True)) for values in itertools.product(*space.values())]
    others = [setting for setting in grid if setting != dict(current)]
    order = np.random.default_rng(seed).permutation(len(others))[:most]
    return [dict(current), *(others[place] for place in sorted(order))]


def search(
    task: Task,
    build: Callable[[Params], Any],
    tried: Sequence[Params],
    folds: Sequence[Split],
    features: Sequence[str],
    target: str,
    seed: int,
    share: float = 1.0,
) -> Found:
    """Try settings, that of params.yaml first, on all folds but the last, and judge the best of them on the last.

    `build` gives an unfitted model for a setting; a `share` of each fold's training rows, drawn with `seed`, is
    fitted on, the same rows for every setting. Raises ValueError for fewer than two folds, or a share outside 0 to 1.
    """
    if len(folds) < 2:
        raise ValueError("a search needs two folds or more: one to search on, one to confirm")
    if not 0 < share <= 1:
        raise ValueError(f"the share of training rows to search on must be above 0 and at most 1, not {share}")
    *searched, last = folds
    tables = [_cut(fold, features, target, share, seed) for fold in searched]
    losses = Parallel(n_jobs=workers(len(tried) * sum(len(train) for train, _ in tables)))(
        delayed(_losses)(task, build(setting), train, test, features, target)
        for setting in tried
        for train, test in tables
    )
    by_setting = np.concatenate(losses).reshape(len(tried), -1).T
    means = blocks(last.blocks(pd.concat([fold.test for fold in searched])), seed).ratio(by_setting)
    gaps = means.less(0)
    alike = (by_setting == by_setting[:, [0]]).all(
        axis=0
    )  # true of the first itself, and of settings that change no forecast
    differences = [NONE if same else gap for same, gap in zip(alike, gaps.simultaneous(), strict=True)]
    rows = tuple(map(Tried, map(dict, tried), means.each(), differences))
    best = int(np.argmin(means.value))
    confirmation = None
    if best:
        train, test = _cut(last, features, target, share, seed)
        first, other = Parallel(n_jobs=workers(2 * len(train)))(
            delayed(_losses)(task, build(setting), train, test, features, target) for setting in (tried[0], tried[best])
        )
        confirmation = blocks(last.blocks(last.test), seed).ratio(other - first).interval()
    return Found(rows, rows[best], confirmation, tuple(fold.name for fold in searched), last.name)


def adopting(found: Found, model: str) -> str | None:
    """Return the command that trains with the best setting and selects, or None where params.yaml has it already."""
    current = dict(_flat(found.current))
    changed = [
        f"{'' if name in current else '+'}models.{model}.{name}={json.dumps(value)}"
        for name, value in _flat(found.best.params)
        if name not in current or current[name] != value
    ]
    return (
        shlex.join(["dvc", "exp", "run", *(word for one in changed for word in ("-S", one)), "select"])
        if changed
        else None
    )


def _flat(params: Params, above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each parameter with its dotted name: of an average, its members' ones and its weights."""
    for name, value in params.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def advice(found: Found, model: str) -> str:
    """Return the advice in words: which setting, how much better it was, how surely, and how to adopt it."""
    searched, others = " and ".join(found.periods), len(found.tried) - 1
    line = adopting(found, model)
    if line is None or found.confirmation is None:
        return f"{model}: no setting was better than that of params.yaml in {searched}; others tried: {others}"
    setting = ", ".join(f"{name}: {value}" for name, value in found.best.params.items())
    return "\n".join(
        [
            f"{model}: {setting}",
            f"loss less that of params.yaml's setting in {searched}: {_five(found.best.difference)}, the best of "
            f"{others}: it was picked by these folds, so expect less than this; the interval allows for the {others}",
            f"in {found.confirmed_in}, which was not searched: {_five(found.confirmation)}, {FINDS[found.find]}",
            f"to adopt it{'' if found.find == 'confirmed' else ' all the same'}: {line}",
        ]
    )


def _five(number: Interval) -> str:
    """Return the number with five decimals: settings differ in the fourth."""
    return f"{number.value:+.5f} [{number.low:+.5f}, {number.high:+.5f}]"


def as_table(found: Found) -> pd.DataFrame:
    """Return one row per setting, best first: parameters, loss, and difference to params.yaml's, with intervals."""
    rows = [
        {**one.params, "loss": str(one.mean), "less params.yaml's": _five(one.difference)}
        for one in sorted(found.tried, key=lambda one: one.mean.value)
    ]
    return pd.DataFrame(rows)


def as_advice(found: Found, model: str, used_until: pd.Timestamp | None) -> Advice:
    """Return the search as evidence; `used_until` is when the last label that it used was known (UTC)."""
    return Advice(
        used_until=used_until,
        periods=found.periods,
        confirmed_in=found.confirmed_in,
        current=dict(found.current),
        best=found.best.params,
        difference=found.best.difference,
        confirmation=found.confirmation,
        find=found.find,
        adopt=adopting(found, model),
        tried=found.tried,
    )


def _cut(
    fold: Split, features: Sequence[str], target: str, share: float, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a fold's training rows, thinned to `share`, and its test rows, with the columns that a fit needs."""
    columns = [target, *features]
    train = fold.train[columns]
    if share < 1:
        train = train[np.random.default_rng(seed).uniform(size=len(train)) < share]
    return train, fold.test[columns]


def _losses(
    task: Task, model: Any, train: pd.DataFrame, test: pd.DataFrame, features: Sequence[str], target: str
) -> np.ndarray:
    fitted = task.fit(model, train[list(features)], train[target])
    return task.losses(test[target], task.answer(fitted, test[list(features)]))
