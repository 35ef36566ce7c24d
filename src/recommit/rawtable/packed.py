"""Opens the file of a table, also inside .gz or .zip."""

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow as pa

from recommit import Refusal

TEXTS, PACKED_AS = (".csv", ".tsv", ".txt"), (".gz", ".zip")
UNREADABLE = (zipfile.BadZipFile, EOFError, OSError)
"""What reading a packed file that is damaged raises."""


def is_packed(path: Path) -> bool:
    """Returns whether the name of `path` says that the table is inside another file."""
    return path.suffix.lower() in PACKED_AS


def suffix_of(path: Path) -> str:
    """Returns the suffix that says what table `path` is, in small letters; inside .gz or .zip, .csv if none does."""
    if not is_packed(path):
        return path.suffix.lower()
    inner = Path(path.stem).suffix.lower()
    return inner if inner in TEXTS else ".csv"


@contextmanager
def unpacked(path: Path) -> Iterator[BinaryIO]:
    """Opens `path` and gives the bytes of the table.

    Raises `Refusal` for a file that cannot be read, and for a .zip file that does not hold one file.
    """
    try:
        if path.suffix.lower() == ".zip":
            with zipfile.ZipFile(path) as packed, packed.open(_only(path, packed.namelist())) as file:
                yield cast(BinaryIO, file)
        else:
            with pa.input_stream(str(path), compression="gzip" if is_packed(path) else None) as stream:
                yield stream
    except UNREADABLE as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error).partition("\n")[0]
        raise Refusal(f"{path} cannot be read: {said}") from None


def _only(path: Path, names: Sequence[str]) -> str:
    files = [one for one in names if not one.endswith("/") and not one.startswith("__MACOSX")]
    if len(files) != 1:
        raise Refusal(f"{path} holds {len(files)} files: it must hold one table")
    return files[0]
