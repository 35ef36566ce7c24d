"""Worth of features: noise is worth nothing, a leak everything, and a copy makes its twin replaceable."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from recommit.learning import importance
from recommit.learning.intervals import blocks
from recommit.learning.splits import Split
from recommit.task import Binary

TASK = Binary(("no", "late"))

FEATURES = ["signal", "twin", "noise", "leak"]
SINGLE = {name: [name] for name in FEATURES}


def _days(rows: pd.DataFrame) -> pd.Series:
    return rows["day"]


@pytest.fixture(scope="module")
def split() -> Split:
    """Two months of 200 rows a day; `twin` says what `signal` says, `leak` is nearly the outcome itself."""
    rng = np.random.default_rng(3)
    rows = 200 * 60
    signal = rng.normal(size=rows)
    came = rng.uniform(size=rows) < 1 / (1 + np.exp(-1.5 * signal))
    table = pd.DataFrame(
        {
            "signal": signal,
            "twin": signal,
            "noise": rng.normal(size=rows),
            "leak": came + rng.normal(scale=0.3, size=rows),
            "came": came,
            "day": np.arange(rows) // 200,
        }
    )
    return Split("later", table[table["day"] < 30], table[table["day"] >= 30], None, None, _days)


def build(columns: list[str]) -> LogisticRegression:
    return LogisticRegression()


def trees(columns: list[str]) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(max_iter=20, max_leaf_nodes=8, early_stopping=False)


def worth(split: Split, features: list[str], groups: dict[str, list[str]], build=build) -> dict[str, importance.Worth]:
    model = build(features).fit(split.train[features], split.train["came"])
    shuffled = importance.permuted(
        TASK,
        lambda rows: model.predict_proba(rows[features])[:, 1],
        split.test[features],
        split.test["came"],
        groups,
        seed=7,
    )
    without = importance.left_out(TASK, build, split, features, "came", groups.values(), seed=7, share=0.5)
    found = importance.worth(groups, shuffled, without, blocks(split.test["day"], 7), seed=7)
    return {one.name: one for one in found}


def losses_of(table: np.ndarray) -> dict[tuple[str, ...], np.ndarray]:
    return {tuple(gone): column for gone, column in zip(SINGLE.values(), table.T, strict=True)}


def test_a_leaking_feature_dominates_and_a_useless_one_is_worth_nothing(split):
    found = worth(split, FEATURES, SINGLE)
    assert next(iter(found)) == "leak"
    assert found["leak"].need == "needed"
    others = [one.left_out.high for name, one in found.items() if name != "leak"]
    assert found["leak"].left_out.low > 10 * max(others)
    assert found["noise"].need == "not measurable"
    assert found["noise"].left_out.low <= 0 <= found["noise"].left_out.high
    assert abs(found["noise"].permuted.value) < 0.002


def test_what_another_column_says_too_is_replaceable_and_both_together_are_needed(split):
    features = ["signal", "twin", "noise"]
    groups = {"one": ["signal"], "both": ["signal", "twin"]}
    found = worth(split, features, groups, trees)
    assert found["one"].need == "replaceable"
    assert found["one"].permuted.low > 0.1
    assert abs(found["one"].left_out.value) < 0.002
    assert found["both"].need == "needed"
    assert found["both"].left_out.low > 0.1


def test_a_column_that_makes_fits_worse_is_harmful(split):
    """In the test month it says the opposite of what it said before."""
    train, test = split.train.assign(turned=split.train["leak"]), split.test.assign(turned=1 - split.test["leak"])
    found = worth(replace(split, train=train, test=test), ["signal", "turned"], {"turned": ["turned"]})
    assert found["turned"].need == "harmful"


def test_the_luck_of_a_fit_is_not_taken_for_worth():
    """A deep tree on noise is another on other rows; no column is worth anything."""
    rng = np.random.default_rng(11)
    names = [f"noise{place}" for place in range(20)]
    table = pd.DataFrame(rng.normal(size=(3000, 20)), columns=names)
    table = table.assign(came=rng.uniform(size=3000) < 0.5, day=np.arange(3000) // 50)
    split = Split("later", table[:1500], table[1500:], None, None, _days)
    groups = {name: [name] for name in names}
    without = importance.left_out(
        TASK,
        lambda columns: DecisionTreeClassifier(max_depth=5, random_state=0),
        split,
        names,
        "came",
        groups.values(),
        seed=7,
    )
    days, shuffled = blocks(split.test["day"], 7), np.zeros((1500, 20))
    assert {one.need for one in importance.worth(groups, shuffled, without, days, seed=7)} == {"not measurable"}
    # If test days were all that is left to chance, luck would look like worth.
    blind = importance.LeftOut(without.losses, 0.0, without.fits)
    assert {one.need for one in importance.worth(groups, shuffled, blind, days, seed=7)} != {"not measurable"}


def test_without_any_feature_the_share_is_what_is_left(split):
    gone = importance.left_out(TASK, build, split, ["signal"], "came", [["signal"]], seed=7, fits=2)
    kept = build([]).fit(split.train[["signal"]], split.train["came"]).predict_proba(split.test[["signal"]])[:, 1]
    share, came = split.train["came"].mean(), split.test["came"]
    expected = np.log(np.where(came, kept, 1 - kept)) - np.log(np.where(came, share, 1 - share))
    assert gone.losses["signal",].mean() == pytest.approx(expected.mean(), abs=0.002)
    assert 0 < gone.luck < 0.001


def test_a_column_that_the_model_does_not_read_is_worth_exactly_nothing(split):
    rows = split.test[FEATURES]
    shuffled = importance.permuted(TASK, lambda _: np.full(len(rows), 0.3), rows, split.test["came"], SINGLE, seed=7)
    assert not shuffled.any()
    same = importance.LeftOut(losses_of(shuffled), luck=0.001, fits=8)
    for one in importance.worth(SINGLE, shuffled, same, blocks(split.test["day"], 7), seed=7):
        assert (one.permuted.low, one.permuted.high, one.need) == (0, 0, "not measurable")
        assert one.left_out.low == pytest.approx(-0.0035, abs=0.0005)  # the largest of four, each of a normal's spread


def test_more_fits_without_a_column_make_its_interval_narrower(split):
    days = blocks(split.test["day"], 7)
    widths = []
    for each in (1, 16):
        nothing = np.zeros((len(split.test), 4))
        found = importance.worth(
            SINGLE, nothing, importance.LeftOut(losses_of(nothing), 0.001, fits=100, each=each), days, seed=7
        )
        widths.append(np.mean([one.left_out.high - one.left_out.low for one in found]))
    assert widths[1] == pytest.approx(widths[0] / 4, rel=0.15)


def test_a_column_that_no_fit_did_without_says_so_and_changes_no_other(split):
    shuffled = np.column_stack([np.full(len(split.test), value) for value in (0.1, 0.3, 0.0, 0.2)])
    first = importance.leaned_on(SINGLE, shuffled, 2)
    names = list(SINGLE)
    assert list(first) == [names[1], names[3]]
    gone = importance.left_out(TASK, build, split, FEATURES, "came", [*first.values(), FEATURES], seed=7, fits=2)
    days = blocks(split.test["day"], 7)
    found = {one.name: one for one in importance.worth(SINGLE, shuffled, gone, days, seed=7)}
    assert {name for name, one in found.items() if one.left_out is None} == {names[0], names[2]}
    assert {one.need for one in found.values() if one.left_out is None} == {"not fitted"}
    kept = importance.worth(first, shuffled[:, [1, 3]], gone, days, seed=7)
    assert {one.name: one.left_out for one in kept} == {name: found[name].left_out for name in first}
    assert "not fitted" in importance.table(list(found.values())).loc[names[0]].to_list()


def test_a_group_that_is_given_twice_is_fitted_once(split):
    built = []

    def counted(columns: list[str]) -> LogisticRegression:
        built.append(columns)
        return build(columns)

    importance.left_out(TASK, counted, split, FEATURES, "came", [["noise"], ["noise"]], seed=7, fits=2)
    assert len(built) == 3


def test_results_do_not_depend_on_the_number_of_processes(split, monkeypatch):
    results = []
    for processes in (1, 2):
        monkeypatch.setattr(importance, "workers", lambda rows, n=processes: n)
        found = importance.left_out(
            TASK, build, split, FEATURES, "came", SINGLE.values(), seed=7, share=0.3, fits=3, each=2
        )
        results.append(np.column_stack(list(found.losses.values())))
    np.testing.assert_array_equal(*results)


def test_columns_that_are_not_there_and_shares_out_of_range_are_refused(split):
    with pytest.raises(ValueError, match="no column ghost"):
        importance.left_out(TASK, build, split, FEATURES, "came", [["ghost"]], seed=7)
    with pytest.raises(ValueError, match="not 0 and 8"):
        importance.left_out(TASK, build, split, FEATURES, "came", SINGLE.values(), seed=7, share=0)
    with pytest.raises(ValueError, match="no groups of columns to judge"):
        importance.permuted(TASK, lambda _: np.full(len(split.test), 0.3), split.test, split.test["came"], {}, seed=7)


def test_the_table_puts_what_is_known_of_a_feature_beside_its_worth(split):
    found = list(worth(split, FEATURES, SINGLE).values())
    cost = pd.DataFrame({"cost": ["free", "free", "free", "dear"]}, index=FEATURES)
    laid_out = importance.table(found, cost)
    assert laid_out.loc["leak", ["need", "cost"]].tolist() == ["needed", "dear"]
    assert found[0].permuted.value > 0
