"""What the design says of the whole tree: who imports whom, what no file may hold."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from flights.problem import PROBLEM
from recommit.check.uses import imports, tree_of
from recommit.evidence.files import kind_of
from recommit.project.pipeline import is_in, stages
from recommit.template.shipped import notebooks

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src"
PACKAGES = {path.parent.name for path in SRC.glob("*/__init__.py")}
PROBLEMS = PACKAGES - {"recommit"}


def of_package(name: str) -> list[Path]:
    return sorted((SRC / name).rglob("*.py"))


def test_the_machinery_imports_no_problem() -> None:
    assert PROBLEMS, "there is no problem package in src"
    for path in of_package("recommit"):
        foreign = {name for name in imports(tree_of(path)) if name.split(".")[0] in PROBLEMS}
        assert not foreign, f"{path} imports {foreign}"


def test_the_problem_does_not_import_what_runs_it() -> None:
    for path in (path for name in PROBLEMS for path in of_package(name)):
        engine = {name for name in imports(tree_of(path)) if re.match(r"recommit\.(notebook|verbs|cli)\b", name)}
        assert not engine, f"{path} imports {engine}"


def test_evidence_stands_below_all_that_write_and_read_it() -> None:
    own = re.compile(r"recommit\.(evidence|project)\b|recommit\.Refusal$")
    for path in of_package("recommit/evidence"):
        above = {name for name in imports(tree_of(path)) if name.startswith("recommit.") and not own.match(name)}
        assert not above, f"{path} imports {above}"


def test_a_model_file_is_read_without_what_learns_and_scores() -> None:
    own = re.compile(r"recommit\.(artifact|project)\b|recommit\.Refusal$")
    for path in of_package("recommit/artifact"):
        above = {name for name in imports(tree_of(path)) if name.startswith("recommit.") and not own.match(name)}
        assert not above, f"{path} imports {above}"


def test_nothing_but_its_verb_stands_on_the_server() -> None:
    own = ("recommit/serving/", "recommit/verbs/serve.py")
    others = [path for path in of_package("recommit") if not path.relative_to(SRC).as_posix().startswith(own)]
    for path in (*others, *(path for name in PROBLEMS for path in of_package(name))):
        server = {name for name in imports(tree_of(path)) if re.match(r"recommit\.serving\b|uvicorn|starlette", name)}
        assert not server, f"{path} imports {server}"


def test_every_file_of_evidence_that_a_stage_writes_has_a_declared_type() -> None:
    kinds = re.compile(r"reports/(evidence|advice)/.+\.json|models/(decision|fits/.+)\.json")
    outs = [out for stage in stages(ROOT) for out in stage.outs if kinds.fullmatch(out)]
    assert len(outs) > 15
    assert [out for out in outs if kind_of(Path(out)) is None] == []


def test_dvc_shows_the_few_numbers_of_two_files() -> None:
    metrics = [out for stage in stages(ROOT) for out in stage.metrics]
    assert metrics == ["reports/metrics/validation.json", "reports/metrics/test.json"]


def test_the_search_advises_and_nothing_but_the_report_reads_it() -> None:
    every = stages(ROOT)
    advice = {out for stage in every if stage.family == "search" for out in stage.outs}
    assert advice
    readers = {stage.name for stage in every for dep in stage.deps for out in advice if is_in(out, dep)}
    assert readers == {"report"}


PICKLES = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "shelve", "marshal", "joblib.dump", "joblib.load"}


def pickling(tree: ast.AST) -> set[str]:
    """What in the code reads or writes pickles: it would run whatever a file says."""
    names = {name for name in imports(tree) if name in PICKLES or name.split(".")[0] in PICKLES}
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    calls = {call for call in calls if call in PICKLES or call.endswith((".to_pickle", ".read_pickle"))}
    allowed = {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword)} & {"allow_pickle"}
    return names | calls | allowed


@pytest.mark.parametrize("folder", ["src", "notebooks", "benchmarks", "tests", "install"])
def test_nothing_is_pickled(folder: str) -> None:
    files = [path for kind in ("*.py", "*.ipynb") for path in (ROOT / folder).rglob(kind)]
    files = [path for path in files if ".ipynb_checkpoints" not in path.parts]
    assert files, folder
    assert [str(path) for path in files if pickling(tree_of(path))] == []


def test_no_file_of_a_model_is_a_pickle() -> None:
    kinds = {".pkl", ".pickle", ".joblib", ".dill", ".npy"}
    assert [path for path in (ROOT / "models").rglob("*") if path.suffix in kinds] == []


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from cloudpickle import dumps",
        "from joblib import dump",
        "import joblib\njoblib.load('m')",
        "frame.to_pickle('f')",
        "np.load('f', allow_pickle=True)",
    ],
)
def test_pickling_is_found(code: str) -> None:
    assert pickling(ast.parse(code))


# A home or working folder of one machine; someone's home in a test is nobody's.
MACHINE_PATH = re.compile(rb"/(?:home|Users|root|work)/(?!someone\b|runner\b)\w+|[A-Z]:\\\\Users")
REGISTRY = re.compile(rb"(?<!no-emit-)\b(?:extra-)?index-url\b|--find-links|@ (?:https?|file)://")


def foreign(content: bytes) -> list[bytes]:
    """What in a file belongs to one machine or one package registry."""
    return MACHINE_PATH.findall(content) + REGISTRY.findall(content)


def test_no_tracked_file_names_a_machine_or_a_registry() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    for path in (ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()):
        if path != Path(__file__) and path.suffix != ".png":
            assert not foreign(path.read_bytes()), path


@pytest.mark.parametrize(
    "line", [b'"/home/ana/flights/src"', b"--index-url https://packages.example.org/simple", b"x @ file:///tmp/x.whl"]
)
def test_a_machine_or_a_registry_is_found(line: bytes) -> None:
    assert foreign(line)


def workflow_is_valid(workflow: Path) -> bool:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(workflow)]
    return subprocess.run(command, capture_output=True).returncode == 0


@pytest.mark.parametrize("name", ["ci", "nightly", "advance"])
def test_a_workflow_is_one_that_github_accepts(name: str, tmp_path: Path) -> None:
    workflow = ROOT / f".github/workflows/{name}.yaml"
    assert workflow_is_valid(workflow)
    planted = tmp_path / "ci.yaml"
    text = workflow.read_text()
    assert "runs-on:" in text
    planted.write_text(text.replace("runs-on:", "run-on:"))
    assert not workflow_is_valid(planted)


def named_of_the_problem(cells: list[dict[str, str]]) -> set[str]:
    """The columns of the problem that the code of `cells` names, and its own word where any cell has it."""
    columns = {column for table in (PROBLEM.rows, PROBLEM.features) for column in table.names}
    text = "\n".join("".join(cell["source"]) for cell in cells)
    code = ast.parse("\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"))
    literals = {node.value for node in ast.walk(code) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    attributes = {node.attr for node in ast.walk(code) if isinstance(node, ast.Attribute)}
    return columns & (literals | attributes) | {*re.findall(r"\bflights?\b", text, re.IGNORECASE)}


@pytest.mark.parametrize("name", notebooks())
def test_a_generic_notebook_names_no_problem_and_no_column(name: str) -> None:
    assert named_of_the_problem(json.loads((ROOT / name).read_text())["cells"]) == set()


@pytest.mark.parametrize(
    ("kind", "source", "named"),
    [
        ("code", "train['late'].mean()", "late"),
        ("code", "rows.scheduled_departure.max()", "scheduled_departure"),
        ("code", "from flights import figures", "flights"),
        ("markdown", "Every flight of the month.", "flight"),
    ],
)
def test_a_notebook_that_names_the_problem_is_found(kind: str, source: str, named: str) -> None:
    assert named_of_the_problem([{"cell_type": kind, "source": source}]) == {named}
