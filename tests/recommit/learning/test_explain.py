"""One prediction explained: contributions add up, and are the ones that theory gives where theory can give them."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from recommit.evidence.stages import Contribution
from recommit.learning.explain import explain, highest, records
from recommit.task import Binary
from tests.recommit.batch import world

TASK = Binary(("no", "yes"))

NAMES = ["a", "b", "kind", "unread"]
KINDS = {"x": 0.0, "y": 2.0}


def usual(rows: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    numbers = {name: rng.normal(size=rows).astype("float32") for name in ("a", "b", "unread")}
    return pd.DataFrame(numbers | {"kind": rng.choice(list(KINDS), rows)})[NAMES]


ROW = pd.DataFrame({"a": np.float32([2]), "b": np.float32([-1]), "kind": ["y"], "unread": np.float32([9])})


def additive(rows: pd.DataFrame) -> np.ndarray:
    return expit(0.5 * rows["a"].to_numpy("float64") - rows["b"].to_numpy() + rows["kind"].map(KINDS).to_numpy())


def tangled(rows: pd.DataFrame) -> np.ndarray:
    return expit((rows["a"].astype("float64") * (rows["b"] + (rows["kind"] == "y"))).to_numpy())


@pytest.mark.parametrize("predict", [additive, tangled])
@pytest.mark.parametrize("rows", [2, 300])
def test_base_and_contributions_add_up_to_the_prediction(predict, rows):
    found = explain(TASK, predict, ROW, usual(rows), NAMES, seed=7)
    total = found.base + found.contributions.sum()
    assert total == pytest.approx(logit(predict(ROW)[0]), abs=1e-12)
    assert found.answer == pytest.approx(predict(ROW)[0], abs=1e-12)
    assert found.base == pytest.approx(logit(predict(usual(rows))).mean(), abs=1e-12)


def test_of_an_additive_model_each_contribution_is_its_own_term_less_the_usual_one():
    background = usual()
    found = explain(TASK, additive, ROW, background, NAMES, seed=7)
    expected = [
        0.5 * (2 - background["a"].mean()),
        -(-1 - background["b"].mean()),
        2.0 - background["kind"].map(KINDS).mean(),
        0,
    ]
    np.testing.assert_allclose(found.contributions, expected, atol=1e-6)


def test_features_that_act_only_together_share_what_they_do():
    background = pd.DataFrame({"a": np.float32([0, 0]), "b": np.float32([0, 0])})
    row = pd.DataFrame({"a": np.float32([1]), "b": np.float32([1])})
    found = explain(
        TASK, lambda rows: expit(3.0 * rows["a"].to_numpy() * rows["b"].to_numpy()), row, background, ["a", "b"], 7
    )
    np.testing.assert_allclose(found.contributions, [1.5, 1.5], atol=1e-6)


def test_sampling_comes_within_its_own_stated_error_of_the_exact_value():
    background = usual(400)
    # Over all six orders of a, b, kind: the weights of the Shapley value (Shapley 1953) for three players.
    means, row = background, ROW.iloc[0]

    def value(known: set[str]) -> float:
        rows = means.assign(**{name: [row[name]] * len(means) for name in known})
        return float(logit(tangled(rows)).mean())

    pairs = [({"b"}, 1 / 6), ({"kind"}, 1 / 6), (set(), 1 / 3), ({"b", "kind"}, 1 / 3)]
    exact = sum(weight * (value(known | {"a"}) - value(known)) for known, weight in pairs)
    found = explain(TASK, tangled, ROW, background, NAMES, seed=7)
    assert found.errors[0] > 0
    # The error is that over usual rows as well, and both use the same rows: within it for sure.
    assert abs(found.contributions[0] - exact) < 2 * found.errors[0]


def test_a_feature_that_is_not_read_contributes_nothing_and_a_missing_value_is_a_value():
    row = ROW.assign(unread=np.float32("nan"))
    found = explain(TASK, additive, row, usual(), NAMES, seed=7)
    assert found.contributions[NAMES.index("unread")] == 0
    assert found.as_evidence("7", 4).contributions[-1] == Contribution("unread", None, 0, 0)


def test_the_largest_come_first_and_the_rest_are_summed_up():
    found = explain(TASK, additive, ROW, usual(), NAMES, seed=7)
    assert found.table()["moved"].abs().is_monotonic_decreasing
    kept = found.as_evidence("7", 2)
    assert len(kept.contributions) == kept.others.features == 2
    total = kept.base + sum(one.moved for one in kept.contributions) + kept.others.moved
    assert total == pytest.approx(logit(kept.answer), abs=1e-4)


def test_it_repeats_for_a_seed_and_not_for_another():
    first, again, other = (explain(TASK, tangled, ROW, usual(), NAMES, seed).contributions for seed in (7, 7, 8))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_the_row_to_explain_is_the_first_of_the_highest():
    assert highest(TASK, [0.1, 0.9, 0.3, 0.9]) == 1


@pytest.mark.parametrize(
    ("row", "background", "names"),
    [(usual(2), usual(), NAMES), (ROW, usual(1), NAMES), (ROW, usual(), [])],
)
def test_what_cannot_be_explained_is_refused(row, background, names):
    with pytest.raises(ValueError, match="an explanation needs one row"):
        explain(TASK, additive, row, background, names, seed=7)


def test_the_records_behind_a_prediction_are_those_known_when_it_was_asked_for():
    parcels = world.plan(5).assign(known_at=world.KNOWN_UNTIL, late=True, delay=1.0, came="late")
    told = pd.to_datetime(["2013-08-30", "2013-08-31", "2014-01-01"], utc=True).as_unit("us")
    road = parcels["road"].iloc[0]
    delays = pd.DataFrame({"road": [road] * 3, "minutes": [1.0, 2.0, 3.0], "told_at": told})
    row = world.features(5).iloc[0]
    found = records(world.PROBLEM, {"parcels": parcels, "delays": delays}, row)
    assert found.index.names == ["table", "column"]
    value = found.iloc[:, 0]
    assert (value["parcels", "parcel"], value["delays", "minutes"]) == (1000, 2.0)
    assert pd.isna(value["parcels", "late"])
    none = records(world.PROBLEM, {"parcels": parcels, "delays": delays.iloc[2:]}, row)
    assert set(none.index.get_level_values("table")) == {"parcels"}
