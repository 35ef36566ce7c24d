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

from recommit.artifact.graph import read_graph

OPSET = {"": 21, "ai.onnx.ml": 3}


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
                target_opset=OPSET,
            )
        content = _as_bytes(model)
        read_graph(content)
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        last = estimator[-1] if isinstance(estimator, Pipeline) else estimator
        raise ValueError(f"{type(last).__name__} cannot become ONNX: {reason}") from error
    return content


def with_calibration(content: bytes, slope: float, intercept: float, smallest: float) -> bytes:
    """The model of an ONNX file with its probabilities p turned into expit(slope * logit(p) + intercept).

    `content` is what `export` gave; p is kept `smallest` away from 0 and 1 first. The outputs keep their names.
    """
    model = onnx.load_model_from_string(content)
    graph = model.graph
    for node in graph.node:
        node.output[:] = ["uncalibrated" if name == "probabilities" else name for name in node.output]
    constants = {"slope": slope, "intercept": intercept, "least": smallest, "most": 1 - smallest, "one": 1.0}
    places = {"negative": 0, "positive": 1}
    graph.initializer.extend(
        onnx.numpy_helper.from_array(np.array(value, dtype="float32"), f"calibration_{name}")
        for name, value in constants.items()
    )
    graph.initializer.extend(
        onnx.numpy_helper.from_array(np.array([place], dtype="int64"), f"calibration_{name}")
        for name, place in places.items()
    )
    steps: tuple[tuple[str, tuple[str, ...], str, dict[str, Any]], ...] = (
        ("Clip", ("uncalibrated", "least", "most"), "inside", {}),
        # Both are taken from the model: 1 - p of a float32 p near 1 would have lost its digits.
        ("Gather", ("inside", "positive"), "for", {"axis": 1}),
        ("Gather", ("inside", "negative"), "against", {"axis": 1}),
        ("Div", ("for", "against"), "odds", {}),
        ("Log", ("odds",), "log_odds", {}),
        ("Mul", ("log_odds", "slope"), "scaled", {}),
        ("Add", ("scaled", "intercept"), "moved", {}),
        ("Sigmoid", ("moved",), "calibrated", {}),
        ("Sub", ("one", "calibrated"), "other", {}),
        ("Concat", ("other", "calibrated"), "probabilities", {"axis": 1}),
    )
    plain = ("uncalibrated", "probabilities")
    for operator, inputs, output, attributes in steps:
        named = [name if name in plain else f"calibration_{name}" for name in (*inputs, output)]
        graph.node.append(onnx.helper.make_node(operator, named[:-1], named[-1:], name=named[-1], **attributes))
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
