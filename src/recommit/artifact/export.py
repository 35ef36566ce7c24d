"""Convert a fitted scikit-learn pipeline to the bytes of an ONNX file."""

import warnings
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import pandas as pd
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.base import is_classifier
from sklearn.ensemble import VotingClassifier, VotingRegressor
from sklearn.pipeline import Pipeline

from recommit.artifact.average import averaged
from recommit.artifact.calibration import model_bytes
from recommit.artifact.files import demand, reason
from recommit.artifact.graph import OPSETS, read_graph
from recommit.artifact.names import refuse_kept

_LOST = ("poisson", "gamma")
"""Losses for which boosting predicts the exponential of its trees' sum, which the converter leaves out."""


def export(estimator: Any, frame: pd.DataFrame) -> bytes:
    """Return the bytes of an ONNX file of `estimator`, a fitted classifier or regressor: the same bytes each time.

    `frame` is a table with the columns that it was fitted on; its rows are not read. Each column becomes an input,
    (n, 1) of float32 or text. The file holds all its weights and refers to no other file. Of an average of models, a
    `VotingClassifier` or `VotingRegressor`, it holds the members and their weights.

    Raises ValueError, which names the model and the reason, for a column of another type, and for a model that cannot
    be converted or needs an operator that is not allowed in a model file.
    """
    refuse_kept(map(str, frame.columns))
    inputs = [(name, _type(name, dtype)) for name, dtype in frame.dtypes.items()]
    try:
        content = model_bytes(_converted(estimator, inputs))
        read_graph(content)
    except Exception as error:
        raise ValueError(f"{type(_last(estimator)).__name__} cannot become ONNX: {reason(error)}") from error
    return content


def _converted(estimator: Any, inputs: list[tuple[Any, Any]]) -> Any:
    if isinstance(estimator, VotingClassifier | VotingRegressor):
        return averaged([_converted(member, inputs) for member in estimator.estimators_], estimator.weights)
    last = _last(estimator)
    loss = getattr(last, "loss", None)
    demand(loss not in _LOST, f"with loss={loss!r} its file would give wrong numbers: take squared_error")
    with warnings.catch_warnings():
        # An error with protobuf 7, which pyproject.toml therefore leaves out.
        warnings.filterwarnings("ignore", "Field onnx.AttributeProto", DeprecationWarning)
        model = convert_sklearn(
            _with_float32_thresholds(estimator),
            name="model",
            initial_types=inputs,
            options={"zipmap": False} if is_classifier(last) else None,
            target_opset=OPSETS,
        )
    return _with_inputs_called(model, [name for name, _ in inputs])


def _with_inputs_called(model: Any, names: Sequence[str]) -> Any:
    """Return `model` with its inputs called as the columns are: the converter writes `a_b` for `a.b` or `a b`."""
    called = {given.name: name for given, name in zip(model.graph.input, names, strict=True)}
    for given in model.graph.input:
        given.name = called[given.name]
    for node in model.graph.node:
        node.input[:] = [called.get(name, name) for name in node.input]
    return model


def _last(estimator: Any) -> Any:
    return estimator[-1] if isinstance(estimator, Pipeline) else estimator


def _with_float32_thresholds(estimator: Any) -> Any:
    """Return a copy of `estimator` with each threshold of its gradient boosting rounded down to a float32.

    For a float32 x, that changes no answer to x <= threshold. The converter rounds to the nearest float32, so that
    rows change branch where the threshold lies between two neighbouring float32 values.
    """
    estimator = deepcopy(estimator)
    for tree in (tree for trees in getattr(_last(estimator), "_predictors", []) for tree in trees):
        exact = tree.nodes["num_threshold"]
        nearest = exact.astype("float32")
        tree.nodes["num_threshold"] = np.where(nearest > exact, np.nextafter(nearest, np.float32("-inf")), nearest)
    return estimator


def _type(name: Any, dtype: Any) -> Any:
    if dtype == np.float32:
        return FloatTensorType([None, 1])
    if pd.api.types.is_string_dtype(dtype):
        return StringTensorType([None, 1])
    raise ValueError(f"column {name} is {dtype}: a model takes float32 and text")
