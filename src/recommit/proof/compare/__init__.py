"""Compares one recorded output with the same output made again."""

from contextlib import suppress
from pathlib import Path

from recommit.proof.compare.comparison import IDENTICAL, Comparison, first_difference
from recommit.proof.compare.figure import compare_figures
from recommit.proof.compare.model import TableWith, compare_models
from recommit.proof.compare.notebook import compare_notebooks, compare_outputs
from recommit.proof.compare.table import compare_parquet
from recommit.proof.compare.text import compare_text
from recommit.proof.compare.values import compare_csv, compare_json
from recommit.proof.tolerance import Tolerance

__all__ = ["Comparison", "compare", "compare_outputs"]

_KINDS = {
    ".json": compare_json,
    ".csv": compare_csv,
    ".parquet": compare_parquet,
    ".ipynb": compare_notebooks,
    ".png": compare_figures,
}


def compare(name: str, expected: Path, actual: Path, tolerance: Tolerance, table_with: TableWith) -> Comparison:
    """Compares the recorded file `expected` with the new file `actual`. The suffix of `name` says what they hold.

    Files with the same bytes are identical. Otherwise this compares the values of JSON, CSV and parquet, the cells of
    notebooks, the pixels of figures, the predictions of ONNX models on a table that `table_with` gives, and the lines
    of any other text. Binary files of other kinds are different, and so are files that cannot be read as their kind.
    """
    was, now = expected.read_bytes(), actual.read_bytes()
    if was == now:
        return IDENTICAL
    suffix = Path(name).suffix.lower()
    if suffix == ".onnx":
        return compare_models(was, now, tolerance, table_with)
    return _KINDS.get(suffix, _compare_unknown)(was, now, tolerance)


def _compare_unknown(was: bytes, now: bytes, tolerance: Tolerance) -> Comparison:
    with suppress(UnicodeDecodeError):
        if b"\0" not in was + now:
            return compare_text(was.decode(), now.decode(), tolerance)
    byte = first_difference(was, now) + 1
    return Comparison("different", f"{len(was)} bytes became {len(now)}; the first that differs is byte {byte}")
