"""What the bytes of a model file may hold, looked at before anything takes them apart.

A parser makes objects of what a file says: a few megabytes can say gigabytes, and name other files. So the fields of
the ONNX format that a model here needs are listed, and a file with any other is refused unread. The encoding is
https://protobuf.dev/programming-guides/encoding.
"""

import re
from typing import Any

import onnx

FIELDS: dict[str, set[str]] = {
    "ModelProto": {
        "ir_version", "opset_import", "producer_name", "producer_version", "domain", "model_version", "doc_string",
        "graph",
    },
    "OperatorSetIdProto": {"domain", "version"},
    "GraphProto": {"node", "name", "initializer", "doc_string", "input", "output"},
    "NodeProto": {"input", "output", "name", "op_type", "domain", "attribute", "doc_string"},
    "AttributeProto": {"name", "type", "f", "i", "s", "floats", "ints", "strings", "doc_string"},
    "TensorProto": {"dims", "data_type", "name", "float_data", "int32_data", "int64_data", "double_data", "raw_data"},
    "ValueInfoProto": {"name", "type", "doc_string"},
    "TypeProto": {"tensor_type", "denotation"},
    "Tensor": {"elem_type", "shape"},
    "TensorShapeProto": {"dim"},
    "Dimension": {"dim_value", "dim_param", "denotation"},
}  # fmt: skip
"""No functions, graphs inside graphs, tensors as attributes, sparse tensors, external data, training or device info."""
MOST_PARTS = 50_000
"""Nodes, attributes, inputs, weights and dimensions together: a model of 1,000 columns has some 10,000."""
# Runs of a repeated float (a tag and four bytes) or whole number: a tree has thousands, too many to walk in Python.
_RUNS = re.compile(rb"(?:\x3d[\x00-\xff]{4}|\x40[\x80-\xff]{0,9}[\x00-\x7f]|\x4a\x0aBRANCH_LEQ|\x4a\x04LEAF)*+")


def scan(content: bytes) -> None:
    """Walk the fields of an ONNX file, and raise ValueError at the first that a model here does not hold.

    Its text says where in the file that is, or that the bytes are no such file, or that it has too many parts.
    """
    _scan(content, 0, len(content), onnx.ModelProto.DESCRIPTOR, "model", 0)


def _scan(content: bytes, at: int, end: int, message: Any, where: str, parts: int) -> int:
    allowed = FIELDS[message.name]
    while at < end:
        key, at = _varint(content, at, end)
        field = message.fields_by_number.get(key >> 3)
        if field is None or field.name not in allowed:
            name = field.name if field else f"field {key >> 3}"
            raise ValueError(f"{where} holds {name}, which no model file of this project does")
        match key & 7:
            case 0:
                _, at = _varint(content, at, end)
            case 1 | 5 as width:
                at += 8 if width == 1 else 4
            case 2:
                size, at = _varint(content, at, end)
                if size > end - at:
                    raise ValueError(f"it ends within {where}.{field.name}: cut short")
                if field.message_type is not None:
                    parts += 1
                    if parts > MOST_PARTS:
                        raise ValueError(f"it has more than {MOST_PARTS:,} parts")
                    parts = _scan(content, at, at + size, field.message_type, f"{where}.{field.name}", parts)
                at += size
            case other:
                raise ValueError(f"not an ONNX file: {where}.{field.name} is of kind {other}")
        if message.name == "AttributeProto":
            at = _RUNS.match(content, at, end).end()  # type: ignore[union-attr]
    if at > end:
        raise ValueError(f"it ends within {where}: cut short")
    return parts


def _varint(content: bytes, at: int, end: int) -> tuple[int, int]:
    number, shift = 0, 0
    while at < end and shift < 70:
        byte = content[at]
        number |= (byte & 127) << shift
        at += 1
        if byte < 128:
            return number, at
        shift += 7
    raise ValueError("not an ONNX file, or cut short")
