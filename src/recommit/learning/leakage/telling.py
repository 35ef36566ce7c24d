"""Find single values, and gaps, whose rows nearly all have one outcome while the rest of their day, or block, has not.

Missing values are looked at in every column, in all columns at once, and apart for each value of a category: a joined
table may lack a value for honest reasons at one supplier, and because of the outcome at another.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from recommit.evidence.stages import Leak
from recommit.learning.leakage.cells import Cells, cells, is_number, missing, product
from recommit.learning.leakage.leak import named
from recommit.learning.leakage.spans import spans
from recommit.learning.splits import Split

# With fewer expected errors, or fewer spans of time, a value without errors may be chance.
_EXPECTED, _SPANS = 20, 10
# A span has few rows: its rate is shrunk to the rate of all, as if so many more rows had that rate.
_PULL = 5
_PATTERNS, _CATEGORIES = 24, 64


def telling_values(split: Split, columns: Sequence[str], target: str, odds: float) -> list[Leak]:
    """Return values, ranges and gaps of columns whose rows have other odds of the target than their day.

    `odds` is how many times as high or as low as the other rows' they must be, before and after the split; rows are
    compared with the rest of their day, or of as many days as hold enough rows. To count as high, the target must be
    true in more than half of the rows; it is true or false. Returns one leak per column or set of columns, for its
    largest such value.
    """
    parts = _Part.of(split, split.train, target), _Part.of(split, split.test, target)
    found: dict[frozenset[str], Leak] = {}
    for names, cut in _cuts(split, columns):
        # A set of columns tells whatever a part of it tells.
        if not any(fewer <= set(names) for fewer in found) and (leak := _worst(named(names), cut, parts, odds)):
            found[frozenset(names)] = leak
    return list(found.values())


def _cuts(split: Split, columns: Sequence[str]) -> Iterator[tuple[tuple[str, ...], Cells]]:
    gaps: dict[bytes, tuple[str, Cells]] = {}
    for column in columns:
        yield (column,), cells(split.train[column], split.test[column])
        cut = missing(split.train[column], split.test[column])
        both = np.concatenate([cut.earlier, cut.later])
        if 0 < both.sum() < len(both):
            yield (column,), cut
            gaps.setdefault(np.packbits(both.astype("bool")).tobytes(), (column, cut))
    categories = {
        column: cells(split.train[column], split.test[column], _CATEGORIES)
        for column in columns
        if not is_number(split.train[column])
    }
    for column, cut in gaps.values():
        for other, values in categories.items():
            if other != column:
                yield (column, other), _together(column, cut, other, values)
    if len(gaps) > 1:
        yield from _patterns([column for column, _ in gaps.values()], [cut for _, cut in gaps.values()], categories)


def _patterns(
    columns: Sequence[str], cuts: Sequence[Cells], categories: Mapping[str, Cells]
) -> Iterator[tuple[tuple[str, ...], Cells]]:
    """Yield which columns are missing together, alone and by category, and how many are missing."""
    earlier, later = (np.column_stack(part) for part in zip(*((cut.earlier, cut.later) for cut in cuts), strict=True))
    number = tuple(f"missing in {gaps} of {len(columns)} columns" for gaps in range(len(columns) + 1))
    yield tuple(columns), Cells((earlier == 0).sum(axis=1), (later == 0).sum(axis=1), number)
    rows = [pd.util.hash_pandas_object(pd.DataFrame(part), index=False) for part in (earlier, later)]
    common = rows[0].value_counts().sort_index().sort_values(ascending=False, kind="stable").index[:_PATTERNS]
    codes = [common.get_indexer(pd.Index(part)) + 1 for part in rows]
    cut = Cells(codes[0], codes[1], ("missing otherwise", *(f"missing as in pattern {n}" for n in range(len(common)))))
    yield tuple(columns), cut
    for other, values in categories.items():
        if other not in columns:
            yield (*columns, other), _together("gaps", cut, other, values)


def _together(column: str, cut: Cells, other: str, values: Cells) -> Cells:
    names = tuple(f"{cut_name}, {other} {value}" for cut_name in cut.names for value in values.names)
    return Cells(product(cut, values).earlier, product(cut, values).later, names)


@dataclass(frozen=True)
class _Part:
    """The target of some rows, the chance of each row by the rest of its span, and its span."""

    truth: np.ndarray
    chance: np.ndarray
    where: np.ndarray

    @staticmethod
    def of(split: Split, rows: pd.DataFrame, target: str) -> "_Part":
        truth = rows[target].to_numpy("float64")
        where = spans(split.blocks(rows))
        others = np.bincount(where)[where] - 1
        true = np.bincount(where, weights=truth)[where] - truth
        return _Part(truth, (true + _PULL * truth.mean()) / (others + _PULL), where)

    def counted(self, codes: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return for each cell: its rows, how many are true, how many are expected by their spans, and the odds ratio.

        The ratio is that of Mantel and Haenszel (1959), with a stratum per span: a ratio of all days at once would
        be too low where days differ much.
        """
        weights = (None, self.truth, self.chance, self.truth * (1 - self.chance), (1 - self.truth) * self.chance)
        rows, true, expected, above, below = (
            np.bincount(codes, weights=weight, minlength=number).astype("float64") for weight in weights
        )
        return rows, true, expected, (above + 0.5) / (below + 0.5)


def _worst(about: str, cut: Cells, parts: tuple[_Part, _Part], odds: float) -> Leak | None:
    sides = [part.counted(codes, cut.number) for part, codes in zip(parts, (cut.earlier, cut.later), strict=True)]
    high, low = (np.logical_and.reduce(part) for part in zip(*(_beyond(side, odds) for side in sides), strict=True))
    later = parts[1]
    for cell in sorted(np.flatnonzero(high | low), key=lambda cell: -sides[1][0][cell]):
        if len(np.unique(later.where[cut.later == cell])) >= _SPANS:
            rows, true, expected, ratio = (side[cell] for side in sides[1])
            how = (
                f"where it is {cut.names[cell]}, {true / rows:.2%} of {rows:.0f} later rows have the target and "
                f"{sides[0][1][cell] / sides[0][0][cell]:.2%} of {sides[0][0][cell]:.0f} earlier ones; by the other "
                f"rows of their days, {expected / rows:.2%} would: odds {ratio:.3g} times, bound {odds:g}"
            )
            return Leak.of("telling_value", about, how, _worth(cut.later == cell, later))
    return None


def _beyond(side: Sequence[np.ndarray], odds: float) -> tuple[np.ndarray, np.ndarray]:
    """Return which cells have enough rows, and odds above or below what the bound allows."""
    rows, true, expected, ratio = side
    high = (ratio > odds) & (rows - expected >= _EXPECTED) & (true > rows / 2)
    return high, (ratio < 1 / odds) & (expected >= _EXPECTED)


def _worth(chosen: np.ndarray, part: _Part) -> float:
    """Return the share of the baseline's log loss that is saved by predicting the chosen rows' own rate for them."""
    rates = np.clip([part.truth.mean(), part.truth[chosen].mean()], 1e-6, 1 - 1e-6)
    true, rows = part.truth[chosen].sum(), chosen.sum()
    base, own = (-(true * np.log(rate) + (rows - true) * np.log(1 - rate)) for rate in rates)
    mean = rates[0]
    return float((base - own) / (-len(part.truth) * (mean * np.log(mean) + (1 - mean) * np.log(1 - mean))))
