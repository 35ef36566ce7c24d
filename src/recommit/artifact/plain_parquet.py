"""Parquet at its plainest: written by pyarrow, read by a few lines of Python that believe nothing.

What pyarrow does with a file built to harm is not for us to settle: some end the process, and a small one may unpack
to more than the memory. So a file that comes with a model is one block of columns, each one page of plain values,
without compression, dictionaries or gaps; anything else is refused. The format is that of
https://parquet.apache.org/docs/file-format, its structures are in Thrift's compact protocol.
"""

import io
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

Kind = Literal["float32", "float64", "bool", "text"]
_ARROW = {"float32": pa.float32(), "float64": pa.float64(), "bool": pa.bool_(), "text": pa.string()}
_PHYSICAL: dict[int, Kind] = {0: "bool", 4: "float32", 5: "float64", 6: "text"}
_MARK = b"PAR1"
_MOST_PARTS, _MOST_DEPTH = 200_000, 10


def write_plain(columns: Mapping[str, np.ndarray], kinds: Mapping[str, Kind]) -> bytes:
    """The bytes of a parquet file of `columns`, (n,) each: the same each time, and what `read_plain` reads."""
    fields = [pa.field(name, _ARROW[kind], nullable=False) for name, kind in kinds.items()]
    arrays = [pa.array(columns[field.name], field.type) for field in fields]
    buffer = io.BytesIO()
    pq.write_table(
        pa.table(arrays, schema=pa.schema(fields)),
        buffer,
        compression="NONE",
        use_dictionary=False,
        write_statistics=False,
        store_schema=False,
        data_page_size=2**30,
    )
    return buffer.getvalue()


def read_plain(content: bytes, kinds: Mapping[str, Kind], most_rows: int) -> dict[str, np.ndarray]:
    """The columns, (n,) each and text as objects, of a file that `write_plain` wrote for the same `kinds`.

    Raises ValueError in one line for any other file: where it is other than due.
    """
    if len(content) < 12 or content[:4] != _MARK or content[-4:] != _MARK:
        raise ValueError("it is no parquet file, or cut short")
    size = int.from_bytes(content[-8:-4], "little")
    if size > len(content) - 12:
        raise ValueError("it is cut short")
    try:
        about = _Reader(content, len(content) - 8 - size, len(content) - 8).structure()
        return _columns(content, about, kinds, most_rows)
    except (KeyError, TypeError, IndexError, AttributeError, OverflowError) as error:
        raise ValueError(f"it lacks a part that plain parquet has ({type(error).__name__} {error})") from None


def _columns(content: bytes, about: dict[int, Any], kinds: Mapping[str, Kind], most_rows: int) -> dict[str, np.ndarray]:
    rows, blocks, leaves = about[3], about[4], about[2][1:]
    if not 1 <= rows <= most_rows or len(blocks) != 1:
        raise ValueError(f"it has {rows} rows in {len(blocks)} blocks: due are 1 to {most_rows} in one")
    found = {leaf[4].decode("utf-8"): _PHYSICAL.get(leaf[1]) for leaf in leaves}
    _compare(found, kinds)
    if len(leaves) != len(kinds) or list(found) != list(kinds) or any(leaf[3] != 0 for leaf in leaves):
        raise ValueError("its columns are in another order, there twice, or may have gaps")
    chunks = blocks[0][1]
    if len(chunks) != len(kinds):
        raise ValueError(f"it has the data of {len(chunks)} columns, not of {len(kinds)}")
    return {name: _page(content, chunk, kinds[name], rows, name) for name, chunk in zip(kinds, chunks, strict=True)}


def _compare(found: Mapping[str, str | None], due: Mapping[str, str]) -> None:
    for name in sorted(found.keys() | due.keys()):
        if name not in found:
            raise ValueError(f"it lacks the column {name!r}")
        if name not in due:
            raise ValueError(f"it has a column {name[:60]!r}, which the model does not read")
        if found[name] != due[name]:
            raise ValueError(f"its column {name!r} is {found[name] or 'of another kind'}, not {due[name]}")


def _page(content: bytes, chunk: dict[int, Any], kind: Kind, rows: int, name: str) -> np.ndarray:
    if 1 in chunk:
        raise ValueError(f"its column {name!r} is in another file, {chunk[1][:60]!r}")
    about = chunk[3]
    if about[4] != 0:
        raise ValueError(f"its column {name!r} is compressed, and could unpack to anything")
    if 11 in about:
        raise ValueError(f"its column {name!r} has a dictionary, and could unpack to anything")
    reader = _Reader(content, about[9], len(content))
    page = reader.structure()
    size, values = page[3], page[5]
    if page[1] != 0 or values[2] != 0 or page[2] != size or not 0 <= size <= len(content) - reader.at:
        raise ValueError(f"its column {name!r} is not one page of plain values")
    if values[1] != rows or about[5] != rows:
        raise ValueError(f"its column {name!r} has {values[1]} values in {rows} rows")
    return _values(content[reader.at : reader.at + size], kind, rows, name)


def _values(data: bytes, kind: Kind, rows: int, name: str) -> np.ndarray:
    if kind == "text":
        return _texts(data, rows, name)
    due = -(-rows // 8) if kind == "bool" else rows * np.dtype(kind).itemsize
    if len(data) != due:
        raise ValueError(f"its column {name!r} has {len(data)} bytes, not {due}")
    if kind == "bool":
        return np.unpackbits(np.frombuffer(data, "uint8"), bitorder="little")[:rows].astype(bool)
    return np.frombuffer(data, np.dtype(kind).newbyteorder("<")).astype(kind)


def _texts(data: bytes, rows: int, name: str) -> np.ndarray:
    texts, at = [], 0
    for _ in range(rows):
        size = int.from_bytes(data[at : at + 4], "little")
        if at + 4 + size > len(data):
            raise ValueError(f"its column {name!r} is cut short")
        texts.append(data[at + 4 : at + 4 + size].decode("utf-8"))
        at += 4 + size
    return np.array(texts, dtype=object)


class _Reader:
    """A place in the bytes of a file, from which structures are read: field number to value."""

    def __init__(self, content: bytes, at: int, end: int) -> None:
        if not 0 <= at <= end:
            raise ValueError("it points outside itself")
        self.content, self.at, self.end, self.parts = content, at, end, 0

    def structure(self, depth: int = 0) -> dict[int, Any]:
        found: dict[int, Any] = {}
        number = 0
        while (head := self._byte()) != 0:
            number = number + (head >> 4) if head >> 4 else self._whole()
            found[number] = head & 15 == 1 if head & 15 in (1, 2) else self._value(head & 15, depth)
        return found

    def _value(self, kind: int, depth: int) -> Any:
        self.parts += 1
        if self.parts > _MOST_PARTS or depth > _MOST_DEPTH:
            raise ValueError("it has too many parts, or parts within parts")
        match kind:
            case 1 | 2 | 3:
                return self._byte()
            case 4 | 5 | 6:
                return self._whole()
            case 7:
                return self._bytes(8)
            case 8:
                return self._bytes(self._varint())
            case 9 | 10:
                head = self._byte()
                size = head >> 4 if head >> 4 < 15 else self._varint()
                return [self._value(head & 15, depth + 1) for _ in range(size)]
            case 12:
                return self.structure(depth + 1)
        raise ValueError(f"it has a part of an unknown kind, {kind}")

    def _byte(self) -> int:
        return self._bytes(1)[0]

    def _bytes(self, size: int) -> bytes:
        if size > self.end - self.at:
            raise ValueError("it is cut short")
        self.at += size
        return self.content[self.at - size : self.at]

    def _varint(self) -> int:
        number = 0
        for shift in range(0, 70, 7):
            byte = self._byte()
            number |= (byte & 127) << shift
            if byte < 128:
                return number
        raise ValueError("it has a number of more than 64 bits")

    def _whole(self) -> int:
        number = self._varint()
        return (number >> 1) ^ -(number & 1)
