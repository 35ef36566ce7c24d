"""Cross-validation: each fold is predicted by a fit on its own training rows; the model is fitted on all rows."""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
from joblib import Parallel, delayed

from recommit.artifact.answers import to_parts
from recommit.learning.parallel import workers
from recommit.learning.splits import Split
from recommit.task import Task


def fit_folds(
    task: Task,
    build: Callable[[], Any],
    train: pd.DataFrame,
    folds: Sequence[Split],
    features: Sequence[str],
    target: str,
    kept: Sequence[str],
) -> tuple[Any, pd.DataFrame]:
    """Fit on all of `train`, and predict each fold's test rows by a fit on its training rows: (model, predictions).

    `build` gives an unfitted scikit-learn model; `features` and `target` are columns of `train` and of the
    folds. Predictions have one row per test row, oldest fold first: the columns `kept` (those of the splitter),
    the target, fold (its name), and the answer of the fold's own fit, in the columns of `task.parts`.
    """
    model, *scored = _fits(task, build, [(train, None), *_parts(folds)], features, target)
    return model, _table(task, folds, scored, target, kept)


def predict_folds(
    task: Task,
    build: Callable[[], Any],
    folds: Sequence[Split],
    features: Sequence[str],
    target: str,
    kept: Sequence[str],
) -> pd.DataFrame:
    """Predict each fold's test rows by a fit on its training rows, as `fit_folds` does, and return the predictions."""
    return _table(task, folds, _fits(task, build, _parts(folds), features, target), target, kept)


def _parts(folds: Sequence[Split]) -> list[tuple[pd.DataFrame, pd.DataFrame | None]]:
    """Return the rows to fit on and those to predict of each fold, the longest fit first."""
    return [(fold.train, fold.test) for fold in reversed(folds)]


def _fits(
    task: Task,
    build: Callable[[], Any],
    parts: Sequence[tuple[pd.DataFrame, pd.DataFrame | None]],
    features: Sequence[str],
    target: str,
) -> list[Any]:
    return Parallel(n_jobs=workers(sum(len(rows) for rows, _ in parts)))(
        delayed(_fit)(
            task,
            build(),
            rows[[target, *features]],
            None if test is None else test[list(features)],
            list(features),
            target,
        )
        for rows, test in parts
    )


def _table(task: Task, folds: Sequence[Split], scored: Sequence[Any], target: str, kept: Sequence[str]) -> pd.DataFrame:
    if clash := [name for name in ("fold", *task.parts) if name in (*kept, target)]:
        raise ValueError(f"a table of answers has a column {clash[0]} of its own: call the problem's column otherwise")
    tables = [
        fold.test[[*kept, target]].assign(fold=fold.name, **dict(zip(task.parts, to_parts(answer), strict=True)))
        for fold, answer in zip(folds, reversed(scored), strict=True)
    ]
    return pd.concat(tables, ignore_index=True)


def _fit(
    task: Task, model: Any, train: pd.DataFrame, test: pd.DataFrame | None, features: list[str], target: str
) -> Any:
    fitted = task.fit(model, train[features], train[target])
    return fitted if test is None else task.answer(fitted, test)
