"""Test what a model says when inputs are missing, unknown or extreme, and whether it moves in the stated direction.

Direction tests are those of Ribeiro, Wu, Guestrin and Singh (2020): change an input so that everyone agrees which way
the answer must not go, and count the rows where it goes there. No outcome is needed for that.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import ArrayLike

from recommit.artifact.answers import farthest
from recommit.directions import Direction
from recommit.evidence.numbers import Interval
from recommit.evidence.stages import Blanked, Broken, Moved
from recommit.learning.intervals import Blocks
from recommit.learning.parallel import workers
from recommit.task import Task

Predict = Callable[[pd.DataFrame], np.ndarray]
UNKNOWN, UNSEEN = "unknown", "(never seen)"
FLOAT32 = np.finfo("float32")
EXTREMES = {
    "1e6": 1e6,
    "-1e6": -1e6,
    "the largest float32": float(FLOAT32.max),
    "the lowest float32": float(FLOAT32.min),
    "the smallest float32": float(FLOAT32.smallest_subnormal),
}


def check_directions(
    task: Task, predict: Predict, rows: pd.DataFrame, directions: Sequence[Direction], days: Blocks
) -> tuple[list[Moved], list[str], list[str]]:
    """Test each direction on `rows`: (results, names of unread directions, names of those that touch no row).

    `rows` holds the columns that the model reads: a direction that changes only other columns is unread. `predict`
    gives answers, (rows,).
    """
    before = predict(rows)
    tested: list[tuple[Direction, Interval | None]] = []
    unread: list[str] = []
    untouched: list[str] = []
    violating, touching = [], []
    for direction in directions:
        changed = {
            change.feature: change.apply(rows[change.feature]) for change in direction.changes if change.feature in rows
        }
        touched = np.zeros(len(rows), dtype=bool)
        for name, values in changed.items():
            touched |= (values != rows[name]).to_numpy() & rows[name].notna().to_numpy()
        if not touched.any():
            (untouched if changed else unread).append(direction.name)
            continue
        after = predict(rows.assign(**changed))
        rise = after - before if direction.must_not == "fall" else before - after
        broken = ~(task.sound(before) & task.sound(after))
        violating.append(touched & (broken | (rise < -direction.tolerance)))
        touching.append(touched)
        tested.append((direction, _mean(after - before, touched & ~broken, days)))
    if not tested:
        return [], unread, untouched
    shares = days.ratio(np.column_stack(violating), np.column_stack(touching))
    together = [
        # Where no day changes the share, for instance without any violation, the interval is the share itself.
        one if influence.any() else Interval(one.value, one.value, one.value)
        for one, influence in zip(shares.simultaneous(), shares.influence.T, strict=True)
    ]
    moved = [
        Moved(
            *(direction.name, direction.must_not, direction.why, direction.tolerance),
            *(int(touched.sum()), len(np.unique(days.codes[touched])), mean, share),
        )
        for (direction, mean), touched, share in zip(tested, touching, together, strict=True)
    ]
    return moved, unread, untouched


def blank(rows: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return a copy of `rows` with `columns` missing: NaN for numbers, "unknown" for text."""
    return rows.assign(**{name: _filled(rows[name], np.nan, UNKNOWN) for name in columns})


def missing(
    task: Task,
    predict: Predict,
    rows: pd.DataFrame,
    truth: ArrayLike,
    groups: Mapping[str, Sequence[str]],
    days: Blocks,
) -> list[Blanked]:
    """Return what blanking each group's columns in all rows does, the costliest first.

    `predict` gives answers, (rows,), and is called from several threads; `truth` is (rows,).
    """
    came, before = np.asarray(truth), predict(rows)

    def compare(name: str, columns: Sequence[str]) -> Blanked:
        after = predict(blank(rows, columns))
        sound = task.sound(after) & task.sound(before)
        added = np.zeros(len(rows))
        if sound.any():
            added[sound] = task.losses(came[sound], after[sound]) - task.losses(came[sound], before[sound])
        moved, loss = _mean(farthest(after - before), sound, days), _mean(added, sound, days)
        return Blanked(name, len(columns), moved, loss, int((~sound).sum()))

    calls = (delayed(compare)(name, columns) for name, columns in groups.items())
    found = Parallel(n_jobs=workers(), prefer="threads")(calls)
    return sorted(found, key=lambda one: (one.added_loss is not None, -_value(one.added_loss), one.name))


def stress(
    task: Task, predict: Predict, rows: pd.DataFrame, groups: Mapping[str, Sequence[str]]
) -> tuple[int, list[Broken]]:
    """Try inputs that no training row held: (number tried, those for which a row got no sound answer).

    Tried are: everything missing; in each group's columns nothing, a category never seen, and numbers far out of range
    up to the ends of float32; and each of these in all columns at once. Infinities are for the schema to refuse.
    """
    tried, broken = 0, []
    for name, value, frame in _hostile(rows, {**groups, "all columns": list(rows.columns)}):
        tried += 1
        rows_broken = int((~task.sound(predict(frame))).sum())
        if rows_broken:
            broken.append(Broken(name, value, rows_broken))
    return tried, broken


def as_table(results: Sequence[Moved] | Sequence[Blanked]) -> pd.DataFrame:
    """Return one row per direction test, or per group of missing values, numbers as text with their intervals."""
    rows = [
        {
            name.replace("_", " "): "none" if value is None else str(value)
            for name, value in vars(result).items()
            if name not in ("name", "must_not", "why", "tolerance")
        }
        for result in results
    ]
    return pd.DataFrame(rows, index=pd.Index([result.name for result in results], name="what changes"))


def _hostile(rows: pd.DataFrame, groups: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str, pd.DataFrame]]:
    for name, columns in groups.items():
        yield name, "missing", blank(rows, columns)
        texts = [column for column in columns if not pd.api.types.is_numeric_dtype(rows[column])]
        numbers = [column for column in columns if column not in texts]
        if texts:
            yield name, UNSEEN, rows.assign(**{column: _filled(rows[column], np.nan, UNSEEN) for column in texts})
        for said, value in EXTREMES.items() if numbers else ():
            yield name, said, rows.assign(**{column: _filled(rows[column], value, "") for column in numbers})


def _filled(values: pd.Series, number: float, text: str) -> pd.Series:
    numeric = pd.api.types.is_numeric_dtype(values)
    return pd.Series(number if numeric else text, index=values.index, dtype=values.dtype)


def _mean(values: np.ndarray, over: np.ndarray, days: Blocks) -> Interval | None:
    return days.ratio(np.where(over, values, 0), over).interval() if over.any() else None


def _value(interval: Interval | None) -> float:
    return 0.0 if interval is None else interval.value
