"""A pytest plugin for nbval: it compares the canonical form of outputs, figures too, and decimals within tolerance.

`pytest -p recommit.proof.nbval --nbval reports/notebooks/evaluate.ipynb`
"""

import functools
from collections.abc import Sequence
from pathlib import Path

import pytest
from nbformat import NotebookNode, v4
from nbval.plugin import IPyNbCell

from recommit.notebook.canonical import canonical
from recommit.project.files import root
from recommit.proof.compare.notebook import compare_outputs
from recommit.proof.tolerance import read_tolerance


def pytest_itemcollected(item: pytest.Item) -> None:
    """Makes each cell that nbval collects compare its outputs by `compare_outputs`.

    nbval has no hook for this. So two attributes of its items are set that are not part of its interface, and
    pyproject.toml excludes its next version.
    """
    if isinstance(item, IPyNbCell):
        item.compare_outputs = functools.partial(_compare, item)
        if item.cell.execution_count is None:
            # nbval ignores the outputs of a cell without a count; in an executed notebook every cell was run.
            item.cell.execution_count = 0


def _compare(item: IPyNbCell, test: Sequence[NotebookNode], reference: Sequence[NotebookNode]) -> bool:
    """Returns whether the outputs agree, and sets `comparison_traceback` of the item to the first difference."""
    folder = root(item.path.parent)
    recorded, new = (_canonical(outputs, folder) for outputs in (reference, test))
    found = compare_outputs(recorded, new, read_tolerance(folder))
    item.comparison_traceback = [f"cell {item.cell.get('id', item.cell_num)}, {found.where}"]
    return found.verdict != "different"


def _canonical(outputs: Sequence[NotebookNode], folder: Path) -> list[NotebookNode]:
    """Returns `outputs` in canonical form, without execution counts, which depend on the cells before."""
    notebook = v4.new_notebook(cells=[v4.new_code_cell("", outputs=list(outputs))])
    outputs = canonical(notebook, folder).cells[0].outputs
    return [
        NotebookNode({key: value for key, value in output.items() if key != "execution_count"}) for output in outputs
    ]
