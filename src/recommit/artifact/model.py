"""A model file, ready to predict."""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read when the library is loaded: nothing is collected, nothing sent
import onnxruntime

from recommit import Refusal
from recommit.artifact.files import read_bounded, reason
from recommit.artifact.graph import read_graph

MOST_BYTES = 64 * 2**20
"""Trees of a million nodes, which is as many as `read_graph` lets through, take about as much."""
WIDTH = 16
"""The runtime computes log and sigmoid of so many rows at once at most, and of those left over otherwise: rows are
filled up to a multiple, and then each has the same bits whatever rows come with it."""
_ROWS = 8192 // WIDTH * WIDTH
"""Rows given to the runtime at once: what it computes for them fits into a processor's cache."""


class Unanswered(ValueError):
    """Among the rows is one that the model has no answer for."""


class Model:
    """A model read from ONNX, ready to predict in one thread.

    `columns` maps each column that it reads to "number" or "text", in order.
    """

    def __init__(self, content: bytes) -> None:
        """Read a model from the bytes of its file, which were checked. Raises ValueError when they are not ONNX."""
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
            raise ValueError(f"not a readable ONNX model: {reason(error)}") from None
        self.columns = {
            tensor.name: "text" if tensor.type == "tensor(string)" else "number"
            for tensor in self._session.get_inputs()
        }

    @classmethod
    def load(cls, path: Path) -> "Model":
        """Read a model file that stands alone, checked as `read_graph` does. Raises Refusal in a line that names it."""
        content = read_bounded(Path(path), MOST_BYTES)
        try:
            read_graph(content)
            return cls(content)
        except ValueError as error:
            raise Refusal(f"{path} is not loaded: {reason(error)}") from None

    def predict_proba(self, frame: pd.DataFrame) -> np.ndarray:
        """Give the probability of the positive class, (rows,) float64, from a table.

        The table has at least `columns`; others are not read. Raises ValueError when one is absent or no such type, and
        Unanswered for a category that the model was not told of and has no answer for.
        """
        absent = [name for name in self.columns if name not in frame]
        if absent:
            raise ValueError(f"the model needs the columns {', '.join(absent)}")
        if frame.empty:
            return np.empty(0)
        return self.run({name: _tensor(frame[name], kind) for name, kind in self.columns.items()})

    def run(self, feed: Mapping[str, np.ndarray]) -> np.ndarray:
        """Give the probability of the positive class, (rows,) float64, from tensors, (rows, columns) each, never none.

        A row has the same bits whatever rows come with it. Raises Unanswered for rows that the model cannot answer.
        """
        rows = len(next(iter(feed.values())))
        found = np.empty(rows)
        for at in range(0, rows, _ROWS):
            some = {name: _filled(values[at : at + _ROWS]) for name, values in feed.items()}
            try:
                (probabilities,) = self._session.run(["probabilities"], some)
            except Exception as error:  # the runtime's own kinds, which share no base
                raise Unanswered(f"the model has no answer: {reason(error)}") from None
            found[at : at + _ROWS] = probabilities[: rows - at, 1]
        return found


def _filled(values: np.ndarray) -> np.ndarray:
    """Rows up to a multiple of `WIDTH`: the last is repeated."""
    missing = -len(values) % WIDTH
    return np.concatenate([values, np.repeat(values[-1:], missing, axis=0)]) if missing else values


def _tensor(values: pd.Series, kind: str) -> np.ndarray:
    dtype = np.float32 if kind == "number" else object
    return values.to_numpy(dtype=dtype).reshape(-1, 1)
