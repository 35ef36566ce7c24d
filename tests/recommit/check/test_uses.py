"""What code uses is read from its text, in whatever way it is written."""

import ast
import json
from pathlib import Path

import pytest

from recommit import Refusal
from recommit.check.uses import Code, files_named, imports, tree_of
from recommit.project.pipeline import Stage


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("import a.b as c", "a.b"),
        ("from a import b", "a.b"),
        ("def f():\n    from a import b", "a.b"),
        ("from . import x", "top.inner.x"),
        ("from .x import y", "top.inner.x.y"),
        ("from ..x import y", "top.x.y"),
        ("importlib.import_module('a.b')", "a.b"),
        ("import_module('.x', __package__)", "top.inner.x"),
    ],
)
def test_an_import_is_found(code: str, name: str) -> None:
    assert name in set(imports(ast.parse(code), "top.inner"))


def test_a_module_whose_name_only_a_run_can_tell_is_no_import() -> None:
    assert not set(imports(ast.parse("importlib.import_module(f'verbs.{name}')")))


def test_a_notebook_is_its_code_cells_without_magics_and_without_what_is_not_python(tmp_path: Path) -> None:
    sources = ["import a", "%matplotlib inline\nimport b", "!ls", "%%time\nimport c", "this is not Python"]
    cells = [{"cell_type": "code", "source": source.splitlines(keepends=True)} for source in sources]
    cells.append({"cell_type": "markdown", "source": ["import d"]})
    (tmp_path / "n.ipynb").write_text(json.dumps({"cells": cells}))
    assert set(imports(tree_of(tmp_path / "n.ipynb"))) >= {"a", "b", "c"}
    assert "d" not in set(imports(tree_of(tmp_path / "n.ipynb")))


def test_a_module_that_is_not_python_is_refused_by_name_and_line(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("x = 1\nif x\n")
    with pytest.raises(Refusal, match=r"m\.py: line 2 is not Python"):
        tree_of(tmp_path / "m.py")


@pytest.mark.parametrize(
    ("code", "named"),
    [
        ('path("data/x.csv")', ("data/x.csv", True)),
        ('pd.read_parquet(path("data/./x.parquet"), columns=["a"])', ("data/x.parquet", True)),
        ('path(f"models/{model}.onnx").write_bytes(b"")', ("models/tree.onnx", True)),
        ('path(f"models/{model}-{name}.onnx")', ("models/tree-", False)),
        ('path(f"models/{model!r}.onnx")', ("models/", False)),
    ],
)
def test_a_file_named_in_a_cell_is_found(code: str, named: tuple[str, bool]) -> None:
    tree = ast.parse(f"from recommit.notebook import path\n{code}")
    assert list(files_named(tree, {"model": "tree"})) == [named]


@pytest.mark.parametrize("code", ["path(name)", "open('data/x.csv')"])
def test_a_name_that_only_a_run_can_tell_and_another_function_are_left_alone(code: str) -> None:
    assert not list(files_named(ast.parse(f"from recommit.notebook import path\n{code}"), {}))


def test_a_function_of_the_notebooks_own_that_is_called_path_is_left_alone() -> None:
    assert not list(files_named(ast.parse("from os import path\npath('data/x.csv')"), {}))


def test_modules_are_followed_through_what_they_import(tmp_path: Path) -> None:
    files = {
        "src/recommit/__init__.py": '"""Nothing."""',
        "src/recommit/cli.py": "",
        "src/recommit/verbs/__init__.py": "",
        "src/recommit/verbs/report.py": "from mine import first",
        "src/recommit/verbs/run.py": "",
        "src/mine/__init__.py": '"""Nothing."""\nsetup()',
        "src/mine/first.py": "from .second import x\nimport numpy",
        "src/mine/second.py": "import mine.first",
        "src/mine/third.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    code = Code(tmp_path)
    assert code.used_by(Stage(name="show", cmd="recommit report")) == set(files) - {
        "src/recommit/verbs/run.py",
        "src/mine/third.py",
    }
    assert not code.holds_code("src/recommit/__init__.py")
    assert code.holds_code("src/mine/__init__.py")
