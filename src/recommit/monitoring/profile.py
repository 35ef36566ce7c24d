"""How far each column of each day is from what the reference days are like, in standard deviations between days."""

from dataclasses import dataclass

import numpy as np

from recommit.monitoring.bins import Bins
from recommit.monitoring.relations import Relations
from recommit.monitoring.tally import Tally

KINDS = {
    "level": "its values are higher or lower",
    "spread": "its values are spread otherwise",
    "missing": "more or fewer values are missing",
    "outside": "values that the reference does not have",
    "against others": "it is higher or lower than the other columns say",
    "relation": "it goes with the other columns otherwise",
}
"""What of a column is looked at, and what a shift of it means."""
BOTH = ("level", "missing", "against others", "relation")
"""The kinds that may be off on either side."""
_FLOORS = {"level": 0.05, "spread": 0.01, "missing": 0.01, "outside": 0.01, "against others": 0.05, "relation": 0.05}
"""Standard deviations between days are taken to be no smaller: a shift below that does not matter, however sure."""
FARTHEST = 10.0
"""A shift counts as so many standard deviations at most, so that one column alone does not drown the others."""
WEEK = 7
_LEAST_WEEKS = 8
_VOLUME_FLOOR = 0.1  # of the logarithm of the rows of a day: a tenth of the rows


@dataclass(frozen=True)
class Profile:
    """The standard scores of `days`, (days, columns) for each of `KINDS`, and of the number of rows, (days,).

    `own` says which are reference days.
    """

    days: np.ndarray
    rows: np.ndarray
    own: np.ndarray
    scores: dict[str, np.ndarray]
    volume: np.ndarray

    @property
    def shifts(self) -> np.ndarray:
        """The largest score of any kind, in absolute numbers, of each column, (days, columns), the volume's last."""
        largest = np.max([np.abs(found) for found in self.scores.values()], axis=0)
        return np.minimum(np.column_stack([largest, np.abs(self.volume)]), FARTHEST)


def profile(bins: Bins, relations: Relations, reference: Tally, current: Tally | None) -> Profile:
    """Return the profile of the reference days and the `current` ones, which are later, a day without rows included."""
    days = reference.days if current is None else np.concatenate([reference.days, _all(current.days)])
    found = reference if current is None else (reference + current).of(np.unique(days))
    own = np.isin(found.days, reference.days)
    weekday = _weekdays(found.days, own)
    measured = _measured(bins, found, own, weekday) | _related(bins, relations, found)
    scores = {kind: standard(value, noise, own, weekday, _FLOORS[kind]) for kind, (value, noise) in measured.items()}
    rows = found.rows.astype("float64")
    volume = standard(np.log1p(rows)[:, None], 1 / (rows[:, None] + 1), own, weekday, _VOLUME_FLOOR)[:, 0]
    return Profile(found.days, found.rows, own, scores, volume)


def standard(value: np.ndarray, noise: np.ndarray, own: np.ndarray, weekday: np.ndarray, floor: float) -> np.ndarray:
    """Return how many standard deviations each value, (days, k), is from the mean of the other reference days.

    `noise` is the variance that a day's own rows give its value, (days, k): a day of few rows is not far off for that.
    What reference days differ by beyond it is how days differ. 0 where nothing can be measured.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = value - _others(value, own, weekday)
        square = _mean(np.where(own[:, None], apart**2, np.nan))
        between = np.maximum(square - _mean(np.where(own[:, None], noise, np.nan)), 0)
        return np.nan_to_num(apart / np.sqrt(np.maximum(between, floor**2) + np.nan_to_num(noise)), posinf=0, neginf=0)


def _others(value: np.ndarray, own: np.ndarray, weekday: np.ndarray) -> np.ndarray:
    """The mean of the other reference days, (days, k): those of the same weekday where that is nearer.

    A day is left out of its own mean: else later days would look worse than the reference.
    """
    usual = np.where(own[:, None], value, np.nan)
    alike, all_days = (_without_itself(usual, own, group) for group in (weekday, np.zeros(len(own), dtype="int64")))
    nearer = _mean((usual - alike) ** 2) < _mean((usual - all_days) ** 2)
    return np.where(nearer, alike, all_days)


def _without_itself(usual: np.ndarray, own: np.ndarray, group: np.ndarray) -> np.ndarray:
    means = np.empty(usual.shape)
    for one in np.unique(group):
        here = group == one
        days = usual[here] if own[here].any() else usual
        known, itself = np.isfinite(days), np.isfinite(usual[here])
        total = np.where(known, days, 0).sum(axis=0) - np.where(itself, usual[here], 0)
        with np.errstate(invalid="ignore", divide="ignore"):
            means[here] = total / (known.sum(axis=0) - itself)
    return means


def _weekdays(days: np.ndarray, own: np.ndarray) -> np.ndarray:
    """The weekday of each day where the reference has eight weeks or more, else 0 for all of them."""
    weekday = (days + 3) % WEEK
    enough = np.bincount(weekday[own], minlength=WEEK).min(initial=_LEAST_WEEKS) >= _LEAST_WEEKS
    return np.asarray(weekday if enough else np.zeros(len(days), dtype="int64"))


def _measured(
    bins: Bins, found: Tally, own: np.ndarray, weekday: np.ndarray
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The values that come from counts, and their noise, (days, columns) each."""
    counts, rows = found.counts.astype("float64"), np.maximum(found.rows, 1)[:, None].astype("float64")
    gone, beyond = bins.mask("missing"), bins.mask("outside")
    missing = bins.added(counts * gone)
    known = rows - missing
    with np.errstate(invalid="ignore", divide="ignore"):
        level = bins.added(counts * bins.scores) / known
        square = bins.added(counts * bins.scores**2) / known
        outside = bins.added(counts * beyond) / known
        apart, least = _distance(bins, counts * ~gone, own, weekday)
        return {
            "level": (level, (square - level**2) / known),
            "spread": (apart - least, 1 / known),
            "missing": (missing / rows, _share_noise(missing / rows, rows, own)),
            "outside": (outside, _share_noise(outside, known, own)),
        }


def _distance(bins: Bins, counts: np.ndarray, own: np.ndarray, weekday: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The squared Hellinger distance of each day from the other reference days, of its weekday where that is nearer.

    And what it is expected to be by chance: of k bins with n rows, (k - 1) / 8 n.
    """
    groups = (weekday, np.zeros(len(own), dtype="int64"))
    (alike, few), (all_days, many) = (_from_others(bins, counts, own, group) for group in groups)
    nearer = _mean(np.where(own[:, None], alike - few, np.nan)) < _mean(np.where(own[:, None], all_days - many, np.nan))
    return np.where(nearer, alike, all_days), np.where(nearer, few, many)


def _from_others(bins: Bins, counts: np.ndarray, own: np.ndarray, group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    others = np.empty_like(counts)
    for one in np.unique(group):
        here = group == one
        others[here] = counts[own & here].sum(axis=0) if (own & here).any() else counts[own].sum(axis=0)
    others -= counts * own[:, None]
    day, rest = bins.added(counts), bins.added(others)
    filled = np.add.reduceat(others > 0, bins.starts[:-1], axis=1)
    return 1 - bins.added(np.sqrt(counts * others)) / np.sqrt(day * rest), np.maximum(filled - 1, 0) / (8 * day)


def _related(bins: Bins, relations: Relations, found: Tally) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The values that come from residuals; NaN for a column that is no number."""
    value: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    rows = found.rows[:, None].astype("float64")
    with np.errstate(invalid="ignore", divide="ignore"):
        mean, square, fourth = (sums / 1e6 / rows for sums in (found.residual, found.squared, found.fourth))
        of = {"against others": (mean, square / rows), "relation": (np.log(square + 0.01), fourth / square**2 / rows)}
    for kind, parts in of.items():
        filled = [np.full((len(found.days), len(bins.columns)), np.nan) for _ in parts]
        for whole, part in zip(filled, parts, strict=True):
            whole[:, relations.numbers] = part
        value[kind] = (filled[0], filled[1])
    return value


def _share_noise(share: np.ndarray, rows: np.ndarray, own: np.ndarray) -> np.ndarray:
    """The variance of a share by chance, at that of the reference days."""
    usual = _mean(np.where(own[:, None], share, np.nan))
    return np.asarray(np.maximum(usual * (1 - usual), 0) / rows)


def _all(days: np.ndarray) -> np.ndarray:
    return np.arange(days.min(), days.max() + 1) if len(days) and days.max() - days.min() < 3660 else days


def _mean(values: np.ndarray) -> np.ndarray:
    known = np.isfinite(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(known, values, 0).sum(axis=0) / known.sum(axis=0))
