"""A quick look at a project: the stages through `select`, and `leakage`, on a sample in a copy of the working tree."""

import shutil
from pathlib import Path

from rich.console import Console

from recommit import Refusal
from recommit.learning.parallel import workers
from recommit.quick.copy import copy_project
from recommit.repro.plan import plan
from recommit.repro.show import Show
from recommit.repro.side_by_side import to_the_end, without_dvc

ROWS = 10_000
"""About how many rows are looked at; more rows give surer numbers later."""
PLACE = ".dvc/tmp/quick"
"""Where the copy lies: Git and DVC ignore the folder, as for DVC's temporary experiments."""
TARGETS = ("select", "leakage")


def look(project: Path, console: Console) -> Path:
    """Run the stages on a sample of the rows, and return the folder of the copy that holds their results.

    An earlier look is removed; the project's own results stay as they are. The `console` shows each stage that ended.
    Raises Refusal where one failed.
    """
    folder = project / PLACE
    shutil.rmtree(folder, ignore_errors=True)
    copy_project(project, folder, ROWS, {}, without=[".dvc", "tests", "docs", "vendor"])
    planned, jobs = plan(folder, TARGETS), workers()
    show = Show(list(planned.stages), {}, jobs, console)
    if not to_the_end(without_dvc(planned, jobs, show), show):
        raise Refusal(f"stage {show.failed[0]} failed: nothing of yours was touched", 1)
    return folder
