"""What the design says of the whole tree: who imports whom, what a stage declares, what no file may hold."""

import ast
import copy
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from recommit.notebook.project import read_yaml

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src"
PACKAGES = {path.parent.name for path in SRC.glob("*/__init__.py")}
PROBLEMS = PACKAGES - {"recommit"}
PIPELINE = read_yaml(ROOT / "dvc.yaml")["stages"]


def imports(tree: ast.AST) -> Iterator[str]:
    """The dotted names that are imported anywhere in the code, functions included; each may be a module or a name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports name the module in full"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def tree_of(path: Path) -> ast.Module:
    """The syntax tree of a module, or of a notebook's code cells without their magics."""
    if path.suffix != ".ipynb":
        return ast.parse(path.read_text())
    cells = nbformat.read(path, as_version=4).cells
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    return ast.parse(re.sub(r"(?m)^\s*[%!].*$", "", code))


def modules_of(name: str) -> Iterator[str]:
    """The files that importing a dotted name runs: each package's `__init__` on the way, and the module."""
    parts = name.split(".")
    for length in range(1, len(parts) + 1):
        path = SRC.joinpath(*parts[:length])
        for file in (path / "__init__.py", path.with_suffix(".py")):
            if file.is_file():
                yield file.relative_to(ROOT).as_posix()


def used_by(stage: dict[str, Any]) -> set[str]:
    """The modules that a stage's command and notebook import, and what those import in turn."""
    words = stage["cmd"].split()
    assert words[0] == "recommit"
    found: set[str] = set()
    names = {"recommit.cli", f"recommit.verbs.{words[1]}"}
    if words[1] == "run":
        names |= set(imports(tree_of(ROOT / words[2])))
    while names:
        new = {file for name in names for file in modules_of(name)} - found
        found |= new
        names = {name for file in new for name in imports(tree_of(ROOT / file))}
    return found


def holds_code(module: str) -> bool:
    """Whether a module is more than its docstring: an empty `__init__` cannot change a result."""
    return any(not isinstance(node, ast.Expr) for node in tree_of(ROOT / module).body)


def problems(stages: dict[str, Any]) -> list[str]:
    """Where the stages of a dvc.yaml declare other code than they use; a line each."""
    return [f"{name}: {problem}" for name, stage in stages.items() for problem in _problems(stage)]


def _problems(stage: dict[str, Any]) -> Iterator[str]:
    words, deps = stage["cmd"].split(), stage["deps"]
    needed = ["locks/run.txt"]
    if words[:2] == ["recommit", "run"]:
        needed += [words[2], "install/kernels/recommit"]
    used = used_by(stage)
    needed += sorted(filter(holds_code, used))
    for file in needed:
        if not any(file == dep or file.startswith(f"{dep}/") for dep in deps):
            yield f"uses {file} and does not declare it"
    for dep in deps:
        if dep.startswith("src/") and not any(file == dep or file.startswith(f"{dep}/") for file in used):
            yield f"declares {dep} and does not use it"


def test_every_stage_says_what_it_does_and_runs_a_notebook_that_exists() -> None:
    run = {stage["cmd"].split()[2] for stage in PIPELINE.values() if stage["cmd"].startswith("recommit run ")}
    assert run == {path.relative_to(ROOT).as_posix() for path in (ROOT / "notebooks").glob("*.ipynb")}
    for name, stage in PIPELINE.items():
        assert len(stage["desc"]) > 20, name


def test_every_stage_declares_the_very_code_that_it_uses() -> None:
    assert problems(PIPELINE) == []


def test_a_dep_left_out_is_found_whichever_it_is() -> None:
    for name, stage in PIPELINE.items():
        code = [dep for dep in stage["deps"] if dep.startswith(("src/", "notebooks/", "install/", "locks/"))]
        for dep in code:
            if dep.endswith("__init__.py") and not holds_code(dep):
                continue
            planted = copy.deepcopy(stage)
            planted["deps"].remove(dep)
            found = problems({name: planted})
            assert found, f"{name} without {dep}"
            assert all(f"{name}: uses {dep}" in line for line in found)


def test_a_dep_that_is_not_used_is_found() -> None:
    planted = copy.deepcopy(PIPELINE["validate"])
    planted["deps"].append("src/recommit/learning/selection.py")
    assert problems({"validate": planted}) == [
        "validate: declares src/recommit/learning/selection.py and does not use it"
    ]


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


PICKLES = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "shelve", "marshal", "joblib.dump", "joblib.load"}


def pickling(tree: ast.AST) -> set[str]:
    """What in the code reads or writes pickles: it would run whatever a file says."""
    names = {name for name in imports(tree) if name in PICKLES or name.split(".")[0] in PICKLES}
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    calls = {call for call in calls if call in PICKLES or call.endswith((".to_pickle", ".read_pickle"))}
    allowed = {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword)} & {"allow_pickle"}
    return names | calls | allowed


def test_nothing_is_pickled() -> None:
    for path in [*SRC.rglob("*.py"), *(ROOT / "notebooks").glob("*.ipynb")]:
        assert not pickling(tree_of(path)), path


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


def test_the_workflow_is_one_that_github_accepts(tmp_path: Path) -> None:
    workflow = ROOT / ".github/workflows/ci.yaml"
    assert workflow_is_valid(workflow)
    planted = tmp_path / "ci.yaml"
    text = workflow.read_text()
    assert "runs-on:" in text
    planted.write_text(text.replace("runs-on:", "run-on:"))
    assert not workflow_is_valid(planted)
