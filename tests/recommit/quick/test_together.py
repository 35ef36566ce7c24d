"""Stages run in their order, what does not wait runs at once, and a failure ends all."""

import pytest

from recommit import Refusal
from recommit.project.pipeline import Stage
from recommit.quick.together import needed_for, run_stages
from tests.recommit.notebook.conftest import WORK, TinyProject, tiny  # noqa: F401

EVERY = [
    Stage("ingest", "", outs=("data/raw/rows.parquet",)),
    Stage("explore", "", deps=("data/raw/rows.parquet",)),
    Stage("features", "", deps=("data/raw/rows.parquet",), outs=("data/features/train.parquet",)),
    Stage("leakage", "", deps=("data/features/train.parquet",)),
    *(Stage(f"train@{fit}", "", deps=("data/features",), outs=(f"models/fits/{fit}.onnx",)) for fit in "ab"),
    Stage("select", "", deps=("models/fits",), outs=("models/candidate/model.onnx",)),
    Stage("evaluate", "", deps=("models/candidate",)),
]


def test_what_the_targets_need_is_run_and_no_stage_that_judges() -> None:
    assert needed_for(["select", "leakage"], EVERY) == {
        "ingest": set(),
        "features": {"ingest"},
        **{stage: {"features"} for stage in ("leakage", "train@a", "train@b")},
        "select": {"train@a", "train@b"},
    }


def test_items_of_a_stage_are_run_as_recommit_run_runs_them(tiny: TinyProject) -> None:  # noqa: F811
    said: list[str] = []
    run_stages(tiny.folder, ["fit"], said.append)
    made = {name: tiny.read(f"reports/{name}.ipynb") for name in ("tree", "line")}
    assert sorted(line.partition(":")[0] for line in said) == ["fit@line", "fit@tree"]
    for name, content in made.items():
        assert tiny.run(f"fit@{name}").returncode == 0
        assert tiny.read(f"reports/{name}.ipynb") == content


def test_a_stage_that_fails_says_why_and_leaves_nothing_half_made(tiny: TinyProject) -> None:  # noqa: F811
    tiny.notebook(WORK, "1 / 0")
    with pytest.raises(Refusal, match=r"stage fit@\w+ failed in notebooks/fit\.ipynb, cell 4 of 4: ZeroDivisionError"):
        run_stages(tiny.folder, ["fit"], lambda line: None)
    assert not list(tiny.folder.glob("reports/*.ipynb"))
