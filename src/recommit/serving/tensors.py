"""Tensors of the Open Inference Protocol: values as JSON, or as raw bytes behind the JSON of a body."""

import struct
from collections.abc import Mapping, Sequence
from operator import contains
from typing import Any

import numpy as np

from recommit.serving.fields import Field
from recommit.serving.matrix import single
from recommit.serving.refused import Refused, shown

NUMBERS = {
    "FP32": "<f4", "FP64": "<f8", "INT64": "<i8", "INT32": "<i4", "INT16": "<i2", "INT8": "<i1",
    "UINT64": "<u8", "UINT32": "<u4", "UINT16": "<u2", "UINT8": "<u1",
}  # fmt: skip
"""The datatypes that a number may have, and how its bytes lie."""
_WRITTEN = {"FP32": {int, float, type(None)}, "FP64": {int, float, type(None)}}
_WHOLE = {int}
_DATATYPES = {"text": ("BYTES",), "number": ("FP32", "FP64")}
_ONE_ROW = ([1], [1, 1])
_NUMBER, _TEXT = {float, int, type(None)}, {str}


class OneRow:
    """Reads the most usual request: one row in JSON, every tensor with its four keys, in the order of the model.

    It is looked at as a whole, which is faster than tensor by tensor.
    """

    def __init__(self, fields: Sequence[Field]) -> None:
        """Lay out what the tensors are then."""
        self._names = [one.name for one in fields]
        self._datatypes = [_DATATYPES[one.kind] for one in fields]
        self._numbers, self._texts = (
            [place for place, one in enumerate(fields) if one.kind == kind] for kind in ("number", "text")
        )

    def read(self, tensors: Sequence[Any]) -> tuple[list[Any], list[str]] | None:
        """Returns the numbers and the texts; None where it is another request, or any of it is not as it must be."""
        try:
            if [tensor["name"] for tensor in tensors] != self._names or {*map(len, tensors)} != {4}:
                return None
            if not all(map(contains, self._datatypes, (tensor["datatype"] for tensor in tensors))):
                return None
            data, shapes = [tensor["data"] for tensor in tensors], [tensor["shape"] for tensor in tensors]
            if {*map(type, data), *map(type, shapes)} != {list} or {*map(len, data)} != {1}:
                return None
            if not all(shape in _ONE_ROW for shape in shapes) or {type(one) for [one, *_] in shapes} != {int}:
                return None
        except (TypeError, KeyError, ValueError):
            return None
        numbers, texts = [data[place][0] for place in self._numbers], [data[place][0] for place in self._texts]
        fits = _NUMBER.issuperset(map(type, numbers)) and _TEXT.issuperset(map(type, texts))
        return (numbers, texts) if fits else None


class Reader:
    """Reads the tensors of one request: of `rows` rows, with the bytes behind its JSON in `raw`."""

    def __init__(self, raw: memoryview) -> None:
        """Begin at the first of the bytes."""
        self.rows = -1
        self._raw, self._at = raw, 0

    def refuse_rest(self) -> None:
        """Raises `Refused` when bytes are left that no tensor has."""
        if rest := len(self._raw) - self._at:
            raise Refused(400, f"found {rest:,} bytes behind those of the tensors, expected none")

    def take(self, tensor: Mapping[str, Any], field: Field) -> Sequence[Any] | np.ndarray:
        """Returns the values of a tensor: of a number a list or an array, of a text a list of texts.

        Tensors with bytes are taken in the order of the request. Raises `Refused` when it is not of the field's kind,
        or not of one value for each row.
        """
        name, datatype, data, shape = field.name, tensor.get("datatype"), tensor.get("data"), tensor.get("shape")
        due = "BYTES" if field.kind == "text" else "FP32, FP64 or INT64"
        if type(datatype) is not str or (datatype != "BYTES" if field.kind == "text" else datatype not in NUMBERS):
            raise Refused(422, f"input {name}: found the datatype {shown(datatype)}, expected {due}")
        size = self._size(shape, name)
        parameters = tensor.get("parameters")
        if parameters is not None:
            if type(parameters) is not dict:
                raise Refused(422, f"input {name}: found parameters {shown(parameters)}, expected an object")
            if "binary_data_size" in parameters:
                return self._binary(tensor, parameters["binary_data_size"], size, name, datatype)
            if "shared_memory_region" in parameters:
                raise Refused(422, f"input {name}: found a shared memory region, expected its data")
        return _listed(data, size, name, datatype)

    def _size(self, shape: Any, name: str) -> int:
        fits = type(shape) is list and (len(shape) == 1 or (len(shape) == 2 and shape[1] == 1))
        if not fits or type(shape[0]) is not int or shape[0] < 1:
            raise Refused(422, f"input {name}: found the shape {shown(shape)}, expected [n] or [n, 1], with n rows")
        size: int = shape[0]
        if self.rows < 0:
            self.rows = size
        if size != self.rows:
            raise Refused(422, f"input {name}: found {size:,} rows, expected {self.rows:,}, as another input has")
        return size

    def _binary(
        self, tensor: Mapping[str, Any], length: Any, size: int, name: str, datatype: str
    ) -> Sequence[str] | np.ndarray:
        if type(length) is not int or length < 0 or length > len(self._raw) - self._at:
            left = len(self._raw) - self._at
            raise Refused(422, f"input {name}: found {shown(length)} as binary_data_size, expected {left:,} at most")
        if "data" in tensor:
            raise Refused(422, f"input {name}: found data and binary_data_size, expected one of the two")
        raw = self._raw[self._at : self._at + length]
        self._at += length
        if datatype == "BYTES":
            return _texts(raw, size, name)
        dtype = np.dtype(NUMBERS[datatype])
        if length != size * dtype.itemsize:
            raise Refused(
                422, f"input {name}: found {length:,} bytes, expected {size * dtype.itemsize:,} of {datatype}"
            )
        return np.frombuffer(raw, dtype)


def _listed(data: Any, size: int, name: str, datatype: str) -> list[Any]:
    if type(data) is not list:
        raise Refused(422, f"input {name}: found the data {shown(data)}, expected a list of {size:,} values")
    if data and type(data[0]) is list:
        if any(type(one) is not list or len(one) != 1 for one in data):
            raise Refused(422, f"input {name}: found lists of another length in its data, expected [n, 1]")
        data = [one[0] for one in data]
    if len(data) != size:
        raise Refused(422, f"input {name}: found {len(data):,} values, expected {size:,} as its shape says")
    allowed = {str} if datatype == "BYTES" else _WRITTEN.get(datatype, _WHOLE)
    if not allowed.issuperset(map(type, data)):
        row = next(place for place, value in enumerate(data) if type(value) not in allowed)
        words = {"BYTES": "a text", "FP32": "a number", "FP64": "a number"}.get(datatype, "a whole number")
        raise Refused(422, f"row {row + 1}, input {name}: found {shown(data[row])}, expected {words} of {datatype}")
    if allowed is _WHOLE:
        bounds = np.iinfo(NUMBERS[datatype])
        if not (bounds.min <= min(data) and max(data) <= bounds.max):
            row = next(place for place, value in enumerate(data) if not bounds.min <= value <= bounds.max)
            raise Refused(422, f"row {row + 1}, input {name}: found {shown(data[row])}, expected a value of {datatype}")
    return data


def _texts(raw: memoryview, size: int, name: str) -> list[str]:
    """Returns texts, each of which comes with its length in four bytes before it."""
    found: list[str] = []
    at, content = 0, raw.tobytes()
    try:
        while at < len(content) and len(found) < size:
            (length,) = struct.unpack_from("<I", content, at)
            text = content[at + 4 : at + 4 + length]
            if len(text) < length:
                break
            found.append(text.decode())
            at += 4 + length
    except struct.error:
        pass
    except UnicodeDecodeError:
        raise Refused(
            422, f"row {len(found) + 1}, input {name}: found bytes that are no UTF-8, expected a text"
        ) from None
    if at != len(content) or len(found) != size:
        raise Refused(422, f"input {name}: found bytes that are not {size:,} texts, each behind its length")
    return found


def numbers_of(columns: Sequence[Sequence[Any] | np.ndarray], rows: int) -> np.ndarray:
    """Returns the columns of numbers as (k, rows) float32."""
    with np.errstate(over="ignore"):
        found = [column.astype("float32") if isinstance(column, np.ndarray) else single(column) for column in columns]
    return np.array(found, "float32").reshape(-1, rows)


def datatype_of(values: Sequence[Any]) -> str:
    """Returns the datatype of an output with these values: floats or texts."""
    return "BYTES" if values and type(values[0]) is str else "FP64"


def as_bytes(values: Sequence[Any]) -> bytes:
    """Returns the bytes of an output: of FP64, or each text behind its length."""
    if datatype_of(values) == "FP64":
        return np.array(values, "<f8").tobytes()
    texts = [text.encode() for text in values]
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)
