"""The models that a project chooses from by name: each an unfitted scikit-learn pipeline over the feature table."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from recommit.problem import Problem

Parameters = Mapping[str, Any]
Vocabularies = Mapping[str, Sequence[str]]


def builder(problem: Problem, seed: int) -> Callable[[str, Parameters, Sequence[str]], Pipeline]:
    """Return `build` for the features of `problem`, as a function of (name, params, features)."""
    categories = problem.catalogue.categories()
    return lambda name, params, features: build(name, params, features, categories, seed)


def build(name: str, params: Parameters, features: Sequence[str], categories: Vocabularies, seed: int) -> Pipeline:
    """Build an unfitted model of that name for those features.

    `params` are passed on to the scikit-learn estimator. `categories` maps each feature that is a text to the values
    that it can take. The model takes a DataFrame with the features as columns (float32, or text for a category) and
    gives P(no), P(yes). It uses one thread and repeats exactly for one seed.

    Raises ValueError for an unknown model, an unknown parameter or an empty list of features.
    """
    if name not in MODELS:
        raise ValueError(f"no model {name!r}; there are {', '.join(MODELS)}")
    if not features:
        raise ValueError(f"model {name} was given no features")
    numbers = [feature for feature in features if feature not in categories]
    texts = {feature: list(categories[feature]) for feature in features if feature in categories}
    try:
        return MODELS[name](params, numbers, texts, seed)
    except TypeError as error:
        raise ValueError(f"model {name}: {error}") from None


def _baseline(params: Parameters, numbers: list[str], texts: dict[str, list[str]], seed: int) -> Pipeline:
    # A tree that is never worth splitting: the share of yes, in a form ONNX knows.
    tree = DecisionTreeClassifier(min_impurity_decrease=1.0, random_state=seed, **params)
    return make_pipeline(_columns(numbers, texts, number=_filled(), category=_ordinal), tree)


def _logistic(params: Parameters, numbers: list[str], texts: dict[str, list[str]], seed: int) -> Pipeline:
    # Beyond what training held, a straight line says what nobody has seen: there it stays where it was.
    scaled = make_pipeline(_filled(), MinMaxScaler(clip=True), StandardScaler())
    columns = _columns(numbers, texts, number=scaled, category=_one_hot)
    # Newton's method converges in a few steps where lbfgs takes hundreds.
    model = LogisticRegression(**({"solver": "newton-cholesky", "random_state": seed} | dict(params)))
    return make_pipeline(columns, model)


def _boosting(params: Parameters, numbers: list[str], texts: dict[str, list[str]], seed: int) -> Pipeline:
    columns = _columns(numbers, texts, number="passthrough", category=_ordinal)
    # Early stopping would hold out random rows: neighbours in time of those it trains on.
    model = HistGradientBoostingClassifier(early_stopping=False, random_state=seed, **params)
    return make_pipeline(columns, model)


MODELS: dict[str, Callable[[Parameters, list[str], dict[str, list[str]], int], Pipeline]] = {
    "baseline": _baseline,
    "logistic": _logistic,
    "boosting": _boosting,
}


def _columns(
    numbers: list[str], texts: dict[str, list[str]], number: Any, category: Callable[[list[list[str]]], Any]
) -> ColumnTransformer:
    steps = [("numbers", number, numbers)] if numbers else []
    if texts:
        steps.append(("categories", category(list(texts.values())), list(texts)))
    return ColumnTransformer(steps, n_jobs=1)


def _filled() -> SimpleImputer:
    return SimpleImputer(strategy="median", keep_empty_features=True)


def _ordinal(values: list[list[str]]) -> OrdinalEncoder:
    return OrdinalEncoder(categories=values, dtype=np.float32, handle_unknown="use_encoded_value", unknown_value=-1)


def _one_hot(values: list[list[str]]) -> OneHotEncoder:
    # float64 makes the whole table so: then the linear algebra of other CPU families agrees to 14 digits, not to 6.
    return OneHotEncoder(categories=values, dtype=np.float64, sparse_output=False, handle_unknown="ignore")
