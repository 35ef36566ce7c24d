"""A later wheel brings its machinery and its template, and takes no edit of the user away."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner, Result

from recommit import Refusal
from recommit.check.declared import Declared
from recommit.check.deps import write_deps
from recommit.check.findings import check
from recommit.template.update import changes_of, update
from recommit.verbs.update import command
from tests.recommit.template.test_begin import git, new

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A later wheel: another version, one more cell, and other words in params.yaml and dvc.yaml."""
    tree = tmp_path_factory.mktemp("later") / "tree"
    skipped = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
    tree.mkdir()
    for name in git(ROOT, "ls-files", "--", "*.toml", "src", "install", "locks", "notebooks", ".dvc", "*.yaml", ".*"):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tree / name)
    shutil.copytree(ROOT / "src/recommit", tree / "src/recommit", ignore=skipped, dirs_exist_ok=True)
    edit(tree / "pyproject.toml", 'version = "0.2.0"', 'version = "0.3.0"')
    edit(tree / "dvc.yaml", "desc: Predict", "desc: Foretell")
    edit(tree / "src/recommit/template/files/params.yaml.jinja", "seed: ", "seed: 1")
    edit(tree / "src/recommit/template/files/src/problem/features.py.jinja", "Features: the", "Features, the")
    read = nbformat.read(tree / "notebooks/train.ipynb", 4)
    read.cells.append(nbformat.v4.new_code_cell("print('later')", id="later"))
    nbformat.write(read, tree / "notebooks/train.ipynb")
    words = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tree / "dist")]
    subprocess.run(words, cwd=tree, check=True, capture_output=True)
    (wheel,) = (tree / "dist").glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("begun") / "bike-hire"
    result = new(path)
    assert result.exit_code == 0, result.exception
    return path


@pytest.fixture
def project(begun: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(begun, tmp_path / "bike-hire", symlinks=True))


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text, f"{old!r} is not in {file}"
    file.write_text(text.replace(old, new, 1))


def commit(project: Path) -> None:
    git(project, "commit", "--quiet", "--all", "--message", "Mine")


def brought(project: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch) -> Result:
    monkeypatch.chdir(project)
    return CliRunner().invoke(command, [str(wheel)])


def test_what_the_user_has_not_changed_is_replaced(project: Path, later: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = brought(project, later, monkeypatch)
    assert result.exit_code == 0, result.exception
    assert [file.name for file in (project / "vendor").iterdir()] == [later.name]
    assert later.name in (project / "locks/run.txt").read_text()
    assert "recommit==0.3.0" in (project / "pyproject.toml").read_text()
    assert "desc: Foretell" in (project / "dvc.yaml").read_text()
    assert nbformat.read(project / "notebooks/train.ipynb", 4).cells[-1].id == "later"
    assert [str(one) for one in check(Declared(project))] == []
    assert "make env" in result.output


def test_edits_in_every_kind_of_file_stay(project: Path, later: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edit(project / "params.yaml", "max_iter: ", "max_iter: 1")
    edit(project / "dvc.yaml", "recommit run notebooks/train.ipynb", "recommit  run notebooks/train.ipynb")
    notebook = json.loads((project / "notebooks/train.ipynb").read_text())
    notebook["cells"][0]["source"] = ["# Mine"]
    (project / "notebooks/train.ipynb").write_text(json.dumps(notebook))
    (project / "notebooks/importance.ipynb").unlink()
    (project / "README.md").write_text("# My own words\n")
    commit(project)
    edited = {name: (project / name).read_text() for name in ("params.yaml", "README.md")}
    result = brought(project, later, monkeypatch)
    assert result.exit_code == 0, (result.exception, result.output)
    read = nbformat.read(project / "notebooks/train.ipynb", 4)
    assert (read.cells[0].source, read.cells[-1].id) == ("# Mine", "later")
    assert "recommit  run notebooks/train.ipynb" in (project / "dvc.yaml").read_text()
    assert "desc: Foretell" in (project / "dvc.yaml").read_text()
    assert (project / "params.yaml").read_text() == edited["params.yaml"].replace("seed: ", "seed: 1", 1)
    assert (project / "README.md").read_text() == edited["README.md"]
    assert not (project / "notebooks/importance.ipynb").exists()


def test_a_renamed_package_is_updated_where_it_is(project: Path, later: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(project, "mv", "src/bike_hire", "src/rides")
    write_deps(Declared(project))
    commit(project)
    result = brought(project, later, monkeypatch)
    assert result.exit_code == 0, result.exception
    assert (project / "src/rides/features.py").read_text().startswith('"""Features, the')
    assert [folder.name for folder in (project / "src").iterdir()] == ["rides"]


def test_a_conflict_is_shown_and_named(project: Path, later: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edit(project / "params.yaml", "seed: ", "seed: 9")
    commit(project)
    result = brought(project, later, monkeypatch)
    assert isinstance(result.exception, Refusal)
    assert (str(result.exception), result.exception.status) == ("1 files need you: params.yaml", 1)
    assert "<<<<<<< yours\nseed: 9" in (project / "params.yaml").read_text()


def test_what_cannot_be_merged_lies_beside(project: Path, later: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "notebooks/train.ipynb").write_text("no JSON")
    commit(project)
    result = brought(project, later, monkeypatch)
    assert "notebooks/train.ipynb" in str(result.exception)
    assert (project / "notebooks/train.ipynb").read_text() == "no JSON"
    assert nbformat.read(project / "notebooks/train.ipynb.new", 4).cells[-1].id == "later"


def test_the_same_wheel_changes_nothing(project: Path) -> None:
    (wheel,) = (project / "vendor").glob("*.whl")
    assert update(project, wheel) == []
    assert git(project, "status", "--porcelain") == []


def test_packages_of_the_users_own_are_locked_again_by_one_command(
    project: Path, later: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(project / "pyproject.toml", "`make lock`:\n", '`make lock`:\n    "lightgbm>=4",\n')
    edit(project / "locks/run.txt", "scipy==", "lightgbm==4.0 \\\n    --hash=sha256:0\nscipy==")
    commit(project)
    result = brought(project, later, monkeypatch)
    assert result.exit_code == 0, result.exception
    assert '"recommit==0.3.0"' in (project / "pyproject.toml").read_text()
    assert '"lightgbm>=4"' in (project / "pyproject.toml").read_text()
    assert "locks/run.txt: replaced: `make lock`" in result.output
    assert "make lock && make env" in result.output
    assert "lightgbm" not in (project / "locks/run.txt").read_text()


def test_a_pipeline_that_cannot_be_read_is_left_as_it_is(
    project: Path, later: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "dvc.yaml").write_text("stages: [")
    commit(project)
    assert "dvc.yaml" in str(brought(project, later, monkeypatch).exception)
    assert "desc: Foretell" in (project / "dvc.yaml.new").read_text()


def test_an_update_that_could_not_be_undone_is_refused(project: Path, later: Path) -> None:
    edit(project / "params.yaml", "seed: ", "seed: 9")
    with pytest.raises(Refusal, match="changes that are not committed"):
        update(project, later)


def test_a_file_outside_git_is_in_the_way_only_where_the_template_has_one(project: Path, later: Path) -> None:
    (project / "notebooks/scratch.ipynb").write_text("mine")
    shutil.copy(later, project / "vendor")
    git(project, "rm", "--cached", "--quiet", "notebooks/train.ipynb")
    commit(project)
    with pytest.raises(Refusal, match=r"notebooks/train\.ipynb is not in Git, and the later template has such a file"):
        update(project, later)
    git(project, "add", "notebooks/train.ipynb")
    commit(project)
    update(project, later)
    assert (project / "notebooks/scratch.ipynb").read_text() == "mine"
    assert [file.name for file in (project / "vendor").iterdir()] == [later.name]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("recommit-0.9.0-py3-none-any.whl", "is no wheel that can be read"),
        ("recommit-0.1.0-py3-none-any.whl", r"is older than recommit-0\.2\.0.*`git revert`"),
        ("recommit (1).whl", "is called recommit-VERSION"),
        ("shop-1.0-py3-none-any.whl", "is no wheel of recommit"),
    ],
)
def test_a_file_that_is_no_later_wheel_is_refused_and_nothing_is_changed(
    project: Path, tmp_path: Path, name: str, told: str
) -> None:
    (tmp_path / name).write_text("no wheel")
    with pytest.raises(Refusal, match=told):
        update(project, tmp_path / name)
    assert git(project, "status", "--porcelain") == []


def test_a_file_that_the_template_drops_goes_unless_it_was_edited(tmp_path: Path) -> None:
    before = {"a.txt": b"a", "b.txt": b"b"}
    for name, content in {"a.txt": b"a", "b.txt": b"mine"}.items():
        (tmp_path / name).write_bytes(content)
    assert [(one.path, one.what) for one in changes_of(tmp_path, before, {})] == [
        ("a.txt", "removed"),
        ("b.txt", "kept"),
    ]
