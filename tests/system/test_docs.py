"""Every command that the README and the docs show, run in a copy of the small project; every link leads somewhere."""

import re
import shlex
import time
from pathlib import Path

import pytest

from tests.system.conftest import ROOT, Project, lend_environment

PAGES = ["README.md", *sorted(str(page.relative_to(ROOT)) for page in (ROOT / "docs").glob("*.md"))]
TOOLS = {"make", "dvc", "recommit", "papermill", "pytest", "git"}
# These take the terminal, need the network, the gate's yes or an earlier model, run this test again, or are run by
# another one: that there is such a command must do.
NOT_RUN = {f"make {target}": f"make --dry-run {target}" for target in ("lab", "test", "test-all", "lock", "verify")}
NOT_RUN |= {
    "make new TO=../visibility DATA=weather.csv TARGET=visib": "make --dry-run new",
    "make wheel": "make -n wheel",
}
NOT_RUN |= {f"dvc {verb}": f"dvc {verb} --help" for verb in ("add", "import-url", "import-db", "update")}
NOT_RUN |= {"make .venv/sql.stamp": "make --dry-run .venv/sql.stamp"}
NOT_RUN |= {"recommit update WHEEL": "recommit update --help"}
NOT_RUN |= {f"recommit {verb}": f"recommit {verb} --help" for verb in ("run", "predict", "promote", "rollback")}
NOT_RUN |= {"recommit verify REV --rebuild": "recommit verify --help"}
NOT_RUN |= {"recommit verify": "recommit verify --stage gate"}  # the same on less: test_verify.py proves every stage


def commands(page: str) -> list[str]:
    """The commands of a page in order: lines of its sh blocks, and inline code that begins with a tool's name."""
    found = []
    text = (ROOT / page).read_text()
    for block, inline in re.findall(r"```sh\n(.*?)```|(?<!`)`([^`\n]+)`", text, flags=re.DOTALL):
        lines = block.splitlines() if block else [inline]
        words = [shlex.split(line, comments=True) for line in lines]
        found += [shlex.join(line) for line in words if line and (block or (line[0] in TOOLS and len(line) > 1))]
    return list(dict.fromkeys(found))


def first_shown(page: str) -> list[str]:
    """The commands of a page that no page before it shows."""
    before = {command for earlier in PAGES[: PAGES.index(page)] for command in commands(earlier)}
    return [command for command in commands(page) if command not in before]


def test_the_readme_shows_the_commands_that_matter() -> None:
    shown = commands("README.md")
    for command in ("make repro", "make test", "dvc repro", "dvc queue start -j 2", "dvc push", "make lab"):
        assert command in shown


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", (ROOT / page).read_text()):
        assert ((ROOT / page).parent / target).exists(), target


@pytest.mark.system
@pytest.mark.parametrize("page", [page for page in PAGES if first_shown(page)])
def test_every_command_runs(page: str, project: Project, tmp_path: Path) -> None:
    lend_environment(project)
    for command in first_shown(page):
        project.run("sh", "-c", NOT_RUN.get(command, command).replace("/tmp/", f"{tmp_path}/"))
        if command.startswith("dvc queue start"):
            wait_for_queue(project)


def wait_for_queue(project: Project) -> None:
    deadline = time.monotonic() + 300
    while re.search(r"Running|Queued", project.run("dvc", "queue", "status").stdout):
        assert time.monotonic() < deadline, "the queue did not end"
        time.sleep(1)
    assert "Failed" not in project.run("dvc", "queue", "status").stdout
