"""Writes predictions and rejected rows so that they appear whole or not at all."""

import csv
import fcntl
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Self

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from recommit import Refusal
from recommit.batch.source import Reject

GROUP_ROWS = 131_072
"""Rows of a row group of the output: whatever parts they come in, so that its bytes do not tell of them."""


class Sink:
    """Writes predictions and rejects to files beside their places, which `finish` renames.

    Use it as a context: without `finish` everything is removed, and the earlier output stays. An interrupted run is not
    continued: half a table is of use only if input, model and code are surely the same, and scoring again takes seconds
    for a million rows. The files are touched under a lock alone, which is released when the last of them is in place or
    gone.
    """

    def __init__(self, output: Path) -> None:
        """Prepares an `output`, .parquet or .csv.

        Raises `Refusal` when it cannot be one, its folder is not there, or what is in its place is no plain file.
        """
        if output.suffix not in (".parquet", ".csv"):
            raise Refusal(f"{output}: a table's name ends in .parquet or .csv")
        self.output, self.rejects = output, output.with_name(f"{output.name}.rejects.csv")
        self.rows = self.rejected = 0
        self._unfinished = output.with_name(f".{output.name}.unfinished")
        self._unfinished_rejects = output.with_name(f".{self.rejects.name}.unfinished")
        self._lock = output.with_name(f".{output.name}.lock")
        with self._told(status=2):
            if not output.parent.is_dir():
                raise Refusal(f"{output.parent}: there is no such folder to write {output.name} into")
            for place in (output, self.rejects, self._lock):
                _refuse_other_than_file(place)
            self._unfinished_rejects.exists()  # raises where this name, the longest, is too long
        self._writer: Any = None
        self._waiting: list[pa.Table] = []

    def __enter__(self) -> Self:
        """Begins. Raises `Refusal` when another run writes this output, or nothing can be written there."""
        with ExitStack() as stack, self._told(status=2):
            stack.enter_context(_locked(self._lock, self.output))
            stack.callback(self._lock.unlink, missing_ok=True)
            stack.callback(self._unfinished.unlink, missing_ok=True)
            stack.callback(self._unfinished_rejects.unlink, missing_ok=True)
            for left in (self._unfinished, self._unfinished_rejects):  # of a killed run, or a link to elsewhere
                left.unlink(missing_ok=True)
            self._file = self._unfinished.open("xb")
            self._reasons = self._unfinished_rejects.open("x", newline="", encoding="utf-8")
            stack.callback(self._drop)
            self._lines = csv.writer(self._reasons, lineterminator="\n")
            self._lines.writerow(["row", "key", "reasons"])
            self._taken_away = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._taken_away.close()

    def write(self, predictions: pa.Table, rejects: Iterable[Reject]) -> None:
        """Adds the predictions and rejects of a part; the predictions of all parts have the same columns.

        Raises `Refusal` when they cannot be written, as on a full disk.
        """
        with self._told():
            if self._writer is None:
                self._writer = self._open(predictions.schema)
            self._waiting.append(predictions)
            self.rows += predictions.num_rows
            while sum(table.num_rows for table in self._waiting) >= GROUP_ROWS:
                self._write_group()
            for reject in rejects:
                self._lines.writerow([reject.row, reject.key, reject.reasons])
                self.rejected += 1

    def finish(self) -> None:
        """Puts the files in place, rejects before predictions: no output is ever without the rejects of its run.

        Raises `Refusal` when they cannot be written, as on a full disk.
        """
        with self._told():
            if self._writer is not None:
                if any(table.num_rows for table in self._waiting):
                    self._write_group()
                self._writer.close()
            for file in (self._file, self._reasons):
                file.flush()
                os.fsync(file.fileno())
                file.close()
            if self.rejected:
                self._unfinished_rejects.replace(self.rejects)
            self._unfinished.replace(self.output)
            if not self.rejected:
                self.rejects.unlink(missing_ok=True)  # of an earlier run

    def _open(self, schema: pa.Schema) -> Any:
        if self.output.suffix == ".csv":
            return pa.csv.CSVWriter(self._file, schema)
        coded = [name for name in schema.names if pa.types.is_dictionary(schema.field(name).type)]
        # Arrow's own schema is left out, so that text written as codes is read as text.
        return pa.parquet.ParquetWriter(self._file, schema, store_schema=False, use_dictionary=coded)

    def _write_group(self) -> None:
        """Writes at most `GROUP_ROWS` of the rows that wait, as one piece: a page would show where pieces meet."""
        table = pa.concat_tables(self._waiting)
        self._writer.write_table(table.slice(0, GROUP_ROWS).combine_chunks(), GROUP_ROWS)
        self._waiting = [table.slice(GROUP_ROWS)]

    def _drop(self) -> None:
        """Closes what is open. The files are removed next, so it does not matter what cannot be written any more."""
        for opened in filter(None, (self._writer, self._file, self._reasons)):
            with suppress(OSError, ValueError, pa.ArrowException):
                opened.close()

    @contextmanager
    def _told(self, status: int = 1) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            other = error.filename not in (None, str(self.output)) and len(str(error.filename)) < 200
            where = f" ({error.filename})" if other else ""
            raise Refusal(f"{self.output} cannot be written: {error.strerror or error}{where}", status) from None


def _refuse_other_than_file(place: Path) -> None:
    """Raises `Refusal` for what is no plain file: it would be lost, or be written through to elsewhere."""
    try:
        mode = place.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode):
        kinds = {stat.S_IFDIR: "a folder", stat.S_IFLNK: "a link"}
        kind = kinds.get(stat.S_IFMT(mode), "no plain file")
        raise Refusal(f"{place} is {kind}, and nothing is written there: take it away, or name another output")


def _locked(lock: Path, output: Path) -> BinaryIO:
    """Returns the lock of an output, a file beside it, and holds it. Raises `Refusal` when another run holds it."""
    while True:
        file = os.fdopen(os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666), "wb")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise Refusal(f"{output} is being written by another run: wait for it, or end it") from None
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), lock.stat()):
                return file
        file.close()  # the run that held it took it away before we locked it
