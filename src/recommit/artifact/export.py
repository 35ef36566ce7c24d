"""A fitted scikit-learn pipeline to the bytes of an ONNX file."""

import warnings
from copy import deepcopy
from typing import Any

import numpy as np
import onnx
import pandas as pd
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.pipeline import Pipeline

from recommit.artifact.calibration import Line, append_calibration
from recommit.artifact.files import reason
from recommit.artifact.graph import OPSETS, read_graph


def export(estimator: Any, frame: pd.DataFrame) -> bytes:
    """Convert a fitted binary classifier to an ONNX file: the same bytes each time.

    `frame` is a table like the one it was fitted on (its rows are not read): one input a column,
    float32 or text, (n, 1). The file holds all its weights; it refers to no other file.

    Raises ValueError for a column that is neither, or a model that ONNX has no words for, or none that are allowed in
    a model file: it names the model and the reason.
    """
    inputs = [(name, _type(name, dtype)) for name, dtype in frame.dtypes.items()]
    try:
        with warnings.catch_warnings():
            # What protobuf 7 makes an error, and why it is pinned below.
            warnings.filterwarnings("ignore", "Field onnx.AttributeProto", DeprecationWarning)
            model = convert_sklearn(
                _with_float32_thresholds(estimator),
                name="model",
                initial_types=inputs,
                options={"zipmap": False},
                target_opset=OPSETS,
            )
        content = _as_bytes(model)
        read_graph(content)
    except Exception as error:
        last = estimator[-1] if isinstance(estimator, Pipeline) else estimator
        raise ValueError(f"{type(last).__name__} cannot become ONNX: {reason(error)}") from error
    return content


def with_calibration(content: bytes, slope: float, intercept: float, smallest: float) -> bytes:
    """The model of an ONNX file with its probabilities p turned into expit(slope * logit(p) + intercept).

    `content` is what `export` gave; p is kept `smallest` away from 0 and 1 first. The outputs keep their names.
    """
    model = onnx.load_model_from_string(content)
    append_calibration(model.graph, Line(slope, intercept), smallest)
    return _as_bytes(model)


def _as_bytes(model: Any) -> bytes:
    # The converter lists its operator sets in the order of a set of strings.
    versions = sorted((opset.domain, opset.version) for opset in model.opset_import)
    del model.opset_import[:]
    for domain, version in versions:
        model.opset_import.add(domain=domain, version=version)
    return model.SerializeToString(deterministic=True)


def _with_float32_thresholds(estimator: Any) -> Any:
    """Copy a model with each threshold of its gradient boosting rounded down to a float32.

    For a float32 x, x <= threshold is the same question as x <= that. The converter rounds to the
    nearest: where two values of the data are neighbours, rows at the upper one change branch.
    """
    estimator = deepcopy(estimator)
    model = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    for tree in (tree for trees in getattr(model, "_predictors", []) for tree in trees):
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
