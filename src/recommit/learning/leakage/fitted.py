"""Find preprocessing steps that were fitted on more than the training rows."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator, clone
from sklearn.ensemble import VotingClassifier, VotingRegressor
from sklearn.pipeline import Pipeline

from recommit.evidence.stages import Leak

# The same rows give the same numbers; a sum over blocks of other sizes may differ in its last digits.
_RELATIVE = 1e-9


def fitted_beyond(fitted: BaseEstimator, rows: pd.DataFrame, target: pd.Series | None = None) -> list[Leak]:
    """Return a leak for each step of a fitted estimator that was fitted on other rows than the training `rows`.

    A clone is fitted on the training rows alone and every fitted attribute (a name that ends in `_`) is compared, in
    nested steps too. Of a pipeline, a last step that predicts is left out: fitting it again costs the most, and it sees
    only what the steps before it let through. Numbers that more rows would not have changed, a median say, cannot be
    told apart; nor can what a step was given when it was made, since a clone is given it too.
    """
    if isinstance(fitted, VotingClassifier | VotingRegressor):  # of an average, each member for itself
        return [leak for member in fitted.estimators_ for leak in fitted_beyond(member, rows, target)]
    steps = _preprocessing(fitted)
    if steps is None:
        return []
    again = clone(steps).fit(rows, target)
    return [
        Leak.of("fitted_beyond", f"{step} of {name}", f"{how} when fitted again on the {len(rows)} training rows alone")
        for name, step, how in _differences(steps, again, type(fitted).__name__)
    ]


def _preprocessing(fitted: BaseEstimator) -> BaseEstimator | None:
    if not isinstance(fitted, Pipeline):
        return fitted
    last = fitted.steps[-1][1]
    if last == "passthrough" or hasattr(last, "transform"):
        return fitted
    return fitted[:-1] if len(fitted.steps) > 1 else None


def _differences(was: Any, now: Any, name: str) -> Iterator[tuple[str, str, str]]:
    """Yield (path of the step, attribute, how it differs) for each fitted attribute that is not equal."""
    if isinstance(was, Pipeline):
        for step, part in was.named_steps.items():
            yield from _differences(part, now.named_steps[step], f"{name}.{step}")
        return
    for attribute, value in _fitted_attributes(was).items():
        other = getattr(now, attribute, None)
        nested = list(_estimators(value))
        if nested:
            for (step, part), (_, twin) in zip(nested, _estimators(other), strict=False):
                yield from _differences(part, twin, f"{name}.{step}")
        elif not _equal(value, other):
            yield name, attribute, f"it is {_short(value)}, and {_short(other)}"


def _fitted_attributes(estimator: Any) -> dict[str, Any]:
    if not isinstance(estimator, BaseEstimator):
        return {}
    return {name: value for name, value in vars(estimator).items() if name.endswith("_") and not name.startswith("_")}


def _estimators(value: Any, name: str = "") -> Iterator[tuple[str, BaseEstimator]]:
    """Yield the estimators inside an attribute, with names: also those in tuples, as a ColumnTransformer has them."""
    if isinstance(value, BaseEstimator):
        yield name, value
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from _estimators(part, str(key))
    elif isinstance(value, list | tuple):
        label = value[0] if isinstance(value, tuple) and value and isinstance(value[0], str) else name
        for place, part in enumerate(value):
            yield from _estimators(part, label or str(place))


def _equal(was: Any, now: Any) -> bool:
    if type(was) is not type(now):
        return False
    if isinstance(was, Mapping):
        return was.keys() == now.keys() and all(_equal(value, now[key]) for key, value in was.items())
    if isinstance(was, list | tuple):
        return len(was) == len(now) and all(map(_equal, was, now))
    if sparse.issparse(was):
        return was.shape == now.shape and _equal(was.toarray(), now.toarray())
    if isinstance(was, pd.Series | pd.DataFrame | pd.Index):
        return was.equals(now)
    if isinstance(was, np.ndarray | np.generic | int | float | str | bool | None):
        return _equal_arrays(np.asarray(was), np.asarray(now))
    return True  # an object of unknown meaning, such as the inside of a fitted tree


def _equal_arrays(was: np.ndarray, now: np.ndarray) -> bool:
    if was.shape != now.shape:
        return False
    if was.dtype.kind in "fc" and now.dtype.kind in "fc":
        return bool(np.allclose(was, now, rtol=_RELATIVE, atol=0, equal_nan=True))
    if was.dtype.kind == "O" or now.dtype.kind == "O":
        return all(_equal_objects(a, b) for a, b in zip(was.ravel(), now.ravel(), strict=True))
    return bool(np.array_equal(was, now))


def _equal_objects(was: Any, now: Any) -> bool:
    if isinstance(was, np.ndarray | list | tuple | Mapping):
        return _equal(was, now)
    return was is now or was == now or (was != was and now != now)


def _short(value: Any) -> str:
    text = np.array2string(value, precision=6, threshold=6) if isinstance(value, np.ndarray) else str(value)
    text = " ".join(text.split())
    return text if len(text) <= 60 else f"{text[:57]}..."
