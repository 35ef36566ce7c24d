"""The first report says how well each fit does, what gives the target away, how rows were split, and what is next."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from recommit.columns import Column, Table
from recommit.evidence.files import FOLDER, write
from recommit.evidence.stages import Feature, Features, Leak, Leakage
from recommit.learning import selection
from recommit.learning.crossval import fit_folds
from recommit.learning.splits import known_until, needed
from recommit.quick import first_report as module
from tests.recommit.learning.test_small_tables import FEATURES, LINEAR, SPLITS, TASKS, model_of, splits_of, table

PROVED = Leak.of("target_in_columns", "load", "AUC 1 alone")


def looked(folder: Path, kind: str, split: str, leaks: tuple[Leak, ...] = (), sample: float = 1.0) -> str:
    """The first report on what a look at a small table found; paid and owed add up to the target."""
    task, splits, data = TASKS[kind], splits_of(split), table(kind)
    train = splits.test(data).train
    for name in ("data/features", "data/raw", "data/folds", FOLDER):
        (folder / name).mkdir(parents=True)
    train.to_parquet(folder / "data/features/train.parquet")
    some = train[needed(splits, "target", *FEATURES)]
    fits = {"model": ["baseline", LINEAR[kind]], "features": ["full"]}
    for name in fits["model"]:
        build = model_of(kind, name)
        _, predicted = fit_folds(
            task, lambda build=build: build(FEATURES), some, splits.folds(some), FEATURES, "target", splits.columns
        )
        predicted.to_parquet(folder / f"data/folds/{name}-full.parquet")
    names = [f"{name}-full" for name in fits["model"]]
    rows, answers = selection.predictions_of(task, folder / "data/folds", names)
    ranked = selection.choose(task, rows["target"], splits.blocks(rows), answers, 1)
    chosen = selection.as_evidence(task, ranked, rows, {}, known_until(rows, splits))
    write(folder / FOLDER / "selection.json", chosen)
    write(folder / FOLDER / "leakage.json", Leakage((), leaks, (), ()))
    about = [Feature(name, "", "rows", "", known, "", "", "number") for name, known in ASKED.items()]
    write(folder / FOLDER / "features.json", Features(tuple(about), "Is it so?"))
    as_number = pd.factorize(data["target"], sort=True)[0] if kind != "number" else data["target"]
    paid = np.random.default_rng(2).normal(scale=10, size=len(data))
    data.assign(paid=paid, owed=as_number - paid).to_parquet(folder / "data/raw/rows.parquet")
    params = {"seed": 1, "sample": sample, "split": SPLITS[split], "fits": fits, "as_of": None}
    with (folder / "params.yaml").open("w") as file:
        YAML(typ="safe").dump(params | ({"as_of": "2013-10-01"} if splits.ordered else {}), file)
    return module.first_report(folder)


ASKED = {"load": "unasked", "wind": "with the row"}
COLUMNS = tuple(Column(name, "number", "always") for name in ("load", "wind", "noise", "paid", "owed"))


@pytest.fixture(autouse=True)
def problem(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    kind, split = request.node.callspec.params["kind"], request.node.callspec.params["split"]
    timed = splits_of(split).ordered
    found = SimpleNamespace(
        **{"question": "Will they stay?", "task": TASKS[kind], "key": "row", "target": "target", "group": "customer"},
        **{"instant": "asked" if timed else None, "known": "answered" if timed else None},
        rows=Table("rows", (("row",),), (Column("row", "text", "always"), *COLUMNS)),
        catalogue=SimpleNamespace(all=FEATURES),
        build=looked,
    )
    monkeypatch.setattr(module, "load_problem", lambda folder: found)


CASES = [("month", "number"), ("month", "binary"), ("hash", "classes"), ("group", "binary")]


@pytest.mark.parametrize(("split", "kind"), CASES)
def test_each_fit_stands_beside_the_baseline_with_intervals(tmp_path: Path, split: str, kind: str) -> None:
    said = looked(tmp_path, kind, split).splitlines()
    assert said[1] == "Will they stay?"
    [linear] = [line for line in said if line.startswith(f"{LINEAR[kind]}-full")]
    assert linear.count("[") == 3
    [baseline] = [line for line in said if line.startswith("baseline-full")]
    assert baseline.endswith("0.000 [0.000, 0.000]")
    assert "The simplest within a standard error of the best: " in "\n".join(said)


@pytest.mark.parametrize(("split", "kind"), [case for case in CASES if case[1] != "classes"])
def test_columns_that_add_up_to_the_target_are_named_though_no_feature_has_them(
    tmp_path: Path, split: str, kind: str
) -> None:
    said = looked(tmp_path, kind, split).splitlines()
    assert "Columns that give target away: 2" in said
    assert {line for line in said if "tells target" in line} in (
        {f"  {name}: {pair} tells target; in no feature" for name in ("paid", "owed")}
        for pair in ("paid + owed", "owed + paid")
    )


@pytest.mark.parametrize(("split", "kind"), CASES)
def test_the_order_of_time_is_told_where_there_is_one(tmp_path: Path, split: str, kind: str) -> None:
    said = looked(tmp_path, kind, split)
    ordered = "The order of time, by asked, is kept: fits on what was known before predicted 2013-06, 2013-07, 2013-08."
    hashed = {"hash": "a hash of its key puts each row", "group": "a hash of its customer puts each row"}
    assert hashed.get(split, ordered) in said


@pytest.mark.parametrize(("split", "kind"), [("month", "number")])
def test_what_is_next_is_what_was_found(tmp_path: Path, split: str, kind: str) -> None:
    said = looked(tmp_path / "sound", kind, split)
    assert "whether these are known when the prediction is asked for: load\n" in said
    assert "Leaks among features, rows and fitted steps: none found" in said
    assert "see to what is proved" not in said
    spoilt = looked(tmp_path / "spoilt", kind, split, (PROVED, PROVED), sample=0.25)
    assert "proof, the first of 2: target_in_columns: load: AUC 1 alone" in spoilt
    assert "see to what is proved above" in spoilt
    assert "no fit had seen, of a sample of 25.0%" in spoilt
