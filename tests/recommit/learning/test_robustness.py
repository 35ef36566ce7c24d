"""Odd input: a model that is turned round, that has no answer or that answers nonsense is found, a sound one is not."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from recommit.directions import Change, Direction
from recommit.evidence.files import plain
from recommit.learning.intervals import blocks
from recommit.learning.robustness import (
    UNSEEN,
    as_table,
    blank,
    check_directions,
    missing,
    stress,
)
from recommit.task import Binary

TASK = Binary(("no", "late"))

FOG = Direction("fog", (Change("visibility", "at most", 0.5),), "fall", "planes wait", 0.02)


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    numbers = {"visibility": rng.uniform(0, 10, 3000), "queue": rng.poisson(4, 3000)}
    table = pd.DataFrame(numbers).astype("float32")
    table.loc[::10, "visibility"] = np.nan
    return table.assign(carrier=rng.choice(["AA", "UA"], 3000))


@pytest.fixture(scope="module")
def days():
    return blocks(np.arange(3000) // 100, seed=7)


def sound(rows: pd.DataFrame) -> np.ndarray:
    """Late in fog and when there is a queue; copes with anything."""
    clear = rows["visibility"].astype("float64").fillna(8).clip(0, 10)
    return expit(-0.3 * clear + 0.2 * rows["queue"].astype("float64").fillna(4).clip(0, 50)).to_numpy()


def came(rows: pd.DataFrame) -> np.ndarray:
    return np.random.default_rng(5).uniform(size=len(rows)) < sound(rows)


def test_a_sound_model_keeps_its_directions(rows, days):
    queue = Direction("queue", (Change("queue", "plus", 5),), "fall", "they want the same runway", 0.02)
    moved, *untested = check_directions(TASK, sound, rows, [FOG, queue], days)
    assert untested == [[], []]
    for one in moved:
        assert plain(one.violating)["high"] == 0
        assert one.mean_change.low > 0


def test_a_model_trained_backwards_violates_its_direction(rows, days):
    filled = rows[["visibility"]].fillna(8)
    model = LogisticRegression().fit(filled, ~came(rows))

    def backwards(table: pd.DataFrame) -> np.ndarray:
        return model.predict_proba(table[["visibility"]].fillna(8))[:, 1]

    [moved], *_ = check_directions(TASK, backwards, rows, [FOG], days)
    assert moved.violating.low > 0.8
    assert moved.mean_change.high < 0


def test_only_rows_that_the_change_touches_count_and_missing_values_stay_missing(rows, days):
    [moved], *_ = check_directions(TASK, sound, rows, [FOG], days)
    assert moved.rows == int((rows["visibility"] > 0.5).sum())
    bad_in_one = Direction("fog", (Change("visibility", "at most", 9.9),), "fall", "", 0.0)
    [few], *_ = check_directions(TASK, lambda table: 1 - sound(table), rows, [bad_in_one], days)
    assert few.rows < 60
    assert few.violating.value == 1


def test_a_direction_can_forbid_a_rise(rows, days):
    clears = Direction("it clears up", (Change("visibility", "at least", 10),), "rise", "", 0.0)
    assert check_directions(TASK, sound, rows, [clears], days)[0][0].violating.value == 0
    assert check_directions(TASK, lambda table: 1 - sound(table), rows, [clears], days)[0][0].violating.value == 1


def test_small_steps_the_wrong_way_are_tolerated_and_larger_ones_are_not(rows, days):
    def wobbling(table: pd.DataFrame) -> np.ndarray:
        return np.where(table["visibility"] <= 0.5, 0.485, 0.5)

    [within], *_ = check_directions(TASK, wobbling, rows, [FOG], days)
    tight = Direction("fog", FOG.changes, "fall", "", 0.01)
    [beyond], *_ = check_directions(TASK, wobbling, rows, [tight], days)
    assert within.violating.value == 0
    assert beyond.violating.value == 1


def test_a_direction_of_features_that_the_model_does_not_read_is_told_from_one_that_touches_no_row(rows, days):
    found = check_directions(TASK, sound, rows.drop(columns="visibility").assign(visibility=np.nan), [FOG], days)
    assert found == ([], [], ["fog"])
    found = check_directions(TASK, lambda table: np.full(len(table), 0.3), rows[["queue"]], [FOG], days)
    assert found == ([], ["fog"], [])


def test_the_worst_of_many_directions_is_not_surely_bad_by_luck(rows, days):
    """Forty directions of one true share, 0.3: single intervals call the worst of them bad, joint ones do not."""
    rng = np.random.default_rng(2)
    bad_days = rng.uniform(size=(40, days.number)) < 0.3

    def lucky(table: pd.DataFrame) -> np.ndarray:
        moved = table["queue"].to_numpy() - rows["queue"].to_numpy()
        number = int(moved.max())
        return 0.5 - 0.1 * (bad_days[number - 1, days.codes] if number else np.zeros(len(table)))

    many = [Direction(str(step), (Change("queue", "plus", step),), "fall", "", 0.02) for step in range(1, 41)]
    moved, *_ = check_directions(TASK, lucky, rows, many, days)
    singly = [days.ratio(bad_days[place, days.codes]).interval() for place in range(40)]
    assert max(one.low for one in singly) > 0.3
    assert max(one.violating.low for one in moved) < 0.3
    assert {(one.rows, one.blocks) for one in moved} == {(3000, 30)}


def test_a_change_without_an_answer_violates(rows, days):
    [moved], *_ = check_directions(
        TASK, lambda table: np.where(table["visibility"] == 0.5, np.nan, 0.3), rows, [FOG], days
    )
    assert moved.violating.value == 1
    assert moved.mean_change is None


def test_what_a_missing_value_costs_is_found_costliest_first(rows, days):
    groups = {name: [name] for name in rows} | {"all": list(rows)}
    found = {one.name: one for one in missing(TASK, sound, rows, came(rows), groups, days)}
    assert list(found)[:2] == ["all", "visibility"]
    assert found["visibility"].added_loss.low > 0
    assert found["visibility"].moved.low > 0.1
    assert plain(found["carrier"].moved) == {"value": 0, "low": 0, "high": 0, "level": 0.95}
    assert not any(one.broken for one in found.values())


def brittle(table: pd.DataFrame) -> np.ndarray:
    """No answer where visibility is missing."""
    return expit(-0.3 * table["visibility"].astype("float64")).to_numpy()


def test_a_model_without_an_answer_to_missing_input_is_found(rows, days):
    whole = rows.fillna({"visibility": 8})
    found = missing(TASK, brittle, whole, came(whole), {"fog": ["visibility"], "queue": ["queue"]}, days)
    assert [(one.name, one.broken) for one in found] == [("fog", len(rows)), ("queue", 0)]
    assert found[0].added_loss is None
    json.dumps(plain(found), allow_nan=False)
    _, broken = stress(TASK, brittle, whole.iloc[:50], {"fog": ["visibility"], "queue": ["queue"]})
    assert {(one.name, one.value, one.rows) for one in broken} == {
        ("fog", "missing", 50),
        ("all columns", "missing", 50),
    }


def test_a_category_never_seen_or_a_huge_number_without_an_answer_is_found(rows):
    groups = {name: [name] for name in rows}

    def strict(table: pd.DataFrame) -> np.ndarray:
        return np.where(table["carrier"] == UNSEEN, 1.5, sound(table))

    def overflowing(table: pd.DataFrame) -> np.ndarray:
        with np.errstate(over="ignore", invalid="ignore"):
            doubled = table["queue"].to_numpy("float32") * np.float32(2)
        return np.where(np.isinf(doubled), np.nan, sound(table))

    _, broken = stress(TASK, strict, rows.iloc[:50], groups)
    assert {(one.name, one.value) for one in broken} == {("carrier", UNSEEN), ("all columns", UNSEEN)}
    _, broken = stress(TASK, overflowing, rows.iloc[:50], groups)
    extremes = {"the largest float32", "the lowest float32"}
    assert {(one.name, one.value) for one in broken} == {(n, v) for n in ("queue", "all columns") for v in extremes}


def test_a_sound_model_has_an_answer_to_everything(rows):
    tried, broken = stress(TASK, sound, rows.iloc[:50], {name: [name] for name in rows})
    assert broken == []
    assert tried == 2 * 6 + 2 + 7  # missing and five extremes for a number, missing and unseen for text, all for all


def test_a_blank_keeps_types_and_says_nothing(rows):
    empty = blank(rows, list(rows))
    assert (empty.dtypes == rows.dtypes).all()
    assert empty["queue"].isna().all()
    assert (empty["carrier"] == "unknown").all()
    assert rows["queue"].notna().all()


def test_a_probability_is_finite_and_within_0_to_1():
    values = [0, 1, 0.5, -1e-9, 1.1, np.nan, np.inf]
    assert TASK.sound(values).tolist() == [True, True, True, False, False, False, False]


def test_tables_show_each_number_with_its_interval(rows, days):
    moved, *_ = check_directions(TASK, sound, rows, [FOG], days)
    assert as_table(moved).loc["fog", "violating"] == "0.000 [0.000, 0.000]"
    blanked = missing(TASK, brittle, rows.fillna({"visibility": 8}), came(rows), {"fog": ["visibility"]}, days)
    assert as_table(blanked).loc["fog", "added loss"] == "none"
