"""A stage's run: its bytes repeat, it gets only what it declares, and a failure leaves everything as it was."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import papermill  # noqa: F401 - first, since its entry points import the engine
import psutil
import pytest

from recommit.notebook import engine
from recommit.project.hashes import md5_of
from tests.recommit.notebook.conftest import DVC, PARAMETERS, WORK, TinyProject

SHOW = """\
import sys
import matplotlib.pyplot as plt
print("to the reader", object(), Path.cwd())
print("a warning", file=sys.stderr)
plt.plot([1, 2]);
"""


STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(600)"


def runs(pid: int) -> bool:
    """Whether a process runs; one that ended and that nobody counts does not."""
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def kernels_below(process: psutil.Process) -> list[psutil.Process]:
    return [child for child in process.children(recursive=True) if "recommit.notebook.kernel" in child.cmdline()]


def wait_until(condition, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def start(tiny: TinyProject, work: str = WORK) -> subprocess.Popen[str]:
    """Start the stage as from a terminal, and come back when its last cell says that it is running."""
    tiny.notebook(work, 'Path("running").touch()\nimport time\ntime.sleep(600)')
    process = subprocess.Popen(
        ["recommit", "run", "notebooks/fit.ipynb", "--stage", "fit@tree"],
        cwd=tiny.folder,
        env=tiny.environment,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    wait_until((tiny.folder / "running").exists)
    return process


def test_the_same_stage_gives_the_same_bytes_whatever_is_outside(tiny: TinyProject) -> None:
    tiny.notebook(WORK, SHOW, "{'b', 'a', 'c'}")
    assert tiny.run().returncode == 0
    first = tiny.read("reports/tree.ipynb")
    outside = {"PYTHONHASHSEED": "9", "OMP_NUM_THREADS": "3", "TZ": "Asia/Tokyo", "LC_ALL": "C", "COLUMNS": "40"}
    assert tiny.run(**outside).returncode == 0
    assert tiny.read("reports/tree.ipynb") == first


def test_an_executed_notebook_keeps_what_was_shown_and_drops_the_noise(tiny: TinyProject) -> None:
    tiny.notebook(WORK, SHOW)
    assert tiny.run().returncode == 0
    text = tiny.read("reports/tree.ipynb")
    executed = json.loads(text)
    shown = executed["cells"][-1]["outputs"]
    assert [output.get("name") for output in shown] == ["stdout", "stderr", None]
    assert shown[0]["text"] == ["to the reader <object object at 0x…> <project>\n"]
    assert "image/png" in shown[2]["data"]
    assert [cell["id"] for cell in executed["cells"]][1] == "injected-parameters"
    for noise in ("papermill", "start_time", "duration", str(tiny.folder)):
        assert noise not in text


def test_an_executed_notebook_notes_the_data_of_its_stage_for_the_pipelines_picture(tiny: TinyProject) -> None:
    tiny.write("dvc.yaml", DVC.replace("deps: [", "deps: [data/rows.csv, "))
    tiny.write("data/rows.csv", "x")
    tiny.notebook(WORK)
    tiny.run()
    noted = json.loads(tiny.read("reports/tree.ipynb"))["metadata"]["recommit"]
    assert noted.pop("notebook") == "notebooks/fit.ipynb"
    assert noted == {"deps": ["data/rows.csv"], "outs": ["models/tree.txt", "reports/tree.ipynb"]}


def test_a_users_figure_settings_do_not_change_the_bytes(tiny: TinyProject) -> None:
    tiny.notebook(WORK, SHOW, '%config InlineBackend.figure_formats = ["svg"]\n' + SHOW)
    assert tiny.run().returncode == 0
    first = tiny.read("reports/tree.ipynb")
    tiny.write("home/.config/matplotlib/matplotlibrc", "figure.dpi: 30\n")
    tiny.write("home/.ipython/profile_default/startup/first.py", "print('from a startup file')\n")
    assert tiny.run(HOME=str(tiny.folder / "home")).returncode == 0
    assert tiny.read("reports/tree.ipynb") == first


@pytest.mark.parametrize("tag", ["skip-execution", "raises-exception"])
def test_a_tag_neither_skips_a_cell_nor_lets_it_fail(tiny: TinyProject, tag: str) -> None:
    tiny.notebook(WORK, "1 / 0")
    text = tiny.read("notebooks/fit.ipynb")
    start = text.rindex('"metadata": {}', 0, text.index("1 / 0"))
    tiny.write("notebooks/fit.ipynb", text[:start] + f'"metadata": {{"tags": ["{tag}"]}}' + text[start + 14 :])
    result = tiny.run()
    assert result.returncode == 1
    assert "cell 4 of 4: ZeroDivisionError" in result.stderr


def test_papermill_with_our_engine_gives_the_same_bytes(tiny: TinyProject) -> None:
    tiny.notebook(WORK, SHOW)
    assert tiny.run("fit@line").returncode == 0
    ours = tiny.read("reports/line.ipynb")
    for chosen in (["-p", "model", "line"], []):
        result = tiny.command(
            "papermill", "--engine", "recommit", *chosen, "notebooks/fit.ipynb", "by-papermill.ipynb",
            DVC_STAGE="fit@line",
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        assert tiny.read("by-papermill.ipynb") == ours


def test_papermill_cannot_pass_an_undeclared_parameter(tiny: TinyProject) -> None:
    result = tiny.command("papermill", "--engine", "recommit", "-p", "seed", "8", "notebooks/fit.ipynb", "o.ipynb")
    assert result.returncode != 0
    assert not (tiny.folder / "models").exists()


def test_a_notebook_gets_the_declared_part_of_a_parameter_and_nothing_else(tiny: TinyProject) -> None:
    tiny.write("params.yaml", "seed: 7\nmodels:\n  tree: {depth: 3}\n  line: {penalty: 1.0}\n")
    tiny.write("dvc.yaml", DVC.replace("[seed]", '[seed, "models.${item.model}"]'))
    parameters = PARAMETERS + 'models: dict = params["models"]\n'
    tiny.notebook(WORK, "print(models)", parameters=parameters)
    assert tiny.run("fit@line").returncode == 0
    injected = json.loads(tiny.read("reports/line.ipynb"))["cells"][1]["source"]
    assert injected[1:] == ["seed = 7\n", 'models = {"line": {"penalty": 1.0}}\n', 'model = "line"\n']


def test_a_notebook_does_not_see_the_environment_it_is_started_from(tiny: TinyProject) -> None:
    tiny.notebook(WORK, 'import os\nprint(os.environ.get("OUTSIDE"), os.environ["OMP_NUM_THREADS"])')
    assert tiny.run(OUTSIDE="seen", OMP_NUM_THREADS="2").returncode == 0
    assert "None 1" in tiny.read("reports/tree.ipynb")


def test_a_failing_cell_leaves_earlier_results_and_keeps_the_partial_notebook(tiny: TinyProject) -> None:
    assert tiny.run().returncode == 0
    before = {name: tiny.read(name) for name in ("reports/tree.ipynb", "models/tree.txt")}
    tiny.notebook(WORK + 'Path("models/tree.txt").write_text("half")\n', "print(1)\nint('x')", "print('later')")
    result = tiny.run()
    assert result.returncode == 1
    assert "stage fit@tree failed in notebooks/fit.ipynb, cell 4 of 5: ValueError: invalid literal" in result.stderr
    assert len(result.stderr.strip().splitlines()) <= 3 + 5
    for name, text in before.items():
        assert tiny.read(name) == text
    kept = Path(next(line for line in result.stderr.splitlines() if "reports/failed" in line).split(": ")[-1])
    assert "invalid literal" in kept.read_text()


def test_an_item_of_any_value_keeps_to_the_files_that_dvc_expects(tiny: TinyProject) -> None:
    tiny.write("dvc.yaml", DVC.replace("[tree, line]", "[true, a/b, line]"))
    either = PARAMETERS.replace("str", "str | bool").replace('"tree"', '"line"')
    work = (
        WORK.replace("{model}.txt", "{str(model).lower()}.txt")
        .replace('Path("models")', 'Path("models/a")')
        .replace("mkdir(", "mkdir(parents=True, ")
    )
    tiny.notebook(work, parameters=either)
    for item in ("true", "a/b"):
        assert tiny.run(f"fit@{item}").returncode == 0
        assert "injected" in tiny.read(f"reports/{item}.ipynb")
    tiny.notebook(work, "1 / 0", parameters=either)
    for item, kept in (("true", "fit@true"), ("a/b", "fit@a%2Fb")):
        result = tiny.run(f"fit@{item}")
        assert "earlier results stay" in result.stderr
        assert f"reports/failed/{kept}.ipynb" in result.stderr
        assert "fitted" in tiny.read(f"models/{item}.txt")


def test_an_out_that_the_notebook_did_not_write_is_an_error(tiny: TinyProject) -> None:
    assert tiny.run().returncode == 0
    before = tiny.read("models/tree.txt")
    tiny.notebook("print(seed, model)")
    result = tiny.run()
    assert result.returncode == 1
    assert "declares models/tree.txt in dvc.yaml, but notebooks/fit.ipynb did not write it" in result.stderr
    assert tiny.read("models/tree.txt") == before


def test_an_executed_notebook_that_cannot_be_written_after_the_last_cell_leaves_the_earlier_results(
    tiny: TinyProject,
) -> None:
    assert tiny.run().returncode == 0
    before = tiny.read("models/tree.txt"), tiny.read("reports/tree.ipynb")
    (tiny.folder / "reports/.tree.ipynb.unfinished").mkdir()  # what stands in the way, as a full disk would
    result = tiny.run()
    assert result.returncode == 1
    assert "reports/tree.ipynb could not be written" in result.stderr
    assert "earlier results stay" in result.stderr
    assert (tiny.read("models/tree.txt"), tiny.read("reports/tree.ipynb")) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_stage_ends_its_kernel_and_restores_results(tiny: TinyProject, number: signal.Signals) -> None:
    assert tiny.run().returncode == 0
    before = tiny.read("models/tree.txt")
    process = start(tiny)
    kernels = kernels_below(psutil.Process(process.pid))
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "cell 4 of 4: interrupted" in said
    assert "earlier results stay" in said
    assert "running" in (tiny.folder / "reports/failed/fit@tree.ipynb").read_text()
    assert kernels
    assert not any(kernel.is_running() and kernel.status() != psutil.STATUS_ZOMBIE for kernel in kernels)
    assert tiny.read("models/tree.txt") == before


def test_a_stage_that_is_being_run_is_not_run_twice(tiny: TinyProject) -> None:
    process = start(tiny)
    second = tiny.run()
    process.terminate()
    process.communicate(timeout=60)
    assert second.returncode == 2
    assert "stage fit@tree is being run already" in second.stderr


def test_a_file_that_no_stage_makes_any_more_is_refused_where_it_would_be_read(tiny: TinyProject) -> None:
    pick = "  pick:\n    cmd: recommit run notebooks/pick.ipynb\n    deps: [models]\n    outs: [reports/pick.ipynb]\n"
    tiny.write("dvc.yaml", DVC + pick)
    assert tiny.run("fit@tree").returncode == 0
    tiny.notebook("print('picked')", parameters="")
    (tiny.folder / "notebooks/fit.ipynb").rename(tiny.folder / "notebooks/pick.ipynb")
    tiny.write("models/bush.txt", "left by an earlier matrix")
    refused = tiny.command("recommit", "run", "notebooks/pick.ipynb")
    assert refused.returncode == 2
    assert "models/bush.txt is no stage's out any more" in refused.stderr
    (tiny.folder / "models/bush.txt").unlink()
    assert tiny.command("recommit", "run", "notebooks/pick.ipynb").returncode == 0


def test_a_kernel_killed_by_the_system_is_named_and_nothing_is_lost(tiny: TinyProject) -> None:
    assert tiny.run().returncode == 0
    before = tiny.read("models/tree.txt")
    process = start(tiny)
    for kernel in kernels_below(psutil.Process(process.pid)):
        os.kill(kernel.pid, signal.SIGKILL)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "cell 4 of 4: the kernel died" in said
    assert tiny.read("models/tree.txt") == before


def test_what_git_and_dvc_brought_after_a_kill_is_what_a_failed_run_leaves(tiny: TinyProject) -> None:
    assert tiny.run().returncode == 0
    outs = ("reports/tree.ipynb", "models/tree.txt")
    recorded = [{"path": out, "md5": md5_of(tiny.folder / out)} for out in outs]
    tiny.write("dvc.lock", json.dumps({"schema": "2.0", "stages": {"fit@tree": {"outs": recorded}}}))
    before = [tiny.read(out) for out in outs]
    for out in outs:
        tiny.write(f".recommit/aside/fit@tree/{out}", "of another branch")
    tiny.notebook(WORK, "1 / 0")
    assert tiny.run().returncode == 1
    assert [tiny.read(out) for out in outs] == before


def test_after_a_kill_of_the_run_itself_the_kernel_ends_and_the_next_run_recovers(tiny: TinyProject) -> None:
    assert tiny.run().returncode == 0
    before = tiny.read("models/tree.txt")
    process = start(tiny)
    kernels = kernels_below(psutil.Process(process.pid))
    process.kill()
    process.communicate(timeout=60)
    wait_until(lambda: not any(kernel.is_running() for kernel in kernels))
    tiny.notebook(WORK, "1 / 0")
    assert tiny.run().returncode == 1
    assert tiny.read("models/tree.txt") == before


@pytest.mark.skipif(not Path("/dev/shm").exists(), reason="this system keeps shared memory elsewhere")
def test_workers_leave_nothing_in_shared_memory_when_the_kernel_ends(tiny: TinyProject) -> None:
    work = """
import os
from pathlib import Path
from joblib import Parallel, delayed
from recommit.project.hashes import md5_of
from recommit.notebook import path
before = set(Path("/dev/shm").glob("*"))
Parallel(n_jobs=2)(delayed(abs)(number) for number in range(4))
used = [str(name) for name in set(Path("/dev/shm").glob("*")) - before if f"-{os.getpid()}-" in name.name]
path("models/tree.txt").write_text(" ".join(used))
print(seed, model)
"""
    tiny.notebook(work)
    assert tiny.run().returncode == 0
    used = tiny.read("models/tree.txt").split()
    assert used
    assert not [name for name in used if Path(name).exists()]


def test_a_process_that_will_not_end_ends_with_its_kernel(tiny: TinyProject) -> None:
    work = f"""
import subprocess, sys
from recommit.notebook import path
process = subprocess.Popen([sys.executable, "-c", {STUBBORN!r}], stdout=subprocess.PIPE)
process.stdout.readline()
path("models/tree.txt").write_text(str(process.pid))
print(seed, model)
"""
    tiny.notebook(work)
    assert tiny.run().returncode == 0
    wait_until(lambda: not runs(int(tiny.read("models/tree.txt"))))


def test_who_does_not_wait_for_the_workers_ends_them_all_the_same(tiny: TinyProject) -> None:
    work = f"""
import subprocess, sys
from pathlib import Path
from recommit.notebook import path
process = subprocess.Popen([sys.executable, "-c", {STUBBORN!r}], stdout=subprocess.PIPE)
process.stdout.readline()
path("models/tree.txt").write_text(str(process.pid))
Path("stubborn").write_text(str(process.pid))
print(seed, model)
"""
    process = start(tiny, work)
    kernels = kernels_below(psutil.Process(process.pid))
    process.send_signal(signal.SIGINT)
    wait_until(lambda: not any(runs(kernel.pid) for kernel in kernels))  # it was asked to end, and its worker will not
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    wait_until(lambda: not runs(int(tiny.read("stubborn"))))


def test_a_full_disk_is_one_line_and_leaves_earlier_results(tiny: TinyProject) -> None:
    assert tiny.run().returncode == 0
    before = tiny.read("models/tree.txt")
    tiny.notebook(WORK, 'import shutil\nwith open("/dev/full", "w") as full:\n    full.write("x")')
    result = tiny.run()
    assert result.returncode == 1
    assert "OSError: [Errno 28] No space left on device" in result.stderr
    assert tiny.read("models/tree.txt") == before


def test_durations_go_to_a_log_beside_the_notebook(tiny: TinyProject) -> None:
    result = tiny.run()
    assert "fit@tree: cell 3 of 3:" in result.stderr
    assert tiny.read("reports/tree.log").count(" s\n") == 3


def test_odd_folders_do_not_matter(tiny: TinyProject) -> None:
    assert tiny.run().returncode == 0
    before = tiny.read("reports/tree.ipynb")
    moved = TinyProject(tiny.folder.rename(tiny.folder.with_name("a {brace} and a space")))
    far = moved.folder / ("long-" * 20)
    far.mkdir()
    result = moved.run(TMPDIR=str(far))
    assert result.returncode == 0, result.stderr
    assert moved.read("reports/tree.ipynb") == before


def test_a_kernel_that_is_asked_for_again_draws_no_random_number(tiny: TinyProject, tmp_path: Path) -> None:
    """A slow start is asked for several times, and a seeded generator must not tell how often."""
    with engine._kernel(tiny.folder, tmp_path) as (_, client):
        found = set()
        for _ in range(2):
            client.kernel_info(reply=True, timeout=60)
            reply = client.execute("import random", user_expressions={"state": "hash(random.getstate())"}, reply=True)
            found.add(reply["content"]["user_expressions"]["state"]["data"]["text/plain"])
    assert len(found) == 1


SEARCH = DVC.replace("  fit:", "  search:").replace("params: [seed]", "params: [seed, leave_out.search]")
OUTS = ("reports/tree.ipynb", "models/tree.txt")


def test_a_stage_that_is_left_out_starts_no_kernel_and_comes_back_with_the_same_bytes(tiny: TinyProject) -> None:
    tiny.write("dvc.yaml", SEARCH)
    tiny.write("params.yaml", "seed: 7\nleave_out: {search: false}\n")
    assert tiny.run("search@tree").returncode == 0
    first, notebook = [tiny.read(out) for out in OUTS], tiny.read("notebooks/fit.ipynb")
    tiny.write("params.yaml", "seed: 7\nleave_out: {search: true}\n")
    tiny.notebook("raise RuntimeError(model, seed)")
    result = tiny.run("search@tree")
    assert (result.returncode, result.stderr) == (0, "search@tree: left out by leave_out in params.yaml\n")
    assert all("left out" in tiny.read(out) for out in OUTS)
    result = tiny.command("papermill", "--engine", "recommit", "notebooks/fit.ipynb", "-", "-p", "model", "tree")
    assert "params.yaml leaves out search@tree" in result.stderr
    tiny.write("params.yaml", "seed: 7\nleave_out: {search: false}\n")
    tiny.write("notebooks/fit.ipynb", notebook)
    assert tiny.run("search@tree").returncode == 0
    assert [tiny.read(out) for out in OUTS] == first


def test_a_stage_that_must_run_is_not_left_out(tiny: TinyProject) -> None:
    tiny.write("params.yaml", "seed: 7\nleave_out: {fit: true}\n")
    result = tiny.run()
    assert result.returncode == 2
    assert "params.yaml: leave_out names fit, which cannot be left out: expected true or false" in result.stderr
