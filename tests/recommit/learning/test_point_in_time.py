"""A feature that has seen what came later is named; one that has not is the same again."""

import numpy as np
import pandas as pd
import pytest

from recommit.learning.point_in_time import changes_with_the_future, exchanged, instants, rebuild

COLUMNS = ("id", "predicted_at")
START = pd.Timestamp("2013-01-01", tz="UTC")
ROWS = 400


@pytest.fixture(scope="module")
def tables():
    random = np.random.default_rng(1)
    at = START + pd.to_timedelta(np.sort(random.integers(0, 30 * 24 * 60, ROWS)), unit="min")
    sales = pd.DataFrame({"id": np.arange(ROWS), "at": at, "amount": random.random(ROWS)})
    return {"sales": sales, "returns": sales.assign(at=at + pd.Timedelta(hours=5))}


def as_known_at(tables, instant):
    """The plan of sales is known throughout, amounts and returns from their instants on."""
    sales, returns = tables["sales"], tables["returns"]
    known = sales.assign(amount=sales["amount"].where(sales["at"] <= instant))
    return {"sales": known, "returns": returns[returns["at"] <= instant]}


def builder(feature):
    def build(tables, keys):
        sales = tables["sales"]
        table = pd.DataFrame({"id": sales["id"], "predicted_at": sales["at"], "honest": sales["amount"].cumsum()})
        return table.assign(planted=feature(tables))[table["id"].isin(keys)]

    return build


def findings(tables, feature, rows=50, columns=("honest", "planted"), futures=("left out", "exchanged")):
    build = builder(feature)
    stored = build(tables, tables["sales"]["id"])
    return [
        finding
        for instant in instants(stored, 3, 2, "predicted_at")
        for future in futures
        for finding in changes_with_the_future(
            rebuild(build, as_known_at, tables, stored, instant, rows, *COLUMNS, future=future), columns
        )
    ]


def honest(tables):
    return tables["sales"]["amount"].rolling(5).mean()


def overall(tables):
    return tables["sales"]["amount"] - tables["sales"]["amount"].mean()


def next_one(tables):
    return tables["sales"]["amount"].shift(-1)


def entered_later(tables):
    return tables["sales"]["id"].isin(tables["returns"]["id"])


def category(tables):
    return pd.qcut(tables["sales"]["amount"], 2, labels=["low", "high"]).astype("str")


def test_features_of_the_past_alone_do_not_change(tables):
    assert findings(tables, honest, rows=ROWS) == []


@pytest.mark.parametrize("feature", [overall, next_one, entered_later, category])
def test_a_feature_that_changes_with_later_data_is_named_and_no_other(tables, feature):
    found = findings(tables, feature)
    assert {(finding.kind, finding.where) for finding in found} == {("changes_with_the_future", "planted")}
    assert len(found) >= (1 if feature is category else 3)


def since(hours):
    """The share of large sales in a window of so many hours that ends with the row itself; its amount comes later."""

    def feature(tables):
        sales = tables["sales"].set_index("at")
        return (sales["amount"] > 0.5).astype("float64").rolling(f"{hours}h").mean().to_numpy()

    return feature


def when_the_amount_is_entered_later(tables, instant):
    """As `as_known_at`, but a sale's own amount is entered an hour after it is asked about."""
    sales = tables["sales"]
    entered = sales["at"] + pd.Timedelta(hours=1) <= instant
    return tables | {"sales": sales.assign(amount=sales["amount"].where(entered))}


@pytest.mark.parametrize("hours", [1, 24, 24 * 30])
def test_a_window_that_holds_the_row_itself_is_found_whatever_its_length(tables, hours):
    build = builder(since(hours))
    stored = build(tables, tables["sales"]["id"])
    instant = stored["predicted_at"].iloc[300]
    again = rebuild(build, when_the_amount_is_entered_later, tables, stored, instant, 1, *COLUMNS, future="exchanged")
    [finding] = changes_with_the_future(again, ["planted"])
    assert finding.how.startswith(f"1 of 1 rows change when what came after {instant} is exchanged: id 300 from")


def small_is_as_unknown(tables):
    """Counts a missing amount as a small one, so that leaving out a small one changes nothing."""
    return (tables["sales"]["amount"] > 0.5).astype("float64")


def test_a_fact_that_looks_as_if_it_were_missing_is_found_when_it_is_exchanged(tables):
    build = builder(small_is_as_unknown)
    stored = build(tables, tables["sales"]["id"])
    at = tables["sales"]["at"]

    def found(place, future):
        known = when_the_amount_is_entered_later
        again = rebuild(build, known, tables, stored, at[place], 1, *COLUMNS, future=future)
        return [finding.where for finding in changes_with_the_future(again, ["planted"])]

    small = np.flatnonzero((tables["sales"]["amount"] < 0.5) & ~at.duplicated(keep=False))[:20]
    assert [found(place, "left out") for place in small] == [[]] * 20
    assert ["planted"] in [found(place, "exchanged") for place in small]


def test_only_facts_that_were_not_known_are_exchanged(tables):
    sales = tables["sales"].assign(paid=tables["sales"]["amount"] > 0.5)
    instant = sales["at"].iloc[200]
    open_rows = sales["at"] > instant
    known = {"sales": sales.assign(paid=sales["paid"].astype("boolean").mask(open_rows))}
    changed = exchanged({"sales": sales}, known, "id")["sales"]
    assert (changed["paid"] != sales["paid"]).tolist() == open_rows.tolist()
    pd.testing.assert_frame_equal(changed.drop(columns="paid"), sales.drop(columns="paid"))


def test_the_smallest_step_into_the_future_is_found_with_its_row_and_both_values(tables):
    build = builder(next_one)
    stored = build(tables, tables["sales"]["id"])
    instant = stored["predicted_at"].iloc[100]
    [finding] = changes_with_the_future(rebuild(build, as_known_at, tables, stored, instant, 20, *COLUMNS), ["planted"])
    value = stored["planted"].iloc[100]
    assert finding.how == f"1 of 20 rows change when what came after {instant} is left out: id 100 from {value} to nan"


def test_rows_and_columns_that_were_not_there_yet_are_found(tables):
    stored = builder(honest)(tables, tables["sales"]["id"])

    def build(tables, keys):
        return builder(honest)(tables, keys).drop(columns="planted").iloc[1:]

    again = rebuild(build, as_known_at, tables, stored, stored["predicted_at"].iloc[100], 20, *COLUMNS)
    rows, column = changes_with_the_future(again, ["honest", "planted"])
    assert rows.how == "1 of 20 rows asked about by then are not there, id 81"
    assert column.where == "planted"


def test_instants_are_those_of_rows_spread_over_time_and_repeat_for_a_seed(tables):
    table = builder(honest)(tables, tables["sales"]["id"])
    found = instants(table, 4, 3, "predicted_at")
    assert found == sorted(found)
    assert set(found) <= set(table["predicted_at"])
    edges = pd.date_range(table["predicted_at"].min(), table["predicted_at"].max(), periods=5)
    assert [edges.searchsorted(at, side="right") for at in found] == [1, 2, 3, 4]
    assert found == instants(table.sample(frac=1, random_state=1), 4, 3, "predicted_at")
    assert found != instants(table, 4, 4, "predicted_at")


def test_a_key_that_is_there_twice_and_an_instant_before_all_rows_are_refused(tables):
    build = builder(honest)
    stored = build(tables, tables["sales"]["id"])
    with pytest.raises(ValueError, match="no row is asked about at or before"):
        rebuild(build, as_known_at, tables, stored, START - pd.Timedelta(days=1), 20, *COLUMNS)
    twice = pd.concat([stored, stored.tail(1)])
    with pytest.raises(ValueError, match="id 399 is twice in the stored features"):
        rebuild(build, as_known_at, tables, twice, stored["predicted_at"].max(), 20, *COLUMNS)
