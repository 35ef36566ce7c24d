"""What `recommit check --fix` writes and removes, in a small project of its own."""

import hashlib
import json
import re
import subprocess
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from recommit import Refusal
from recommit.check.declared import Declared
from recommit.check.deps import write_deps
from recommit.check.findings import check
from recommit.check.leftovers import remove_leftovers

DVC_YAML = """\
# A comment that stays.
stages:
  ingest:
    desc: Read the orders
    cmd: recommit run notebooks/ingest.ipynb
    deps:
      - notebooks/ingest.ipynb
      - src/shop/sources.py
      - locks/run.txt
    outs:
      - data/orders.parquet: {persist: true}
      - data/shops.parquet
      - reports/notebooks/ingest.ipynb

  train:
    desc: Fit one model
    matrix: {model: "${models}"}
    cmd: recommit run notebooks/train.ipynb
    params: [models]
    deps:
      - notebooks/train.ipynb
      - data/orders.parquet
      - models/champion
      - src/shop/features.py
      - src/shop/sources.py
      - locks/run.txt
    outs:
      - models/fits/${item.model}.onnx
      - reports/notebooks/train/${item.model}.ipynb
    metrics:
      - reports/metrics/train/${item.model}.json: {cache: false}

  judge:
    desc: Compare the fits   # and choose
    cmd: recommit run notebooks/judge.ipynb
    deps:
      - notebooks/judge.ipynb
      - data/orders.parquet
      - data/shops.parquet
      - models/fits
      - locks/run.txt
    outs:
      - reports/notebooks/judge.ipynb
    plots:
      - reports/figures/judge.png: {cache: false}
"""

NOTEBOOKS = {
    "ingest": ["from shop.sources import read", 'read(path("data/orders.parquet"))'],
    "train": [
        "from shop.features import build",
        "model: str = 'linear'",
        'build(path("data/orders.parquet"), path("models/champion/model.onnx"))',
        'path(f"models/fits/{model}.onnx").touch()',
    ],
    "judge": [
        'tables = [path(f"data/{name}.parquet") for name in ("orders", "shops")]',
        'fits = [path(f"models/fits/{chosen}.onnx") for chosen in models]',
    ],
}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "dvc.yaml").write_text(DVC_YAML)
    (tmp_path / "params.yaml").write_text("models: [linear, boosting]\n")
    for name, text in (("sources", ""), ("features", "from shop.sources import read\n")):
        (tmp_path / "src/shop").mkdir(parents=True, exist_ok=True)
        (tmp_path / f"src/shop/{name}.py").write_text(f"{text}def {name}(): ...\n")
    (tmp_path / "src/shop/__init__.py").touch()
    (tmp_path / "notebooks").mkdir()
    for name, sources in NOTEBOOKS.items():
        cells = [new_code_cell(source) for source in ["from recommit.notebook import path", *sources]]
        nbformat.write(new_notebook(cells=cells), tmp_path / f"notebooks/{name}.ipynb")
    (tmp_path / "models/champion").mkdir(parents=True)
    (tmp_path / "models/champion/model.onnx").write_bytes(b"champion")
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", "."], cwd=tmp_path, check=True)
    return tmp_path


def fix(folder: Path) -> list[str]:
    """The names of the stages whose deps were written, and the lines about what was removed."""
    return [*write_deps(Declared(folder)), *remove_leftovers(folder)]


def test_deps_that_are_right_stay_byte_for_byte(shop: Path) -> None:
    assert fix(shop) == []
    assert (shop / "dvc.yaml").read_text() == DVC_YAML


@pytest.mark.parametrize(
    ("taken", "instead"),
    [
        (r"    deps:\n(      - .*\n)+", ""),
        (r"    deps:\n(      - .*\n)+", "    deps: []\n"),
        (r"      - src/shop/features.py\n", ""),
        (r"      - src/shop/sources.py\n", "      - src/shop/gone.py\n"),
        (r"      - models/champion\n", ""),
        (r"      - data/orders.parquet\n(?=      - data/shops)", ""),
    ],
)
def test_deps_that_were_deleted_come_back_as_the_same_file(shop: Path, taken: str, instead: str) -> None:
    (shop / "dvc.yaml").write_text(re.sub(taken, instead, DVC_YAML))
    assert (shop / "dvc.yaml").read_text() != DVC_YAML
    fix(shop)
    assert (shop / "dvc.yaml").read_text() == DVC_YAML


def test_a_dep_that_no_code_names_stays_also_where_it_was_not_pulled_yet(shop: Path) -> None:
    more = DVC_YAML.replace("      - src/shop/features.py", "      - data/holidays.csv\n      - src/shop/features.py")
    (shop / "dvc.yaml").write_text(more)
    assert fix(shop) == []


def test_a_dep_on_a_stage_that_was_taken_away_goes_with_it(shop: Path) -> None:
    lock(shop, {"download": {"data/holidays.csv": b"day"}})
    more = DVC_YAML.replace("      - src/shop/features.py", "      - data/holidays.csv\n      - src/shop/features.py")
    (shop / "dvc.yaml").write_text(more)
    fix(shop)
    assert (shop / "dvc.yaml").read_text() == DVC_YAML


@pytest.mark.parametrize("tracked", [False, True])
def test_what_a_removed_stage_wrote_and_is_raw_data_now_is_not_deleted(shop: Path, tracked: bool) -> None:
    lock(shop, {"ingest": {"data/orders.parquet": b"orders"}, "train@linear": {"models/fits/linear.onnx": b"linear"}})
    without = re.sub(r"  ingest:\n(.+\n)+\n", "", DVC_YAML)
    (shop / "dvc.yaml").write_text(without)
    if tracked:
        (shop / "data/orders.parquet.dvc").touch()
    said = fix(shop)
    assert "data/orders.parquet: kept, since it is raw data now: `dvc add` it, or commit it" in said
    assert (shop / "data/orders.parquet").read_bytes() == b"orders"
    assert (shop / "dvc.yaml").read_text().count("      - data/orders.parquet\n") == 2


@pytest.mark.parametrize("name", ["data/a: b.csv", "data/day #1.csv", "data/it's.csv"])
def test_a_dep_that_yaml_would_read_as_something_else_is_quoted(shop: Path, name: str) -> None:
    quoted = f"      - {json.dumps(name)}\n      - src/shop/features.py\n"
    (shop / "dvc.yaml").write_text(DVC_YAML.replace("      - src/shop/features.py\n", quoted))
    (shop / "src/shop/more.py").write_text("MORE = 1\n")
    (shop / "src/shop/features.py").write_text("from shop.more import MORE\nfrom shop.sources import read\n")
    assert "train" in fix(shop)
    [deps] = {stage.deps for stage in Declared(shop).stages if stage.family == "train"}
    assert {name, "src/shop"} <= {*deps}


@pytest.mark.parametrize(("beside", "expected"), [("", "src/shop"), ("documents/card.yaml", "src/shop/more.py")])
def test_a_problem_that_is_used_whole_is_one_folder_unless_more_than_modules_lie_in_it(
    shop: Path, beside: str, expected: str
) -> None:
    (shop / "src/shop/more.py").write_text("MORE = 1\n")
    (shop / "src/shop/features.py").write_text("from shop.more import MORE\nfrom shop.sources import read\n")
    if beside:
        (shop / "src/shop" / beside).parent.mkdir()
        (shop / "src/shop" / beside).write_text("words: none\n")
    fix(shop)
    [deps] = {stage.deps for stage in Declared(shop).stages if stage.family == "train"}
    assert expected in deps


def test_a_module_that_is_not_python_is_refused_and_nothing_is_written(shop: Path) -> None:
    (shop / "src/shop/features.py").write_text("def (")
    broken = DVC_YAML.replace("      - models/champion\n", "")
    (shop / "dvc.yaml").write_text(broken)
    with pytest.raises(Refusal, match=r"features\.py: line 1 is not Python"):
        fix(shop)
    assert (shop / "dvc.yaml").read_text() == broken


def lock(folder: Path, made: dict[str, dict[str, bytes]]) -> None:
    """Write the outs of each stage to disk, and record them as DVC does."""
    lines = ["schema: '2.0'", "stages:"]
    for stage, outs in made.items():
        lines += [f"  {stage}:", f"    cmd: recommit run notebooks/{stage}.ipynb", "    outs:"]
        for path, content in outs.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
            md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
            lines += [f"    - path: {path}", "      hash: md5", f"      md5: {md5}", f"      size: {len(content)}"]
    (folder / "dvc.lock").write_text("\n".join(lines) + "\n")


def test_a_dvc_lock_with_the_marks_of_a_merge_is_refused_and_not_taken_for_a_sound_one(shop: Path) -> None:
    lock(shop, {"train@linear": {"models/fits/linear.onnx": b"linear"}})
    with (shop / "dvc.lock").open("a") as file:
        file.write("<<<<<<< HEAD\n")
    with pytest.raises(Refusal, match=r"dvc\.lock"):
        fix(shop)


def test_what_a_fit_that_was_taken_away_left_is_removed_and_an_edited_file_stays(shop: Path) -> None:
    made = {
        "train@linear": {"models/fits/linear.onnx": b"linear"},
        "train@boosting": {"models/fits/boosting.onnx": b"boosting", "reports/metrics/train/boosting.json": b"{}"},
    }
    lock(shop, {"train@linear": made["train@linear"]})
    kept = (shop / "dvc.lock").read_text()
    lock(shop, made)
    (shop / "models/fits/.gitignore").write_text("/linear.onnx\n/boosting.onnx\n")
    (shop / "reports/metrics/train/boosting.json").write_bytes(b"edited")
    (shop / "params.yaml").write_text("models: [linear]\n")
    told = "dvc.lock: dvc.yaml has no stage train@boosting any more: `recommit check --fix` removes what it left"
    assert told in map(str, check(Declared(shop)))
    said = [line for line in fix(shop) if "boosting" in line]
    assert told not in map(str, check(Declared(shop)))
    assert [line.split(":")[0] for line in said] == [
        "models/fits/boosting.onnx", "reports/metrics/train/boosting.json", "dvc.lock"
    ]  # fmt: skip
    assert (shop / "dvc.lock").read_text() == kept
    assert sorted(path.name for path in (shop / "models/fits").iterdir()) == [".gitignore", "linear.onnx"]
    assert (shop / "models/fits/.gitignore").read_text() == "/linear.onnx\n"
    assert (shop / "reports/metrics/train/boosting.json").read_bytes() == b"edited"
