"""The models that a project chooses from by name: unfitted scikit-learn pipelines over the feature table."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from sklearn import ensemble, linear_model, tree
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, StandardScaler

from recommit.problem import Problem

Parameters = Mapping[str, Any]
Vocabularies = Mapping[str, Sequence[str]]

AVERAGE = "average"
"""The model whose answer is the weighted mean of others': `of` maps each of them to its parameters, `weights` to its
weight; without `weights` all count alike."""


def builder(problem: Problem, seed: int) -> Callable[[str, Parameters, Sequence[str]], Any]:
    """Return `build` for the features and the task of `problem`, as a function of (name, params, features)."""
    categories, kind = problem.catalogue.categories(), problem.task.kind
    return lambda name, params, features: build(name, params, features, categories, seed, kind)


def build(
    name: str, params: Parameters, features: Sequence[str], categories: Vocabularies, seed: int, kind: str
) -> Any:
    """Build an unfitted model of that name for those features.

    `params` are passed on to the scikit-learn estimator; for those of an average see `AVERAGE`. `categories` maps each
    feature that is a text to the values that it can take; `kind` is that of the task. The model takes a DataFrame with
    the features as columns (float32, or text for a category) and gives the probability of each class, or a number. It
    uses one thread and repeats exactly for one seed.

    Raises ValueError for an unknown model, an unknown parameter or an empty list of features.
    """
    if name == AVERAGE:
        members, weights = _members(**params)
        made = [(member, build(member, own, features, categories, seed, kind)) for member, own in members.items()]
        return _AVERAGES[kind](made, weights=weights)
    known = MODELS[kind]
    if name not in known:
        raise ValueError(_no_model(name, kind))
    if not features:
        raise ValueError(f"model {name} was given no features")
    model = known[name]
    numbers = [feature for feature in features if feature not in categories]
    texts = {feature: list(categories[feature]) for feature in features if feature in categories}
    try:
        estimator = model.estimator(random_state=seed, **model.fixed, **{**model.defaults, **params})
    except TypeError as error:
        raise ValueError(f"model {name}: {error}") from None
    return make_pipeline(_columns(numbers, texts, number=model.numbers(), category=model.categories), estimator)


def members(names: Collection[str], kind: str) -> list[str]:
    """Return the models that fits of those names can be made of, in the order of `MODELS`; an average may be of any.

    Raises ValueError for a name that is no model of that `kind` of task.
    """
    known = MODELS[kind]
    if unknown := sorted({*names} - {*known, AVERAGE}):
        raise ValueError(_no_model(unknown[0], kind))
    return [name for name in known if name in names or AVERAGE in names]


def _no_model(name: str, kind: str) -> str:
    return f"no model {name!r}; there are {', '.join(MODELS[kind])}, and {AVERAGE} of several"


def _members(of: Any = None, weights: Any = None, **unknown: Any) -> tuple[dict[str, Parameters], list[float]]:
    """Return the parameters of an average's members, by name, and their weights, which are 1 where none are given."""
    if unknown:
        raise ValueError(f"model {AVERAGE} has no parameter {', '.join(unknown)}; it has of and weights")
    if not (isinstance(of, Mapping) and len(of) > 1 and all(isinstance(own, Mapping) for own in of.values())):
        raise ValueError(f"model {AVERAGE}: of must map two models or more to their parameters, not {of!r}")
    if AVERAGE in of:
        raise ValueError(f"model {AVERAGE} cannot be a member of itself")
    shares = dict.fromkeys(of, 1.0) if weights is None else weights
    sound = isinstance(shares, Mapping) and shares.keys() == of.keys()
    if not sound or not all(isinstance(one, int | float) and 0 < one < math.inf for one in shares.values()):
        raise ValueError(f"model {AVERAGE}: weights must give {', '.join(of)} a number above 0 each, not {weights!r}")
    return dict(of), [float(shares[name]) for name in of]


def _as_they_are() -> str:
    return "passthrough"


def _filled() -> SimpleImputer:
    return SimpleImputer(strategy="median", keep_empty_features=True)


def _scaled() -> Pipeline:
    # Beyond what training held, a straight line says what nobody has seen: there it stays where it was.
    return make_pipeline(_filled(), MinMaxScaler(clip=True), StandardScaler())


def _ordinal(values: list[list[str]]) -> OrdinalEncoder:
    return OrdinalEncoder(categories=values, dtype=np.float32, handle_unknown="use_encoded_value", unknown_value=-1)


def _one_hot(values: list[list[str]]) -> OneHotEncoder:
    # float64 makes the whole table so: then the linear algebra of other CPU families agrees to 14 digits, not to 6.
    return OneHotEncoder(categories=values, dtype=np.float64, sparse_output=False, handle_unknown="ignore")


@dataclass(frozen=True)
class _Model:
    """An estimator, how its columns are prepared, and its parameters: `fixed` ones, and defaults of ours."""

    estimator: Callable[..., Any]
    numbers: Callable[[], Any] = _filled
    categories: Callable[[list[list[str]]], Any] = _ordinal
    fixed: Parameters = field(default_factory=dict)
    defaults: Parameters = field(default_factory=dict)


# A tree that is never worth splitting: the mean of the target, in a form ONNX knows.
_SHARE, _MEAN = {"min_impurity_decrease": 1.0}, {"min_impurity_decrease": 1e300}
# Early stopping would hold out random rows: neighbours in time of those it trains on.
_ALL_ROWS = {"early_stopping": False}
# With smaller leaves the file of a forest grows with the table.
_LEAVES = {"min_samples_leaf": 5}
# Newton's method converges in a few steps where lbfgs takes hundreds.
_NEWTON = {"solver": "newton-cholesky"}

_CLASSIFIERS = {
    "baseline": _Model(tree.DecisionTreeClassifier, fixed=_SHARE),
    "logistic": _Model(linear_model.LogisticRegression, _scaled, _one_hot, defaults=_NEWTON),
    "boosting": _Model(ensemble.HistGradientBoostingClassifier, _as_they_are, fixed=_ALL_ROWS),
    "forest": _Model(ensemble.RandomForestClassifier, defaults=_LEAVES),
    "extra_trees": _Model(ensemble.ExtraTreesClassifier, defaults=_LEAVES),
}
MODELS: Mapping[str, Mapping[str, _Model]] = {
    "binary": _CLASSIFIERS,
    "classes": _CLASSIFIERS,
    "number": {
        "baseline": _Model(tree.DecisionTreeRegressor, fixed=_MEAN),
        "linear": _Model(linear_model.Ridge, _scaled, _one_hot),
        "boosting": _Model(ensemble.HistGradientBoostingRegressor, _as_they_are, fixed=_ALL_ROWS),
        "forest": _Model(ensemble.RandomForestRegressor, defaults=_LEAVES),
        "extra_trees": _Model(ensemble.ExtraTreesRegressor, defaults=_LEAVES),
    },
}
"""Every model by the kind of task and its name, the simplest first; besides, there is `AVERAGE`."""
_PROBABILITIES = partial(ensemble.VotingClassifier, voting="soft")
_AVERAGES = {"binary": _PROBABILITIES, "classes": _PROBABILITIES, "number": ensemble.VotingRegressor}


def _columns(
    numbers: list[str], texts: dict[str, list[str]], number: Any, category: Callable[[list[list[str]]], Any]
) -> ColumnTransformer:
    steps = [("numbers", number, numbers)] if numbers else []
    if texts:
        steps.append(("categories", category(list(texts.values())), list(texts)))
    return ColumnTransformer(steps, n_jobs=1)
