"""Explain one prediction: how far each feature moved it from the mean of usual rows, in log-odds or its unit.

Shapley values by sampling: start from a usual row, put in the explained row's values one by one in random order, and
book each step to its feature (Castro, Gómez and Tejada 2009; for predictions, with usual rows drawn too, Štrumbelj and
Kononenko 2014). Every order ends at the explained row, so the contributions add up to the prediction, however few are
drawn. Each order is also walked backwards, which makes the means steadier (Mitchell, Cooper, Frank and Holmes 2022).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from recommit.columns import Tables
from recommit.evidence.stages import Contribution, Explained, Others
from recommit.problem import Problem
from recommit.task import Task

BATCH_ROWS = 100_000


@dataclass(frozen=True)
class Explanation:
    """What moved one prediction: `base` + the sum of `contributions` is `Task.moved` of its answer.

    `base` is the mean of that over the usual rows. `contributions` and `errors` are (features,); an error is the
    standard error of its contribution over the orders and usual rows drawn.
    """

    features: tuple[str, ...]
    values: tuple[Any, ...]
    contributions: np.ndarray
    errors: np.ndarray
    base: float
    answer: float

    def table(self) -> pd.DataFrame:
        """Return one row per feature, largest absolute contribution first: value, moved, error."""
        order = np.argsort(-np.abs(self.contributions), kind="stable")
        columns = {
            "value": [self.values[place] for place in order],
            "moved": self.contributions[order],
            "error": self.errors[order],
        }
        return pd.DataFrame(columns, index=pd.Index([self.features[place] for place in order], name="feature"))

    def as_evidence(self, key: str, most: int) -> Explained:
        """The explanation as evidence keeps it: the `most` largest contributions of the row `key`, the others' sum."""
        rows = self.table()
        first = tuple(
            Contribution(name, value if isinstance(value, str) else _number(value), moved, error)
            for name, value, moved, error in rows.head(most).itertuples()
        )
        others = Others(max(len(rows) - most, 0), float(rows["moved"][most:].sum()))
        return Explained(key, self.base, self.answer, first, others)


def explain(
    task: Task,
    predict: Callable[[pd.DataFrame], np.ndarray],
    row: pd.DataFrame,
    background: pd.DataFrame,
    features: Sequence[str],
    seed: int,
) -> Explanation:
    """Explain the prediction for `row`, a table of one row, against the usual rows of `background`.

    `predict` gives answers, (rows,), from a table of `features`. For each usual row one order of the features is
    drawn, and walked forwards and backwards. Raises ValueError unless there is one row, a feature and two usual rows or
    more.
    """
    names = list(features)
    if len(row) != 1 or len(background) < 2 or not names:
        found = f"{len(row)} rows, {len(background)} usual rows, {len(names)} features"
        raise ValueError(f"an explanation needs one row, two usual rows or more, and a feature; there are {found}")
    orders = np.random.default_rng(seed).permuted(np.tile(np.arange(len(names)), (len(background), 1)), axis=1)
    steps, asked = [], predict(row[names])
    at_once = max(1, BATCH_ROWS // (len(names) + 1))
    for start in range(0, len(background), at_once):
        usual, ranks = background.iloc[start : start + at_once], orders[start : start + at_once]
        back = len(names) - 1 - ranks
        moved_by = partial(_walk, lambda rows: task.moved(predict(rows), asked), row, usual, names)
        walked = [moved_by(order) for order in (ranks, back)]
        steps.append((*walked, ranks, back))
    forth_path, back_path, ranks, back = (np.concatenate(parts) for parts in zip(*steps, strict=True))
    forth = np.take_along_axis(np.diff(forth_path, axis=1), ranks, axis=1)
    backward = np.take_along_axis(np.diff(back_path, axis=1), back, axis=1)
    moved = (forth + backward) / 2
    return Explanation(
        features=tuple(names),
        values=tuple(row[name].iloc[0] for name in names),
        contributions=moved.mean(axis=0),
        errors=moved.std(axis=0, ddof=1) / np.sqrt(len(moved)),
        base=float(forth_path[:, 0].mean()),
        answer=float(task.said(asked)[0]),
    )


def highest(task: Task, answer: ArrayLike) -> int:
    """Return the index of the answer of which `task.said` is highest, the first of equal ones: the row to explain."""
    return int(np.argmax(task.said(answer)))


def _walk(
    moved: Callable[[pd.DataFrame], np.ndarray],
    row: pd.DataFrame,
    usual: pd.DataFrame,
    names: list[str],
    ranks: np.ndarray,
) -> np.ndarray:
    """Return what `moved` gives of each usual row after 0, 1, ... all values were replaced: (usual rows, features + 1).

    `ranks`, (usual rows, features), says which step changes each feature.
    """
    steps = np.arange(len(names) + 1)
    columns = {}
    for place, name in enumerate(names):
        changed = ranks[:, [place]] < steps
        values = np.where(changed, row[name].to_numpy()[0], usual[name].to_numpy()[:, None]).ravel()
        columns[name] = pd.Series(values).astype(row[name].dtype)
    return moved(pd.DataFrame(columns)).reshape(len(usual), len(steps))


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


def records(problem: Problem, tables: Tables, row: pd.Series) -> pd.DataFrame:
    """Return what was known of `row`, one of the feature table, when its prediction was asked for.

    `tables` are the problem's raw tables by name. Of its own table it is the record with its key; of every other one
    with columns of the same names, the last record with the same values. There is one line per table and column.
    """
    at = row[problem.instant] if problem.instant else None
    known = tables if at is None else problem.as_known_at(tables, at)
    own = known[problem.rows.name].loc[lambda table: table[problem.key] == row[problem.key]]
    heading = "known" if at is None else f"at {at:%d %B %H:%M} UTC"
    found = {problem.rows.name: own}
    for table in problem.history:
        shared = [name for name in table.keys[0] if name in problem.rows.given]
        if table.name != problem.rows.name and shared:
            same = (known[table.name][shared] == own[shared].iloc[0]).all(axis=1)
            found[table.name] = known[table.name][same].tail(1)
    lines = {name: record.iloc[0].astype("object") for name, record in found.items() if len(record)}
    return pd.concat(lines, names=["table", "column"]).to_frame(heading)
