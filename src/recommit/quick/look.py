"""A quick look at a project: the stages through `select`, and `leakage`, on a sample in a copy of the working tree."""

import shutil
from collections.abc import Callable
from pathlib import Path

from recommit.quick.copy import copy_project
from recommit.quick.together import run_stages

ROWS = 10_000
"""About how many rows are looked at; more rows give surer numbers later."""
PLACE = ".dvc/tmp/quick"
"""Where the copy lies: Git and DVC ignore the folder, as for DVC's temporary experiments."""
TARGETS = ("select", "leakage")


def look(project: Path, say: Callable[[str], None]) -> Path:
    """Run the stages on a sample of the rows, and return the folder of the copy that holds their results.

    An earlier look is removed; the project's own results stay as they are. `say` is told each stage that ended.
    """
    folder = project / PLACE
    shutil.rmtree(folder, ignore_errors=True)
    copy_project(project, folder, ROWS, {}, without=[".dvc", "tests", "docs", "vendor"])
    run_stages(folder, TARGETS, say)
    return folder
