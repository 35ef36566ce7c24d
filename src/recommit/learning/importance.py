"""Measure what a feature is worth: how much worse the answers for a later period get without it.

There are two measures. Permuting a column within that period shows how far the fitted model leans on it (Breiman 2001,
section 10). A fit without it shows what is lost when the feature is given up: far less, where other columns say the
same. Permuting also asks the model about rows that cannot exist, such as a storm in fair weather, and there a model can
be far off (Hooker, Mentch and Zhou 2021): it only shows where to look.

A fit also varies by chance: on other training rows its trees split elsewhere, and it is better or worse on all test
rows at once, which resampling test blocks cannot show. So each fit learns from its own draw of the training rows. Fits
with all columns are made several times: a fit without a column is compared with their mean, and their spread widens the
intervals.

A fit is dear, and of one column it seldom shows more than chance. So fits are spent where they decide: on the columns
of each cost together, and on the few single columns that the model leans on most. Of any other column it is given up to
know what is lost without it.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import ArrayLike

from recommit.evidence.numbers import LEVEL, Interval
from recommit.evidence.stages import Need, Worth
from recommit.learning.intervals import REPLICATES, Blocks
from recommit.learning.parallel import workers
from recommit.learning.splits import Split
from recommit.task import Task

Predict = Callable[[pd.DataFrame], np.ndarray]
Groups = Mapping[str, Sequence[str]]
FITS = 8
LEAST_DRAWN = 100  # rows that a fit learns from at least, where there are twice as many


@dataclass(frozen=True)
class LeftOut:
    """The loss that fits without some columns add to each test row, and how far fits vary by chance.

    `losses` maps the columns of a group to the added loss, (test rows,). `luck` is the standard deviation of the mean
    loss of `fits` fits with all columns, on as many draws of rows; `each` is the number of fits without each group.
    """

    losses: Mapping[tuple[str, ...], np.ndarray]
    luck: float
    fits: int
    each: int = 1


def permuted(
    task: Task, predict: Predict, rows: pd.DataFrame, truth: ArrayLike, groups: Groups, seed: int, repeats: int = 3
) -> np.ndarray:
    """Return the loss that permuting all columns of a group adds to each row: (rows, groups).

    `predict` gives answers, (rows,), for a table; it is called from several threads. Each group is permuted
    `repeats` times, by draws of its own, and the mean taken. Raises ValueError for a column that `rows` lacks.
    """
    _check(groups.values(), rows)
    before = task.losses(truth, predict(rows))

    def added(place: int, columns: Sequence[str]) -> np.ndarray:
        draws = np.random.default_rng([seed, place])
        total = np.zeros(len(rows))
        for _ in range(repeats):
            order = draws.permutation(len(rows))
            shuffled = rows.assign(**{column: rows[column].array[order] for column in columns})
            total += task.losses(truth, predict(shuffled)) - before
        return total / repeats

    # Threads: the model file's runtime lets others run, and no table is copied.
    calls = (delayed(added)(place, columns) for place, columns in enumerate(groups.values()))
    return np.column_stack(Parallel(n_jobs=workers(), prefer="threads")(calls))


def left_out(
    task: Task,
    build: Callable[[list[str]], Any],
    split: Split,
    features: Sequence[str],
    target: str,
    groups: Iterable[Sequence[str]],
    seed: int,
    share: float = 0.5,
    fits: int = FITS,
    each: int = 1,
) -> LeftOut:
    """Fit `each` times without each group of columns, and `fits` times with all columns, and compare the mean losses.

    A group that is given twice is fitted once. `build` gives an unfitted model for a list of columns. Every fit learns
    from its own draw of a `share` of the training rows. A fit that has no column left answers as `task.constant` does.

    Of a small table a fit learns from `LEAST_DRAWN` rows or half of all.

    Raises ValueError for a column that is not in `features`, a share that is not between 0 and 1, or too few fits.
    """
    columns, gone = list(features), list(dict.fromkeys(map(tuple, groups)))
    _check(gone, split.train[columns])
    if not 0 < share < 1 or fits < 2 or each < 1:
        raise ValueError(f"a share between 0 and 1 and two fits or more are needed, not {share} and {fits}")
    train, test = split.train[[target, *columns]], split.test[[target, *columns]]
    share = max(share, min(0.5, LEAST_DRAWN / len(train)))
    rest = [[column for column in columns if column not in one] for one in gone]
    kept = [columns] * fits + [names for names in rest for _ in range(each)]
    wanted = [_Fit(names, (seed, place), share) for place, names in enumerate(kept)]
    processes = workers(round(share * len(train)) * len(wanted))
    batches = processes * 2  # few batches, so that tables are seldom sent to workers
    done = Parallel(n_jobs=processes)(
        delayed(_losses)(task, build, train, test, target, wanted[start::batches]) for start in range(batches)
    )
    losses = np.empty((len(test), len(wanted)))
    for start, results in enumerate(done):
        losses[:, start::batches] = results
    whole = losses[:, :fits]
    added = losses[:, fits:].reshape(len(test), len(gone), each).mean(axis=2) - whole.mean(axis=1)[:, None]
    return LeftOut(dict(zip(gone, added.T, strict=True)), float(whole.mean(axis=0).std(ddof=1)), fits, each)


def leaned_on(groups: Groups, permuted: np.ndarray, most: int) -> Groups:
    """Return the `most` groups whose permuting, as `permuted` gives it, adds most loss, the highest first."""
    order = np.argsort(-permuted.mean(axis=0), kind="stable")[:most]
    return {name: groups[name] for name in np.array(list(groups), dtype=object)[order]}


def worth(groups: Groups, permuted: np.ndarray, left_out: LeftOut, days: Blocks, seed: int) -> list[Worth]:
    """Return the worth of each group, most leaned on first, from what `permuted` and `left_out` give.

    The intervals of each kind hold for all groups together. Those of fits also allow for the chance variation of the
    fits without the columns, and of the mean of the fits with all columns. A group that no fit did without has none.
    """
    fitted = {name: left_out.losses[tuple(gone)] for name, gone in groups.items() if tuple(gone) in left_out.losses}
    luck = _luck(left_out, max(1, len(fitted)), seed)
    intervals = _of_days(np.column_stack(list(fitted.values())), days) if fitted else []
    lost = {name: _widened(interval, luck) for name, interval in zip(fitted, intervals, strict=True)}
    found = []
    for (name, members), shuffled in zip(groups.items(), _of_days(permuted, days), strict=True):
        without = lost.get(name)
        found.append(Worth(name, len(members), shuffled, without, _need(shuffled, without)))
    return sorted(found, key=lambda one: (-one.permuted.value, one.name))


def table(found: Sequence[Worth], described: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return one row per item of `found`, joined with the columns of `described`, whose index holds the names."""
    rows = [
        {"permuted": str(one.permuted), "left out": str(one.left_out or "not fitted"), "need": one.need}
        for one in found
    ]
    laid_out = pd.DataFrame(rows, index=pd.Index([one.name for one in found], name="without"))
    return laid_out if described is None else laid_out.join(described)


def _need(permuted: Interval, left_out: Interval | None) -> Need:
    """Return what the two intervals show; `NEEDS` says each in words."""
    if left_out is None:
        return "not fitted"
    if left_out.low > 0:
        return "needed"
    if left_out.high < 0:
        return "harmful"
    return "replaceable" if permuted.low > 0 else "not measurable"


def _of_days(losses: np.ndarray, days: Blocks) -> list[Interval]:
    """Return the mean of each column of `losses`, (rows, groups), with simultaneous intervals."""
    # Where no row's loss changes, the model does not read the columns: the number is exact.
    found = zip(days.ratio(losses).simultaneous(), losses.T, strict=True)
    return [interval if column.any() else Interval(0.0, 0.0, 0.0) for interval, column in found]


def _luck(left_out: LeftOut, groups: int, seed: int) -> float:
    """Return how far chance in the fits moves the most moved of `groups` groups, at the level of intervals."""
    draws = np.random.default_rng(seed)
    shared = draws.normal(size=(REPLICATES, 1)) / np.sqrt(left_out.fits)
    unsure = np.sqrt((left_out.fits - 1) / draws.chisquare(left_out.fits - 1, size=(REPLICATES, 1)))
    own = draws.normal(size=(REPLICATES, groups)) / np.sqrt(left_out.each)
    return float(left_out.luck * np.quantile(np.abs(unsure * (own + shared)).max(axis=1), LEVEL))


def _widened(interval: Interval, margin: float) -> Interval:
    """Return the interval, widened by an independent error of `margin` (Zou and Donner 2008)."""
    low = interval.value - np.hypot(interval.value - interval.low, margin)
    high = interval.value + np.hypot(interval.high - interval.value, margin)
    return Interval(interval.value, float(low), float(high), interval.level)


@dataclass(frozen=True)
class _Fit:
    """The columns to fit on, and the seed and share of the rows to draw for it."""

    columns: list[str]
    seed: tuple[int, int]
    share: float


def _losses(
    task: Task,
    build: Callable[[list[str]], Any],
    train: pd.DataFrame,
    test: pd.DataFrame,
    target: str,
    fits: Sequence[_Fit],
) -> np.ndarray:
    """Return the loss of each test row by each fit: (test rows, fits)."""
    losses = np.empty((len(test), len(fits)))
    for place, fit in enumerate(fits):
        rows = train[np.random.default_rng(fit.seed).uniform(size=len(train)) < fit.share]
        if fit.columns and rows[target].nunique() > 1:
            model = task.fit(build(fit.columns), rows[fit.columns], rows[target])
            answer = task.answer(model, test[fit.columns])
        else:
            known = (rows if rows[target].nunique() > 1 else train)[target]
            answer = np.repeat(task.constant(known), len(test), axis=0)
        losses[:, place] = task.losses(test[target], answer)
    return losses


def _check(groups: Collection[Sequence[str]], rows: pd.DataFrame) -> None:
    if not groups:
        raise ValueError("there are no groups of columns to judge: give one or more")
    absent = sorted({column for columns in groups for column in columns} - set(rows.columns))
    if absent:
        raise ValueError(f"there is no column {', '.join(absent)}")
