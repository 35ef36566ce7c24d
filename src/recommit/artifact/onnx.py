"""The model as a file: a scikit-learn pipeline to ONNX, and ONNX to probabilities."""

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.pipeline import Pipeline

OPSET = {"": 21, "ai.onnx.ml": 3}


def export(estimator: Any, frame: pd.DataFrame) -> bytes:
    """Convert a fitted binary classifier to an ONNX file: the same bytes each time.

    `frame` is a table like the one it was fitted on (its rows are not read): one input a column,
    float32 or text, (n, 1). The file holds all its weights; it refers to no other file.

    Raises ValueError for a column that is neither, or a model that ONNX has no words for.
    """
    inputs = [(name, _type(name, dtype)) for name, dtype in frame.dtypes.items()]
    try:
        model = convert_sklearn(
            _with_float32_thresholds(estimator),
            name="model",
            initial_types=inputs,
            options={"zipmap": False},
            target_opset=OPSET,
        )
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{type(estimator).__name__} cannot become ONNX: {reason}") from error
    # The converter lists its operator sets in the order of a set of strings.
    versions = sorted(model.opset_import, key=lambda opset: opset.domain)
    versions = [(opset.domain, opset.version) for opset in versions]
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


class Model:
    """A model read from ONNX, ready to predict in one thread.

    `columns` maps each column that it reads to "number" or "text", in order.
    """

    def __init__(self, content: bytes) -> None:
        """Read a model from the bytes of its file. Raises ValueError when they are not ONNX."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                content, sess_options=options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            reason = str(error).splitlines()[0]
            raise ValueError(f"not a readable ONNX model: {reason}") from None
        self.columns = {
            tensor.name: "text" if tensor.type == "tensor(string)" else "number"
            for tensor in self._session.get_inputs()
        }

    @classmethod
    def load(cls, path: Path) -> "Model":
        """Read a model file. Raises FileNotFoundError, or ValueError when it is not ONNX."""
        return cls(Path(path).read_bytes())

    def predict_proba(self, frame: pd.DataFrame) -> np.ndarray:
        """Give the probability of the positive class, (rows,) float64, from a table.

        The table has at least `columns`; others are not read. Raises ValueError when one is absent.
        """
        absent = [name for name in self.columns if name not in frame]
        if absent:
            raise ValueError(f"the model needs the columns {', '.join(absent)}")
        if frame.empty:
            return np.empty(0)
        feed = {name: _tensor(frame[name], kind) for name, kind in self.columns.items()}
        probabilities: Sequence[Any] = self._session.run(["probabilities"], feed)
        return probabilities[0][:, 1].astype("float64")


def _tensor(values: pd.Series, kind: str) -> np.ndarray:
    dtype = np.float32 if kind == "number" else object
    return values.to_numpy(dtype=dtype).reshape(-1, 1)
