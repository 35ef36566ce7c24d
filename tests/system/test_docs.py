"""Every command that the README and the docs show, run in a copy of the small project; every link leads somewhere."""

import re
import shlex
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.system.conftest import ROOT, Project, lend_environment

PAGES = ["README.md", *sorted(str(page.relative_to(ROOT)) for page in (ROOT / "docs").glob("*.md"))]
TOOLS = {"make", "dvc", "recommit", "papermill", "pytest", "git"}
# These take the terminal, need the network, the gate's yes or an earlier model, run this test again, or are run by
# another one: that there is such a command must do.
ALONE = ("lab", "serve", "test", "test-all", "lock", "verify")
NOT_RUN = {f"make {target}": f"make --dry-run {target}" for target in ALONE}
NOT_RUN |= {
    "make new TO=../visibility DATA=weather.csv TARGET=visib": "make --dry-run new",
    "make wheel": "make -n wheel",
}
NOT_RUN |= {f"dvc {verb}": f"dvc {verb} --help" for verb in ("add", "import-url", "import-db", "update")}
NOT_RUN |= {f"make .venv/{extra}.stamp": f"make --dry-run .venv/{extra}.stamp" for extra in ("serve", "sql")}
SERVE = ("recommit serve", "recommit serve --model models/candidate")  # test_serve.py runs them
NOT_RUN |= dict.fromkeys(SERVE, "recommit serve --help")
NOT_RUN |= {"make lab PORT=9999 FLAGS=--no-browser": "make --dry-run lab PORT=9999 FLAGS=--no-browser"}
NOT_RUN |= {"recommit update WHEEL": "recommit update --help"}
NEED_MORE = ("new", "run", "predict", "promote", "rollback", "advance")
NOT_RUN |= {f"recommit {verb}": f"recommit {verb} --help" for verb in NEED_MORE}
NOT_RUN |= {"recommit monitor": "recommit monitor --help"}  # its exit status tells of alerts
NOT_RUN |= {"recommit rollback --stage NAME --reason TEXT": "recommit rollback --help"}
NOT_RUN |= {"recommit verify REV --rebuild": "recommit verify --help"}
TRIED = "dvc exp run --name more-trees -S models.boosting.max_iter={} select"
NOT_RUN |= {TRIED.format(300): TRIED.format(12)}
NOT_RUN |= {"recommit compare A B": "recommit compare --help"}
NOT_RUN |= {"recommit verify": "recommit verify --stage gate"}  # the same on less: test_verify.py proves every stage
SHORTER = {  # the same on less in `make test`; `make test-all` runs them as they are shown
    "make quick": "make --dry-run quick",  # test_quick.py runs it on a new table
    "papermill --engine recommit -p model boosting -p features full notebooks/train.ipynb /tmp/train.ipynb": (
        "papermill --version"  # tests/recommit/notebook/test_run.py
    ),
    "dvc repro --force --single-item validate": "dvc repro --force --single-item --dry validate",  # test_experiments.py
    "RECOMMIT_FRESH=1 dvc repro --force --single-item validate": "dvc repro --force --single-item --dry validate",
    "pytest -p recommit.proof.nbval --nbval reports/notebooks/evaluate.ipynb": "pytest --version",  # test_notebooks.py
    "recommit run notebooks/evaluate.ipynb": "recommit run --help",
    "dvc exp run -S models.boosting.max_iter=300 select": "dvc exp run --help",  # test_experiments.py, as the next two
    "dvc exp run --queue -S models.logistic.C=1 select": "dvc exp run --queue --help",
    "dvc queue start -j 2": "dvc queue start --help",
}


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


def test_make_lab_takes_a_port_and_flags() -> None:
    words = ["make", "--dry-run", "-o", ".venv/lab.stamp", "lab", "PORT=9999", "FLAGS=--no-browser --allow-root"]
    said = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "jupyter lab --port=9999 --LabApp.default_url=/lab/tree/notebooks/START.md --no-browser --allow-root" in said


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
    run_all(page, project, tmp_path, NOT_RUN | SHORTER)


@pytest.mark.system
@pytest.mark.all
@pytest.mark.parametrize("page", ["README.md", "docs/notebooks.md"])
def test_what_was_shortened_runs_as_it_is_shown(page: str, project: Project, tmp_path: Path) -> None:
    run_all(page, project, tmp_path, NOT_RUN)


def test_what_is_shortened_is_shown() -> None:
    assert SHORTER.keys() <= {*commands("README.md"), *commands("docs/notebooks.md")}


def run_all(page: str, project: Project, tmp_path: Path, others: Mapping[str, str]) -> None:
    """Runs the commands that `page` is the first to show, those in `others` by what stands for them."""
    lend_environment(project)
    for command in first_shown(page):
        project.run("sh", "-c", others.get(command, command).replace("/tmp/", f"{tmp_path}/"))
        if command.startswith("dvc queue start"):
            wait_for_queue(project)


def wait_for_queue(project: Project) -> None:
    deadline = time.monotonic() + 300
    while re.search(r"Running|Queued", project.run("dvc", "queue", "status").stdout):
        assert time.monotonic() < deadline, "the queue did not end"
        time.sleep(1)
    assert "Failed" not in project.run("dvc", "queue", "status").stdout
