"""A number as the answer, through everything that learns and judges: honest answers pass, planted faults are named."""

import numpy as np
import pandas as pd
import pytest

from recommit.directions import Change, Direction
from recommit.evidence import stages
from recommit.learning import judging, selection
from recommit.learning.crossval import fit_folds
from recommit.learning.explain import explain
from recommit.learning.importance import left_out, permuted, worth
from recommit.learning.intervals import blocks
from recommit.learning.leakage.bounds import Bounds
from recommit.learning.leakage.columns import leaks_in_columns, leaks_of, questions, strongest_of
from recommit.learning.models import build
from recommit.learning.robustness import check_directions, missing, stress
from recommit.learning.rules import RULES
from recommit.learning.search import advice, search
from recommit.learning.slices import Scored, worst
from recommit.learning.slices import search as search_slices
from recommit.task import Number
from tests.recommit.learning.splitting import by_month
from tests.recommit.learning.world import AS_OF, BOUNDS, decided, events, honest

TASK = Number("min")
SPLIT = by_month(AS_OF, target="delay")
FEATURES = ["jam", "wind", "load", "rain"]


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rows = events(rows_a_day=40)
    noise = np.random.default_rng(2).normal(0, 4, len(rows))
    return rows.assign(delay=20 + 6 * rows["jam"] + 4 * rows["load"] + noise).drop(columns="late")


@pytest.fixture(scope="module")
def months(table: pd.DataFrame) -> list:
    return SPLIT.folds(table)


def linear(params=None, features=tuple(FEATURES)):
    return build("linear", params or {}, list(features), {}, 7, "number")


def predicting(rows: pd.DataFrame):
    model = linear().fit(rows[FEATURES], rows["delay"])
    return lambda table: TASK.answer(model, table[FEATURES])


def days_of(rows: pd.DataFrame):
    return blocks(rows["predicted_at"].dt.date, seed=1)


def test_the_better_fit_is_chosen_by_squared_error(table, months):
    simple, rich = (
        fit_folds(
            *(TASK, lambda name=name: build(name, {}, FEATURES, {}, 7, "number"), table, months, FEATURES, "delay"),
            SPLIT.columns,
        )[1]
        for name in ("baseline", "linear")
    )
    answers = pd.DataFrame({"baseline": simple["answer"], "linear": rich["answer"]})
    ranked = selection.choose(TASK, rich["delay"], rich["predicted_at"].dt.date, answers, seed=1)
    assert [(one.fit, one.chosen) for one in ranked] == [("linear", True), ("baseline", False)]
    assert ranked[0].mean.value == pytest.approx(16, abs=1)
    assert selection.by_fold(TASK, rich["delay"], rich["fold"], answers)["loss"].notna().all()


def test_a_search_finds_that_a_penalty_is_too_strong(months):
    found = search(TASK, linear, [{"alpha": 1e6}, {"alpha": 1.0}], months, FEATURES, "delay", seed=1)
    assert found.best.params == {"alpha": 1.0}
    assert "confirmed: surely better there as well" in advice(found, "linear")


def test_what_a_feature_is_worth_is_the_squared_error_that_it_saves(months):
    fold, groups = months[-1], {name: [name] for name in FEATURES}
    rows, truth = fold.test[FEATURES], fold.test["delay"]
    shuffled = permuted(TASK, predicting(fold.train), rows, truth, groups, seed=1)
    without = left_out(
        TASK, lambda kept: linear(features=kept), fold, FEATURES, "delay", groups.values(), seed=1, fits=3
    )
    found = {one.name: one for one in worth(groups, shuffled, without, days_of(fold.test), seed=1)}
    assert (found["jam"].need, found["load"].need, found["rain"].need) == ("needed", "needed", "not measurable")
    assert found["jam"].left_out.value == pytest.approx(36, rel=0.15)


def test_an_explanation_adds_up_to_the_number(months):
    fold = months[-1]
    predict, row = predicting(fold.train), fold.test[FEATURES].iloc[[0]]
    found = explain(TASK, predict, row, fold.train[FEATURES].head(50), FEATURES, seed=1)
    assert found.answer == pytest.approx(predict(row)[0])
    assert found.base + found.contributions.sum() == pytest.approx(found.answer)


def test_a_direction_a_blank_column_and_an_answer_that_is_none_are_seen(months):
    fold = months[-1]
    predict, rows, days = predicting(fold.train), fold.test[FEATURES], days_of(fold.test)
    jam = Direction("a worse jam", (Change("jam", "plus", 1.0),), "fall", "", 0.1)
    moved, *_ = check_directions(TASK, predict, rows, [jam, Direction("backwards", jam.changes, "rise", "", 0.1)], days)
    assert [one.violating.value for one in moved] == [0.0, 1.0]
    assert moved[0].mean_change.value == pytest.approx(6, abs=0.3)
    [blanked] = missing(TASK, predict, rows, fold.test["delay"], {"jam": ["jam"]}, days)
    assert blanked.added_loss.value == pytest.approx(36, rel=0.15)
    assert stress(TASK, predict, rows.head(20), {})[1] == []
    assert stress(TASK, lambda table: predict(table) / (table["jam"] < 1e5), rows.head(20), {"jam": ["jam"]})[1]


def test_the_part_with_worse_answers_than_the_baselines_is_found(months):
    rows = months[-1].test
    answer = predicting(months[-1].train)(rows)
    odd = (rows["airline"] == "B") & (rows["airport"] == "Y")
    answer = np.where(odd, 40 - answer, answer)
    baseline = np.full(len(rows), months[-1].train["delay"].mean())
    scored = Scored(rows["delay"], answer, baseline, np.ones(len(rows)))
    found = worst(search_slices(TASK, rows[["airline", "airport"]], scored, days_of(rows)))
    assert (found.by, found.value) == ("airline x airport", "B x Y")
    assert found.improvement.high < 0


def test_columns_that_sum_up_to_the_target_are_proof_of_a_leak(table):
    part = np.random.default_rng(3).exponential(10, len(table))
    given = table.assign(first=part, second=table["delay"] - part)
    [asked] = TASK.questions(given["delay"]).values()
    columns = [*FEATURES, "first", "second"]
    found = leaks_in_columns(given.assign(delay=asked), SPLIT, columns, "delay", Bounds(), 1)
    assert [leak.where for leak in found if leak.certainty == "proof"] == ["first, second"]
    honest_ones = leaks_in_columns(given.assign(delay=asked), SPLIT, ["wind", "rain"], "delay", Bounds(), 1)
    assert honest_ones == []


@pytest.mark.parametrize("rises", ["every month", "in one month"])
def test_a_number_that_is_high_in_whole_months_has_its_leak_found(table, rises):
    """In some fold, or in all, every row is above the median of all: the question has one answer there."""
    month = table[SPLIT.instant].dt.month
    far = 1000 * (month if rises == "every month" else month == SPLIT.folds(table)[1].starts.month)
    given = table.assign(delay=table["delay"] + far)
    given["copy"] = given["delay"] + np.random.default_rng(3).normal(0, 0.01, len(table))
    asked = questions(TASK, given, SPLIT, "delay", 5000, 1)
    assert "copy" in {leak.where for leak in leaks_of(asked, SPLIT, [*FEATURES, "copy"], "delay", Bounds(), 1)}
    assert leaks_of(asked, SPLIT, ["wind", "rain"], "delay", Bounds(), 1) == []
    assert strongest_of(asked, FEATURES, "delay", 1)[0][1].value > 0.6


@pytest.mark.parametrize("limit", ["high", "low"])
def test_a_number_with_a_limit_that_most_rows_reach_has_its_leak_found(table, limit):
    """As how far one sees, which is 10 miles at most: no row is above the median."""
    most = table["delay"].quantile(0.3 if limit == "high" else 0.7)
    given = table.assign(delay=table["delay"].clip(**{"upper" if limit == "high" else "lower": most}))
    given["copy"] = given["delay"] + np.random.default_rng(3).normal(0, 0.01, len(table))
    asked = questions(TASK, given, SPLIT, "delay", 5000, 1)
    assert "copy" in {leak.where for leak in leaks_of(asked, SPLIT, [*FEATURES, "copy"], "delay", Bounds(), 1)}
    assert leaks_of(asked, SPLIT, ["wind", "rain"], "delay", Bounds(), 1) == []


def judged(months: list, off: float = 0.0) -> dict:
    """The part of the gate's evidence that depends on the kind of answer, in the form of its files."""
    fold, earlier = months[-1], months[-2]
    rows, days = fold.test, days_of(fold.test)
    sets = TASK.conform(earlier.test["delay"], predicting(earlier.train)(earlier.test), 0.9)
    answers = {
        "candidate": predicting(fold.train)(rows) + off,
        "baseline": np.full(len(rows), fold.train["delay"].mean()),
    }
    answers["champion"] = answers["baseline"]
    truth = rows["delay"]
    found = {name: TASK.judge(truth, answer, days) for name, answer in answers.items()}
    gains = {name: judging.differences(found["candidate"], found[name]) for name in ("baseline", "champion")}
    covered = sets.covered(truth, answers["candidate"])
    coverage = judging.coverage(TASK, truth, covered, sets.sizes(answers["candidate"]), days)
    gap = TASK.gap(truth, answers["candidate"], days).interval()
    scored = Scored(truth, answers["candidate"], answers["baseline"], covered)
    parts = search_slices(TASK, rows[["airline", "airport"]], scored, days)
    return {
        "loss": TASK.loss,
        "scale": TASK.scale(TASK.spread(fold.train["delay"]), TASK.losses(truth, answers["baseline"])),
        "metrics": {name: judging.intervals(row) for name, row in found.items()},
        "differences": {name: judging.intervals(gain) for name, gain in gains.items()},
        "calibration": stages.Miscalibration(gap, found["candidate"]["calibration_error"].interval()),
        "coverage": judging.as_coverage(sets.level, coverage),
        "slices": stages.Slices(searched=len(parts), worst=worst(parts), slices=()),
    }


@pytest.fixture(scope="module")
def evidence() -> dict:
    return honest().evidence()


ABOUT_ANSWERS = ("better_than_baseline", "not_worse_than_champion", "calibration", "calibration_error", "coverage")


@pytest.mark.parametrize(
    ("off", "refused"), [(0.0, set()), (2.0, {"calibration", "calibration_error"}), (20.0, set(ABOUT_ANSWERS))]
)
def test_the_gates_bounds_hold_for_numbers_as_they_are(months, evidence, off, refused):
    """A baseline's loss and a standard deviation are the units of bounds: minutes need no bounds of their own."""
    found = judged(months, off)
    slices = found.pop("slices")
    decision = decided(evidence | {"test": evidence["test"] | found, "slices": slices})
    answers = {rule.rule: rule.answer for rule in decision.rules}
    assert {rule for rule in ABOUT_ANSWERS if answers[rule] == "no"} == refused
    assert answers["worst_slice"] == ("no" if off == 20 else "yes")
    [gain] = [rule for rule in decision.rules if rule.rule == "better_than_baseline"]
    assert "squared error (share of the baseline's loss), baseline less candidate" in gain.reason
    assert gain.bound == BOUNDS["better_than_baseline"]
    if not off:
        assert gain.value == pytest.approx(1 - 16 / (16 + 36 + 16), abs=0.05)


def test_every_rule_has_a_bound_that_ships():
    assert set(RULES) == set(BOUNDS)
