"""Every kind of leak is found when it is planted, named by its columns or rows; honest data has none proved."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from recommit.evidence.files import plain
from recommit.evidence.stages import Leak
from recommit.learning.leakage import figures
from recommit.learning.leakage.bounds import Bounds
from recommit.learning.leakage.columns import leaks_in_columns
from recommit.learning.leakage.fitted import fitted_beyond
from recommit.learning.leakage.leak import as_table
from recommit.learning.leakage.leak import columns_of as columns_in
from recommit.learning.leakage.order import time_order
from recommit.learning.leakage.shared import look_alikes, shared_groups, shared_rows
from recommit.learning.leakage.shuffled import alone, strong_against_shuffled, stronger_lately
from recommit.learning.leakage.spans import spans, within
from recommit.learning.leakage.target import strongest, target_in_columns
from recommit.learning.leakage.telling import telling_values
from tests.recommit.learning import honest_worlds
from tests.recommit.learning.honest_worlds import WORLDS, columns_of
from tests.recommit.learning.planted_leaks import PLANTS
from tests.recommit.learning.splitting import by_month, folds

COLUMNS = ["storm", "hour", "carrier", "wind", "queue"]
AS_OF = "2013-07-01"
TIMES = ("predicted_at", "label_known_at")
PARAMS = yaml.safe_load((Path(__file__).parents[3] / "params.yaml").read_text(encoding="utf-8"))["leakage"]
BOUNDS = Bounds(**{name: value for name, value in PARAMS.items() if name not in ("coincidences", "groups")})


def honest(seed: int = 0, a_day: int = 60) -> pd.DataFrame:
    """Six months of rows whose target depends on the day's storm, the hour and the carrier, and on chance."""
    random = np.random.default_rng(seed)
    days = pd.date_range("2013-01-01", "2013-06-30", tz="UTC")
    rows = len(days) * a_day
    day = np.repeat(np.arange(len(days)), a_day)
    asked = days[day] + pd.to_timedelta(np.sort(random.integers(0, 86400, (len(days), a_day))).ravel(), unit="s")
    storm = random.normal(size=len(days))[day]
    carrier = random.choice(["AA", "UA", "VX"], rows, p=[0.6, 0.3, 0.1])
    wind = np.where(random.random(rows) < 0.1, np.nan, storm + random.normal(size=rows))
    logit = -1.2 + 1.2 * storm + 0.06 * (asked.hour - 12) + 0.4 * (carrier == "UA")
    return pd.DataFrame(
        {
            "id": np.arange(rows),
            "predicted_at": asked,
            "label_known_at": asked + pd.Timedelta(hours=4),
            "late": random.random(rows) < 1 / (1 + np.exp(-logit)),
            "storm": storm + random.normal(scale=0.3, size=rows),
            "hour": asked.hour.to_numpy("float32"),
            "carrier": pd.Series(carrier, dtype="str"),
            "wind": wind,
            "queue": random.poisson(3, rows).astype("float64"),
        }
    )


@pytest.fixture(scope="module")
def table():
    return honest()


def in_columns(table, columns):
    return target_in_columns(folds(table, AS_OF, 2), columns, "late", BOUNDS)


def against_shuffled(table, columns):
    return strong_against_shuffled(folds(table, AS_OF, 1)[0], columns, "late", BOUNDS.worth, 1)


def told_by_values(table, columns):
    return telling_values(folds(table, AS_OF, 1)[0], columns, "late", BOUNDS.odds)


def looked_at(table, seed=1):
    """Every look at columns, with the bounds that ship, three months judged."""
    return leaks_in_columns(table, by_month(honest_worlds.AS_OF), columns_of(table), "late", BOUNDS, seed)


def parts_of(table):
    split = folds(table, AS_OF, 1)[0]
    return {"training": split.train, "2013-05": split.test}


@pytest.mark.parametrize("seed", range(10))
def test_honest_tables_have_no_leak(seed):
    table = honest(seed)
    parts = parts_of(table)
    assert looked_at(table, seed) == []
    assert shared_rows(parts, "id", COLUMNS, 0.001) == []
    assert time_order(parts, *TIMES) == []


# Worlds in which a column is as strong as a leak, or changes as suddenly: a person must say that it is honest.
ASKED = {
    "one_strong_number": ["load"],
    "one_very_strong_number": ["load"],
    "busy_street": ["hour"],
    "telling_category": ["customer"],
    "rare_categories": ["place"],
    "drift": ["load"],
}


@pytest.mark.parametrize("name", WORLDS)
def test_no_honest_world_has_a_leak_proved_and_few_raise_a_question(name):
    table = WORLDS[name](np.random.default_rng(1))
    found = looked_at(table)
    assert [finding for finding in found if finding.certainty == "proof"] == []
    assert {finding.where for finding in found} <= set(ASKED.get(name, []))
    assert all(0 < finding.worth < 1 for finding in found)


def test_there_are_more_than_twenty_honest_worlds_and_most_raise_no_question():
    assert len(WORLDS) >= 28
    assert len(ASKED) <= 6


@pytest.mark.parametrize("name", PLANTS)
@pytest.mark.parametrize("world", ["weak", "strong_days"])
def test_a_planted_leak_is_asked_about_or_proved_by_its_columns(name, world):
    random = np.random.default_rng(3)
    table = WORLDS[world](random)
    planted = PLANTS[name](table, random)
    found = looked_at(table.assign(**planted))
    named = {column for finding in found for column in finding.where.split(", ")}
    assert named & set(planted)
    assert all(set(finding.where.split(", ")) & set(planted) for finding in found), "no honest column is named alone"


def is_said(table):
    return {"settled": table["late"].astype("float64")}


def is_a_category(table):
    return {"status": table["late"].map({True: "landed late", False: "landed"}).astype("str")}


def is_missing(table):
    return {"reason_code": pd.Series(7.0, table.index).where(table["late"])}


def is_filled_in_old_months(table):
    noise = pd.Series(np.random.default_rng(3).random(len(table)), table.index)
    return {"backfilled": noise.where(table["predicted_at"] >= "2013-05-01", table["late"].astype("float64"))}


@pytest.mark.parametrize(
    ("plant", "reason"),
    [
        (is_said, "alone it gives the target with an AUC of 1.0000"),
        (is_a_category, "alone it gives the target with an AUC of 1.0000"),
        (is_missing, "whether it is missing gives the target with an AUC of 1.0000"),
        (is_filled_in_old_months, "alone it gives the target with an AUC of 1.0000"),
    ],
)
def test_a_column_that_gives_the_target_away_is_named_and_no_other(plant, reason):
    table = honest(a_day=150)
    planted = plant(table)
    findings = in_columns(table.assign(**planted), [*COLUMNS, *planted])
    assert [(finding.kind, finding.where) for finding in findings] == [("target_in_columns", *planted)]
    assert findings[0].certainty == "proof"
    assert reason in findings[0].how


def is_known_of_a_few(table):
    chosen = table["late"] & (table["id"] % 5 == 0)
    return {"cause": pd.Series("strike", table.index, dtype="str").where(chosen)}


def is_a_rare_number(table):
    return {"gust": table["wind"].fillna(0).mask(table["late"] & (table["id"] % 25 == 0), 999.0)}


@pytest.mark.parametrize(
    ("plant", "reason"),
    [
        (is_known_of_a_few, "where it is strike, 100.00% of"),
        (is_a_rare_number, "where it is up to 999, 100.00% of"),
    ],
)
def test_a_value_that_gives_the_target_away_is_asked_about_and_no_other(plant, reason):
    table = honest(a_day=150)
    planted = plant(table)
    findings = told_by_values(table.assign(**planted), [*COLUMNS, *planted])
    assert [(finding.kind, finding.where, finding.certainty) for finding in findings] == [
        ("telling_value", *planted, "question")
    ]
    assert reason in findings[0].how
    assert findings[0].worth > 0


def test_a_gap_that_tells_only_for_one_category_is_asked_about_with_that_category():
    table = honest(a_day=150)
    random = np.random.default_rng(5)
    gap = (table["carrier"] == "AA") | (table["late"] & (random.random(len(table)) < 0.4))
    planted = table.assign(seats=pd.Series(random.normal(size=len(table))).mask(gap))
    findings = told_by_values(planted, [*COLUMNS, "seats"])
    assert [finding.where for finding in findings] == ["carrier, seats"]
    assert "where it is missing, carrier UA, 100.00% of" in findings[0].how


def test_a_pair_that_is_merely_strong_is_a_question_and_names_its_worth(table):
    random = np.random.default_rng(5)
    coin = random.random(len(table)) < 0.5
    hint = table["late"] ^ (random.random(len(table)) < 0.03)
    findings = in_columns(table.assign(coin=coin, other=coin ^ hint), [*COLUMNS, "coin", "other"])
    assert [(finding.kind, finding.where) for finding in findings] == [("strong_columns", "coin, other")]
    assert findings[0].certainty == "question"
    assert 0.5 < findings[0].worth < 1


def test_two_columns_that_mean_nothing_alone_are_named_together(table):
    coin = np.random.default_rng(5).random(len(table)) < 0.5
    planted = table.assign(coin=coin, other=coin ^ table["late"])
    findings = in_columns(planted, [*COLUMNS, "coin", "other"])
    assert [finding.where for finding in findings] == ["coin, other"]
    assert "together they give the target with an AUC of 1.0000" in findings[0].how


def test_two_columns_that_add_up_to_the_target_are_named_once(table):
    casual = np.random.default_rng(5).normal(size=len(table))
    planted = table.assign(casual=casual, registered=table["late"] - casual)
    assert [finding.where for finding in in_columns(planted, [*COLUMNS, "casual", "registered"])] == [
        "casual, registered"
    ]


def cause_of(table, chosen):
    return table.assign(cause=pd.Series("strike", table.index, dtype="str").where(chosen, "none"))


def test_what_a_few_rows_have_in_common_may_be_luck(table):
    days = table["predicted_at"].dt.floor("D")
    first_late = table["late"] & (table["late"].groupby(days).cumsum() == 1)
    assert told_by_values(cause_of(table, first_late & (days.dt.day % 9 == 0)), [*COLUMNS, "cause"]) == []


def test_what_a_day_of_each_month_has_in_common_may_be_luck():
    table = honest(a_day=150)
    days = table["predicted_at"].dt.floor("D")
    worst = table["late"].groupby(days).sum().groupby(lambda day: day.month).idxmax()
    assert told_by_values(cause_of(table, table["late"] & days.isin(worst)), [*COLUMNS, "cause"]) == []


@pytest.mark.parametrize("small", [0.1, 0.2, 0.3])
def test_a_summand_that_is_strong_alone_does_not_hide_that_the_sum_is_the_target(table, small):
    random = np.random.default_rng(4)
    size = random.normal(size=len(table))
    rest = random.normal(scale=small, size=len(table))
    told = table.assign(late=size + rest > 1, size=size, rest=rest)
    assert in_columns(told, ["size", "wind", "queue"])[0].certainty == "question"
    (found,) = in_columns(told, [*COLUMNS, "size", "rest"])
    assert (found.certainty, found.where) == ("proof", "rest, size")


def test_two_strong_summands_and_a_weak_one_are_named_together(table):
    random = np.random.default_rng(5)
    parts = {"a": random.normal(size=len(table)), "b": random.normal(scale=0.2, size=len(table))}
    parts |= {"c": random.normal(scale=0.2, size=len(table))}
    told = table.assign(late=sum(parts.values()) > 1, **parts)
    (found,) = in_columns(told, [*COLUMNS, "a", "b", "c"])
    assert (found.certainty, found.where) == ("proof", "a, b, c")


def test_three_columns_that_add_up_to_the_target_are_named_and_no_other(table):
    random = np.random.default_rng(5)
    a, b = random.normal(size=(2, len(table)))
    planted = table.assign(casual=a, registered=b, rest=table["late"] - a - b)
    findings = in_columns(planted, [*COLUMNS, "casual", "registered", "rest"])
    assert len(findings) == 1
    assert sorted(findings[0].where.split(", ")) == ["casual", "registered", "rest"]
    assert "a linear combination of" in findings[0].how


def test_two_clocks_whose_difference_is_the_target_are_named(table):
    due = table["predicted_at"] + pd.to_timedelta(table["hour"], unit="h")
    delay = np.where(table["late"], 20, 5) + np.random.default_rng(5).integers(0, 5, len(table))
    planted = table.assign(due=due, came=due + pd.to_timedelta(delay, unit="min"))
    findings = in_columns(planted, [*COLUMNS, "due", "came"])
    assert {finding.certainty for finding in findings} == {"proof"}
    assert [sorted(finding.where.split(", ")) for finding in findings] == [["came", "due"]]


def test_a_target_with_other_values_is_refused(table):
    with pytest.raises(ValueError, match="target late must be true or false in every row"):
        in_columns(table.assign(late=table["hour"]), COLUMNS)


def test_columns_without_any_value_or_with_one_say_nothing(table):
    planted = table.assign(empty=np.nan, same="x", infinite=np.inf)
    columns = [*COLUMNS, "empty", "same", "infinite"]
    assert in_columns(planted, columns) == []
    assert against_shuffled(planted, columns) == against_shuffled(table, COLUMNS) == []


def test_the_strongest_column_comes_first_with_an_interval_around_its_area(table):
    areas = strongest(folds(table, AS_OF, 2), COLUMNS, "late", seed=1)
    assert next(column for column, _ in areas) == "storm"
    assert {column for column, _ in areas} == set(COLUMNS)
    assert all(area.low <= area.value <= area.high for _, area in areas)
    noise = dict(areas)["queue"]
    assert noise.low < 0.5 < noise.high


def test_a_column_that_half_knows_the_row_is_too_strong_against_its_shuffled_self(table):
    random = np.random.default_rng(5)
    hint = table["late"] ^ (random.random(len(table)) < 0.15)
    planted = table.assign(hint=hint + random.normal(scale=0.2, size=len(table)))
    assert in_columns(planted, [*COLUMNS, "hint"]) == []
    findings = against_shuffled(planted, [*COLUMNS, "hint"])
    assert [finding.where for finding in findings] == ["hint"]
    assert "they save" in findings[0].how


def test_a_copy_does_not_hide_a_column_that_is_too_strong(table):
    hint = (table["late"] ^ (np.random.default_rng(5).random(len(table)) < 0.15)).astype("float64")
    planted = table.assign(hint=hint, twin=-2 * hint)
    findings = against_shuffled(planted, [*COLUMNS, "hint", "twin"])
    assert [finding.where for finding in findings] == ["hint, twin"]


def test_a_column_with_a_comma_in_its_name_is_one_column_and_named_by_one_look(table):
    hint = (table["late"] ^ (np.random.default_rng(5).random(len(table)) < 0.15)).astype("float64")
    planted = table.assign(**{'delay, "in" hours': hint, "twin": -2 * hint})
    [finding] = against_shuffled(planted, [*COLUMNS, 'delay, "in" hours', "twin"])
    assert finding.where == '"delay, ""in"" hours", twin'
    assert columns_in(finding) == {'delay, "in" hours', "twin"}
    copied = table.assign(**{"late, again": table["late"].astype("float64")})
    looks = leaks_in_columns(copied, by_month(AS_OF), [*COLUMNS, "late, again"], "late", BOUNDS, 1)
    assert [leak.where for leak in looks] == ['"late, again"']


def test_a_strong_column_does_not_hide_another(table):
    random = np.random.default_rng(5)
    hints = {f"hint{n}": table["late"] + random.normal(scale=0.6, size=len(table)) for n in range(2)}
    asked = [finding.where for finding in against_shuffled(table.assign(**hints), [*COLUMNS, *hints])]
    assert sorted(asked) == ["hint0", "hint1"]


def test_a_column_that_tells_good_days_from_bad_ones_is_not_too_strong(table):
    daily = table["storm"].groupby(table["predicted_at"].dt.floor("D")).transform("mean")
    found = alone(folds(table.assign(daily=daily), AS_OF, 1)[0], [*COLUMNS, "daily"], "late", 1)
    assert {one.columns[0]: one.share.value for one in found}["daily"] < 0.02


def test_a_model_without_skill_accuses_no_column(table):
    chance = table.assign(late=np.random.default_rng(5).random(len(table)) < 0.3)
    assert alone(folds(chance, AS_OF, 1)[0], COLUMNS, "late", 1) == []


def months_of(table):
    parts = folds(table, AS_OF, 3)
    at = table["predicted_at"]
    return [within(table[(at >= part.starts) & (at < part.ends)], part) for part in parts]


@pytest.mark.parametrize(("since", "noise"), [("2013-05-01", 0.6), ("2013-04-01", 0.6), ("2013-05-16", 0.1)])
def test_a_column_that_begins_to_leak_is_asked_about_in_the_month_in_which_it_begins(since, noise):
    table, random = WORLDS["weak"](np.random.default_rng(5)), np.random.default_rng(5)
    hint = np.where(table["predicted_at"] >= since, table["late"], 0.3) + random.normal(scale=noise, size=len(table))
    columns = [*columns_of(table), "hint"]
    [finding] = stronger_lately(months_of(table.assign(hint=hint)), columns, "late", BOUNDS.rise, 1)
    assert (finding.kind, finding.where, finding.certainty) == ("stronger_lately", "hint", "question")
    assert f"in {since[:7]} they save" in finding.how


def test_a_column_that_is_as_strong_in_every_month_has_not_risen(table):
    hint = table["late"] + np.random.default_rng(5).normal(scale=0.6, size=len(table))
    assert stronger_lately(months_of(table.assign(hint=hint)), [*COLUMNS, "hint"], "late", BOUNDS.rise, 1) == []


def test_a_span_is_a_day_or_as_many_days_as_hold_enough_rows():
    day = pd.Timestamp("2013-01-01", tz="UTC")
    busy = pd.Series([day + pd.Timedelta(hours=hour) for hour in range(72)])
    assert list(spans(busy.dt.date)) == [hour // 24 for hour in range(72)]
    quiet = pd.Series([day + pd.Timedelta(days=number) for number in range(50)])
    assert list(np.bincount(spans(quiet.dt.date))) == [20, 30], "the rest is too short to stand alone"


def test_a_row_in_two_splits_is_found_by_its_key(table):
    parts = parts_of(table)
    parts["2013-05"] = pd.concat([parts["2013-05"], parts["training"].iloc[[5, 9]]])
    [finding] = shared_rows(parts, "id", COLUMNS, 0.001)
    assert (finding.kind, finding.where) == ("shared_rows", "rows of training and 2013-05")
    assert finding.how == "2 have the same id: 5, 9"


@pytest.mark.parametrize("noise", [0, 1e-7])
def test_copies_under_another_key_and_instant_are_found_though_a_little_noise_is_on_them(table, noise):
    parts = parts_of(table)
    copies = parts["training"].head(50).assign(id=lambda rows: rows["id"] + 10**6)
    copies["storm"] *= 1 + noise
    copies[["predicted_at", "label_known_at"]] += pd.Timedelta(days=160)
    parts["2013-05"] = pd.concat([parts["2013-05"], copies])
    [finding] = shared_rows(parts, "id", COLUMNS, 0.001)
    assert finding.how.startswith("50 of 2013-05 have another id and the same values in all 5 columns, to 3 digits")


def test_copies_of_which_some_columns_were_changed_are_found():
    table = WORLDS["many_columns"](np.random.default_rng(1))
    parts = parts_of(table)
    copies = parts["training"].head(50).assign(id=lambda rows: rows["id"] + 10**6)
    copies[["c0", "c4", "c8"]] = 0.0
    copies[["predicted_at", "label_known_at"]] += pd.Timedelta(days=160)
    assert shared_rows(parts, "id", columns_of(table), 0.001) == []
    parts["2013-05"] = pd.concat([parts["2013-05"], copies])
    [finding] = shared_rows(parts, "id", columns_of(table), 0.001)
    assert finding.how.startswith("50 of 2013-05 have another id and the same values in nearly all 60 columns")


def test_rows_that_agree_by_coincidence_pass_up_to_the_declared_share(table):
    parts = parts_of(table)
    few = ["hour", "carrier"]
    assert look_alikes(parts, few) == len(parts["2013-05"])
    assert shared_rows(parts, "id", few, 1.0) == []
    assert len(shared_rows(parts, "id", few, 0.001)) == 1


@pytest.mark.parametrize(("rows", "passes", "copies"), [(60, 2, 10), (6000, 60, 120)])
def test_how_many_rows_may_agree_by_coincidence_follows_the_number_of_rows(rows, passes, copies):
    draws = np.random.default_rng(1).normal(size=(5 * rows, 3))
    table = pd.DataFrame(draws, columns=list("abc")).assign(id=range(5 * rows))
    parts = {"training": table.iloc[rows:], "test": table.iloc[:rows]}

    def with_copies(number):
        copied = parts["training"].iloc[:number].assign(id=lambda rows: rows["id"] + 10**6)
        found = parts | {"test": pd.concat([copied, parts["test"].iloc[number:]])}
        return lambda coincidences: shared_rows(found, "id", list("abc"), coincidences)

    assert with_copies(passes)(0.01) == []
    assert len(with_copies(passes)(0)) == 1
    [finding] = with_copies(copies)(0.01)
    assert finding.how.startswith(f"{copies} of test have another id")


def test_a_group_in_two_splits_is_found(table):
    parts = parts_of(table.assign(patient=lambda rows: rows["predicted_at"].dt.strftime("%m")))
    assert shared_groups(parts, ["patient"]) == []
    parts["2013-05"] = parts["2013-05"].assign(patient="03")
    [finding] = shared_groups(parts, ["patient"])
    assert (finding.kind, finding.where) == ("shared_groups", "patient of training and 2013-05")
    assert "03" in finding.how


def test_shuffled_time_is_found(table):
    shuffled = table.sample(frac=1, random_state=1)
    [finding] = time_order({"training": shuffled.iloc[:8000], "test": shuffled.iloc[8000:]}, *TIMES)
    assert (finding.kind, finding.where) == ("time_order", "rows of training")
    assert int(finding.how.split()[0]) > 7500


def test_the_order_of_rows_within_a_split_is_no_leak(table):
    assert (
        time_order({name: part.sample(frac=1, random_state=1) for name, part in parts_of(table).items()}, *TIMES) == []
    )


def test_validation_after_test_is_found(table):
    parts = parts_of(table)
    [finding] = time_order({"validation": parts["2013-05"], "test": parts["training"]}, *TIMES)
    assert finding.where == "rows of validation"


def test_a_training_label_known_only_when_the_test_begins_is_found(table):
    parts = parts_of(table)
    begins = parts["2013-05"]["predicted_at"].min()
    known = parts["training"]["label_known_at"].mask(parts["training"]["id"] == 7, begins)
    parts["training"] = parts["training"].assign(label_known_at=known)
    [finding] = time_order(parts, *TIMES)
    assert finding.how.startswith(f"1 of {len(parts['training'])} have a label known only at or after {begins}")


def test_a_row_asked_about_after_its_label_was_known_is_found(table):
    parts = parts_of(table)
    known = parts["2013-05"]["label_known_at"] - pd.Timedelta(hours=4)
    parts["2013-05"] = parts["2013-05"].assign(label_known_at=known)
    [finding] = time_order(parts, *TIMES)
    assert finding.where == "rows of 2013-05"
    assert "were asked about when their label was known" in finding.how


def test_a_row_without_an_instant_is_found(table):
    parts = parts_of(table)
    parts["training"] = parts["training"].assign(
        label_known_at=parts["training"]["label_known_at"].where(lambda x: x.index > 3)
    )
    [finding] = time_order(parts, *TIMES)
    assert finding.how == f"4 of {len(parts['training'])} have no predicted_at or no label_known_at"


def pipeline():
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    steps = [("numbers", numbers, ["storm", "wind", "queue"]), ("carrier", OneHotEncoder(), ["carrier"])]
    return make_pipeline(ColumnTransformer(steps), LogisticRegression())


def test_steps_fitted_on_the_training_rows_are_silent(table):
    train = parts_of(table)["training"]
    assert fitted_beyond(pipeline().fit(train[COLUMNS], train["late"]), train[COLUMNS], train["late"]) == []


def test_steps_fitted_beyond_the_training_rows_are_named_with_what_they_learned(table):
    train = parts_of(table)["training"]
    findings = fitted_beyond(pipeline().fit(table[COLUMNS], table["late"]), train[COLUMNS], train["late"])
    where = {finding.where for finding in findings}
    assert {finding.kind for finding in findings} == {"fitted_beyond"}
    assert "statistics_ of Pipeline.columntransformer.numbers.simpleimputer" in where
    assert "mean_ of Pipeline.columntransformer.numbers.standardscaler" in where
    assert not any("carrier" in place for place in where), "the same carriers are in both"
    assert not any("logistic" in place for place in where), "only what comes before the model is fitted again"


def test_categories_learned_from_the_test_rows_are_found(table):
    train = parts_of(table)["training"]
    later = table.assign(carrier=table["carrier"].mask(table["id"] > len(train), "ZZ"))
    [finding] = fitted_beyond(OneHotEncoder().fit(later[["carrier"]]), train[["carrier"]])
    assert finding.where == "categories_ of OneHotEncoder"
    assert "ZZ" in finding.how


def test_the_figure_shows_every_column_and_the_bound(table):
    areas = strongest(folds(table, AS_OF, 1), COLUMNS, "late", seed=1)
    ax = figures.strongest(areas, 0.95)
    assert [label.get_text() for label in ax.get_yticklabels()] == [column for column, _ in areas]
    assert any(list(line.get_xdata()) == [0.95, 0.95] for line in ax.get_lines())
    assert ax.get_xlim()[0] < min(area.low for _, area in areas)


def test_leaks_are_listed_for_reading_and_as_evidence():
    proof = Leak.of("time_order", "rows of training", "3 of 9 are asked about too late")
    question = Leak.of("telling_value", "cause", "where it is strike, all are late", worth=0.1)
    how = {"where": "rows of training", "how": "3 of 9 are asked about too late"}
    assert as_table([proof]).to_dict("records") == [{"certainty": "proof", "kind": "time_order", **how}]
    assert (proof.certainty, question.certainty) == ("proof", "question")
    assert plain(question)["worth"] == 0.1
    assert list(as_table([]).columns) == ["certainty", "kind", "where", "how"]
