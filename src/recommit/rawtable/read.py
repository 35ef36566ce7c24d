"""Reads a CSV or parquet file as a table of texts, or refuses it in one line."""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from recommit import Refusal
from recommit.rawtable.form import PLAIN, UNNAMED, Form
from recommit.rawtable.packed import PACKED_AS, TEXTS, is_packed, suffix_of, unpacked

_PARQUET = (".parquet", ".pq")
ENDINGS = (*TEXTS, *_PARQUET, *PACKED_AS)
"""How the names of tables end."""
SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
# A table as text, its typed copy and what is computed of both, over the size of the file.
_TIMES = 5
# Text shrinks to a tenth when it is packed.
_PACKED = 10
_HEAD = 1 << 20


def read_text(path: Path, form: Form = PLAIN, free: int | None = None) -> pa.Table:
    """Returns the rows of a file: every column as text (pa.string), as it is written, in the file's order.

    The metadata of a CSV file's table say what its `separator` is.
    `path` is a .csv, .tsv or .txt file, also inside .gz or .zip, or a .parquet file. `free` is how many bytes of memory
    there are; by default those of this machine. Raises `Refusal`, one line, for a file that is not there, too large,
    not of this form, without rows, or with several columns of one name.
    """
    if not path.exists():
        raise Refusal(f"{path}: there is no such file")
    if not path.is_file():
        raise Refusal(f"{path} is no file: name the CSV or parquet file in it")
    kind = _kind(path)
    _refuse_too_large(path, kind, psutil.virtual_memory().available if free is None else free)
    try:
        table = _parquet(path) if kind in _PARQUET else _csv(path, kind, form)
    except (OSError, pa.ArrowException) as error:
        raise Refusal(f"{path} cannot be read: {str(error).splitlines()[0]}") from None
    if table.num_rows == 0:
        raise Refusal(f"{path} has no rows")
    return table


def _kind(path: Path) -> str:
    kind = suffix_of(path)
    if kind in (".xlsx", ".xls", ".ods"):
        raise Refusal(f"{path} is a workbook: save the sheet as a CSV file")
    if kind not in (*TEXTS, *_PARQUET):
        raise Refusal(
            f"{path}: the name of a table ends in .csv, .tsv, .txt, one of these and .gz or .zip, or .parquet"
        )
    return kind


def _refuse_too_large(path: Path, kind: str, free: int) -> None:
    size = path.stat().st_size
    if kind in _PARQUET:
        size *= 2
    elif is_packed(path):
        size *= _PACKED
    if size * _TIMES > free:
        raise Refusal(
            f"{path} needs some {size * _TIMES / 1e9:,.1f} GB of memory, and {free / 1e9:,.1f} GB are free: start with "
            "some of its rows, such as the last periods or every tenth group, or go to a machine with more memory"
        )


def _parquet(path: Path) -> pa.Table:
    found = pyarrow.parquet.read_table(path)
    _refuse_twice(path, found.column_names)
    return pa.table({field.name: _as_text(path, field, found[field.name]) for field in found.schema})


def _as_text(path: Path, field: pa.Field, values: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(field.type):
        values = values.cast(field.type.value_type)
    if pa.types.is_nested(values.type) or pa.types.is_binary(values.type) or pa.types.is_duration(values.type):
        raise Refusal(f"{path}: the column {field.name} is {field.type}: write it as text or numbers, or leave it out")
    return values.cast(pa.string())


def _csv(path: Path, kind: str, form: Form) -> pa.Table:
    names, separator = _header(path, kind, form)
    with unpacked(path) as file:
        try:
            found = pa.csv.read_csv(
                file,
                pa.csv.ReadOptions(encoding=form.encoding),
                pa.csv.ParseOptions(delimiter=separator, newlines_in_values=True),
                pa.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False),
            )
            if typed := [field.name for field in found.schema if field.type != pa.string()]:
                raise Refusal(f"{path}: the name {typed[0]!r} cannot be read as that of a column: write it plainly")
            clean = [" ".join(name.split()) or UNNAMED for name in names]
            return found.rename_columns(clean).replace_schema_metadata({"separator": separator})
        except (UnicodeDecodeError, pa.ArrowInvalid) as error:
            if isinstance(error, UnicodeDecodeError) or "UTF8" in str(error):
                raise _not_encoded(path, form) from None
            if "Expected" in str(error):
                raise Refusal(f"{path}: {_ragged(str(error))}") from None
            raise


def _header(path: Path, kind: str, form: Form) -> tuple[list[str], str]:
    """The names of the columns, as they are written, and what stands between them, from the beginning of a file.

    As `recommit predict` does: a comma, unless the first line has none outside quotes and one of the other separators.
    """
    text = _beginning(path, form)
    unquoted = "".join(text.split('"')[::2])
    line = re.split(r"[\r\n]", unquoted, maxsplit=1)[0]
    found = [one for one in SEPARATORS if one in line]
    if len(found) > 1 and "," not in found and kind != ".tsv" and not form.separator:
        several = " and ".join(SEPARATORS[one] for one in found)
        raise Refusal(f"{path}: its first line has {several}, and no comma: add --separator and the one that separates")
    separator = form.separator or ("\t" if kind == ".tsv" else "," if "," in found else (*found, ",")[0])
    try:
        names = next(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    except (csv.Error, TypeError) as error:
        raise Refusal(f"{path}: the names of its columns cannot be read: {error}") from None
    _refuse_twice(path, [" ".join(name.split()) for name in names])
    return names, separator


def _beginning(path: Path, form: Form) -> str:
    """The text at the beginning of a file, from the line of names on."""
    with unpacked(path) as file:
        head = file.read(_HEAD)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and form.encoding == "utf-8":
        raise Refusal(f"{path} is not UTF-8: add --encoding utf-16")
    try:
        text = codecs.getincrementaldecoder(form.encoding)().decode(head).lstrip("\ufeff")
    except LookupError:
        raise Refusal(f"--encoding {form.encoding}: there is no such encoding; a common one is cp1252") from None
    except UnicodeError:
        raise _not_encoded(path, form) from None
    if "\0" in text:
        raise Refusal(f"{path} is no CSV file: it holds bytes that are no text")
    if not text.strip():
        raise Refusal(f"{path} has no rows: it is empty")
    return text.lstrip("\r\n")


def _refuse_twice(path: Path, names: Sequence[str]) -> None:
    twice = {name or "without a name": times for name, times in Counter(names).items() if times > 1}
    if twice:
        said = ", ".join(f"{name} ({times} times)" for name, times in twice.items())
        raise Refusal(f"{path} has several columns of one name: {said}: rename or remove them")


def _not_encoded(path: Path, form: Form) -> Refusal:
    return Refusal(
        f"{path} is not {form.encoding}: add --encoding and its name, often cp1252 (Windows, western Europe) or utf-16"
    )


def _ragged(error: str) -> str:
    """What Arrow says of a row with too many or too few values, shorter."""
    said = error.partition("CSV parse error: ")[2] or error
    return f"a row is torn: {said.splitlines()[0][:160]}: quote values that hold the separator"
