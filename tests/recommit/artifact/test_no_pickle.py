"""No pickle on any path: one is code that runs when it is read. That they are found is in `test_architecture.py`."""

from pathlib import Path

import pytest

from recommit.proof.uses import tree_of
from tests.test_architecture import ROOT, pickling

FOLDERS = ["src", "notebooks", "benchmarks", "tests", "install"]


@pytest.mark.parametrize("folder", FOLDERS)
def test_nothing_writes_or_reads_a_pickle(folder: str) -> None:
    files = [path for kind in ("*.py", "*.ipynb") for path in (ROOT / folder).rglob(kind)]
    files = [path for path in files if ".ipynb_checkpoints" not in path.parts]
    assert files, folder
    assert [str(path) for path in files if pickling(tree_of(path))] == []


def test_no_file_of_the_project_is_a_pickle() -> None:
    kinds = {".pkl", ".pickle", ".joblib", ".dill", ".npy"}
    assert [path for path in Path(ROOT / "models").rglob("*") if path.suffix in kinds] == []
