"""The same model, fed faster: all its numbers as one matrix, and text as the places of its values in a vocabulary.

A model file takes one column an input. Joining those again, and making strings of text for each row, costs as much as
a linear model's arithmetic. Neither changes a number: what follows in the graph is the very same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import onnx
import pandas as pd

from recommit.artifact.model import Model

_JOINED = "joined_numbers"
# What turns text into numbers: the attribute that holds its vocabulary, and the same for whole numbers.
_ENCODERS = {"LabelEncoder": ("keys_strings", "keys_int64s"), "OneHotEncoder": ("cats_strings", "cats_int64s")}


@dataclass(frozen=True)
class Fused:
    """A model that takes a matrix of numbers, in the order of `numbers`, and codes of text.

    `places` maps each text column to the place of each value in its encoder's vocabulary; the place after the last is
    that of any other value.
    """

    model: Model
    numbers: tuple[str, ...]
    places: Mapping[str, Mapping[str, int]]

    @classmethod
    def of(cls, content: bytes) -> Self | None:
        """Rebuild a checked model file; None where its graph does not begin as that of a pipeline over columns does."""
        model = onnx.load_model_from_string(content)
        graph = model.graph
        kinds = {one.name: one.type.tensor_type.elem_type for one in graph.input}
        numbers = tuple(name for name, kind in kinds.items() if kind == onnx.TensorProto.FLOAT)
        readers = {name: [node for node in graph.node if name in node.input] for name in kinds}
        places: dict[str, dict[str, int]] = {}
        for name in (name for name in kinds if name not in numbers):
            vocabulary = _to_places(readers[name])
            if vocabulary is None:
                return None
            places[name] = vocabulary
        first = readers[numbers[0]] if numbers else []
        if len(first) != 1 or any(readers[name] != first for name in numbers) or not _joins(first[0], numbers):
            return None
        joined = first[0].output[0]
        graph.node.remove(first[0])
        for node in graph.node:
            node.input[:] = [_JOINED if name == joined else name for name in node.input]
        del graph.input[:]
        graph.input.append(onnx.helper.make_tensor_value_info(_JOINED, onnx.TensorProto.FLOAT, [None, len(numbers)]))
        for name in places:
            graph.input.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.INT64, [None, 1]))
        try:
            return cls(Model(model.SerializeToString()), numbers, places)
        except ValueError:
            return None

    def probability(self, columns: pd.DataFrame) -> np.ndarray:
        """The probability of the positive class, (rows,) float64, from a table that has all columns, of a row or more.

        Raises ValueError for rows that it has no answer for.
        """
        matrix = np.empty((len(columns), len(self.numbers)), dtype="float32")
        for place, name in enumerate(self.numbers):
            matrix[:, place] = columns[name].to_numpy("float32")
        codes = {name: _codes(columns[name], known).reshape(-1, 1) for name, known in self.places.items()}
        return self.model.run({_JOINED: matrix} | codes)


def _joins(node: Any, numbers: tuple[str, ...]) -> bool:
    axes = [attribute.i for attribute in node.attribute if attribute.name == "axis"]
    return node.op_type == "Concat" and axes == [1] and tuple(node.input) == numbers


def _to_places(readers: list[Any]) -> dict[str, int] | None:
    """Let the one node that reads a text input read places in its vocabulary instead; give those."""
    if len(readers) != 1 or readers[0].op_type not in _ENCODERS:
        return None
    node = readers[0]
    texts, wholes = _ENCODERS[node.op_type]
    vocabulary = next((attribute for attribute in node.attribute if attribute.name == texts), None)
    if vocabulary is None:
        return None
    words = [word.decode() for word in vocabulary.strings]
    if len(set(words)) < len(words):
        return None
    node.attribute.remove(vocabulary)
    node.attribute.append(onnx.helper.make_attribute(wholes, list(range(len(words)))))
    return {word: place for place, word in enumerate(words)}


def _codes(values: pd.Series, places: Mapping[str, int]) -> np.ndarray:
    codes = values.astype("category").cat
    known = np.array([places.get(word, len(places)) for word in codes.categories] + [len(places)], dtype="int64")
    return known[codes.codes]  # a missing value has code -1: the last
