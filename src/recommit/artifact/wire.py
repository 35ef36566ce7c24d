"""What the bytes of a model file may hold, looked at before anything takes them apart.

A parser makes objects of what a file says: a few megabytes can say gigabytes, and name other files. So the fields of
the ONNX format that a model here needs are listed, and a file with any other is refused unread. The encoding is
https://protobuf.dev/programming-guides/encoding.
"""

import re
from collections.abc import Callable
from typing import Any

import onnx
from google.protobuf.descriptor import FieldDescriptor

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
MOST_PARTS = 200_000
"""Fields of all kinds: a model of 1,000 columns has some 30,000."""
MOST_VALUES = 10_000_000
"""Numbers and words in lists: a million nodes of trees, each in ten lists."""
_HIGH = bytes(range(128, 256))
# Runs of one kind in an attribute's lists, too long to walk in Python: a tag, and a float of four bytes, a whole number
# or the kind of a tree's node. With each, how many values are in such bytes.
_RUNS: tuple[tuple[re.Pattern[bytes], Callable[[bytes], int]], ...] = (
    (re.compile(rb"(?:\x3d[\x00-\xff]{4})++"), lambda run: len(run) // 5),
    # The tag and the last byte of a number are those below 128.
    (re.compile(rb"(?:\x40[\x80-\xff]{0,9}[\x00-\x7f])++"), lambda run: len(run.translate(None, _HIGH)) // 2),
    (re.compile(rb"(?:\x4a\x0aBRANCH_LEQ|\x4a\x04LEAF)++"), lambda run: run.count(b"\x4a")),
)
# The least bytes of a value in a packed list, by the number of its type in a descriptor.
_PACKED = {FieldDescriptor.TYPE_FLOAT: 4, FieldDescriptor.TYPE_DOUBLE: 8}
_TEXT = {FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES}


def scan(content: bytes) -> None:
    """Walk the fields of an ONNX file, and raise ValueError at the first that a model here does not hold.

    Its text says where in the file that is, or that the bytes are no such file, or that it has too many parts.
    """
    _Walk(content).message(0, len(content), onnx.ModelProto.DESCRIPTOR, "model")


class _Walk:
    """What has been counted in the bytes of a file so far."""

    def __init__(self, content: bytes) -> None:
        self.content, self.parts, self.values = content, 0, 0

    def message(self, at: int, end: int, message: Any, where: str) -> None:
        allowed = FIELDS[message.name]
        while at < end:
            key, at = _varint(self.content, at, end)
            field = message.fields_by_number.get(key >> 3)
            if field is None or field.name not in allowed:
                name = field.name if field else f"field {key >> 3}"
                raise ValueError(f"{where} holds {name}, which no model file of this project does")
            self._count(parts=1)
            match key & 7:
                case 0:
                    _, at = _varint(self.content, at, end)
                case 1 | 5 as width:
                    at += 8 if width == 1 else 4
                case 2:
                    size, at = _varint(self.content, at, end)
                    if size > end - at:
                        raise ValueError(f"it ends within {where}.{field.name}: cut short")
                    if field.message_type is not None:
                        self.message(at, at + size, field.message_type, f"{where}.{field.name}")
                    elif field.type not in _TEXT:
                        self._count(values=size // _PACKED.get(field.type, 1))
                    at += size
                case other:
                    raise ValueError(f"not an ONNX file: {where}.{field.name} is of kind {other}")
            if message.name == "AttributeProto":
                at = self._runs(at, end)
        if at > end:
            raise ValueError(f"it ends within {where}: cut short")

    def _runs(self, at: int, end: int) -> int:
        """Where the runs that begin here end."""
        for runs, number in _RUNS:
            found = runs.match(self.content, at, end)
            if found:
                self._count(values=number(found[0]))
                return found.end()
        return at

    def _count(self, parts: int = 0, values: int = 0) -> None:
        self.parts, self.values = self.parts + parts, self.values + values
        if self.parts > MOST_PARTS:
            raise ValueError(f"it has more than {MOST_PARTS:,} parts")
        if self.values > MOST_VALUES:
            raise ValueError(f"it has more than {MOST_VALUES:,} values in lists")


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
