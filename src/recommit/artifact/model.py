"""A model file, ready to predict."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read when the library is loaded: nothing is collected, nothing sent
import onnxruntime


class Model:
    """A model read from ONNX, ready to predict in one thread.

    `columns` maps each column that it reads to "number" or "text", in order.
    """

    def __init__(self, content: bytes) -> None:
        """Read a model from the bytes of its file. Raises ValueError when they are not ONNX."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # errors are raised below, not printed as well
        # Never the runtime's own format, which the bytes could be of too: it is not what was checked.
        options.add_session_config_entry("session.load_model_format", "ONNX")
        try:
            self._session = onnxruntime.InferenceSession(
                content,
                sess_options=options,
                providers=["CPUExecutionProvider"],
                enable_fallback=0,  # else it prints what went wrong, and tries the same again
            )
        except Exception as error:
            raise ValueError(f"not a readable ONNX model: {_reason(error)}") from None
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

        The table has at least `columns`; others are not read. Raises ValueError when one is absent, or for a category
        that the model was not told of and has no answer for.
        """
        absent = [name for name in self.columns if name not in frame]
        if absent:
            raise ValueError(f"the model needs the columns {', '.join(absent)}")
        if frame.empty:
            return np.empty(0)
        feed = {name: _tensor(frame[name], kind) for name, kind in self.columns.items()}
        try:
            probabilities: Sequence[Any] = self._session.run(["probabilities"], feed)
        except Exception as error:  # the runtime's own kinds, which share no base
            raise ValueError(f"the model has no answer: {_reason(error)}") from None
        return probabilities[0][:, 1].astype("float64")


def _tensor(values: pd.Series, kind: str) -> np.ndarray:
    dtype = np.float32 if kind == "number" else object
    return values.to_numpy(dtype=dtype).reshape(-1, 1)


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
