"""300 rows pass through every function that a stage calls, by each split; what cannot be measured is said to be so."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from recommit.directions import Change, Direction
from recommit.evidence.files import plain
from recommit.learning import figures_behaviour, importance, judging, quality, robustness, selection, slices, tries
from recommit.learning.crossval import fit_folds
from recommit.learning.explain import explain, highest
from recommit.learning.intervals import blocks
from recommit.learning.leakage import figures as leakage_figures
from recommit.learning.leakage.bounds import Bounds
from recommit.learning.leakage.columns import alone_of, leaks_in_columns, leaks_of, questions, strongest_of
from recommit.learning.leakage.fitted import fitted_beyond
from recommit.learning.leakage.order import sequences, spans_of, time_order
from recommit.learning.leakage.shared import disjoint, look_alikes, shared_groups, shared_rows
from recommit.learning.models import build
from recommit.learning.periods import Monitored
from recommit.learning.search import advice, as_advice, search
from recommit.learning.splits import Splitter, known_until, needed, sample, splitter
from recommit.learning.staleness import as_table, decay, windows
from recommit.task import Binary, Classes, Number

ROWS = 300
FEATURES = ["load", "wind", "noise", "place"]
CATEGORIES = {"place": ["A", "B", "C"]}
TASKS = {
    "binary": Binary(("stayed", "left")),
    "number": Number("EUR"),
    "classes": Classes(("stays", "wavers", "leaves")),
}
LINEAR = {"binary": "logistic", "number": "linear", "classes": "logistic"}
SPLITS: dict[str, dict[str, Any]] = {
    "month": {"by": "month", "folds": 3},
    "quarter": {"by": "quarter", "folds": 1},
    "50 rows": {"by": 50, "folds": 3},
    "hash": {"by": "hash", "folds": 3},
    "group": {"by": "group", "folds": 3},
}
BOUNDS = Bounds()


def table(kind: str, said: float = 1.0, seed: int = 1) -> pd.DataFrame:
    """Nine months of 300 rows, whose target leans on two columns by `said`."""
    draws = np.random.default_rng(seed)
    asked = pd.Timestamp("2013-01-01", tz="UTC") + pd.to_timedelta(np.sort(draws.integers(0, 272 * 24, ROWS)), unit="h")
    rows = pd.DataFrame({"row": [f"id{place}" for place in range(ROWS)], "asked": asked})
    rows["answered"] = rows["asked"] + pd.Timedelta(hours=5)
    rows["customer"] = draws.integers(0, 80, ROWS)
    rows[["load", "wind", "noise"]] = draws.normal(size=(ROWS, 3)).astype("float32")
    rows["place"] = pd.Series(draws.choice(["A", "B", "C"], ROWS), dtype="str")
    known = said * (rows["load"] + 0.5 * rows["wind"]).to_numpy("float64")
    if kind == "number":
        return rows.assign(target=known + draws.normal(size=ROWS))
    if kind == "classes":
        place = np.digitize(known + draws.normal(size=ROWS), [-0.6, 0.6])
        return rows.assign(target=pd.Series(np.array(TASKS[kind].classes)[place], dtype="str"))
    return rows.assign(target=draws.uniform(size=ROWS) < 1 / (1 + np.exp(0.5 - 1.5 * known)))


def splits_of(split: str) -> Splitter:
    timed = split not in ("hash", "group")
    names = {"instant": "asked", "known": "answered"} if timed else {"instant": None, "known": None}
    about = SimpleNamespace(key="row", target="target", group="customer", **names)
    return splitter(about, SPLITS[split], "2013-10-01" if timed else None)


def model_of(kind: str, name: str | None = None) -> Any:
    return lambda columns: build(name or LINEAR[kind], {}, columns, CATEGORIES, 1, kind)


CASES = [(split, kind) for split in SPLITS for kind in TASKS]


@pytest.mark.parametrize(("split", "kind"), CASES)
def test_300_rows_are_fitted_chosen_and_judged(split: str, kind: str, tmp_path: Path) -> None:
    task, splits, data = TASKS[kind], splits_of(split), table(kind)
    last = splits.test(data)
    train = last.train[needed(splits, "target", *FEATURES)]
    folds = splits.folds(train)
    for name in ("baseline", "boosting", LINEAR[kind]):
        fitted, predicted = fit_folds(
            task, lambda name=name: model_of(kind, name)(FEATURES), train, folds, FEATURES, "target", splits.columns
        )
        predicted.to_parquet(tmp_path / f"{name}.parquet")
    rows, answers = selection.predictions_of(task, tmp_path, [file.stem for file in sorted(tmp_path.iterdir())])
    labels, truth = splits.blocks(rows), rows["target"]
    ranked = selection.choose(task, truth, labels, answers, 1)
    chosen = next(one.fit for one in ranked if one.chosen)
    newest = rows["fold"] == rows["fold"].max()
    others = ~newest if len(folds) > 1 else newest
    calibration = task.calibrate(truth[others], answers[chosen][others])
    calibrated = calibration(answers[chosen])
    sets = task.conform(truth[newest], calibrated[newest], 0.9)
    by_period = {
        name: judging.intervals(task.judge(part["target"], calibrated[part.index], blocks(labels[part.index], 1)))
        for name, part in rows.groupby("fold")
    }
    evidence = selection.as_evidence(task, ranked, rows, by_period, known_until(rows, splits))
    assert len(plain(evidence)["periods"]) == len(folds)
    assert (evidence.used_until is None) == (not splits.ordered)
    labels, truth = splits.blocks(last.test), last.test["target"]
    drawn, answer = blocks(labels, 1), calibration(task.answer(fitted, last.test[FEATURES]))
    baseline = np.repeat(task.constant(train["target"]), len(truth), axis=0)
    judged = {"candidate": task.judge(truth, answer, drawn), "baseline": task.judge(truth, baseline, drawn)}
    assert judging.as_table({"gain": judging.differences(judged["candidate"], judged["baseline"])}).shape[0] == 1
    scored = slices.Scored(truth, answer, baseline, sets.covered(truth, answer))
    assert slices.search(task, last.test[["place"]], scored, drawn) == [], "no part has 200 rows"
    assert slices.search(task, last.test[[]], scored, drawn) == []
    assert sum(one.rows for one in tries.by_block(labels, {"candidate": task.losses(truth, answer)})) == len(truth)


@pytest.mark.parametrize(("split", "kind"), CASES)
def test_what_features_are_worth_and_odd_input_do_is_measured_on_300_rows(split: str, kind: str) -> None:
    task, splits, data = TASKS[kind], splits_of(split), table(kind)
    [fold] = splits.folds(splits.test(data).train, 1)
    drawn, make = blocks(splits.blocks(fold.test), 1), model_of(kind)
    fitted = task.fit(make(FEATURES), fold.train[FEATURES], fold.train["target"])

    def predict(rows: pd.DataFrame) -> np.ndarray:
        return task.answer(fitted, rows[FEATURES])

    groups = {name: [name] for name in FEATURES} | {"all": FEATURES}
    rows, truth = fold.test[FEATURES], fold.test["target"]
    shuffled = importance.permuted(task, predict, rows, truth, groups, 1)
    without = importance.left_out(task, make, fold, FEATURES, "target", groups.values(), 1, share=0.1, fits=3)
    worth = importance.worth(groups, shuffled, without, drawn, 1)
    assert {one.need for one in worth} <= {"needed", "replaceable", "not measurable", "harmful"}
    usual = sample(fold.train[FEATURES], 500, 1)
    explained = explain(task, predict, rows.iloc[[highest(task, predict(rows))]], usual, FEATURES, 1)
    assert len(explained.table()) == len(FEATURES)
    up = Direction("more load", (Change("load", "plus", 1.0),), "fall", "load delays", 0.01)
    stated = [up] if len(task.parts) == 1 else []
    moved, *_ = robustness.check_directions(task, predict, rows, stated, drawn)
    blanked = robustness.missing(task, predict, rows, truth, groups, drawn)
    figures_behaviour.directions(task, moved, "target")
    figures_behaviour.missing(task, blanked)
    assert robustness.stress(task, predict, rows, groups)[0] > 0


@pytest.mark.parametrize(("split", "kind"), CASES)
def test_leaks_are_looked_for_in_300_rows_and_honest_ones_have_none(split: str, kind: str) -> None:
    task, splits, data = TASKS[kind], splits_of(split), table(kind, said=0.5)
    last = splits.test(data)
    train, folds = last.train, splits.folds(last.train)
    asked = questions(task, train, splits, "target", 200, 1)
    assert leaks_of(asked, splits, FEATURES, "target", BOUNDS, 1) == []
    areas = strongest_of(asked, FEATURES, "target", 1)
    assert {name for name, _ in areas} == set(FEATURES)
    leakage_figures.strongest(areas, BOUNDS.auc)
    assert alone_of(asked, FEATURES, "target", 1) == [], "too few rows to learn from"
    parts, steps = disjoint(folds, last.test), sequences(folds, train, last.test)
    assert sum(map(len, parts.values())) == len(pd.concat(parts.values())["row"].unique())
    assert shared_rows(parts, "row", FEATURES, 0.001) == []
    assert shared_groups(parts, ["customer"] if split == "group" else []) == []
    assert bool(steps) == splits.ordered
    assert [leak for one in steps for leak in time_order(one, "asked", "answered")] == []
    assert len(spans_of(parts, splits.instant, splits.known)) == len(parts)
    assert look_alikes(parts, FEATURES) == 0
    fitted, _ = fit_folds(task, lambda: model_of(kind)(FEATURES), train, folds, FEATURES, "target", splits.columns)
    assert fitted_beyond(fitted, train[FEATURES], train["target"]) == []


@pytest.mark.parametrize("split", SPLITS)
def test_a_column_that_is_the_outcome_is_asked_about_in_300_rows(split: str) -> None:
    splits, data = splits_of(split), table("binary")
    train = splits.test(data).train
    told = train.assign(leak=train["target"].astype("float64") + 1)
    found = leaks_in_columns(told, splits, [*FEATURES, "leak"], "target", BOUNDS, 1)
    assert [leak.where for leak in found] == ["leak"]


@pytest.mark.parametrize("split", ["hash", "month"])
def test_a_column_that_is_the_class_is_proof_and_one_that_tells_a_single_class_a_question(split: str) -> None:
    task, splits = TASKS["classes"], splits_of(split)
    data = pd.concat([table("classes", seed=seed).assign(row=lambda t, s=seed: t["row"] + f"/{s}") for seed in (1, 2)])
    data = data.sort_values("asked", ignore_index=True)
    train = splits.test(data).train
    place = task.tracked(train["target"]).astype("float64")
    told = train.assign(leak=place, strong=(train["target"] == "leaves").astype("float64"))
    for column, certainty in (("leak", "proof"), ("strong", "question")):
        asked = questions(task, told, splits, "target", 600, 1)
        found = leaks_of(asked, splits, ["noise", "place", column], "target", BOUNDS, 1)
        assert {leak.certainty for leak in found if leak.where == column} == {certainty}, found
        assert not [leak for leak in found if leak.certainty == "proof" and leak.where != column]


@pytest.mark.parametrize(("split", "kind"), [case for case in CASES if case[0] not in ("hash", "group")])
def test_300_rows_age_and_say_when_no_window_is_long_enough(split: str, kind: str) -> None:
    task, splits, data = TASKS[kind], splits_of(split), table(kind)
    train = splits.test(data).train
    [fold] = splits.folds(train, 1)
    older = windows(train, splits, fold.starts, 1, [0, 1, 2, 3])
    curve = decay(task, lambda: model_of(kind)(FEATURES), older, fold, FEATURES, "target", 1)
    assert [aged.periods_old for aged in curve] == list(range(len(curve)))
    assert curve or split == "quarter"
    assert len(as_table(curve)) == len(curve)
    figures_behaviour.decay(task, curve, fold.name)
    none = windows(train, splits, fold.starts, 12, [0])
    assert decay(task, lambda: model_of(kind)(FEATURES), none, fold, FEATURES, "target", 1) == []
    ax = figures_behaviour.decay(task, [], fold.name)
    assert [text.get_text() for text in ax.texts] == ["not measurable: no window is long enough"]


@pytest.mark.parametrize("split", ["month", "quarter", "50 rows"])
@pytest.mark.parametrize("kind", TASKS)
def test_the_quality_of_300_rows_is_measured(split: str, kind: str) -> None:
    task, splits, data = TASKS[kind], splits_of(split), table(kind)
    told = task.counted(data["target"])
    what = Monitored("asked", ("row",), ("load", "wind"), ("place",), label="target", predictors=("load",))
    smallest = quality.Smallest(share=0.05, shift=0.2, rows=0.3, hours=12)
    data = data.assign(target=task.tracked(data["target"]))
    report = quality.report(data, what, "rows", splits.calendar, splits.now, smallest, 1)
    shares = quality.mean_by_period(told, data["asked"], splits.calendar, 1)
    judged = splits.calendar.name(splits.calendar.before(splits.now))
    found = quality.evidence({"rows": report}, judged, splits.now, 0.95, shares, quality.without_time({}))
    assert judged == ("2013-Q3" if split == "quarter" else "2013-09")
    assert found.flags == ()
    assert bool(found.checked) != bool(found.unjudged)


@pytest.mark.parametrize("kind", TASKS)
def test_settings_are_tried_on_300_rows(kind: str) -> None:
    task, splits = TASKS[kind], splits_of("hash")
    folds = splits.folds(splits.test(table(kind)).train)
    found = search(task, lambda one: model_of(kind)(FEATURES), [{}, {"a": 1}], folds, FEATURES, "target", 1, 0.5)
    assert advice(found, "model").endswith("others tried: 1")
    assert as_advice(found, "model", None).periods == ("fold 1", "fold 2")


def test_noise_is_left_uncalibrated_and_a_surely_turned_forecast_is_refused() -> None:
    data, draws = table("binary"), np.random.default_rng(3)
    truth = data["target"].to_numpy()
    turned = [TASKS["binary"].calibrate(truth, draws.uniform(0.3, 0.7, ROWS)) for _ in range(20)]
    assert {(line.slope, line.intercept) == (1.0, 0.0) for line in turned} == {True, False}
    with pytest.raises(ValueError, match="higher predictions go with fewer outcomes"):
        TASKS["binary"].calibrate(truth, np.where(truth, 0.3, 0.7) + draws.normal(scale=0.1, size=ROWS))


def test_one_block_of_rows_has_numbers_without_intervals() -> None:
    data = table("binary")
    one = blocks(np.zeros(ROWS), 1)
    task, answer = TASKS["binary"], np.full(ROWS, 0.4)
    gap = task.gap(data["target"], answer, one).interval()
    assert (gap.low, gap.high) == (-np.inf, np.inf)
    assert judging.intervals(task.judge(data["target"], answer, one))["auc"].high == 1.0
    chosen = selection.choose(task, data["target"], np.zeros(ROWS), pd.DataFrame({"a": answer, "b": answer + 0.01}), 1)
    assert sum(ranked.chosen for ranked in chosen) == 1
