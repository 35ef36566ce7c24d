"""The copy of a project holds what is the user's, and nothing that a stage made; its sample suits the table."""

import subprocess
from pathlib import Path

import pandas as pd
import pytest

from recommit.project.yaml import read_params
from recommit.quick.copy import SHARE, copy_project

DVC = """\
stages:
  read:
    cmd: recommit run notebooks/read.ipynb
    outs: [data/raw/rows.parquet, reports/notebooks/read.ipynb]
"""
PARAMS = 'as_of: "2013-09-01"\nsample: 1.0\nmodels:\n  boosting: {max_iter: 100, learning_rate: 0.06}\n'
FILES = {
    **{"dvc.yaml": DVC, "params.yaml": PARAMS, "dvc.lock": "schema: '2.0'\n", ".gitignore": "/data/source/rows.csv\n"},
    **{
        "src/bikes/problem.py": "",
        "tests/test_bikes.py": "",
        "data/raw/rows.parquet": "made",
        "models/own.txt": "kept",
    },
    "data/source/rows.csv.dvc": "outs:\n- path: rows.csv\n  md5: 0123456789abcdef0123456789abcdef\n",
    "data/source/rows.csv": "a,b\n" * 400,
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "bikes"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    return folder


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_copy_holds_all_but_what_stages_make_and_what_is_left_out(project: Path, tmp_path: Path) -> None:
    before = {name: (project / name).read_bytes() for name in FILES}
    copy_project(project, tmp_path / "copy", 1000, {}, without=["tests"])
    assert files(tmp_path / "copy") == {*FILES} - {"dvc.lock", "data/raw/rows.parquet", "tests/test_bikes.py"}
    assert (tmp_path / "copy/data/source/rows.csv").read_text() == FILES["data/source/rows.csv"]
    assert before == {name: (project / name).read_bytes() for name in FILES}


@pytest.mark.parametrize(("rows", "sample"), [(1000, 1.0), (400, 1.0), (100, 0.25)])
def test_a_small_table_is_used_as_a_whole_and_a_large_one_in_part(
    project: Path, tmp_path: Path, rows: int, sample: float
) -> None:
    copy_project(project, tmp_path / "copy", rows, {})
    assert read_params(tmp_path / "copy")["sample"] == sample


def test_a_parquet_file_is_counted_by_its_rows(project: Path, tmp_path: Path) -> None:
    pd.DataFrame({"a": range(2000)}).to_parquet(project / "data/source/rows.parquet")
    text = FILES["data/source/rows.csv.dvc"].replace("rows.csv", "rows.parquet")
    (project / "data/source/rows.csv.dvc").write_text(text)
    copy_project(project, tmp_path / "copy", 500, {})
    assert read_params(tmp_path / "copy")["sample"] == 0.25


def test_of_a_table_that_no_file_holds_a_fixed_share_is_used(project: Path, tmp_path: Path) -> None:
    (project / "data/source/rows.csv.dvc").unlink()
    copy_project(project, tmp_path / "copy", 500, {})
    assert read_params(tmp_path / "copy")["sample"] == SHARE


def test_other_parameters_change_where_the_project_has_them(project: Path, tmp_path: Path) -> None:
    changes = {"models": {"boosting": {"max_iter": 10}, "forest": {"n_estimators": 10}}, "search": {"most": 1}}
    copy_project(project, tmp_path / "copy", 1000, changes)
    assert read_params(tmp_path / "copy") == {
        **{"as_of": "2013-09-01", "sample": 1.0},
        "models": {"boosting": {"max_iter": 10, "learning_rate": 0.06}},
    }
