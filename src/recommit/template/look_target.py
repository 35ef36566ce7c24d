"""What kind of answer the target asks for, and which columns give it away."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from recommit import Refusal
from recommit.learning.leakage.cells import auc, cells
from recommit.rawtable.values import OUTCOMES
from recommit.template.look_columns import Guess

TaskKind = Literal["binary", "number", "classes"]
TELLS = 0.95
"""From this AUC, rank correlation or R2 on, a column alone tells the target."""
_PAIR_TELLS = {"binary": 0.99, "number": 0.9999, "classes": 0.99}
# A pair must leave ten times less unsaid than the better of its two columns.
_BETTER = 10
_CLASSES, _FEW = 30, 20
_ROWS, _PAIR_ROWS, _PAIRED = 20_000, 4_000, 60


@dataclass(frozen=True)
class TaskGuess:
    """The kind of answer, and why. `outcomes` are the words for false and for true; `sure` that their order is plain.

    `doubt` says what may be wrong about the kind; empty where nothing is.
    """

    kind: TaskKind
    because: str
    outcomes: tuple[str, str] | None = None
    sure: bool = True
    doubt: str = ""


def task_of(target: Guess, said: str | None, positive: str | None) -> TaskGuess:
    """Returns which kind of answer the target asks for; `said` and `positive` are what the user said of it.

    `target` is of the rows that have one. Raises `Refusal` for a target that has one value or none, or cannot be what
    was said.
    """
    if target.distinct < 2:
        what = f"{target.values.iloc[0]!r} in every row" if target.distinct else "missing in every row"
        raise Refusal(f"the target {target.name} is {what}: there is nothing to learn")
    kind, because, doubt = _kind(target)
    if said is not None:
        _refuse_task(target, said)
        kind, because, doubt = said, "as you said", ""  # type: ignore[assignment]
    if kind != "binary":
        if positive is not None:
            raise Refusal(f"--positive {positive}: the target {target.name} is a {kind}, which has no positive outcome")
        return TaskGuess(kind, because, doubt=doubt)
    outcomes, sure, why = _outcomes(target, positive)
    return TaskGuess(kind, f"{because}; {why}", outcomes, sure)


def truth_of(target: Guess, task: TaskGuess) -> np.ndarray:
    """The target as bool, float64, or codes of classes, (n,)."""
    if task.kind == "number":
        return target.values.to_numpy("float64")
    if task.kind == "classes":
        return pd.factorize(target.values, sort=True)[0]
    assert task.outcomes is not None
    return (_written(target) == task.outcomes[1]).to_numpy("bool")


def give_aways(columns: Mapping[str, pd.Series], truth: np.ndarray, kind: TaskKind, target: str) -> dict[str, str]:
    """Returns the columns that tell the target, and how: alone, or by the sum, difference, product or ratio of two.

    `columns` are float64, or str. What a column says of a target is learnt from every other of at most 20,000 rows, and
    judged on those between. All columns of which a pair, or a sum of several, tells the target are named.
    """
    places = np.unique(np.linspace(0, len(truth) - 1, min(len(truth), _ROWS)).astype("int64"))
    some = {name: values.iloc[places].reset_index(drop=True) for name, values in columns.items()}
    part = truth[places]
    alone = {name: _alone(values, part, kind) for name, values in some.items()}
    told = {}
    for name, (area, how) in alone.items():
        if area >= TELLS:
            same = _is_copy(some[name], part, kind)
            told[name] = f"it is {target}, written again" if same else f"alone it tells {target}: {how} {area:.3f}"
    for names, how in _together(some, part, kind, {name: area for name, (area, _) in alone.items()}, target):
        told |= dict.fromkeys(names, how)
    return told


def _kind(target: Guess) -> tuple[TaskKind, str, str]:
    """The kind of answer that the values suggest, why, and what may be wrong about it."""
    if target.distinct == 2:
        return "binary", "two values", ""
    if target.kind in ("number", "whole"):
        few = target.kind == "whole" and target.distinct <= _FEW
        doubt = f"only {target.distinct} different numbers: if they are names of classes, --task classes" if few else ""
        return "number", f"{target.distinct:,} different numbers", doubt
    if target.kind == "instant" or target.distinct > _CLASSES:
        raise Refusal(
            f"the target {target.name} is {target.because}: wanted is a number, two outcomes, or {_CLASSES} classes"
        )
    return "classes", f"{target.distinct} different texts", ""


def _refuse_task(target: Guess, said: str) -> None:
    if said == "binary" and target.distinct != 2:
        raise Refusal(f"--task binary: the target {target.name} has {target.distinct:,} different values, not two")
    if said == "number" and target.kind not in ("number", "whole"):
        raise Refusal(f"--task number: the target {target.name} is no number: {target.because}")
    if said == "classes" and not 3 <= target.distinct <= _CLASSES:
        raise Refusal(
            f"--task classes: the target {target.name} has {target.distinct:,} different values, not 3 to {_CLASSES}"
        )


def _outcomes(target: Guess, positive: str | None) -> tuple[tuple[str, str], bool, str]:
    counts = _written(target).value_counts()
    words = sorted(counts.index)
    if positive is not None:
        if positive not in words:
            raise Refusal(f"--positive {positive}: the target {target.name} is {words[0]!r} or {words[1]!r}")
        return _ordered(words, positive), True, f"{positive!r} is predicted, as you said"
    plain = [
        word for word in words if {one.strip().lower() for one in words} == {word.lower(), OUTCOMES.get(word.lower())}
    ]
    if plain:
        return _ordered(words, plain[0]), True, f"{plain[0]!r} is predicted"
    rarer = str(counts.index[-1])
    return _ordered(words, rarer), False, f"{rarer!r} is taken as what is predicted: it is the rarer"


def _ordered(words: Sequence[str], positive: str) -> tuple[str, str]:
    return next(word for word in words if word != positive), positive


def _written(target: Guess) -> pd.Series:
    """The values of a target with two of them as text: whole numbers without a point."""
    if target.kind in ("number", "whole"):
        return target.values.map(lambda value: f"{value:.12g}")
    return target.values.astype("str").str.strip()


def _alone(column: pd.Series, truth: np.ndarray, kind: TaskKind) -> tuple[float, str]:
    """How well a column alone tells the target on rows that it was not learnt from, and the name of that measure."""
    cut = cells(column.iloc[::2], column.iloc[1::2])
    earlier, later = truth[::2], truth[1::2]
    if kind == "binary":
        return _not_nan(auc(cut, earlier, later)), "AUC"
    if kind == "classes":
        areas = [auc(cut, earlier == one, later == one) for one in np.unique(truth)]
        return min(_not_nan(area) for area in areas), "AUC of each class, at least"
    rows = np.bincount(cut.earlier, minlength=cut.number)
    sums = np.bincount(cut.earlier, weights=earlier, minlength=cut.number)
    means = np.where(rows > 0, sums / np.maximum(rows, 1), earlier.mean())
    explained = 1 - ((later - means[cut.later]) ** 2).sum() / max(((later - earlier.mean()) ** 2).sum(), 1e-300)
    if column.dtype != "float64":
        return float(explained), "R2"
    there = column.notna().to_numpy()
    order = abs(_correlation(rankdata(column[there]), rankdata(truth[there]))) if there.mean() > 0.5 else 0.0
    return max((float(explained), "R2"), (order, "rank correlation"))


def _is_copy(column: pd.Series, truth: np.ndarray, kind: TaskKind) -> bool:
    if kind == "number":
        return bool(column.dtype == "float64" and (column.to_numpy() == truth).all())
    codes = pd.factorize(column)[0]
    return bool(len(set(codes)) == len(set(truth)) == len(set(zip(codes, truth, strict=True))))


def _together(
    columns: Mapping[str, pd.Series], truth: np.ndarray, kind: TaskKind, alone: Mapping[str, float], target: str
) -> list[tuple[tuple[str, ...], str]]:
    """The numeric columns of which two, or a sum of several, tell the target; with how."""
    names = sorted((name for name in columns if columns[name].dtype == "float64"), key=lambda name: -alone[name])
    places = np.unique(np.linspace(0, len(truth) - 1, min(len(truth), _PAIR_ROWS)).astype("int64"))
    truth = truth[places]
    values = {name: columns[name].to_numpy()[places] for name in names[:_PAIRED]}
    score = _score(truth, kind)
    single = {name: score(column) for name, column in values.items()}
    found: list[tuple[tuple[str, ...], str]] = []
    for one, other in combinations(values, 2):
        left = 1 - max(single[one], single[other])
        for sign, combined in _combined(values[one], values[other], truth, kind):
            if (told := score(combined)) >= _PAIR_TELLS[kind] and left >= _BETTER * (1 - told) and left > 1e-9:
                found.append(((one, other), f"{one} {sign} {other} tells {target}"))
                break
    if kind == "number" and not found:
        found = _sum_of_many(values, truth, target)
    return found


def _combined(one: np.ndarray, other: np.ndarray, truth: np.ndarray, kind: TaskKind) -> list[tuple[str, np.ndarray]]:
    with np.errstate(divide="ignore", invalid="ignore"):
        found = [("+", one + other), ("-", one - other)]
        if kind == "number":
            found += [("*", one * other), ("/", one / other), ("with", _fitted([one, other], truth))]
    return found


def _score(truth: np.ndarray, kind: TaskKind) -> Callable[[np.ndarray], float]:
    """How well an order of the rows, or for numbers a straight line, tells the target, 0 to 1; 0 where rows lack it."""

    def score(column: np.ndarray) -> float:
        there = np.isfinite(column)
        if there.mean() < 0.9:
            return 0.0
        if kind == "number":
            return _correlation(column[there], truth[there]) ** 2
        ranks = rankdata(column[there])
        return min(_area(ranks, truth[there] == one) for one in np.unique(truth))

    return score


def _area(ranks: np.ndarray, true: np.ndarray) -> float:
    """The area under the ROC curve, or one less it, whichever is more: Mann and Whitney (1947)."""
    yes, no = int(true.sum()), int((~true).sum())
    if not yes or not no:
        return 0.5
    area = float((ranks[true].sum() - yes * (yes + 1) / 2) / (yes * no))
    return max(area, 1 - area)


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    if len(one) < 3 or one.std() == 0 or other.std() == 0:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])


def _fitted(columns: Sequence[np.ndarray], truth: np.ndarray) -> np.ndarray:
    """The least squares fit of the target by columns and a constant; NaN where one of them is."""
    table = np.column_stack([*columns, np.ones(len(truth))])
    there = np.isfinite(table).all(axis=1)
    fitted = np.full(len(truth), np.nan)
    if there.sum() > len(columns) + 1:
        scale = np.maximum(np.abs(table[there]).max(axis=0), 1e-300)
        weights = np.linalg.lstsq(table[there] / scale, truth[there], rcond=None)[0]
        fitted[there] = (table[there] / scale) @ weights
    return fitted


def _sum_of_many(values: Mapping[str, np.ndarray], truth: np.ndarray, target: str) -> list[tuple[tuple[str, ...], str]]:
    """The fewest columns of which a weighted sum is the target, found by taking out one after the other."""
    score, left = _score(truth, "number"), list(values)
    single = max((score(column) for column in values.values()), default=1.0)
    if len(left) < 3 or len(truth) < 3 * len(left) or single >= TELLS:
        return []
    if score(_fitted([values[name] for name in left], truth)) < _PAIR_TELLS["number"]:
        return []
    for name in list(left):
        others = [values[other] for other in left if other != name]
        if others and score(_fitted(others, truth)) >= _PAIR_TELLS["number"]:
            left.remove(name)
    return [(tuple(left), f"a sum of {', '.join(left)} tells {target}")]


def _not_nan(area: float) -> float:
    return 0.5 if np.isnan(area) else area
