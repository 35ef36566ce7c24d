"""Predict with a model file, in the same bits whatever other rows are predicted with a row."""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read at import: the library then collects and sends nothing
import onnxruntime

from recommit import Refusal
from recommit.artifact.files import read_bounded, reason
from recommit.artifact.graph import read_graph

MOST_BYTES = 64 * 2**20
"""The largest model file. Trees of a million nodes, the most that `read_graph` allows, take about as much."""
WIDTH = 16
"""The runtime computes log and sigmoid for at most so many rows at once, and differently for a remainder. So rows are
filled up to a multiple of it: then each row has the same bits whatever rows come with it."""
_OF_ONE = 2
"""The most numbers of an output whose last one is the whole answer: of two probabilities, the positive class's."""
_ROWS = 8192 // WIDTH * WIDTH
"""Rows given to the runtime at once. More rows need more memory; these fit into a processor's cache."""


class Unanswered(ValueError):
    """At least one of the rows is one that the model cannot answer."""


class Model:
    """A model read from ONNX, ready to predict in one thread.

    `columns` maps each column that it reads to "number" or "text", in order. `shape` is that of one answer: () for a
    number and for a probability, (k,) for the probabilities of k classes; `numbers` says whether answers are numbers.
    """

    def __init__(self, content: bytes) -> None:
        """Read a model from `content`, the checked bytes of its file. Raises ValueError if they are not ONNX."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # errors are raised below, not printed as well
        # Otherwise the bytes could also be of the runtime's own format, which was not checked.
        options.add_session_config_entry("session.load_model_format", "ONNX")
        try:
            self._session = onnxruntime.InferenceSession(
                content,
                sess_options=options,
                providers=["CPUExecutionProvider"],
                enable_fallback=0,  # otherwise it prints the error and tries the same again
            )
        except Exception as error:
            raise ValueError(f"not a readable ONNX model: {reason(error)}") from None
        output = next(tensor for tensor in self._session.get_outputs() if tensor.name != "label")
        self._output = output.name
        self.numbers = output.name == "variable"
        self.shape = (output.shape[-1],) if output.shape[-1] > _OF_ONE else ()
        self.columns = {
            tensor.name: "text" if tensor.type == "tensor(string)" else "number"
            for tensor in self._session.get_inputs()
        }

    @classmethod
    def load(cls, path: Path) -> "Model":
        """Check the model file at `path` as `read_graph` does, and read it. Raises Refusal in one line."""
        content = read_bounded(Path(path), MOST_BYTES)
        try:
            read_graph(content)
            return cls(content)
        except ValueError as error:
            raise Refusal(f"{path} is not loaded: {reason(error)}") from None

    def answer(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the answer to each row of `frame`, float64: the positive class's probability, or a number, (rows,).

        Of k classes, three or more, it is the probability of each, (rows, k).

        The table has at least the columns in `columns`; others are not read. Raises ValueError if one is absent or of
        another type, and Unanswered for a category that the model does not know and cannot answer.
        """
        absent = [name for name in self.columns if name not in frame]
        if absent:
            raise ValueError(f"the model needs the columns {', '.join(absent)}")
        if frame.empty:
            return np.empty((0, *self.shape))
        return self.run({name: _tensor(frame[name], kind) for name, kind in self.columns.items()})

    def run(self, feed: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the answers, (rows,) or (rows, k) float64: see `answer`.

        `feed` maps each input to its values, (rows, 1), of at least one row. A row has the same bits whatever rows come
        with it. Raises Unanswered for rows that the model cannot answer.
        """
        rows = len(next(iter(feed.values())))
        found = np.empty((rows, *self.shape))
        for at in range(0, rows, _ROWS):
            some = feed
            if rows > _ROWS or rows % WIDTH:
                some = {name: _filled(values[at : at + _ROWS]) for name, values in feed.items()}
            try:
                (answers,) = self._session.run([self._output], some)
            except Exception as error:  # the runtime's own kinds, which share no base
                raise Unanswered(f"the model has no answer: {reason(error)}") from None
            found[at : at + _ROWS] = answers[: rows - at] if self.shape else answers[: rows - at, -1]
        return found


def _filled(values: np.ndarray) -> np.ndarray:
    """Return `values` with the last row repeated up to a multiple of `WIDTH` rows."""
    missing = -len(values) % WIDTH
    return np.concatenate([values, np.repeat(values[-1:], missing, axis=0)]) if missing else values


def _tensor(values: pd.Series, kind: str) -> np.ndarray:
    dtype = np.float32 if kind == "number" else object
    return values.to_numpy(dtype=dtype).reshape(-1, 1)
