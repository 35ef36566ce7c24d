"""Write predictions and rejected rows so that they appear whole or not at all."""

import csv
import fcntl
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from recommit import Refusal
from recommit.batch.job import Reject


def rejects_beside(output: Path) -> Path:
    """Where the rejected rows of an output go."""
    return output.with_name(f"{output.name}.rejects.csv")


class Sink:
    """Predictions and rejects on their way into files beside their places, which `finish` renames.

    A run that is interrupted leaves the earlier output as it was; the next one starts anew. It could go on instead, but
    half a table is of use only if input, model and code are surely the same, and scoring again takes seconds a million
    rows. Use as a context: without `finish` everything is taken away.
    """

    def __init__(self, output: Path) -> None:
        """Begin an output, .parquet or .csv. Raises `Refusal` when its folder is not there or another run writes it."""
        if output.suffix not in (".parquet", ".csv"):
            raise Refusal(f"{output}: a table's name ends in .parquet or .csv")
        if output.is_dir():
            raise Refusal(f"{output} is a folder: name a file")
        if not output.parent.is_dir():
            raise Refusal(f"{output.parent}: there is no such folder to write {output.name} into")
        self.output, self.rejects = output, rejects_beside(output)
        self.rows = self.rejected = 0
        self._unfinished = output.with_name(f".{output.name}.unfinished")
        self._unfinished_rejects = output.with_name(f".{self.rejects.name}.unfinished")
        self._file = self._unfinished.open("ab")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise Refusal(f"{output} is being written by another run: wait for it, or end it") from None
        self._file.truncate(0)
        self._reasons = self._unfinished_rejects.open("w", newline="", encoding="utf-8")
        self._lines = csv.writer(self._reasons, lineterminator="\n")
        self._lines.writerow(["row", "key", "reasons"])
        self._writer: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._file.closed:
            self._close()
            self._unfinished.unlink(missing_ok=True)
        self._unfinished_rejects.unlink(missing_ok=True)

    def write(self, predictions: pa.Table, rejects: Iterable[Reject]) -> None:
        """Add a part: its predictions, all parts with the same columns, and its rejects."""
        if self._writer is None:
            self._writer = self._open(predictions.schema)
        self._writer.write_table(predictions)
        self.rows += predictions.num_rows
        for reject in rejects:
            self._lines.writerow([reject.row, reject.key, reject.reasons])
            self.rejected += 1

    def finish(self) -> None:
        """Put the files in place: the rejects first, so that no output is ever without them."""
        self._close()
        if self.rejected:
            self._unfinished_rejects.replace(self.rejects)
        else:
            self.rejects.unlink(missing_ok=True)  # of an earlier run
        self._unfinished.replace(self.output)

    def _open(self, schema: pa.Schema) -> Any:
        if self.output.suffix == ".csv":
            return pa.csv.CSVWriter(self._file, schema)
        coded = [name for name in schema.names if pa.types.is_dictionary(schema.field(name).type)]
        # Without Arrow's own schema, text written as codes comes back as text.
        return pa.parquet.ParquetWriter(self._file, schema, store_schema=False, use_dictionary=coded)

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        if not self._file.closed:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        self._reasons.close()
