"""`recommit verify` proves a commit, and names each fault that is planted in it."""

import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest
from ruamel.yaml import YAML

from tests.system.conftest import Project, lend_environment, need

pytestmark = pytest.mark.system
RUN = [
    *("src/recommit/__init__.py", "src/recommit/cli.py", "src/recommit/verbs/run.py", "src/recommit/notebook"),
    *("src/recommit/project", "locks/run.txt"),
]


@pytest.fixture
def project(machinery: Project, tmp_path: Path) -> Project:
    """A project that has the machinery and no stage yet; each test plants its own."""
    return machinery.copy(tmp_path / "project")


def verify(project: Project, *words: str, **environment: str) -> tuple[int, dict[str, Any]]:
    """Returns the exit status and the record of `recommit verify`."""
    result = project.run("recommit", "verify", "--json", *words, check=False, **environment)
    assert result.returncode in (0, 1), result.stderr
    return result.returncode, json.loads(result.stdout)


def probe(project: Project, *words: str, **environment: str) -> dict[str, Any]:
    """Returns the verdict on the planted stage, which must not pass."""
    status, record = verify(project, "--stage", "probe", *words, **environment)
    assert status == 1
    (stage,) = record["stages"]
    return stage


def declare(project: Project, name: str = "probe", **entry: Any) -> None:
    """Adds a stage to dvc.yaml."""
    yaml = YAML()
    content = yaml.load(project.read("dvc.yaml"))
    content["stages"][name] = {"desc": "A stage with a fault planted in it", **entry}
    with (project.folder / "dvc.yaml").open("w") as file:
        yaml.dump(content, file)


def script(
    project: Project, code: str, *deps: str, name: str = "probe", outs: list[Any] | None = None, **environment: str
) -> None:
    """Adds a stage that is a plain script, runs it once and commits it."""
    (project.folder / f"{name}.py").write_text(code)
    declare(project, name, cmd=f"python {name}.py", deps=[f"{name}.py", *deps], outs=outs or [f"data/{name}.txt"])
    project.repro(name, **environment)
    project.commit()


def notebook(project: Project, code: str, *deps: str, outs: list[Any] | None = None, **environment: str) -> None:
    """Adds a stage that is a notebook of one cell, runs it once and commits it."""
    new = nbformat.v4
    cells = [
        new.new_markdown_cell("# Probe", id="title"),
        new.new_code_cell("", id="parameters", metadata={"tags": ["parameters"]}),
        new.new_code_cell(code, id="probe"),
    ]
    nbformat.write(new.new_notebook(cells=cells), project.folder / "notebooks/probe.ipynb")
    declare(
        project,
        cmd="recommit run notebooks/probe.ipynb",
        deps=["notebooks/probe.ipynb", *RUN, *deps],
        outs=["reports/notebooks/probe.ipynb", *(["data/probe.txt"] if outs is None else outs)],
    )
    project.repro("probe", **environment)
    project.commit()


def write(expression: str, imports: str = "") -> str:
    """Returns notebook code that writes an expression's text to the stage's out."""
    return f"{imports}\nfrom recommit.notebook import path\npath('data/probe.txt').write_text(str({expression}));"


def snapshot(folder: Path) -> dict[str, str]:
    """Returns the hash of every file of a checkout, without the tool's own records."""
    files = (file for file in folder.rglob("*") if file.is_file() and not file.is_symlink())
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
        if ".recommit" not in file.parts and ".dvc/tmp" not in str(file)
    }


def test_make_verify_proves_every_output_of_a_fresh_clone_from_nothing(reproduced: Project, tmp_path: Path) -> None:
    """It has neither cache nor remote, and its CPU seems to be of another family."""
    need("strace")
    clone = Project(tmp_path / "a clone")
    reproduced.run("git", "clone", "--quiet", str(reproduced.folder), str(clone.folder))
    lend_environment(clone)
    before = snapshot(clone.folder)
    clone.run("make", "verify", **ANOTHER_FAMILY)
    record = clone.json("docs/proof.json")
    assert record["whole"]
    assert {output["verdict"] for stage in record["stages"] for output in stage["outputs"]} == {"identical"}
    lock = YAML(typ="safe").load(clone.read("dvc.lock"))
    outs = {out["path"] for stage in lock["stages"].values() for out in stage["outs"]}
    assert {output["path"] for stage in record["stages"] for output in stage["outputs"]} == outs
    assert record["watched"] == "strace"
    assert {"path", "home", "time zone", "locale", "umask", "hash seed", "thread count"} <= set(record["varied"])
    assert record["commit"] == clone.run("git", "rev-parse", "HEAD").stdout.strip()
    assert record["commit"][:10] in clone.read("README.md")
    clone.run("git", "checkout", "--quiet", "README.md", "docs/proof.json")
    changing = {".git/index"}  # Git notes there when it last looked at the two files
    assert {**snapshot(clone.folder), **dict.fromkeys(changing)} == {**before, **dict.fromkeys(changing)}
    assert clone.run("git", "status", "--porcelain").stdout == ""


def test_what_only_a_remote_holds_is_fetched_into_a_private_cache(project: Project, tmp_path: Path) -> None:
    script(project, "open('data/first.txt', 'w').write('1')", name="first")
    script(project, "open('data/probe.txt', 'w').write(open('data/first.txt').read())", "data/first.txt")
    project.run("dvc", "remote", "modify", "local", "url", str(tmp_path / "remote"))
    project.commit()
    project.run("dvc", "push", "--quiet")
    shutil.rmtree(project.folder / ".dvc/cache")
    status, record = verify(project, "--stage", "probe")
    assert status == 0, record
    assert not (project.folder / ".dvc/cache/files").exists()


def test_unseeded_randomness(project: Project) -> None:
    notebook(project, write("random.random()", "import random"))
    stage = probe(project)
    assert stage["verdict"] == "different"
    assert "unseeded randomness" in stage["cause"]


def test_a_wall_clock_value(project: Project) -> None:
    notebook(project, write("datetime.datetime.now()", "import datetime"))
    assert "wall clock" in probe(project)["cause"]


def test_the_date_of_the_day(project: Project) -> None:
    need("faketime")
    notebook(project, write("datetime.date.today().year", "import datetime"))
    assert "the date" in probe(project)["cause"]


def test_set_order_under_another_hash_seed(project: Project) -> None:
    code = "open('data/probe.txt', 'w').write(' '.join({'late', 'early', 'cancelled', 'diverted', 'on time'}))"
    script(project, code, PYTHONHASHSEED="0")
    assert "hash seed" in probe(project)["cause"]


def test_a_result_that_depends_on_the_number_of_cpus(project: Project) -> None:
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("there is one CPU only")
    code = """
import os
workers = len(os.sched_getaffinity(0))
parts = [sum(1 / n for n in range(worker + 1, 999, workers)) for worker in range(workers)]
"""
    notebook(project, write("sum(parts)", code))
    assert "visible CPUs" in probe(project)["cause"]


def test_a_result_that_depends_on_the_number_of_threads(project: Project) -> None:
    code = """
import os
threads = int(os.environ.get("OMP_NUM_THREADS", "1"))
parts = [sum(1 / n for n in range(thread + 1, 999, threads)) for thread in range(threads)]
open("data/probe.txt", "w").write(repr(sum(parts)))
"""
    script(project, code, OMP_NUM_THREADS="1")
    assert "thread count" in probe(project, OMP_NUM_THREADS="1")["cause"]


def test_a_file_read_but_not_declared(project: Project) -> None:
    need("strace")
    notebook(project, write("len(path('locks/uv.txt').read_text())", "from recommit.notebook import path"))
    stage = probe(project)
    assert stage["verdict"] == "undeclared"
    assert stage["undeclared"] == ["read locks/uv.txt"]


def test_a_file_that_is_only_looked_for_and_not_declared(project: Project) -> None:
    notebook(project, write("path('locks/uv.txt').exists()", "from recommit.notebook import path"))
    assert "locks/uv.txt" in probe(project)["cause"]


def test_a_file_of_the_checkout_read_by_its_full_path(project: Project) -> None:
    need("strace")
    script(project, f"open('data/probe.txt', 'w').write(open({str(project.folder / 'params.yaml')!r}).read())")
    (line,) = probe(project)["undeclared"]
    assert line.startswith("read params.yaml of the checkout itself")


def test_a_file_written_but_not_declared(project: Project) -> None:
    notebook(project, write("1") + "\npath('reports/extra.txt').write_text('more');")
    assert probe(project)["undeclared"] == ["wrote reports/extra.txt"]


def test_an_input_that_is_changed(project: Project) -> None:
    (project.folder / "data/input.txt").write_text("1")
    code = "text = open('data/input.txt').read(); open('data/probe.txt', 'w').write(text)\n"
    script(project, f"{code}open('data/input.txt', 'w').write(text)", "data/input.txt")
    project.run("git", "add", "--force", "data/input.txt")
    project.commit()
    assert probe(project)["undeclared"] == ["changed its own input data/input.txt"]


def test_a_module_imported_but_not_declared(project: Project) -> None:
    (project.folder / "src/shop").mkdir()
    (project.folder / "src/shop/__init__.py").touch()
    (project.folder / "src/shop/words.py").write_text("PRICE = 3\n")
    notebook(project, write("PRICE", "from shop.words import PRICE"))
    stage = probe(project)
    assert "No module named" in stage["said"]
    assert "src/shop/words.py" in stage["cause"]


@pytest.fixture
def server() -> Iterator[int]:
    """The port of a server on loopback that says hello to whoever calls."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def greet() -> None:
            while True:
                try:
                    calling, _ = listening.accept()
                except OSError:
                    return
                with calling:
                    calling.sendall(b"hello")

        threading.Thread(target=greet, daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


def test_a_network_call_even_when_the_answer_is_always_the_same(project: Project, server: int) -> None:
    need("strace")
    call = f"with socket.create_connection(('127.0.0.1', {server})) as calling: heard = calling.recv(9)"
    notebook(project, write("heard", f"import socket\n{call}"))
    stage = probe(project)
    assert {output["verdict"] for output in stage["outputs"]} == {"identical"}
    assert stage["undeclared"] == [f"called the network: 127.0.0.1 port {server}"]


def test_an_environment_variable(project: Project) -> None:
    script(project, "import os; open('data/probe.txt', 'w').write(os.environ.get('GREETING', ''))", GREETING="hello")
    assert "environment variable GREETING" in probe(project, GREETING="hello")["cause"]


def test_the_time_zone(project: Project) -> None:
    script(project, "import time; open('data/probe.txt', 'w').write(time.strftime('%H:%M', time.localtime(0)))")
    assert "time zone" in probe(project)["cause"]


def test_the_locale(project: Project) -> None:
    code = "import locale; open('data/probe.txt', 'w').write(locale.getpreferredencoding())"
    script(project, code, LC_ALL="C.UTF-8")
    assert "locale" in probe(project, LC_ALL="C.UTF-8")["cause"]


def test_the_order_of_a_folder(project: Project) -> None:
    script(project, "import os; open('data/probe.txt', 'w').write(os.listdir('locks')[0])", "locks")
    assert "directory order" in probe(project)["cause"]


def test_an_absolute_path_in_an_output(project: Project) -> None:
    notebook(project, write("path('data')", "from recommit.notebook import path"))
    assert "the path" in probe(project)["cause"]


def test_a_parameter_read_straight_from_params_yaml(project: Project) -> None:
    read = "from recommit.notebook import path\nfrom recommit.project.yaml import read_yaml"
    notebook(project, write("read_yaml(path('params.yaml'))['horizon_hours']", read))
    stage = probe(project)
    assert "parameter horizon_hours" in stage["cause"]
    assert "KeyError" in stage["said"]


def test_a_forged_hash(project: Project) -> None:
    script(project, "open('data/probe.txt', 'w').write('honest')")
    honest = hashlib.md5(b"honest").hexdigest()
    project.replace("dvc.lock", honest, hashlib.md5(b"forged").hexdigest())
    project.commit()
    stage = probe(project)
    assert stage["verdict"] == "different"
    assert "edited or forged" in stage["cause"]


def test_a_command_that_writes_its_results_and_then_fails(project: Project) -> None:
    code = """
import os
open("data/probe.txt", "w").write("1")
assert "GREETING" in os.environ, "nobody said hello"
"""
    script(project, code, GREETING="hello")
    stage = probe(project, GREETING="hello")
    assert {output["verdict"] for output in stage["outputs"]} == {"identical"}
    told = project.run("recommit", "verify", "--stage", "probe", check=False, GREETING="hello").stderr
    assert re.search(r"probe: missing \(.* s\)\n    .*\n?.*nobody said hello", told)
    assert "nobody said hello" in stage["said"]
    assert "environment variable GREETING" in stage["cause"]


def sleepers() -> set[int]:
    return {process.pid for process in psutil.process_iter(["cmdline"]) if process.info["cmdline"] == ["sleep", "607"]}


def test_a_process_that_is_left_running_holds_nothing_up_and_is_ended(project: Project) -> None:
    code = """
import subprocess
subprocess.Popen(["sleep", "607"], start_new_session=True, cwd="/")
open("data/probe.txt", "w").write("1")
"""
    (project.folder / "probe.py").write_text(code)
    declare(project, cmd="python probe.py > /dev/null 2>&1", deps=["probe.py"], outs=["data/probe.txt"])
    try:
        project.repro("probe")
        project.commit()
        left = sleepers()
        assert left
        assert verify(project, "--stage", "probe")[0] == 0
        assert sleepers() == left
    finally:
        for pid in sleepers():
            os.kill(pid, signal.SIGKILL)


def test_a_folder_that_another_stage_made_is_proved_from_nothing(project: Project) -> None:
    code = "import os; os.makedirs('data/parts'); [open(f'data/parts/{n}.txt', 'w').write(n) for n in 'ab']"
    script(project, code, outs=["data/parts"])
    count = "import os; open('data/after.txt', 'w').write(str(len(os.listdir('data/parts'))))"
    script(project, count, "data/parts", name="after")
    shutil.rmtree(project.folder / ".dvc/cache")
    status, record = verify(project, "--stage", "probe", "--stage", "after")
    assert status == 0, record


def test_a_file_that_dvc_tracks_is_an_input_and_an_older_lock_is_named(project: Project) -> None:
    given = project.folder / "data/given.csv"
    given.write_text("1")
    project.run("dvc", "add", "--quiet", "data/given.csv")
    script(project, "open('data/probe.txt', 'w').write(open('data/given.csv').read())", "data/given.csv")
    assert verify(project, "--stage", "probe")[0] == 0
    given.unlink()
    given.write_text("2")
    project.run("dvc", "add", "--quiet", "data/given.csv")
    project.commit()
    assert "dvc.lock is older than data/given.csv" in str(probe(project)["problems"])


def test_a_git_hook_that_names_the_repository_leads_nothing_astray(project: Project) -> None:
    script(project, "open('data/probe.txt', 'w').write('1')")
    git = str(project.folder / ".git")
    assert verify(project, "--stage", "probe", GIT_DIR=git, GIT_INDEX_FILE=f"{git}/index")[0] == 0
    assert project.run("git", "symbolic-ref", "--short", "HEAD").stdout == "main\n"


def test_nothing_is_varied_when_that_is_asked(project: Project) -> None:
    script(project, "import time; open('data/probe.txt', 'w').write(time.strftime('%H:%M', time.localtime(0)))")
    status, record = verify(project, "--stage", "probe", "--as-is")
    assert status == 0, record
    assert record["varied"] == {}
    (kept,) = (project.folder / ".recommit/proofs").glob("*.json")
    assert json.loads(kept.read_text()) == record


def test_the_line_of_a_page_is_written_only_when_all_is_proved(project: Project, tmp_path: Path) -> None:
    page, record = tmp_path / "page.md", tmp_path / "record.json"
    page.write_text("<!-- proof -->\n<!-- /proof -->\n")
    script(project, "open('data/probe.txt', 'w').write('1')")
    project.run("recommit", "verify", "--stage", "probe", "--badge", str(page), "--record", str(record))
    assert "Proved" not in page.read_text()
    assert json.loads(record.read_text())["whole"] is False


def test_an_environment_unlike_the_lock_is_said_first(project: Project) -> None:
    script(project, "open('data/probe.txt', 'w').write('1')")
    lock = re.sub(r"(?m)^(pandas==)\S+", r"\g<1>0.25.3", project.read("locks/run.txt"))
    (project.folder / "locks/run.txt").write_text(lock)
    project.commit()
    result = project.run("recommit", "verify", "--stage", "probe")
    first = result.stderr.splitlines()[0]
    assert "this environment is not the commit's" in first
    assert "pandas 0.25.3" in first


def test_a_forged_hash_that_another_stage_contradicts(project: Project) -> None:
    script(project, "open('data/probe.txt', 'w').write('1')")
    script(project, "open('data/after.txt', 'w').write(open('data/probe.txt').read())", "data/probe.txt", name="after")
    lock = project.read("dvc.lock")
    (project.folder / "dvc.lock").write_text(lock.replace(hashlib.md5(b"1").hexdigest(), "0a" * 16, 1))
    project.commit()
    status, record = verify(project, "--stage", "after", "--stage", "probe")
    assert status == 1
    assert "edited by hand" in str([stage["problems"] for stage in record["stages"]])


KEPT_IN_GIT = [{"reports/probe.json": {"cache": False}}]


def test_an_edited_metrics_file(project: Project) -> None:
    script(project, "open('reports/probe.json', 'w').write('{\"auc\": 0.5}')", outs=KEPT_IN_GIT)
    project.replace("reports/probe.json", "0.5", "0.9")
    project.commit()
    assert "reports/probe.json was edited after the run" in str(probe(project)["problems"])
    project.run("dvc", "commit", "--force", "probe")
    project.commit()
    stage = probe(project)
    assert "auc: 0.9 became 0.5" in stage["outputs"][0]["where"]
    assert "edited or forged" in stage["cause"]


def figure(points: str) -> str:
    return f"""
import matplotlib; matplotlib.use("agg")
import matplotlib.pyplot as plt
plt.plot({points}); plt.savefig("reports/probe.png", metadata={{"Software": None}})
"""


def test_a_swapped_figure(project: Project, tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    subprocess.run([sys.executable, "-c", figure("[3, 1, 2]")], cwd=tmp_path, check=True)
    script(project, figure("[1, 2, 3]"), outs=[{"reports/probe.png": {"cache": False}}])
    shutil.copy(tmp_path / "reports/probe.png", project.folder / "reports/probe.png")
    project.run("dvc", "commit", "--force", "probe")
    project.commit()
    (output,) = probe(project)["outputs"]
    assert output["verdict"] == "different"
    assert "pixel" in output["where"]


def test_a_notebook_whose_stored_output_was_edited(project: Project) -> None:
    notebook(project, "print('42 flights')", outs=[])
    edited = project.folder / "reports/notebooks/probe.ipynb"
    text = edited.read_text()
    edited.unlink()
    assert text.count('"42 flights\\n"') == 1
    edited.write_text(text.replace('"42 flights\\n"', '"43 flights\\n"'))
    project.run("dvc", "commit", "--force", "probe")
    project.commit()
    (output,) = probe(project)["outputs"]
    assert output["verdict"] == "different"
    assert re.search(r"cell 4.*43.*42", output["where"], re.DOTALL), output["where"]


def test_a_lock_file_older_than_its_notebook(project: Project) -> None:
    notebook(project, write("1"))
    project.replace("notebooks/probe.ipynb", "str(1)", "str(2)")
    project.commit()
    assert "dvc.lock is older than notebooks/probe.ipynb" in str(probe(project)["problems"])


def test_a_lock_file_older_than_a_parameter(project: Project) -> None:
    code = "open('data/probe.txt', 'w').write('1')"
    (project.folder / "probe.py").write_text(code)
    declare(project, cmd="python probe.py", deps=["probe.py"], params=["horizon_hours"], outs=["data/probe.txt"])
    project.repro("probe")
    project.replace("params.yaml", "horizon_hours: 2", "horizon_hours: 3")
    project.commit()
    assert "horizon_hours is 3" in str(probe(project)["problems"])


def test_results_that_were_never_committed(project: Project) -> None:
    script(project, "open('data/probe.txt', 'w').write('1')")
    (project.folder / "more.py").write_text("open('data/more.txt', 'w').write('1')")
    declare(project, "more", cmd="python more.py", deps=["more.py"], outs=["data/more.txt"])
    project.commit()
    project.repro("more")
    result = project.run("recommit", "verify", "--stage", "probe", check=False)
    assert "were never committed" in result.stderr
    assert result.returncode == 0


def test_frozen_and_always_changed_stages_are_named(project: Project) -> None:
    script(project, "open('data/probe.txt', 'w').write('1')")
    project.replace(
        "dvc.yaml", "cmd: python probe.py", "cmd: python probe.py\n    frozen: true\n    always_changed: true"
    )
    project.commit()
    status, record = verify(project, "--stage", "probe")
    assert status == 0
    assert "is frozen" in record["stages"][0]["notes"][0]
    assert "is always_changed" in record["stages"][0]["notes"][1]


ANOTHER_FAMILY = {"OPENBLAS_CORETYPE": "Nehalem", "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR"}
LINEAR_ALGEBRA = """
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from recommit.artifact.export import export
from recommit.notebook import path
table = np.random.default_rng(0).normal(size=(2000, 60))
target = table @ np.linspace(-1, 1, 60) + 0.1
weights = np.linalg.solve(table.T @ table + np.eye(60), table.T @ target)
pd.DataFrame({"weight": weights}).to_parquet(path("data/probe.parquet"))
rows = pd.DataFrame(table, columns=[f"x{n}" for n in range(60)]).astype("float32")
trees = make_pipeline(make_column_transformer(("passthrough", list(rows))), HistGradientBoostingClassifier(max_iter=10))
path("data/trees.onnx").write_bytes(export(trees.fit(rows, target > 0), rows))
"""
MODELS = ["data/probe.parquet", "data/trees.onnx"]


def test_on_another_cpu_family_the_pinned_kernel_gives_identical_bytes(project: Project) -> None:
    notebook(project, LINEAR_ALGEBRA, "src/recommit/artifact", outs=MODELS)
    status, record = verify(project, "--stage", "probe", **ANOTHER_FAMILY)
    assert status == 0, record
    assert {stage["verdict"] for stage in record["stages"]} == {"identical"}


def test_without_the_pin_linear_algebra_is_equal_there_and_tree_models_are_identical(project: Project) -> None:
    kernel = project.folder / "src/recommit/notebook/kernels/recommit/kernel.json"
    spec = json.loads(kernel.read_text())
    for pin in ANOTHER_FAMILY:
        del spec["env"][pin]
    kernel.write_text(json.dumps(spec))
    notebook(project, LINEAR_ALGEBRA, "src/recommit/artifact", outs=MODELS, OPENBLAS_CORETYPE="Haswell")
    status, record = verify(project, "--allow-equal", "--stage", "probe", **ANOTHER_FAMILY)
    assert status == 0, record
    verdicts = {output["path"]: output for stage in record["stages"] for output in stage["outputs"]}
    assert verdicts["data/probe.parquet"]["verdict"] == "equal"
    assert "column weight, row" in verdicts["data/probe.parquet"]["where"]
    assert verdicts["data/trees.onnx"]["verdict"] == "identical"
    status, _ = verify(project, "--stage", "probe", **ANOTHER_FAMILY)
    assert status == 1, "equal does for --allow-equal only"


def test_what_cannot_run_says_so(project: Project) -> None:
    script(project, "open('data/probe.txt', 'w').write('1')")
    for words, message in (
        (["no-such-branch"], "names no commit"),
        (["--stage", "nothing"], "has no stage nothing"),
    ):
        result = project.run("recommit", "verify", *words, check=False)
        assert result.returncode == 2
        assert message in result.stderr
        assert "Traceback" not in result.stderr


@pytest.mark.parametrize("moment", ["laying out", "replaying"])
def test_a_killed_verify_leaves_the_user_alone_and_the_next_run_clears_up(
    project: Project, tmp_path: Path, moment: str
) -> None:
    notebook(project, write("sum(pandas.Series([1]))", "import pandas"))
    before = snapshot(project.folder)
    environment = project.environment() | {"TMPDIR": str(tmp_path)}
    killed = subprocess.Popen(["recommit", "verify", "--stage", "probe"], cwd=project.folder, env=environment)

    def inside() -> list[str]:
        """Returns the command lines of what runs in the temporary place."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if process.cwd().startswith(f"{tmp_path}/recommit-verify-"):
                    found.append(" ".join(process.cmdline()))
        return found

    deadline = time.monotonic() + 120
    while not (any("recommit.notebook.kernel" in words for words in inside()) if moment == "replaying" else inside()):
        assert killed.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    left = list(tmp_path.glob("recommit-verify-*/"))
    assert left
    assert snapshot(project.folder) == before
    result = project.run("recommit", "verify", "--stage", "probe", TMPDIR=str(tmp_path))
    assert result.returncode == 0
    assert not list(tmp_path.glob("recommit-verify-*/"))
    assert not inside()
    assert snapshot(project.folder) == before
