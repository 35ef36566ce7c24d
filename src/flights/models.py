"""How to build each model: an unfitted scikit-learn pipeline over the feature table."""

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

from flights.catalogue import categories

Parameters = Mapping[str, Any]


def build(name: str, params: Parameters, features: Sequence[str], seed: int) -> Pipeline:
    """Build an unfitted model of that name for those features.

    `params` are passed on to the scikit-learn estimator. The model takes a DataFrame with the
    features as columns (float32, or text for a category) and gives P(not late), P(late). It uses
    one thread and repeats exactly for one seed.

    Raises ValueError for an unknown model, an unknown parameter or an empty list of features.
    """
    if name not in MODELS:
        raise ValueError(f"no model {name!r}; there are {', '.join(MODELS)}")
    if not features:
        raise ValueError(f"model {name} was given no features")
    numbers = [feature for feature in features if feature not in categories()]
    texts = [feature for feature in features if feature in categories()]
    try:
        return MODELS[name](params, numbers, texts, seed)
    except TypeError as error:
        raise ValueError(f"model {name}: {error}") from None


def _baseline(params: Parameters, numbers: list[str], texts: list[str], seed: int) -> Pipeline:
    # A tree that is never worth splitting: the share of late flights, in a form ONNX knows.
    tree = DecisionTreeClassifier(min_impurity_decrease=1.0, random_state=seed, **params)
    return make_pipeline(_columns(numbers, texts, number=_filled(), category=_ordinal), tree)


def _logistic(params: Parameters, numbers: list[str], texts: list[str], seed: int) -> Pipeline:
    # Beyond what training held, a straight line says what nobody has seen: there it stays where it was.
    scaled = make_pipeline(_filled(), MinMaxScaler(clip=True), StandardScaler())
    columns = _columns(numbers, texts, number=scaled, category=_one_hot)
    # Newton's method converges in a few steps where lbfgs takes hundreds.
    model = LogisticRegression(**({"solver": "newton-cholesky", "random_state": seed} | dict(params)))
    return make_pipeline(columns, model)


def _boosting(params: Parameters, numbers: list[str], texts: list[str], seed: int) -> Pipeline:
    columns = _columns(numbers, texts, number="passthrough", category=_ordinal)
    # Early stopping would hold out random rows: neighbours in time of those it trains on.
    model = HistGradientBoostingClassifier(early_stopping=False, random_state=seed, **params)
    return make_pipeline(columns, model)


MODELS: dict[str, Callable[[Parameters, list[str], list[str], int], Pipeline]] = {
    "baseline": _baseline,
    "logistic": _logistic,
    "boosting": _boosting,
}


def _columns(
    numbers: list[str], texts: list[str], number: Any, category: Callable[[list[str]], Any]
) -> ColumnTransformer:
    steps = [("numbers", number, numbers)] if numbers else []
    if texts:
        steps.append(("categories", category(texts), texts))
    return ColumnTransformer(steps, n_jobs=1)


def _filled() -> SimpleImputer:
    return SimpleImputer(strategy="median", keep_empty_features=True)


def _ordinal(texts: list[str]) -> OrdinalEncoder:
    return OrdinalEncoder(
        categories=_vocabularies(texts), dtype=np.float32, handle_unknown="use_encoded_value", unknown_value=-1
    )


def _one_hot(texts: list[str]) -> OneHotEncoder:
    # float64 makes the whole table so: then the linear algebra of other CPU families agrees to 14 digits, not to 6.
    return OneHotEncoder(
        categories=_vocabularies(texts), dtype=np.float64, sparse_output=False, handle_unknown="ignore"
    )


def _vocabularies(texts: list[str]) -> list[list[str]]:
    return [list(categories()[text]) for text in texts]
