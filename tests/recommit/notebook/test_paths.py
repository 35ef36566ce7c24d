"""Exploring changes no result: in a kernel that is no stage's run, what is written to outs goes to a scratch folder."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

from tests.recommit.notebook.conftest import DVC, WORK, TinyProject
from tests.recommit.notebook.test_run import wait_until

READ = """\
  pick:
    cmd: recommit run notebooks/pick.ipynb
    deps: [models]
    outs: [reports/pick.ipynb, data/picked]
"""
PATH = "from recommit.notebook import path\n"
WRITE = PATH + 'path("models/tree.txt").write_text("explored")\n'
SHOW = PATH + 'print(path("models/tree.txt").read_text())\n'


class Kernel:
    """A kernel as Jupyter's server starts one: in the notebook's folder, with its name in the environment."""

    def __init__(self, tiny: TinyProject, notebook: str | None, **environment: str) -> None:
        specs = KernelSpecManager(
            kernel_dirs=[str(tiny.folder / "src/recommit/notebook/kernels")], ensure_native_kernel=False
        )
        self.manager = KernelManager(kernel_name="recommit", kernel_spec_manager=specs)
        kept = {name: value for name, value in tiny.environment.items() if not name.startswith("PYTEST_")}
        named = {} if notebook is None else {"JPY_SESSION_NAME": str(tiny.folder / notebook)}
        self.manager.start_kernel(cwd=str(tiny.folder / "notebooks"), env=kept | named | environment)
        self.client = self.connect()

    def connect(self) -> Any:
        client = self.manager.blocking_client()
        client.start_channels()
        client.wait_for_ready(timeout=300)
        return client

    def run(self, code: str, client: Any = None) -> str:
        """What the cell prints; it must not fail."""
        printed: list[str] = []

        def hear(message: dict[str, Any]) -> None:
            printed.append(message["content"].get("text", ""))

        reply = (client or self.client).execute_interactive(code, timeout=300, output_hook=hear)
        assert reply["content"]["status"] == "ok", reply["content"]
        return "".join(printed)

    def end(self) -> None:
        if self.manager.has_kernel:
            self.client.stop_channels()
            self.manager.shutdown_kernel()


@pytest.fixture
def kernel(tiny: TinyProject) -> Iterator[Callable[..., Kernel]]:
    """Starts a kernel for a notebook of `tiny`, whose stages `fit` have run and whose stage `pick` reads them."""
    tiny.write("dvc.yaml", DVC + READ)
    for name in ("tree", "line"):
        tiny.write(f"models/{name}.txt", f"the pipeline's {name}")
        tiny.write(f"reports/{name}.ipynb", "the pipeline's")
    tiny.write("data/picked/one.txt", "the pipeline's one")
    started: list[Kernel] = []

    def start(notebook: str | None, **environment: str) -> Kernel:
        started.append(Kernel(tiny, notebook, **environment))
        return started[-1]

    yield start
    for one in started:
        one.end()


def results(tiny: TinyProject) -> dict[str, str]:
    names = ("data", "models", "reports")
    return {str(path): path.read_text() for name in names for path in (tiny.folder / name).rglob("*") if path.is_file()}


def scratch(tiny: TinyProject) -> list[Path]:
    return [path for path in (tiny.folder / ".recommit/scratch").rglob("*") if path.is_file()]


def test_an_own_out_is_scratch_that_says_so_once_and_ends_with_the_kernel(tiny: TinyProject, kernel: Any) -> None:
    before = results(tiny)
    lab = kernel("notebooks/fit.ipynb")
    assert lab.run(PATH + 'print(path("models/line.txt").exists(), path("params.yaml"))') == (
        f"False {tiny.folder}/params.yaml\n"
    )
    said = lab.run(WRITE)
    assert said.startswith("recommit: results written here are in .recommit/scratch/")
    assert said.count("\n") == 1
    assert lab.run(SHOW) == "explored\n"
    assert lab.run(WRITE.replace("tree", "line")) == ""
    assert [path.name for path in sorted(scratch(tiny))] == ["line.txt", "tree.txt"]
    lab.end()
    wait_until(lambda: not any((tiny.folder / ".recommit/scratch").iterdir()))
    assert results(tiny) == before


def test_the_executed_notebooks_kernel_is_its_stages_too(tiny: TinyProject, kernel: Any) -> None:
    assert kernel("reports/tree.ipynb").run(PATH + 'print(path("models/tree.txt").exists())') == "False\n"


def test_a_dep_is_the_pipelines_and_another_stages_out_is_a_copy(tiny: TinyProject, kernel: Any) -> None:
    before = results(tiny)
    lab = kernel("notebooks/pick.ipynb")
    assert lab.run(PATH + 'print(path("models"), path("models/tree.txt"))') == (
        f"{tiny.folder}/models {tiny.folder}/models/tree.txt\n"
    )
    assert lab.run(PATH + 'print(path("reports/tree.ipynb").read_text())') == "the pipeline's\n"
    lab.run(PATH + 'path("reports/tree.ipynb").write_text("explored")')
    assert lab.run(PATH + 'print(path("reports/tree.ipynb").read_text())') == "explored\n"
    assert results(tiny) == before


def test_a_dep_that_is_not_here_is_one_line_with_the_command_that_makes_it(tiny: TinyProject, kernel: Any) -> None:
    lab = kernel("notebooks/pick.ipynb")
    (tiny.folder / "models/line.txt").unlink()
    reply = lab.client.execute_interactive(PATH + 'path("models/line.txt")', timeout=300, output_hook=lambda _: None)
    assert reply["content"]["traceback"] == [
        "recommit: models/line.txt is not here: `recommit repro fit` in a terminal makes it, or `dvc pull` brings it"
    ]


@pytest.mark.parametrize(
    "asked", ['path("data/picked") / "one.txt"', 'path("data/picked/one.txt")', 'path("data") / "picked/one.txt"']
)
def test_a_folder_of_results_is_scratch_from_wherever_it_is_reached(tiny: TinyProject, kernel: Any, asked: str) -> None:
    before = results(tiny)
    write = f'one = {asked}\nprint(one.exists())\none.parent.mkdir(exist_ok=True)\none.write_text("explored")'
    assert kernel("notebooks/pick.ipynb").run(PATH + write).startswith("False\n")
    assert kernel("notebooks/scratch.ipynb").run(PATH + write).startswith("True\n")
    assert results(tiny) == before


@pytest.mark.parametrize("asked", ["linked/tree.txt", "{link}/models/tree.txt", "linked/../models/tree.txt"])
def test_a_result_that_is_reached_by_a_link_is_not_overwritten(tiny: TinyProject, kernel: Any, asked: str) -> None:
    (tiny.folder / "linked").symlink_to("models")
    link = tiny.folder.with_name("link")
    link.symlink_to(tiny.folder)
    before = results(tiny)
    write = f'one = path("{asked.format(link=link)}")\none.write_text("explored")'
    for notebook in ("notebooks/fit.ipynb", "notebooks/scratch.ipynb"):
        kernel(notebook).run(PATH + write)
    assert results(tiny) == before


@pytest.mark.parametrize("notebook", [None, "notebooks/scratch.ipynb", "my session", "../elsewhere.ipynb"])
def test_a_kernel_of_no_known_notebook_reads_results_and_overwrites_none(
    tiny: TinyProject, kernel: Any, notebook: str | None
) -> None:
    before = results(tiny)
    lab = kernel(notebook)
    assert lab.run(SHOW) == "the pipeline's tree\n"
    (tiny.folder / "models/tree.txt").write_text("the pipeline's next tree")
    assert lab.run(SHOW) == "the pipeline's next tree\n"
    (tiny.folder / "models/tree.txt").write_text(before[str(tiny.folder / "models/tree.txt")])
    assert lab.run(WRITE).startswith("recommit: results written here are in")
    assert lab.run(SHOW) == "explored\n"
    lab.run(PATH + 'path("models/tree.txt").unlink()')
    assert lab.run(PATH + 'print(path("models/tree.txt").exists())') == "False\n"
    assert results(tiny) == before


def test_vs_code_names_the_notebook_by_a_variable(tiny: TinyProject, kernel: Any) -> None:
    code = kernel(None)
    code.run(f'__vsc_ipynb_file__ = "{tiny.folder}/notebooks/fit.ipynb"')
    assert code.run(PATH + 'print(path("models/tree.txt").exists())') == "False\n"


def test_a_kernel_that_a_cell_starts_is_not_taken_for_the_cells_notebook(tiny: TinyProject, kernel: Any) -> None:
    content = json.loads(tiny.read("notebooks/fit.ipynb"))
    content["cells"] = [content["cells"][0] | {"id": "only", "source": [WRITE + SHOW], "metadata": {}}]
    tiny.write("notebooks/other.ipynb", json.dumps(content))
    before = results(tiny)
    said = kernel("notebooks/pick.ipynb").run("!jupyter execute other.ipynb && echo it ran")
    assert "it ran" in said
    assert results(tiny) == before


def test_a_kernel_that_two_notebooks_share_is_nobodys(tiny: TinyProject, kernel: Any) -> None:
    before = results(tiny)
    lab = kernel("notebooks/pick.ipynb")
    lab.run(SHOW)
    lab.run(WRITE, lab.connect())  # to a dep of pick, from another notebook
    assert results(tiny) == before


def test_processes_that_a_cell_starts_share_its_scratch(tiny: TinyProject, kernel: Any) -> None:
    before = results(tiny)
    lab = kernel("notebooks/fit.ipynb")
    lab.run(f"{PATH}from joblib import Parallel, delayed\ndone = Parallel(2)([delayed(exec)({WRITE!r})])")
    called = f"subprocess.check_output([sys.executable, '-c', {SHOW!r}], text=True)"
    assert lab.run(f"import subprocess, sys\nprint({called})") == "explored\n\n"
    forked = f"pool.apply(exec, ({WRITE.replace('explored', 'forked')!r},))"
    lab.run(f"from multiprocessing import get_context\nwith get_context('fork').Pool(1) as pool:\n    {forked}")
    assert lab.run(SHOW) == "forked\n"
    assert results(tiny) == before


def test_a_stages_run_from_a_cell_writes_results(tiny: TinyProject, kernel: Any) -> None:
    lab = kernel("notebooks/fit.ipynb")
    lab.run(WRITE)
    assert "it ran" in lab.run("!recommit run ../notebooks/fit.ipynb --stage fit@tree && echo it ran")
    assert tiny.read("models/tree.txt") == "fitted with seed 7"


def test_scripts_and_stages_write_results(tiny: TinyProject) -> None:
    tiny.notebook(WORK, PATH + 'print(path("models/tree.txt").read_text())')
    assert tiny.run().returncode == 0
    assert "fitted with seed 7" in tiny.read("reports/tree.ipynb")
    assert tiny.command("python", "-c", WRITE).returncode == 0
    assert tiny.read("models/tree.txt") == "explored"


def test_ipython_in_a_terminal_overwrites_nothing(tiny: TinyProject, kernel: Any) -> None:
    before = results(tiny)
    said = tiny.command("ipython", "--no-banner", "--colors=NoColor", "-c", WRITE + SHOW)
    assert "explored" in said.stdout, said.stderr
    assert results(tiny) == before
    assert scratch(tiny) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_killed_kernels_scratch_ends_with_it_and_anothers_does_not(
    tiny: TinyProject, kernel: Any, number: signal.Signals
) -> None:
    killed, other = kernel("notebooks/fit.ipynb"), kernel("notebooks/fit.ipynb")
    killed.run(WRITE)
    other.run(WRITE)
    os.kill(killed.manager.provisioner.pid, number)
    wait_until(lambda: len(scratch(tiny)) == 1)
    assert other.run(SHOW) == "explored\n"
