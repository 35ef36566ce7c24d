"""Calibration: what turns a model's raw answers into those that its file gives."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike
from scipy.special import expit, logit, softmax

SMALLEST = 1e-6
"""Probabilities are kept this far from 0 and 1 before their log-odds are taken."""
_STEPS: tuple[tuple[str, tuple[str, ...], str, dict[str, Any]], ...] = (
    ("Clip", ("uncalibrated", "least", "most"), "inside", {}),
    # Both probabilities are taken from the model: 1 - p loses digits for a float32 p near 1.
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
_PLACES = {"negative": 0, "positive": 1}
_TEMPERED: tuple[tuple[str, tuple[str, ...], str, dict[str, Any]], ...] = (
    ("Clip", ("uncalibrated", "least", "most"), "inside", {}),
    ("Log", ("inside",), "logs", {}),
    ("Div", ("logs", "temperature"), "scaled", {}),
    ("Softmax", ("scaled",), "probabilities", {"axis": 1}),
)


@dataclass(frozen=True)
class AsItIs:
    """The calibration that changes nothing: the one of numbers."""

    def __call__(self, answer: ArrayLike) -> np.ndarray:
        """Return `answer`, (n,)."""
        return np.asarray(answer, dtype="float64")

    def into(self, content: bytes) -> bytes:
        """Return the model file in `content`."""
        return content


@dataclass(frozen=True)
class Platt:
    """A straight line in log-odds that calibrates probabilities (Platt 1999). (1, 0) changes nothing."""

    slope: float
    intercept: float

    def __call__(self, answer: ArrayLike) -> np.ndarray:
        """Return the calibrated probabilities, (n,), of the probabilities in `answer`, (n,)."""
        clipped = np.clip(np.asarray(answer, dtype="float64"), SMALLEST, 1 - SMALLEST)
        return expit(self.slope * logit(clipped) + self.intercept)

    def into(self, content: bytes) -> bytes:
        """Return the model file in `content`, from `export`, with nodes appended that calibrate its probabilities."""
        constants = {**asdict(self), "least": SMALLEST, "most": 1 - SMALLEST, "one": 1.0}
        return _appended(content, _nodes(_STEPS), constants, _PLACES)


@dataclass(frozen=True)
class Temperature:
    """Log probabilities divided by one number, and scaled to a sum of 1 (Guo, Pleiss, Sun and Weinberger 2017).

    1 changes nothing; a higher `temperature` makes probabilities more alike.
    """

    temperature: float

    def __call__(self, answer: ArrayLike) -> np.ndarray:
        """Return the calibrated probabilities, (n, k), of the probabilities in `answer`, (n, k)."""
        clipped = np.clip(np.asarray(answer, dtype="float64"), SMALLEST, 1 - SMALLEST)
        return np.asarray(softmax(np.log(clipped) / self.temperature, axis=1))

    def into(self, content: bytes) -> bytes:
        """Return the model file in `content`, from `export`, with nodes appended that calibrate its probabilities."""
        constants = {**asdict(self), "least": SMALLEST, "most": 1 - SMALLEST}
        return _appended(content, _nodes(_TEMPERED), constants, {})


UNCALIBRATED = Platt(1.0, 0.0)


def temperature_of(graph: Any, constants: Mapping[str, np.ndarray]) -> Temperature:
    """Return the temperature that `Temperature.into` put at the end of a checked `graph`, or 1 if it put none.

    `constants` are the arrays of the graph's initializers, by name.
    """
    nodes, name = _nodes(_TEMPERED), _own("temperature")
    found = list(graph.node[-len(nodes) :]) == nodes and name in constants
    return Temperature(float(constants[name].item()) if found else 1.0)


def line_of(graph: Any, constants: Mapping[str, np.ndarray]) -> Platt:
    """Return the line that `Platt.into` put at the end of a checked `graph`, or `UNCALIBRATED` if it put none.

    `constants` are the arrays of the graph's initializers, by name.
    """
    nodes = _nodes(_STEPS)
    # Such a name may also be that of an input column.
    line = [constants[_own(name)] for name in ("slope", "intercept") if _own(name) in constants]
    places = {name: constants[_own(name)].tolist() for name in _PLACES if _own(name) in constants}
    if list(graph.node[-len(nodes) :]) != nodes or places != {name: [place] for name, place in _PLACES.items()}:
        return UNCALIBRATED
    return Platt(*(float(value.item()) for value in line)) if len(line) == 2 else UNCALIBRATED


def model_bytes(model: Any) -> bytes:
    """Return the bytes of an ONNX `model`, the same in every process."""
    # The converter lists the operator sets in an order that changes from run to run.
    versions = sorted((opset.domain, opset.version) for opset in model.opset_import)
    del model.opset_import[:]
    for domain, version in versions:
        model.opset_import.add(domain=domain, version=version)
    return model.SerializeToString(deterministic=True)


def _appended(content: bytes, nodes: list[Any], constants: Mapping[str, float], places: Mapping[str, int]) -> bytes:
    """Return the model file in `content` with `nodes` appended, and their constants; the outputs keep their names."""
    model = onnx.load_model_from_string(content)
    graph = model.graph
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = ["uncalibrated" if name == "probabilities" else name for name in names]
    graph.initializer.extend(
        onnx.numpy_helper.from_array(np.array(value, dtype="float32"), _own(name)) for name, value in constants.items()
    )
    graph.initializer.extend(
        onnx.numpy_helper.from_array(np.array([place], dtype="int64"), _own(name)) for name, place in places.items()
    )
    graph.node.extend(nodes)
    return model_bytes(model)


def _nodes(steps: Sequence[tuple[str, tuple[str, ...], str, dict[str, Any]]]) -> list[Any]:
    nodes = []
    for operator, inputs, output, attributes in steps:
        names = [_own(name) for name in (*inputs, output)]
        nodes.append(onnx.helper.make_node(operator, names[:-1], names[-1:], name=names[-1], **attributes))
    return nodes


def _own(name: str) -> str:
    return name if name in ("uncalibrated", "probabilities") else f"calibration_{name}"
