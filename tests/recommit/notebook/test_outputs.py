"""Every output of a stage's cells is kept, in one order, or the cell fails; none is lost with exit status 0."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest

from recommit.notebook.engine import CellFailed
from recommit.notebook.outputs import Kept, Outputs
from recommit.project.pipeline import stages
from tests.recommit.notebook.conftest import PARAMETERS, WORK, TinyProject

FLUSHED = "for number in range({lines}):\n    print(number, flush=True)"
LOGGED = "import logging\nfor number in range(5_000):\n    logging.warning(number)"
SHOWN = "for number in range(3_000):\n    display(number)"
FROM_WORKERS = """\
from multiprocessing import get_context
from threading import Thread
from joblib import Parallel, delayed
def say(who, number):
    print(f"{who} {number}\\n", end="")  # one write: those of others may come between two
threads = [Thread(target=say, args=("thread", number)) for number in range(200)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
with get_context("fork").Pool(2) as pool:
    done = pool.starmap(say, [("fork", number) for number in range(200)])
done = Parallel(n_jobs=2)(delayed(say)("loky", number) for number in range(200))
"""
FROM_C = """\
import ctypes, os, subprocess, sys
libc = ctypes.CDLL(None)
for number in range(100):
    print("python", number)
    libc.printf(b"c %d\\n", number)
    os.write(2, b"e %d\\n" % number)
libc.fflush(None)
os.system("echo a shell")
subprocess.run([sys.executable, "-c", "print('a program')"])
subprocess.run(["echo", "to sys.stdout"], stdout=sys.stdout)
print("to the first stdout", file=sys.__stdout__)
"""


@contextmanager
def busy_cores() -> Iterator[None]:
    """Two processes that never rest."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def cells(tiny: TinyProject, name: str = "reports/tree.ipynb") -> list[list[Any]]:
    """What the cells after WORK show."""
    return [cell["outputs"] for cell in json.loads(tiny.read(name))["cells"][3:]]


def text(output: Any) -> str:
    return "".join(output["text"])


@pytest.mark.parametrize("lines", [5_000, pytest.param(200_000, marks=pytest.mark.all)])
def test_a_busy_machine_loses_no_line_and_gives_the_same_bytes(tiny: TinyProject, lines: int) -> None:
    tiny.notebook(WORK, FLUSHED.format(lines=lines), LOGGED, SHOWN)
    found = []
    for _ in range(2):
        with busy_cores():
            result = tiny.run()
        assert result.returncode == 0, result.stderr
        found.append(tiny.read("reports/tree.ipynb"))
    assert found[0] == found[1]
    (flushed,), (logged,), shown = cells(tiny)
    assert text(flushed) == "".join(f"{number}\n" for number in range(lines))
    assert text(logged) == "".join(f"WARNING:root:{number}\n" for number in range(5_000))
    assert [output["data"]["text/plain"] for output in shown] == [[str(number)] for number in range(3_000)]


def test_threads_and_workers_lose_nothing_either(tiny: TinyProject) -> None:
    tiny.notebook(WORK, FROM_WORKERS)
    result = tiny.run()
    assert result.returncode == 0, result.stderr
    ((output,),) = cells(tiny)
    expected = [f"{who} {number}" for who in ("thread", "fork", "loky") for number in range(200)]
    assert sorted(text(output).split("\n")[:-1]) == sorted(expected)


def test_what_c_prints_is_one_block_after_what_python_prints(tiny: TinyProject) -> None:
    tiny.notebook(WORK, FROM_C, "print('the next cell')")
    assert tiny.run().returncode == 0
    first = tiny.read("reports/tree.ipynb")
    with busy_cores():
        assert tiny.run().returncode == 0
    assert tiny.read("reports/tree.ipynb") == first
    (out, err), (later,) = cells(tiny)
    lines = text(out).splitlines()
    assert lines[:100] == [f"python {number}" for number in range(100)]
    assert lines[100:200] == [f"c {number}" for number in range(100)]
    assert lines[200:] == ["a shell", "a program", "to sys.stdout", "to the first stdout"]
    assert text(err) == "".join(f"e {number}\n" for number in range(100))
    assert text(later) == "the next cell\n"


def test_what_was_printed_before_the_kernel_died_is_in_the_partial_notebook(tiny: TinyProject) -> None:
    tiny.notebook(WORK, "import os\nprint('by python')\nos.write(1, b'by c\\n')\nos._exit(0)", "print('later')")
    result = tiny.run()
    assert result.returncode == 1
    assert "cell 4 of 5: the kernel died with exit status 0: the cell, or code that it called" in result.stderr
    assert [text(output) for output in cells(tiny, "reports/failed/fit@tree.ipynb")[0]] == ["by python\nby c\n"]


LATE = """\
import time
from threading import Thread
def write():
    while not Path("last_cell_has_ended").exists():
        time.sleep(0.01)
    print("late", flush=True)
    Path("has_written").touch()
Thread(target=write, daemon=True).start()
"""


def test_a_thread_that_writes_when_all_cells_have_ended_fails_the_last(tiny: TinyProject) -> None:
    tiny.notebook(WORK, LATE)
    path = tiny.folder / "notebooks" / "fit.ipynb"
    stage = next(stage for stage in stages(tiny.folder) if stage.name == "fit@tree")

    def cell_done(cell: int, cells: int, seconds: float) -> None:
        """Lets the thread write after the last cell, while the kernel still runs."""
        if cell == cells:
            (tiny.folder / "last_cell_has_ended").touch()
            deadline = time.monotonic() + 300
            while not (tiny.folder / "has_written").exists():
                assert time.monotonic() < deadline, "the thread did not write"
                time.sleep(0.01)

    with pytest.raises(CellFailed, match="cell 4 of 4: a thread wrote when the last cell had ended"):
        papermill.execute_notebook(
            str(path),
            None,
            engine_name="recommit",
            kernel_name="recommit",
            language="python",
            progress_bar=False,
            stage=stage,
            values={"seed": 7, "model": "tree"},
            cell_done=cell_done,
        )


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("exit()", "SystemExit: the cell called exit or quit"),
        ("if seed:\n    quit()", "SystemExit: the cell called exit or quit"),
        ("exit", "SystemExit: the cell called exit or quit"),
        ("quit(keep_kernel=True)", "SystemExit: the cell called exit or quit"),
        ("get_ipython().ask_exit()", "SystemExit: the cell called exit or quit"),
        ("import sys\nsys.exit('no rows')", "SystemExit: no rows"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "the kernel died by SIGKILL: out of memory, or"),
        ("import ctypes\nctypes.string_at(0)", "the kernel died by SIGSEGV"),
    ],
)
def test_a_cell_that_ends_the_notebook_fails_by_its_number(tiny: TinyProject, cell: str, said: str) -> None:
    tiny.notebook(WORK, cell, 'Path("later").touch()')
    result = tiny.run()
    assert result.returncode == 1
    assert f"cell 4 of 5: {said}" in result.stderr
    assert not (tiny.folder / "later").exists()


BAD_FIGURE = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.title(r'$\\frac{$')\nNone"
BAD_REPR = "class Shown:\n    def __repr__(self):\n        raise ValueError('no repr')\nShown()"
BAD_HOOK = "def hook(*_):\n    raise ValueError('no hook')\nget_ipython().events.register('post_run_cell', hook)"
BAD_SCRIPT = "Path('script.py').write_text('1 / 0')\n%run script.py"


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (BAD_FIGURE, "ValueError: "),
        (BAD_REPR, "ValueError: no repr"),
        (BAD_HOOK, "ValueError: no hook"),
        (BAD_SCRIPT, "ZeroDivisionError: division by zero"),
    ],
)
def test_what_cannot_be_shown_fails_its_cell_though_ipython_goes_on(tiny: TinyProject, cell: str, said: str) -> None:
    tiny.notebook(WORK, cell, 'Path("later").touch()')
    result = tiny.run()
    assert result.returncode == 1
    assert f"cell 4 of 5: {said}" in result.stderr
    assert "earlier results stay" in result.stderr
    assert (tiny.folder / "reports/failed/fit@tree.ipynb").is_file()
    assert not (tiny.folder / "later").exists()


@pytest.mark.parametrize(
    "left",
    [
        "with open('elsewhere', 'w') as sys.stdout:\n    print('elsewhere')",
        "class Tee:\n    def write(self, text):\n        return len(text)\nsys.stdout = Tee()",
    ],
)
def test_a_stream_that_cannot_be_flushed_fails_the_cell_and_does_not_hang(tiny: TinyProject, left: str) -> None:
    tiny.notebook(WORK, f"import sys\n{left}")
    result = tiny.run()
    assert result.returncode == 1
    assert "the cell left a sys.stdout that cannot be flushed" in result.stderr


def test_closing_standard_output_loses_nothing_that_comes_later(tiny: TinyProject) -> None:
    tiny.notebook(WORK, "import sys\nwith sys.stdout as file:\n    print('first', file=file)\nprint('second')")
    assert tiny.run().returncode == 0
    assert "first" in tiny.read("reports/tree.ipynb")
    assert "second" in tiny.read("reports/tree.ipynb")


@pytest.mark.parametrize(
    "cell",
    [
        "print('x' * 5_000)",
        "display('x' * 5_000)",
        "import ctypes\nfor number in range(5_000):\n    ctypes.CDLL(None).printf(b'%d\\n', number)",
        "import os\nos.system('seq 5000')",
    ],
)
def test_a_disk_that_is_full_fails_the_cell_whoever_prints(tiny: TinyProject, cell: str) -> None:
    full = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (2_000, 2_000))\n"
    tiny.notebook(WORK, full + cell, 'Path("later").touch()')
    result = tiny.run()
    assert result.returncode == 1
    assert "cell 4 of 5: OSError: " in result.stderr
    assert not (tiny.folder / "later").exists()


def test_half_a_character_is_kept_as_its_escape(tiny: TinyProject) -> None:
    show = "from IPython.display import HTML\ndisplay(HTML('<b>\\ud801</b>'))\nprint('\\ud802', flush=True)"
    tiny.notebook(WORK, "import sys\nprint('\\ud800', file=sys.stderr)", show, "raise ValueError('\\udfff')")
    result = tiny.run()
    assert result.returncode == 1
    assert "cell 6 of 6: ValueError: \\udfff" in result.stderr
    (said,), (shown, printed), (error,) = cells(tiny, "reports/failed/fit@tree.ipynb")
    assert text(said) == "\\ud800\n"
    assert shown["data"]["text/html"] == ["<b>\\ud801</b>"]
    assert text(printed) == "\\ud802\n"
    assert error["evalue"] == "\\udfff"


def test_half_a_character_in_a_parameter_or_a_source_is_refused(tiny: TinyProject) -> None:
    content = json.loads(tiny.read("notebooks/fit.ipynb"))
    content["cells"][1]["source"] = [WORK, "# \ud800"]
    tiny.write("notebooks/fit.ipynb", json.dumps(content))
    result = tiny.run()
    assert (result.returncode, "cell 2 holds half a character" in result.stderr) == (2, True)
    tiny.notebook(WORK)
    tiny.write("params.yaml", 'seed: {a: ["\\ud800"]}\n')
    result = tiny.run()
    assert (result.returncode, "params.yaml: seed holds half a character" in result.stderr) == (2, True)


def test_cells_with_one_id_are_refused_by_number(tiny: TinyProject) -> None:
    content = json.loads(tiny.read("notebooks/fit.ipynb"))
    content["cells"] += [{"cell_type": "markdown", "metadata": {}, "source": [], "id": content["cells"][0]["id"]}]
    tiny.write("notebooks/fit.ipynb", json.dumps(content))
    result = tiny.run()
    assert result.returncode == 2
    assert f"cells 1 and 3 have one id, '{content['cells'][0]['id']}'" in result.stderr


def test_a_cell_with_the_injected_cells_id_is_refused(tiny: TinyProject) -> None:
    content = json.loads(tiny.read("notebooks/fit.ipynb"))
    content["cells"][1]["id"] = "injected-parameters"
    tiny.write("notebooks/fit.ipynb", json.dumps(content))
    result = tiny.run()
    assert result.returncode == 2
    assert "cell 2 has the id 'injected-parameters', which is that of the cell that a run adds" in result.stderr


@pytest.fixture
def notebook() -> nbformat.NotebookNode:
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(PARAMETERS), nbformat.v4.new_code_cell("")])


def display(text: str, name: str) -> dict[str, Any]:
    return {"data": {"text/plain": text}, "metadata": {}, "transient": {"display_id": name}}


def test_a_later_cell_changes_what_an_earlier_one_showed(tmp_path: Path, notebook: nbformat.NotebookNode) -> None:
    with Kept(tmp_path, notebook) as kept:
        outputs = Outputs(tmp_path)
        outputs.add("display_data", display("first", "it"))
        kept.read_into(0)
        outputs.add("update_display_data", display("second", "it"))
        kept.read_into(1)
    assert [output["data"] for output in notebook.cells[0].outputs] == [{"text/plain": "second"}]
    assert notebook.cells[1].outputs == []


def test_what_a_cell_clears_is_gone_and_what_it_prints_next_is_not(
    tmp_path: Path, notebook: nbformat.NotebookNode
) -> None:
    with Kept(tmp_path, notebook) as kept:
        outputs = Outputs(tmp_path)
        outputs.add("stream", {"name": "stdout", "text": "gone"})
        outputs.add("clear_output", {"wait": True})
        outputs.add("stream", {"name": "stdout", "text": "kept"})
        outputs.add("clear_output", {"wait": True})
        kept.read_into(0)
        outputs.add("stream", {"name": "stdout", "text": "the next cell's"})
        kept.read_into(1)
    assert [cell.outputs[0].text for cell in notebook.cells] == ["kept", "the next cell's"]


def test_an_output_that_was_cut_off_does_not_hide_those_before_it(
    tmp_path: Path, notebook: nbformat.NotebookNode
) -> None:
    with Kept(tmp_path, notebook) as kept:
        Outputs(tmp_path).add("stream", {"name": "stdout", "text": "whole"})
        with (tmp_path / "outputs.jsonl").open("a") as file:
            file.write('{"msg_type": "str')
        kept.read_into(0)
    assert [output.text for output in notebook.cells[0].outputs] == ["whole"]


def test_an_output_that_a_thread_had_half_written_at_the_last_look_is_whole_in_the_next(
    tmp_path: Path, notebook: nbformat.NotebookNode
) -> None:
    line = json.dumps({"msg_type": "stream", "content": {"name": "stdout", "text": "a thread's"}}) + "\n"
    with Kept(tmp_path, notebook) as kept, (tmp_path / "outputs.jsonl").open("a") as file:
        file.write(line[:20])
        file.flush()
        kept.read_into(0)
        file.write(line[20:])
        file.flush()
        kept.read_into(1)
        assert not kept.holds_more()
    assert [[output.text for output in cell.outputs] for cell in notebook.cells] == [[], ["a thread's"]]
