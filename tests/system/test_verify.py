"""`recommit verify` proves a commit, and names each fault that is planted in it."""

import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest
from PIL import Image
from ruamel.yaml import YAML

from tests.system.conftest import ROOT, Project, lend_environment, need, once

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


def plant(project: Project, name: str, code: str, *deps: str, outs: list[Any] | None = None, **entry: Any) -> None:
    """Adds a stage that is a plain script, which has not run yet."""
    (project.folder / f"make_{name}.py").write_text(code)
    deps = (f"make_{name}.py", *deps)
    command = {"cmd": f"python make_{name}.py", "deps": [*deps], "outs": outs or [f"data/{name}.txt"]}
    declare(project, name, **command, **entry)


def script(
    project: Project, code: str, *deps: str, name: str = "probe", outs: list[Any] | None = None, **environment: str
) -> None:
    """Adds a stage that is a plain script, runs it once and commits it."""
    plant(project, name, code, *deps, outs=outs)
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


def says(expression: str, code: str = "") -> str:
    """Returns a script that writes an expression's text to the out of its stage, which its name tells."""
    return f"import sys\n{code}\nopen(f'data/{{sys.argv[0][5:-3]}}.txt', 'w').write(str({expression}))\n"


FIGURE = """
import matplotlib; matplotlib.use("agg")
import matplotlib.pyplot as plt
plt.plot([1, 2, 3]); plt.savefig("reports/figure.png", metadata={"Software": None})
"""
CPUS = """
import os
workers = len(os.sched_getaffinity(0))
parts = [sum(1 / n for n in range(worker + 1, 999, workers)) for worker in range(workers)]
"""
THREADS = """
import os
threads = int(os.environ.get("OMP_NUM_THREADS", "1"))
parts = [sum(1 / n for n in range(thread + 1, 999, threads)) for thread in range(threads)]
"""
SCRIPTS = {
    "random": says("random.random()", "import random"),
    "now": says("datetime.datetime.now()", "import datetime"),
    "today": says("datetime.date.today().year", "import datetime"),
    "sets": says("' '.join({'late', 'early', 'cancelled', 'diverted', 'on time'})"),
    "cpus": says("sum(parts)", CPUS),
    "threads": says("sum(parts)", THREADS),
    "looked": says("os.path.exists('locks/uv.txt')", "import os"),
    "wrote": says("1", "open('data/extra.txt', 'w').write('more')"),
    "imported": says("PRICE", "from shop.words import PRICE"),
    "variable": says("os.environ.get('GREETING')", "import os"),
    "zone": says("time.strftime('%H:%M', time.localtime(0))", "import time"),
    "locale": says("locale.getpreferredencoding()", "import locale"),
    "path": says("os.getcwd()", "import os"),
    "parameter": says("YAML().load(open('params.yaml'))['horizon_hours']", "from ruamel.yaml import YAML"),
    "forged": says("'honest'"),
    "fails": says("1") + "import os\nassert 'GREETING' in os.environ, 'nobody said hello'\n",
    "contradicted": says("'as it was'"),
    "older": says("1"),
}
"""Scripts with a fault each. Some are faults of the user's own environment, which is `THEIRS`."""
THEIRS = {"GREETING": "hello", "LC_ALL": "C.UTF-8", "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}


def plant_faults(project: Project, port: int) -> None:
    """Plants a stage for each fault, runs them all once, and spoils and commits what came of it."""
    folder = project.folder
    for name, code in SCRIPTS.items():
        plant(project, name, code)
    (folder / "src/shop").mkdir()
    (folder / "src/shop/__init__.py").touch()
    (folder / "src/shop/words.py").write_text("PRICE = 3\n")
    (folder / "params.yaml").write_text("horizon_hours: 2\ndays: 1\n")
    (folder / "data/input.txt").write_text("1")
    call = f"with socket.create_connection(('127.0.0.1', {port})) as calling: heard = calling.recv(9)"
    plant(project, "called", says("heard", f"import socket\n{call}"))
    plant(project, "checkout", says(f"open({str(folder / 'params.yaml')!r}).read()"))
    change = "text = open('data/input.txt').read(); open('data/input.txt', 'w').write(text)"
    plant(project, "changed", says("text", change), "data/input.txt")
    plant(project, "folder", says("os.listdir('locks')[0]", "import os"), "locks")
    plant(project, "after", says("open('data/contradicted.txt').read()"), "data/contradicted.txt")
    plant(project, "days", says("1"), params=["days"])
    plant(project, "special", says("1"))
    for name in ("edited", "measured"):
        code = f"open('reports/{name}.json', 'w').write('{{\"auc\": 0.5}}')"
        plant(project, name, code, outs=[{f"reports/{name}.json": {"cache": False}}])
    plant(project, "figure", FIGURE, outs=[{"reports/figure.png": {"cache": False}}])
    read = "from recommit.notebook import path"
    notebook(project, write("len(path('locks/uv.txt').read_text())", read), **THEIRS)
    project.repro(**THEIRS)

    for name in ("edited", "measured"):
        project.replace(f"reports/{name}.json", "0.5", "0.9")
    with Image.open(folder / "reports/figure.png") as picture:
        upside_down = picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    upside_down.save(folder / "reports/figure.png")
    project.run("dvc", "commit", "--force", "edited", "figure")
    project.replace("dvc.lock", hashlib.md5(b"honest").hexdigest(), hashlib.md5(b"forged").hexdigest())
    lock = project.read("dvc.lock")
    (folder / "dvc.lock").write_text(lock.replace(hashlib.md5(b"as it was").hexdigest(), "0a" * 16, 1))
    special = "cmd: python make_special.py"
    project.replace("dvc.yaml", special, f"{special}\n    frozen: true\n    always_changed: true")
    project.replace("make_older.py", "str(1)", "str(1 + 0)")
    project.replace("params.yaml", "days: 1", "days: 3")
    project.run("git", "add", "--force", "data/input.txt")
    project.commit()


@contextmanager
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


@pytest.fixture(scope="session")
def found(machinery: Project, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The verdict of one `recommit verify` on each of the planted stages, by name, and what it "printed"."""

    def make(folder: Path) -> None:
        with server() as port:
            project = machinery.copy(folder)
            plant_faults(project, port)
            result = project.run("recommit", "verify", "--json", check=False, **THEIRS)
        assert result.returncode == 1, result.stderr
        verdicts = {stage["stage"]: stage for stage in json.loads(result.stdout)["stages"]}
        (folder / "found.json").write_text(json.dumps({**verdicts, "printed": result.stderr}))

    return json.loads((once(tmp_path_factory, "faults", make) / "found.json").read_text())


@pytest.mark.parametrize(
    ("stage", "cause"),
    [
        ("random", "unseeded randomness"),
        ("now", "wall clock"),
        ("sets", "hash seed"),
        ("threads", "thread count"),
        ("looked", "locks/uv.txt"),
        ("imported", "src/shop/words.py"),
        ("variable", "environment variable GREETING"),
        ("zone", "time zone"),
        ("locale", "locale"),
        ("folder", "directory order"),
        ("path", "the path"),
        ("parameter", "parameter horizon_hours"),
        ("forged", "edited or forged"),
    ],
)
def test_what_a_result_depends_on_is_named(found: dict[str, Any], stage: str, cause: str) -> None:
    expected = {"imported": "missing", "parameter": "missing", "threads": "equal"}
    assert found[stage]["verdict"] == expected.get(stage, "different")
    assert cause in found[stage]["cause"]


def test_the_date_of_the_day(found: dict[str, Any]) -> None:
    need("faketime")
    assert "the date" in found["today"]["cause"]


def test_a_result_that_depends_on_the_number_of_cpus(found: dict[str, Any]) -> None:
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("there is one CPU only")
    assert "visible CPUs" in found["cpus"]["cause"]


def test_what_a_stage_does_and_does_not_declare_is_named(found: dict[str, Any]) -> None:
    assert found["wrote"]["undeclared"] == ["wrote data/extra.txt"]
    assert found["changed"]["undeclared"] == ["changed its own input data/input.txt"]


def test_a_file_read_but_not_declared(found: dict[str, Any]) -> None:
    need("strace")
    assert found["probe"]["verdict"] == "undeclared"
    assert found["probe"]["undeclared"] == ["read locks/uv.txt"]


def test_a_file_of_the_checkout_read_by_its_full_path(found: dict[str, Any]) -> None:
    need("strace")
    (line,) = found["checkout"]["undeclared"]
    assert line.startswith("read params.yaml of the checkout itself")


def test_a_network_call_even_when_the_answer_is_always_the_same(found: dict[str, Any]) -> None:
    need("strace")
    assert {output["verdict"] for output in found["called"]["outputs"]} == {"identical"}
    (line,) = found["called"]["undeclared"]
    assert re.fullmatch(r"called the network: 127\.0\.0\.1 port \d+", line)


def test_what_a_stage_says_as_it_fails_is_kept(found: dict[str, Any]) -> None:
    assert "No module named" in found["imported"]["said"]
    assert "KeyError" in found["parameter"]["said"]


def test_a_command_that_writes_its_results_and_then_fails(found: dict[str, Any]) -> None:
    stage = found["fails"]
    assert {output["verdict"] for output in stage["outputs"]} == {"identical"}
    assert re.search(r"fails: missing \(.* s\)\n    .*\n?.*nobody said hello", found["printed"])
    assert "nobody said hello" in stage["said"]
    assert "environment variable GREETING" in stage["cause"]


def test_a_forged_hash_that_another_stage_contradicts(found: dict[str, Any]) -> None:
    assert "edited by hand" in str([found[stage]["problems"] for stage in ("contradicted", "after")])


def test_an_edited_metrics_file(found: dict[str, Any]) -> None:
    assert "reports/measured.json was edited after the run" in str(found["measured"]["problems"])
    assert "auc: 0.9 became 0.5" in found["edited"]["outputs"][0]["where"]
    assert "edited or forged" in found["edited"]["cause"]


def test_a_swapped_figure(found: dict[str, Any]) -> None:
    (output,) = found["figure"]["outputs"]
    assert output["verdict"] == "different"
    assert "pixel" in output["where"]


def test_a_lock_file_older_than_a_file_or_a_parameter(found: dict[str, Any]) -> None:
    assert "dvc.lock is older than make_older.py" in str(found["older"]["problems"])
    assert "days is 3" in str(found["days"]["problems"])


def test_frozen_and_always_changed_stages_are_named(found: dict[str, Any]) -> None:
    assert found["special"]["verdict"] == "identical"
    assert "is frozen" in found["special"]["notes"][0]
    assert "is always_changed" in found["special"]["notes"][1]


@pytest.mark.all
def test_unseeded_randomness_in_a_notebook(project: Project) -> None:
    notebook(project, write("random.random()", "import random"))
    assert "unseeded randomness" in probe(project)["cause"]


def clone_of(project: Project, folder: Path) -> Project:
    """A fresh clone, which has neither cache nor remote."""
    clone = Project(folder)
    project.run("git", "clone", "--quiet", str(project.folder), str(clone.folder))
    lend_environment(clone)
    return clone


def proved_from_nothing(clone: Project) -> None:
    """`make verify` proves every output on a CPU that seems to be of another family, and leaves only its record."""
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


def test_make_verify_proves_every_output_of_a_fresh_clone_from_nothing(project: Project, tmp_path: Path) -> None:
    """Of a notebook that fits trees and solves equations, and of a script that reads what it wrote."""
    need("strace")
    for name in ("Makefile", "README.md", "docs/proof.json"):
        (project.folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, project.folder / name)
    plant(project, "after", says("len(open('data/probe.parquet', 'rb').read())"), "data/probe.parquet")
    notebook(project, LINEAR_ALGEBRA, "src/recommit/artifact", outs=MODELS)
    project.repro("after")
    project.commit()
    proved_from_nothing(clone_of(project, tmp_path / "a clone"))


@pytest.mark.all
def test_make_verify_proves_every_output_of_the_flights_from_nothing(reproduced: Project, tmp_path: Path) -> None:
    need("strace")
    proved_from_nothing(clone_of(reproduced, tmp_path / "a clone"))


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


def test_results_that_were_never_committed(project: Project) -> None:
    script(project, "open('data/probe.txt', 'w').write('1')")
    (project.folder / "more.py").write_text("open('data/more.txt', 'w').write('1')")
    declare(project, "more", cmd="python more.py", deps=["more.py"], outs=["data/more.txt"])
    project.commit()
    project.repro("more")
    result = project.run("recommit", "verify", "--stage", "probe", check=False)
    assert "were never committed" in result.stderr
    assert result.returncode == 0


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


@pytest.mark.all
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


@pytest.mark.parametrize("moment", ["replaying", pytest.param("laying out", marks=pytest.mark.all)])
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
