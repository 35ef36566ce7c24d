"""Check which fields the bytes of a model file hold, before ONNX's own parser reads them.

The parser makes an object of some 200 bytes of each two bytes that hold an empty part, so a few megabytes could fill
the memory, and a file may name other files. So the fields of the ONNX format that a model here needs are listed, and a
file with any other field, or with too many, is refused unparsed. The encoding is
https://protobuf.dev/programming-guides/encoding.
"""

import re

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
"""The allowed fields of each message: no functions, no graphs in graphs, no tensors in attributes, no external data."""
MOST_PARTS = 200_000
"""Fields of all kinds, and each four bytes of a packed list; a model of 1,000 columns has some 30,000."""
# The lists of trees are too long to walk in Python. Each value is a tag and a float, a whole number or the kind of a
# node. A run of them is skipped, and not counted: the parser makes at most eight bytes of two.
_RUN = re.compile(rb"(?:\x3d[\x00-\xff]{4}|\x40[\x80-\xff]{0,9}[\x00-\x7f]|\x4a\x0aBRANCH_LEQ|\x4a\x04LEAF)++")


def scan(content: bytes) -> None:
    """Walk the fields of an ONNX file in `content`, without parsing it.

    Raises ValueError in one line at the first field that is not allowed, if there are more than `MOST_PARTS`, or if it
    is no ONNX file or cut short.
    """
    parts, todo = 0, [(0, len(content), onnx.ModelProto.DESCRIPTOR, "model")]
    while todo:
        at, end, message, where = todo.pop()
        while at < end:
            key, at = _varint(content, at, end)
            field = message.fields_by_number.get(key >> 3)
            if field is None or field.name not in FIELDS[message.name]:
                raise ValueError(f"{where} holds {field.name if field else f'field {key >> 3}'}, which is not allowed")
            size, at = _size(content, at, end, key & 7)
            if size > end - at:
                raise ValueError(f"it ends within {where}.{field.name}: cut short")
            packed = key & 7 == 2 and field.cpp_type not in (field.CPPTYPE_MESSAGE, field.CPPTYPE_STRING)
            parts += 1 + (size // 4 if packed else 0)
            if parts > MOST_PARTS:
                raise ValueError(f"it has more than {MOST_PARTS:,} parts")
            if field.message_type is not None:
                todo.append((at, at + size, field.message_type, f"{where}.{field.name}"))
            at += size
            if message.name == "AttributeProto" and (run := _RUN.match(content, at, end)):
                at = run.end()


def _size(content: bytes, at: int, end: int, kind: int) -> tuple[int, int]:
    """Return how many bytes the value of a field takes, and where it begins. `at` is the end of its tag."""
    match kind:
        case 0:
            return 0, _varint(content, at, end)[1]
        case 1 | 5:
            return 8 if kind == 1 else 4, at
        case 2:
            return _varint(content, at, end)
    raise ValueError(f"not an ONNX file: a field of kind {kind}")


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
