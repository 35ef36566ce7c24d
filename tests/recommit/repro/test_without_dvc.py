"""Stages of a copy without DVC run as `recommit run` runs them; a failure ends all and leaves nothing half-made."""

import asyncio
import subprocess
import sys
import time
from io import StringIO

import psutil
from rich.console import Console

from recommit.repro.plan import plan
from recommit.repro.show import Show
from recommit.repro.side_by_side import without_dvc
from tests.recommit.notebook.conftest import WORK, TinyProject, tiny  # noqa: F401


def run(project: TinyProject) -> tuple[bool, str]:
    """Whether all stages succeeded, and what was shown."""
    planned, shown = plan(project.folder, ["fit"]), StringIO()
    show = Show(list(planned.stages), {}, 2, Console(file=shown, soft_wrap=True))
    return asyncio.run(without_dvc(planned, 2, show)), shown.getvalue()


def test_items_of_a_stage_are_run_as_recommit_run_runs_them(tiny: TinyProject) -> None:  # noqa: F811
    succeeded, shown = run(tiny)
    assert succeeded
    assert "] fit@line " in shown
    assert "[2/2] fit@" in shown
    made = {name: tiny.read(f"reports/{name}.ipynb") for name in ("tree", "line")}
    for name, content in made.items():
        assert tiny.run(f"fit@{name}").returncode == 0
        assert tiny.read(f"reports/{name}.ipynb") == content


def test_a_stage_that_fails_says_why_and_leaves_nothing_half_made(tiny: TinyProject) -> None:  # noqa: F811
    tiny.notebook(WORK, "1 / 0")
    succeeded, shown = run(tiny)
    assert not succeeded
    assert "failed in notebooks/fit.ipynb, cell 4 of 4: ZeroDivisionError" in shown
    assert not list(tiny.folder.glob("reports/*.ipynb"))


WAITING = """
from pathlib import Path

from rich.console import Console

from recommit.repro.plan import plan
from recommit.repro.show import Show
from recommit.repro.side_by_side import to_the_end, without_dvc

planned = plan(Path.cwd(), ["fit"])
show = Show(list(planned.stages), {}, 2, Console(stderr=True))
to_the_end(without_dvc(planned, 2, show), show)
"""


def test_what_ends_it_ends_all_that_it_started(tiny: TinyProject) -> None:  # noqa: F811
    tiny.notebook(WORK, 'Path("begun").touch()', "import time; time.sleep(300)")
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", WAITING], cwd=tiny.folder, stderr=pipe, text=True) as process:
        late = time.monotonic() + 120
        while not (tiny.folder / "begun").exists():
            assert time.monotonic() < late
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.1)
        started = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        _, said = process.communicate(timeout=60)
    assert "interrupted" in said
    assert len(started) > 2
    assert [other.cmdline() for other in started if other.is_running() and other.status() != "zombie"] == []
