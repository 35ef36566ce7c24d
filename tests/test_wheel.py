"""The machinery as a wheel: the same tree gives the same bytes, and a project without src/recommit runs on it."""

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from recommit.project.pipeline import stages

ROOT = Path(__file__).parents[1]
PARAMETERS = """\
from recommit.notebook import params

factor: int = params["factor"]"""
PIPELINE = """\
stages:
  price:
    desc: Say the price
    cmd: recommit run notebooks/price.ipynb
    params: [factor]
    outs: [reports/price.ipynb, data/price.txt]
"""


def built(folder: Path, umask: int = 0o022, version: str = "0.2.0") -> Path:
    """Build the wheel of a copy of this tree in `folder`, called by another `version`."""
    folder.mkdir(parents=True)
    for name in ("src", "install", ".dvc", "notebooks", "locks"):
        shutil.copytree(
            ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "cache", "tmp", "config.local")
        )
    for name in ("pyproject.toml", "dvc.yaml", ".dvcignore", ".gitattributes", ".gitignore"):
        shutil.copy(ROOT / name, folder)
    said = (folder / "pyproject.toml").read_text()
    (folder / "pyproject.toml").write_text(said.replace('version = "0.2.0"', f'version = "{version}"'))
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, umask=umask)
    [wheel] = (folder / "dist").glob("*.whl")
    return wheel


def test_two_folders_and_umasks_give_the_same_wheel(tmp_path: Path) -> None:
    one, two = built(tmp_path / "one"), built(tmp_path / "a second place", umask=0o077)
    assert one.read_bytes() == two.read_bytes()


def test_the_wheel_holds_the_machinery_whole_and_no_problem(tmp_path: Path) -> None:
    with zipfile.ZipFile(built(tmp_path / "tree")) as wheel:
        names = set(wheel.namelist())
    listed = subprocess.run(["git", "ls-files", "src/recommit"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {name.removeprefix("src/") for name in listed.stdout.split()} <= names
    assert {"recommit_tree.py", "recommit_tree.pth"} <= names
    assert not {name for name in names if name.startswith("flights")}


def test_the_wheel_holds_every_notebook_that_is_no_projects_own(tmp_path: Path) -> None:
    """A new generic notebook that pyproject.toml does not list would be missing in every new project."""
    run = {str(stage.notebook) for stage in stages(ROOT) if stage.notebook}
    with zipfile.ZipFile(built(tmp_path / "tree")) as wheel:
        shipped = {name for name in wheel.namelist() if name.endswith(".ipynb")}
        bytes_of = {name: wheel.read(name) for name in shipped}
    generic = run - {"notebooks/ingest.ipynb", "notebooks/explore.ipynb"}
    assert shipped == {f"recommit/template/shipped/{name}" for name in generic}
    assert all(bytes_of[f"recommit/template/shipped/{name}"] == (ROOT / name).read_bytes() for name in generic)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project of one notebook, without src/recommit."""
    folder = tmp_path / "shop"
    for name, text in {
        "src/shop/__init__.py": "PRICE = 3\n",
        "params.yaml": "factor: 2\n",
        "locks/run.txt": "",
        "dvc.yaml": PIPELINE,
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    cells = [
        new_code_cell(
            'from recommit.notebook import params\n\nfactor: int = params["factor"]', metadata={"tags": ["parameters"]}
        ),
        new_code_cell("from recommit.notebook import path\nfrom shop import PRICE"),
        new_code_cell('path("data/price.txt").write_text(str(PRICE * factor))'),
    ]
    kernel = {"kernelspec": {"name": "recommit", "display_name": "Recommit", "language": "python"}}
    (folder / "notebooks").mkdir()
    nbformat.write(new_notebook(cells=cells, metadata=kernel), folder / "notebooks/price.ipynb")
    return folder


def environment(folder: Path, wheel: Path) -> Path:
    """The programs of an environment in which the wheel is installed, beside the packages of this one."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    [site] = (folder / "lib").glob("python*/site-packages")
    (site / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    with zipfile.ZipFile(wheel) as content:
        content.extractall(site)
    for program, call in (("recommit", "from recommit_tree import main"), ("dvc", "from dvc.cli import main")):
        (folder / "bin" / program).write_text(f"#!{folder}/bin/python\nimport sys\n{call}\nsys.exit(main())\n")
        (folder / "bin" / program).chmod(0o755)
    return folder / "bin"


def run(shop: Path, programs: Path, *words: str, status: int | None = 0) -> str:
    """What a program of an environment prints in the project; it must end with `status`."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DVC_")}
    env = inherited | {"PATH": f"{programs}{os.pathsep}{inherited['PATH']}"}
    result = subprocess.run(words, cwd=shop, env=env, capture_output=True, text=True, timeout=300)
    assert status in (None, result.returncode), result.stdout + result.stderr
    return result.stdout + result.stderr


def test_a_project_without_the_machinery_in_its_tree_runs_on_the_installed_one(shop: Path, tmp_path: Path) -> None:
    programs = environment(tmp_path / "venv", built(tmp_path / "tree"))

    def recommit(*words: str) -> str:
        return run(shop, programs, "recommit", *words)

    assert recommit("check", "--fix").startswith("dvc.yaml: stage price: deps written\n")
    deps = (shop / "dvc.yaml").read_text().partition("deps:")[2].partition("outs:")[0].split()
    assert deps == ["-", "notebooks/price.ipynb", "-", "src/shop/__init__.py", "-", "locks/run.txt"]
    recommit("run", "notebooks/price.ipynb")
    assert (shop / "data/price.txt").read_text() == "6"


def test_a_project_is_made_and_proved_by_the_wheel_that_it_is_pinned_to_and_by_no_later_one(
    shop: Path, tmp_path: Path
) -> None:
    earlier, later = built(tmp_path / "earlier"), built(tmp_path / "later", version="0.3.0")
    its, others = environment(tmp_path / "its", earlier), environment(tmp_path / "others", later)
    (shop / "vendor").mkdir()
    shutil.copy(earlier, shop / "vendor")
    sha256 = hashlib.sha256(earlier.read_bytes()).hexdigest()
    (shop / "locks/run.txt").write_text(f"recommit @ file:vendor/{earlier.name} \\\n    --hash=sha256:{sha256}\n")
    run(shop, its, "git", "init", "--quiet")
    run(shop, its, "dvc", "init", "--quiet")
    run(shop, its, "recommit", "check", "--fix")
    run(shop, its, "dvc", "repro", "--quiet")
    run(shop, its, "git", "add", "--all")
    run(shop, its, "git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--message", "made")
    # Packages of this environment are read from beside the project's own, which a proof rightly names.
    assert "2 outputs of 1 stages: 2 identical" in run(shop, its, "recommit", "verify", status=None)

    told = f"recommit 0.3.0 is installed, and vendor/{earlier.name} holds 0.2.0"
    refused = run(shop, others, "recommit", "run", "notebooks/price.ipynb", status=2)
    assert f"{told}: `make env` installs what locks/run.txt names" in refused
    refused = run(shop, others, "recommit", "verify", status=2)
    assert told in refused
    assert "--rebuild makes its environment for this proof alone" in refused
