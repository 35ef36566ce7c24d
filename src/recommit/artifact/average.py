"""Join the ONNX models of several members into one, whose answer is their weighted mean."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx.helper import make_node, make_opsetid
from onnx.numpy_helper import from_array

_ANSWERS = {"probabilities", "variable"}


def averaged(members: Sequence[Any], weights: Sequence[float]) -> Any:
    """Return an ONNX model whose answer is the mean of the answers of `members`, which have the same inputs.

    `weights` are those of the members, in order; they are divided by their sum. The label beside probabilities is the
    place of the largest.
    """
    model = onnx.ModelProto()
    model.CopyFrom(members[0])
    versions = sorted((opset.domain, opset.version) for member in members for opset in member.opset_import)
    del model.opset_import[:], model.graph.node[:], model.graph.initializer[:]
    model.opset_import.extend(make_opsetid(*newest) for newest in dict(versions).items())
    [answer] = _ANSWERS & {tensor.name for tensor in model.graph.output}
    shares = (np.array(weights, dtype="float64") / sum(weights)).astype("float32")
    total = ""
    for place, (member, share) in enumerate(zip(members, shares, strict=True)):
        own, weighted, weight = f"member_{place}_", f"average_part_{place}", f"average_weight_{place}"
        part = _renamed(member.graph, own)
        model.graph.initializer.extend([*part.initializer, from_array(share, weight)])
        model.graph.node.extend(part.node)
        model.graph.node.append(_node("Mul", [own + answer, weight], weighted))
        if total:
            sums = answer if place == len(members) - 1 else f"average_sum_{place}"
            model.graph.node.append(_node("Add", [total, weighted], sums))
        total = model.graph.node[-1].output[0]
    if answer == "probabilities":
        model.graph.node.append(_node("ArgMax", [answer], "label", axis=1, keepdims=0))
    return model


def _renamed(graph: Any, prefix: str) -> Any:
    """Return a copy of `graph` with `prefix` before each name but those of its inputs."""
    own, kept = onnx.GraphProto(), {tensor.name for tensor in graph.input}
    own.CopyFrom(graph)
    for tensor in own.initializer:
        tensor.name = prefix + tensor.name
    for node in own.node:
        node.name = prefix + node.name
        for names in (node.input, node.output):
            names[:] = [name if name in kept else prefix + name for name in names]
    return own


def _node(operator: str, inputs: list[str], output: str, **attributes: Any) -> Any:
    return make_node(operator, inputs, [output], name=f"{output}_of_average", **attributes)
