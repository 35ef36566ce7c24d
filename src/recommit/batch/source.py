"""Reads a table of any size, parquet or CSV, in parts that depend on the file alone."""

import codecs
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from recommit import Refusal
from recommit.rawtable.form import PLAIN, UNNAMED, Form
from recommit.rawtable.packed import TEXTS, UNREADABLE, is_packed, suffix_of, unpacked

BATCH_ROWS = 65_536
"""Rows in memory at once, for each process. More take more memory, and are scored a little faster."""
PART_ROWS = 131_072
"""A row group of more rows comes in several parts. More make larger parts, so that fewer processes share a table."""
_BUFFER_BYTES = 1 << 20
"""Bytes that are read at once of each column of a row group; without a bound, all are read before its first row."""
_BLOCK_BYTES = 16 << 20
"""Bytes of a CSV file that make a part: some 40,000 rows of a hundred columns."""
_MOST_PACKED = 1032
"""How many times smaller the method of .gz and .zip makes a file at most (zlib's documentation, Technical Details)."""
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_NO_UTF8 = "it is not in UTF-8: save it so"


@dataclass(frozen=True)
class Batch:
    """Rows of a table, each with its number in it, from 1: `numbers` is (rows,) int64."""

    table: pa.Table
    numbers: np.ndarray


@dataclass(frozen=True)
class Reject:
    """A row that cannot be scored: its number in the input, from 1, its key where it has one, and the reasons."""

    row: int
    key: str
    reasons: str


@dataclass(frozen=True)
class RowGroup:
    """A row group of a parquet file, which is read by the process that scores it."""

    path: Path
    group: int
    first: int
    columns: tuple[str, ...]
    torn: tuple[Reject, ...] = field(default=(), init=False)

    def batches(self) -> Iterator[Batch]:
        """Yields its rows, at most `BATCH_ROWS` at once. Raises `Refusal` for a file that is damaged."""
        number = self.first
        try:
            with pa.parquet.ParquetFile(self.path, buffer_size=_BUFFER_BYTES) as file:
                for rows in file.iter_batches(BATCH_ROWS, [self.group], list(self.columns), use_threads=False):
                    yield Batch(pa.Table.from_batches([rows]), np.arange(number, number + rows.num_rows))
                    number += rows.num_rows
        except (pa.ArrowException, OSError) as error:
            raise Refusal(f"{self.path} cannot be read from row {number:,} on: {_line(error)}", 1) from None


@dataclass(frozen=True)
class Block:
    """Rows that were read already: lines of a CSV file as text, or some of a large row group.

    `torn` are lines of the file with more or fewer values than it has columns.
    """

    rows: Batch
    torn: tuple[Reject, ...] = ()

    def batches(self) -> Iterator[Batch]:
        """Yields all of its rows."""
        yield self.rows


Part = RowGroup | Block


@dataclass(frozen=True)
class Parquet:
    """A parquet file."""

    path: Path
    note: str = field(default="", init=False)

    @cached_property
    def _metadata(self) -> pa.parquet.FileMetaData:
        try:
            return pa.parquet.read_metadata(self.path)
        except OSError as error:
            raise Refusal(f"{self.path} cannot be read: {error.strerror or _line(error)}") from None
        except pa.ArrowException as error:
            raise Refusal(f"{self.path} is no parquet file: {_line(error)}") from None

    @cached_property
    def schema(self) -> pa.Schema:
        """Its columns and their types."""
        return self._metadata.schema.to_arrow_schema()

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return self._metadata.num_rows

    @property
    def most_parts(self) -> int:
        """How many parts it has at most."""
        return sum(1 if rows <= PART_ROWS else -(-rows // BATCH_ROWS) for rows in self._groups)

    @property
    def _groups(self) -> list[int]:
        return [self._metadata.row_group(group).num_rows for group in range(self._metadata.num_row_groups)]

    def parts(self, columns: Sequence[str]) -> Iterator[Part]:
        """Yields its row groups, of which only `columns` are read; one of over `PART_ROWS` rows comes in pieces.

        Those are read here, once: to read a piece where it is scored would take all that is before it in its group. It
        takes a twentieth of the time that scoring does. Raises `Refusal` for a file that is damaged.
        """
        first = 1
        for group, rows in enumerate(self._groups):
            part = RowGroup(self.path.absolute(), group, first, tuple(columns))
            if rows > PART_ROWS:
                yield from (Block(batch) for batch in part.batches())
            elif rows:
                yield part
            first += rows


@dataclass(frozen=True)
class Csv:
    """A CSV file whose first line has the names of its columns; an empty value is a missing one.

    Values are separated as `form` says, else by commas, or by what the first line has where it has no comma:
    semicolons, tabs or bars; in a .tsv file by tabs.
    """

    path: Path
    form: Form | None = None
    rows: None = field(default=None, init=False)

    @cached_property
    def separator(self) -> str:
        """What separates values: a comma, unless the first line has none outside quotes and one of the others."""
        form = self.form or PLAIN
        if said := form.separator or ("\t" if suffix_of(self.path) == ".tsv" else ""):
            return said
        with unpacked(self.path) as file:
            start = file.read(_BUFFER_BYTES)
        if form.encoding == "utf-8" and start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise Refusal(f"{self.path} is no CSV file: {_NO_UTF8}")
        unquoted = "".join(start.decode(form.encoding, errors="replace").lstrip("\ufeff\r\n").split('"')[::2])
        names = re.split(r"[\r\n]", unquoted, maxsplit=1)[0]
        found = [one for one in SEPARATORS if one in names] or [","]
        if found[0] != "," and len(found) > 1:
            several = " and ".join(SEPARATORS[one] for one in found)
            raise Refusal(f"{self.path}: its line of names has {several}, and no comma: keep the one that separates")
        return found[0]

    @property
    def note(self) -> str:
        """What was assumed to read it, to be told to the user."""
        return "" if self.separator == "," else f" (separated by {SEPARATORS[self.separator]})"

    @cached_property
    def schema(self) -> pa.Schema:
        """Its columns, all of them text."""
        unnamed = UNNAMED if self.form else ""  # as `read_text` has it
        return pa.schema([(" ".join(name.split()) or unnamed, pa.string()) for name in self._written])

    @cached_property
    def _written(self) -> list[str]:
        """The names of its columns as they are written."""
        with self._open([], []) as reader:
            try:
                return reader.schema.names
            except UnicodeDecodeError:
                raise Refusal(f"{self.path} is no CSV file: {_NO_UTF8}") from None

    @property
    def most_parts(self) -> int:
        """How many parts it has at most."""
        return self.path.stat().st_size * (_MOST_PACKED if is_packed(self.path) else 1) // _BLOCK_BYTES + 1

    def parts(self, columns: Sequence[str]) -> Iterator[Part]:
        """Yields its blocks of lines, of which only `columns` are kept. Raises `Refusal` for what is not text."""
        torn: list[Reject] = []
        number = 1
        written = [self._written[self.schema.names.index(name)] for name in columns]
        with self._open(written, torn) as reader:
            nothing = reader.schema.empty_table().rename_columns(list(columns))
            while True:
                try:
                    table = pa.Table.from_batches([reader.read_next_batch()]).rename_columns(list(columns))
                except StopIteration:
                    break
                except (*UNREADABLE, pa.ArrowException) as error:
                    raise Refusal(f"{self.path} cannot be read from row {number:,} on: {_told(error)}", 1) from None
                # Torn rows have numbers too, but are not in the table; some may be of a later block, read ahead.
                skipped = [one.row for one in torn]
                numbers = np.setdiff1d(np.arange(number, number + table.num_rows + len(skipped)), skipped)
                numbers = numbers[: table.num_rows]
                number = int(numbers[-1]) + 1 if len(numbers) else number
                yield Block(Batch(table, numbers), tuple(one for one in torn if one.row < number))
                torn[:] = [one for one in torn if one.row >= number]
        if torn:
            yield Block(Batch(nothing, np.empty(0, "int64")), tuple(torn))

    @contextmanager
    def _open(self, columns: Sequence[str], torn: list[Reject]) -> Iterator[pa.csv.CSVStreamingReader]:
        def skip(row: pa.csv.InvalidRow) -> str:
            reason = f"has {row.actual_columns} values for {row.expected_columns} columns"
            torn.append(Reject(row.number - 1, "", reason))  # the line of names is its row 1
            return "skip"

        with _unheard(skip), unpacked(self.path) as file:
            try:
                reader = pa.csv.open_csv(
                    file,
                    # With threads, rows left out come without their number.
                    pa.csv.ReadOptions(
                        use_threads=False, block_size=_BLOCK_BYTES, encoding=(self.form or PLAIN).encoding
                    ),
                    pa.csv.ParseOptions(delimiter=self.separator, newlines_in_values=True, invalid_row_handler=skip),
                    pa.csv.ConvertOptions(
                        column_types=dict.fromkeys(columns, pa.string()),
                        include_columns=list(columns) or None,
                        null_values=[""],
                        strings_can_be_null=True,
                    ),
                )
            except pa.ArrowException as error:
                raise Refusal(f"{self.path} is no CSV file: {_told(error)}") from None
            with reader:
                yield reader


Source = Parquet | Csv


def open_source(path: Path, form: Form | None = None) -> Source:
    """Returns the table at `path`; its suffix says what it is, and `form` how a CSV file is written.

    Raises `Refusal` where it cannot be read.
    """
    try:
        there = path.is_file()
    except OSError as error:
        raise Refusal(f"{path} cannot be read: {error.strerror}") from None
    if not there:
        raise Refusal(f"{path}: there is no such table")
    source: Source
    if path.suffix == ".parquet":
        source = Parquet(path)
    elif suffix_of(path) in TEXTS:
        source = Csv(path, form)
    else:
        raise Refusal(
            f"{path}: a table's name ends in .parquet, .csv, .tsv or .txt; the last three also in .gz or .zip"
        )
    twice = [name for name, times in Counter(source.schema.names).items() if times > 1 and name]
    if twice:
        raise Refusal(f"{path} has the column {', '.join(twice)} more than once: rename or drop it")
    return source


@contextmanager
def _unheard(handler: Callable) -> Iterator[None]:
    """Prints no traceback when Arrow cannot make text of a row for `handler`: the row is rejected anyway."""
    before = sys.unraisablehook

    def others(unraisable: "sys.UnraisableHookArgs") -> None:
        if unraisable.object is not handler:
            before(unraisable)

    sys.unraisablehook = others
    try:
        yield
    finally:
        sys.unraisablehook = before


def _told(error: Exception) -> str:
    """Returns why Arrow cannot read a CSV file, in words for whoever made the file."""
    line = _line(error)
    if "straddl" in line:
        return f"a row of more than {_BLOCK_BYTES >> 20} MiB: is a quote opened and never closed?"
    if "UTF8" in line or "\ufffd" in line:
        return f"{line}: {_NO_UTF8}"
    return line


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
