"""Convert a fitted scikit-learn pipeline to the bytes of an ONNX file."""

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
    """Return the bytes of an ONNX file of `estimator`, a fitted binary classifier: the same bytes each time.

    `frame` is a table with the columns that it was fitted on; its rows are not read. Each column becomes an input,
    (n, 1) of float32 or text. The file holds all its weights and refers to no other file.

    Raises ValueError, which names the model and the reason, for a column of another type, and for a model that cannot
    be converted or needs an operator that is not allowed in a model file.
    """
    inputs = [(name, _type(name, dtype)) for name, dtype in frame.dtypes.items()]
    try:
        with warnings.catch_warnings():
            # An error with protobuf 7, which pyproject.toml therefore leaves out.
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
    """Return the ONNX file in `content`, from `export`, with each probability p calibrated.

    It becomes expit(`slope` * logit(p) + `intercept`), where p is first kept `smallest` away from 0 and 1. The outputs
    keep their names.
    """
    model = onnx.load_model_from_string(content)
    append_calibration(model.graph, Line(slope, intercept), smallest)
    return _as_bytes(model)


def _as_bytes(model: Any) -> bytes:
    # The converter lists the operator sets in an order that changes from run to run.
    versions = sorted((opset.domain, opset.version) for opset in model.opset_import)
    del model.opset_import[:]
    for domain, version in versions:
        model.opset_import.add(domain=domain, version=version)
    return model.SerializeToString(deterministic=True)


def _with_float32_thresholds(estimator: Any) -> Any:
    """Return a copy of `estimator` with each threshold of its gradient boosting rounded down to a float32.

    For a float32 x, that changes no answer to x <= threshold. The converter rounds to the nearest float32, so that
    rows change branch where the threshold lies between two neighbouring float32 values.
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
