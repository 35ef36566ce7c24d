"""Two candidates are compared on the same rows, by row; what cannot be compared is said in one line."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recommit import Refusal
from recommit.compare.page import page
from recommit.compare.paired import Pair, paired
from recommit.compare.side import Side, named
from recommit.compare.text import lines, table, verdict
from recommit.learning.intervals import blocks
from recommit.learning.splits import splitter
from tests.recommit.compare.world import PARAMS, SPLITS, TASKS, World, begun, folds, problem_of


def worse(answer: np.ndarray, by: float) -> np.ndarray:
    """Answers that are nearer to saying nothing."""
    return (1 - by) * answer + by * (0.0 if answer.ndim == 1 and answer.min() < 0 else answer.mean(axis=0))


def pair_of(world: World, first: str, second: str) -> tuple[Pair, Side, Side]:
    one, other = named(world.folder, first), named(world.folder, second)
    return paired(world.folder, world.problem, one, other), one, other


def compared(world: World, first: str = "main", second: str = "workspace") -> list[str]:
    return list(lines(world.folder, *pair_of(world, first, second)))


def setting(**params: object) -> dict[str, object]:
    return {"models": {"boosting": {"max_iter": 100} | params}}


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A commit with results, nothing changed since."""
    made = begun(tmp_path)
    made.results(*folds("binary", "time"))
    made.write("src/shop/features.py", b"first = 1\n")
    made.commit()
    return made


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("kind", TASKS)
def test_the_paired_difference_is_that_of_the_rows_losses(kind: str, split: str, tmp_path: Path) -> None:
    world = begun(tmp_path, kind, split)
    rows, answer = folds(kind, split)
    world.results(rows, worse(answer, 0.3))
    world.commit()
    world.results(rows, answer, **setting(max_iter=200))
    world.experiment("longer")
    pair, one, other = pair_of(world, "main", "longer")
    task, splits = TASKS[kind], splitter(problem_of(kind, split), SPLITS[split], PARAMS["as_of"])
    rows = rows.sort_values("fold", kind="stable", ignore_index=False)
    answer = answer[rows.index]
    lost = task.losses(rows["target"], worse(folds(kind, split)[1], 0.3)[rows.index])
    direct = blocks(splits.blocks(rows), 1).ratio(lost - task.losses(rows["target"], answer)).interval()
    assert (pair.saved.value, pair.saved.low, pair.saved.high) == pytest.approx((direct.value, direct.low, direct.high))
    assert pair.gains[task.loss].interval().low == pytest.approx(direct.low)
    said = list(lines(world.folder, pair, one, other))
    assert len(said) <= 14
    assert max(map(len, said)) <= 120
    assert said[-1].startswith("longer is surely better than main; ")
    if split == "time":
        written = page(pair, one, other, said)
        assert written.count("<img alt=") == 3
        assert not re.search(r"(src|href)=\"(?!data:|#)", written)


def test_a_sure_difference_is_found_where_the_two_intervals_overlap(world: World) -> None:
    rows, answer = folds("binary", "time")
    world.results(rows, worse(answer, 0.2))
    pair, *_ = pair_of(world, "main", "workspace")
    first, second = (side["log_loss"].interval() for side in pair.judged)
    assert first.low < second.value < first.high
    assert second.low < first.value < second.high
    assert pair.saved.high < 0
    assert compared(world)[-1].startswith("workspace is surely worse than main; log loss saved on the same rows: -")


def test_a_difference_that_may_be_luck_is_not_called_one(world: World) -> None:
    rows, answer = folds("binary", "time")
    world.results(rows, np.clip(answer + np.random.default_rng(3).normal(scale=0.002, size=len(answer)), 0.01, 0.99))
    assert compared(world)[-1].startswith("Not distinguishable with these rows; ")


def test_few_rows_decide_nothing_however_large_the_difference(tmp_path: Path) -> None:
    world = begun(tmp_path)
    rows, answer = (part[:150] for part in folds("binary", "time"))
    world.results(rows, answer)
    world.commit()
    world.results(rows, worse(answer, 0.9))
    assert "150 rows in 7 blocks are too few for a decision" in compared(world)[-1]


def test_what_differs_is_listed_and_what_no_stage_reads_is_counted(world: World) -> None:
    rows, answer = folds("binary", "time")
    world.results(rows, worse(answer, 0.1), **setting(max_iter=200, depth=3), horizon=None)
    for name in ("src/shop/features.py", "src/shop/new.py", "docs/plan.md"):
        world.write(name, b"second = 2\n")
    said = "\n".join(compared(world))
    assert "parameters  models.boosting.max_iter: 100 -> 200, models.boosting.depth: none -> 3" in said
    assert "code, data  src/shop/features.py, src/shop/new.py; and 1 that no stage reads" in said
    assert "model file  2 KiB -> 2 KiB" in said


def test_the_same_predictions_are_said_to_be_the_same(world: World) -> None:
    world.write("src/shop/features.py", b"second = 2\n")
    assert compared(world)[-1].startswith(
        "Both candidates predict the same: what differs is not in them, or was not run: "
    )


def test_parameters_that_no_stage_ran_with_are_told(world: World) -> None:
    text = (world.folder / "params.yaml").read_text()
    world.write("params.yaml", text.replace("max_iter: 100", "max_iter: 300").encode())
    assert "workspace: params.yaml is not what train@boosting-full ran with: `dvc repro select`" in compared(world)
    told = list(table(world.folder, world.problem))
    assert told[-3] == "workspace: params.yaml is not what train@boosting-full ran with: `dvc repro select`"


def test_nothing_in_the_project_is_written(world: World) -> None:
    before = {path: path.stat().st_mtime_ns for path in world.folder.rglob("*") if ".git" not in path.parts}
    compared(world)
    list(table(world.folder, world.problem))
    assert {path: path.stat().st_mtime_ns for path in world.folder.rglob("*") if ".git" not in path.parts} == before


def test_folds_whose_rows_both_predicted_are_compared_and_the_others_named(world: World) -> None:
    rows, answer = folds("binary", "time")
    later = (rows["fold"] != "2013-04").to_numpy()
    world.results(rows[later].reset_index(drop=True), worse(answer[later], 0.2), as_of="2013-08-01")
    said = "\n".join(compared(world))
    assert f"rows        {later.sum():,} in " in said
    assert "of 2013-05, 2013-06, before calibration; not the same rows in both: 2013-04" in said


def test_other_rows_are_refused(world: World) -> None:
    world.results(*folds("binary", "time", seed=2))
    with pytest.raises(Refusal, match="main and workspace have no fold of the same rows: other data, or another clock"):
        compared(world)


def test_another_target_is_refused(world: World) -> None:
    rows, answer = folds("binary", "time")
    world.results(rows.rename(columns={"target": "target_of_old"}), answer)
    with pytest.raises(Refusal, match=r"workspace answers another question: its predictions have .*, and no target"):
        compared(world)


def test_another_split_is_refused(world: World) -> None:
    rows, answer = folds("binary", "hash")
    world.results(rows.assign(asked=folds("binary", "time")[0]["asked"]), answer)
    with pytest.raises(Refusal, match="are split by other columns: target, asked, known, fold, and target, key, fold"):
        compared(world)


def test_a_split_that_this_project_does_not_know_is_refused(world: World) -> None:
    first, second = named(world.folder, "main"), named(world.folder, "workspace")
    odd = replace(first, params={**first.params, "split": {"by": "moon"}})
    with pytest.raises(Refusal, match=r"main is split as this project's rows cannot be: .* by is 'moon'"):
        paired(world.folder, world.problem, odd, second)


def test_predictions_that_are_not_in_the_cache_are_refused_with_what_brings_them(world: World) -> None:
    rows, answer = folds("binary", "time")
    world.results(rows, worse(answer, 0.1), **setting(max_iter=200))
    world.experiment("longer")
    shutil.rmtree(world.folder / ".dvc/cache")
    lacks = "DVC's cache lacks data/folds/boosting-full.parquet, "
    with pytest.raises(
        Refusal, match=f"main: {lacks}.*`dvc fetch --all-commits data/folds/boosting-full.parquet` gets"
    ):
        compared(world, "main", "longer")
    told = list(table(world.folder, world.problem))
    assert any(line.startswith("longer") and line.endswith("not known") for line in told)
    assert any(lacks in line for line in told)


def test_a_name_that_is_nothing_is_refused(world: World) -> None:
    with pytest.raises(Refusal, match="nowhere is no experiment, branch, tag or commit: `dvc exp list --all` and"):
        named(world.folder, "nowhere")


def test_a_commit_without_results_is_refused(world: World) -> None:
    (world.folder / "reports/evidence/selection.json").unlink()
    world.commit("nothing ran")
    with pytest.raises(Refusal, match=r"main has no reports/evidence/selection.json: .* `dvc repro select`"):
        named(world.folder, "main")


def test_of_experiments_of_one_name_that_of_the_commit_is_meant(world: World) -> None:
    rows, answer = folds("binary", "time")
    world.results(rows, worse(answer, 0.1), **setting(max_iter=200))
    world.experiment("longer")
    before = named(world.folder, "longer").commit
    world.commit("another")
    assert named(world.folder, "longer").commit == before
    world.results(rows, worse(answer, 0.2), **setting(max_iter=300))
    world.experiment("longer")
    assert named(world.folder, "longer").params["models"]["boosting"]["max_iter"] == 300
    world.commit("a third")
    with pytest.raises(Refusal, match="2 experiments are called longer"):
        named(world.folder, "longer")


def test_the_table_fits_120_characters_whatever_the_names_are_and_marks_the_best(world: World) -> None:
    rows, answer = folds("binary", "time")
    world.results(rows, worse(answer, 0.1))
    world.commit()
    long = {f"a_parameter_with_a_long_name_{place}": place for place in range(4)}
    world.results(rows, worse(answer, 0.2), **setting(**long))
    world.experiment("a-name-that-is-longer-than-most-people-would-ever-want-to-write-or-to-read")
    world.results(rows, answer, **setting(max_iter=300))
    world.experiment("better")
    told = list(table(world.folder, world.problem))
    assert max(map(len, told)) <= 120, told
    assert [line.split()[0] for line in told if " * " in line] == ["better"]
    assert "models.boosting.max_iter=3" in next(line for line in told if line.startswith("better"))
    assert next(line for line in told if line.startswith("workspace")).endswith("the same predictions")


def test_the_table_says_of_a_row_what_else_changed_and_where_rows_are_too_few(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, answer = folds("binary", "time")
    assert "No experiment was begun from this commit" in "\n".join(table(world.folder, world.problem))
    monkeypatch.setattr("recommit.compare.paired.LEAST_ROWS", 10_000)
    world.write("src/shop/features.py", b"second = 2\n")
    world.results(rows, worse(answer, 0.2))
    world.experiment("code")
    world.results(rows, worse(answer, 0.1), **setting(max_iter=300))
    told = list(table(world.folder, world.problem))
    assert re.search(r"^code +code or data +boosting-full .*, too few rows$", "\n".join(told), re.MULTILINE)
    assert re.search(r"^workspace +models.boosting.max_iter=300 .*, too few rows$", "\n".join(told), re.MULTILINE)
    assert "No experiment" not in "\n".join(told)


def test_the_verdict_names_the_unit(world: World) -> None:
    rows, answer = folds("binary", "time")
    world.results(rows, worse(answer, 0.2))
    pair, *_ = pair_of(world, "main", "workspace")
    assert verdict(pair, "main", "workspace").endswith("] nats.")
