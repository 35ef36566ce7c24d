"""The look at a table: every column has a role with a reason, and nothing of weight is done in silence."""

import numpy as np
import pandas as pd
import pytest

from recommit import Refusal
from recommit.rawtable.form import Form
from recommit.template.look import Look, Said, look
from tests.recommit.template.tables import customers, rentals, texts


def seen(columns: dict[str, object], form: Form = Form(zone="UTC"), **said) -> Look:  # noqa: B008
    return look(texts(columns), Said(**said), form)


def aloud(found: Look) -> str:
    return "\n".join(found.told)


def asked(found: Look) -> dict[str, str]:
    return {one.flag: one.about for one in found.questions}


def roles(found: Look) -> dict[str, str]:
    return {line.name: line.role for line in found.lines}


def test_a_plain_table_is_understood():
    found = seen(customers(), target="left")
    assert roles(found) == {
        "customer_id": "key",
        "age": "feature",
        "spent": "feature",
        "plan": "feature",
        "left": "target",
    }
    assert found["plan"].values == ("basic", "family", "gold")
    assert found["age"].within == (18, 89)
    assert (found.task.kind, found.task.outcomes) == ("binary", ("no", "yes"))
    assert found.split.split["by"] == "hash"
    assert found.time is found.split.as_of is None


def test_a_table_with_a_time_is_split_by_it():
    found = seen(rentals(), target="cnt", time="at", horizon=1)
    assert (found.time, found.split.split["by"], found.task.kind) == ("at", "month", "number")
    assert (found.form.known, found.form.time, found.form.known_after_hours) == ("known_at", "at", 1)


def test_a_date_is_never_shuffled_in_silence():
    found = seen(customers(date=pd.date_range("2012-01-01", periods=400).strftime("%Y-%m-%d")), target="left")
    assert found.time == "date"
    assert asked(found)["--time"] == "date"
    assert "rows with a date are never shuffled" in str(found.questions)


def test_only_no_time_shuffles_rows_with_a_date():
    dates = pd.date_range("2012-01-01", periods=400).strftime("%Y-%m-%d")
    found = seen(customers(date=dates), target="left", time="")
    assert found.time is None
    assert found.split.split["by"] == "hash"
    assert "left out: date: an instant is no feature as it comes" in aloud(found)


def test_an_ambiguous_date_is_refused_with_the_flag():
    dates = [f"{1 + n % 12:02d}/{1 + n // 40:02d}/2012" for n in range(400)]
    for said in ({}, {"time": "date"}):
        with pytest.raises(Refusal, match="--day-first or --month-first"):
            seen(customers(date=dates), target="left", **said)
    assert seen(customers(date=dates), Form(day_first=True), target="left").time == "date"
    assert "date" not in asked(seen(customers(date=dates), target="left", time=""))


def test_every_column_left_out_is_named_with_its_reason():
    more = {
        "country": ["NL"] * 400,
        "again": customers()["age"],
        "note": [f"said {n}" for n in range(400)],
        "empty": [None] * 400,
    }
    found = seen(customers(**more), target="left")
    assert {name: role for name, role in roles(found).items() if name in more} == dict.fromkeys(more, "excluded")
    for line in (
        "left out: country: always 'NL'",
        "left out: again: the same as age in every row",
        "left out: note: names or free text: text, 400 different values",
        "left out: empty: no row has a value",
    ):
        assert line in aloud(found)


def test_the_parts_of_a_sum_that_is_the_target_are_left_out_loudly():
    found = seen(rentals(), target="cnt", time="at")
    for name in ("casual", "registered"):
        assert (found[name].role, found[name].known_when_asked) == ("excluded", "no?")
        assert (
            f"LEFT OUT of the first fit, for it gives the target away: {name}: registered + casual tells cnt"
            in aloud(found)
        )
    assert [line.name for line in found.features] == ["temp", "weather"]


def test_saying_that_one_part_is_not_known_leaves_the_other_out_still():
    found = seen(rentals(), target="cnt", time="at", known={"registered": False})
    assert (found["registered"].role, found["registered"].known_when_asked) == ("excluded", "no")
    assert found["casual"].known_when_asked == "no?"


def test_what_a_user_says_is_known_is_a_feature_though_it_tells_the_target():
    found = seen(rentals(), target="cnt", time="at", known={"registered": True})
    assert (found["registered"].role, found["registered"].known_when_asked) == ("feature", "yes")


def test_a_column_that_alone_tells_the_outcome_is_left_out():
    table = customers()
    table["refund"] = np.where(table["left"] == "yes", 30.5, 0.25)
    found = seen(table, target="left")
    assert found["refund"].known_when_asked == "no?"
    assert "refund" in asked(found)["--known or --not-known"] or "refund" in str(found.questions)


def test_the_positive_outcome_is_asked_where_it_is_not_plain():
    table = customers()
    table["left"] = np.where(table["left"] == "yes", "gone", "here")
    found = seen(table, target="left")
    assert asked(found)["--positive"] == "left"
    assert "is taken as what is predicted: it is the rarer" in aloud(found)
    assert "--positive" not in asked(seen(table, target="left", positive="gone"))
    assert "--positive" not in asked(seen(customers(), target="left"))


def test_the_task_is_asked_where_numbers_may_be_classes():
    table = customers(stars=[n % 5 for n in range(400)])
    found = seen(table, target="stars")
    assert (found.task.kind, asked(found)["--task"]) == ("number", "stars")
    assert "--task" not in asked(seen(table, target="stars", task="number"))


def test_rows_without_a_key_are_numbered_loudly():
    table = customers()
    del table["customer_id"]
    found = seen(table, target="left")
    assert (found.key, found.form.numbered) == ("row", "row")
    assert "the column row numbers them in the file's order" in aloud(found)
    assert seen(table | {"row": [1, 2] * 200}, target="left").key == "row_"


def test_a_key_that_repeats_is_refused_with_both_rows():
    table = customers()
    table["customer_id"][17] = table["customer_id"][3]
    with pytest.raises(Refusal, match=rf"repeats: '{table['customer_id'][3]}' is in rows 4 and 18 \(1 such rows\)"):
        seen(table, target="left", key="customer_id")


@pytest.mark.parametrize("key", ["spent", "plan"])
def test_a_key_must_be_able_to_be_one(key):
    table = customers(spent=[n + 0.5 for n in range(400)])
    with pytest.raises(Refusal, match=f"key {key}"):
        seen(table, target="left", key=key)


def test_a_key_with_a_gap_is_refused():
    table = customers()
    table["customer_id"][5] = None
    with pytest.raises(Refusal, match="the key customer_id is missing in row 6"):
        seen(table, target="left", key="customer_id")


def test_a_quantity_of_which_each_row_has_its_own_is_asked_about():
    found = seen(customers(balance=[1000 + 17 * n for n in range(400)]), target="left")
    assert found["balance"].role == "excluded"
    assert "if it is a quantity, --known balance" in aloud(found)
    assert asked(found)["--known"] == "balance"
    assert seen(customers(balance=range(400)), target="left", known={"balance": True})["balance"].role == "feature"


def test_rows_that_may_belong_together_are_asked_about():
    found = seen(customers(household_id=[n // 4 for n in range(400)]), target="left")
    assert (found["household_id"].role, asked(found)["--group"]) == ("excluded", "household_id")
    grouped = seen(customers(household_id=[n // 4 for n in range(400)]), target="left", group="household_id")
    assert (grouped["household_id"].role, grouped.split.split["by"]) == ("group", "group")


def test_a_group_over_time_is_told():
    found = seen(rentals(2000, station=[n % 20 for n in range(2000)]), target="cnt", time="at", group="station")
    assert "the split is by time; rows of one station are before and after it" in aloud(found)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"target": "lft"}, "--target lft: the table has no such column; did you mean left"),
        ({"target": "zzz"}, "it has customer_id, age, spent, plan, left"),
        ({"target": "left", "known": {"agee": True}}, "--known agee: the table has no such column; did you mean age"),
        ({"target": "left", "key": "left"}, "--target and --key both name left"),
        ({"target": "left", "group": "plan"}, "--group plan: it has 3 values; a split by groups needs ten or more"),
        ({"target": "left", "time": "plan"}, "the time plan is no instant in 400 rows"),
        ({"target": "left", "as_of": "2013-01-01"}, "--as-of 2013-01-01 needs a time, and rows have none"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(said, message):
    with pytest.raises(Refusal, match=message) as error:
        seen(customers(), **said)
    assert "\n" not in str(error.value)


def test_a_table_of_one_column_is_refused():
    with pytest.raises(Refusal, match="there is nothing to predict it from"):
        seen({"left": ["yes", "no"]}, target="left")


def test_words_that_are_taken_as_missing_are_told():
    table = customers()
    table["plan"][:3] = ["NA", "n/a", "NA"]
    found = seen(table, target="left")
    assert "taken as missing: 'NA' in plan (2 rows); 'n/a' in plan (1 rows)" in aloud(found)
    assert found["plan"].missing == 3 / 400


def test_what_nobody_said_is_asked_and_what_was_said_is_not():
    found = seen(customers(), target="left", key="customer_id")
    assert found["age"].known_when_asked == "unasked"
    assert [one.about for one in found.questions] == ["age, spent, plan"]
    settled = seen(customers(), target="left", key="customer_id", known={"age": True, "spent": True, "plan": False})
    assert settled.questions == ()
    assert (settled["plan"].role, settled["age"].known_when_asked) == ("excluded", "yes")


def test_rows_that_are_alike_are_asked_about_as_a_group():
    table = customers()
    table["school"] = [str(place % 40) for place in range(400)]
    table["denomination"] = [str(place % 40 % 4) for place in range(400)]
    table["pupils"] = [str(100 + place % 40 % 20) for place in range(400)]
    found = seen(table, target="left")
    assert asked(found)["--group"] == "school"
    [why] = [one.why for one in found.questions if one.flag == "--group"]
    assert why == "40 values in 400 rows, and denomination, pupils say the same in all rows of one value"
    assert "--group" not in asked(seen(table, target="left", group="school"))
    assert "--group" not in asked(seen(customers(), target="left"))


def test_the_zone_and_the_horizon_are_asked_where_there_is_a_time():
    found = seen(rentals(2000), target="cnt", time="at")
    assert asked(found)["--zone"] == "at"
    assert asked(found)["--horizon"] == "cnt"
    zoned = seen(rentals(2000, at=[f"{at}Z" for at in rentals(2000)["at"]]), target="cnt", time="at", horizon=1)
    assert not {"--zone", "--horizon"} & set(asked(zoned))


def test_a_column_with_a_name_that_a_model_file_keeps_is_refused_unless_it_is_the_target():
    table = customers()
    table["label"] = table.pop("left")
    assert seen(table, target="label").task.kind == "binary"
    with pytest.raises(Refusal, match="the column label has a name that a model file keeps for itself"):
        seen(table, target="plan")


def test_a_column_without_a_name_is_told():
    assert "a column without a name is called unnamed" in aloud(seen(customers(unnamed=range(400)), target="left"))


def test_a_zone_that_does_not_exist_is_refused():
    with pytest.raises(Refusal, match="--zone Berlin: there is no such time zone"):
        seen(customers(), Form(zone="Berlin"), target="left")


def test_a_time_that_never_changes_is_refused():
    with pytest.raises(Refusal, match="the time day is the same in every row: add --no-time"):
        seen(customers(day=["2012-01-01"] * 400), target="left", time="day")


def test_a_target_is_known_when_the_next_row_comes_unless_it_is_said():
    assert seen(rentals(2000), target="cnt", time="at").form.known_after_hours == 1
    assert seen(rentals(2000), target="cnt", time="at", horizon=0).form.known_after_hours == 0


def test_rows_that_cannot_be_split_by_time_are_refused_with_the_flags():
    table = rentals(2000) | {"rain": [n < 100 for n in range(2000)]}
    with pytest.raises(Refusal, match=r"rows cannot be split by .*: say otherwise by --split, --as-of or --horizon"):
        seen(table, target="rain", time="at")


def test_too_few_of_an_outcome_for_a_hash_are_told():
    table = customers(left=["yes" if n < 6 else "no" for n in range(400)])
    assert "BEFORE `make repro`, change `split` in params.yaml" in aloud(seen(table, target="left"))


def test_few_rows_are_told():
    assert "there are only 40 rows" in aloud(seen(customers(40), target="left"))


def test_an_hour_that_clocks_show_twice_is_asked_and_not_an_error() -> None:
    local = pd.date_range("2013-10-20", periods=24 * 30, freq="h", tz="America/New_York").strftime("%Y-%m-%d %H:%M")
    rows = {"at": local, "warm": np.arange(720) % 7, "busy": np.where(np.arange(720) % 3, "yes", "no")}
    found = seen(rows, target="busy", zone="America/New_York")
    [asked] = [one for one in found.questions if one.flag == "--repeated-hour"]
    assert "'2013-11-03 01:00' in row 338, 2 rows in all" in asked.asks
    assert found.form.repeated_hour == asked.guess == "first"
    said = seen(rows, Form(zone="America/New_York", repeated_hour="second"), target="busy", zone="America/New_York")
    assert "--repeated-hour" not in {one.flag for one in said.questions}


def test_the_order_of_day_and_month_that_the_rows_told_is_kept_for_later_rows() -> None:
    dates = [f"{1 + day % 28:02d}/03/2013" for day in range(400)]
    assert seen(customers(date=dates), target="left").form.day_first is True


@pytest.mark.parametrize("rows", [customers(), rentals(24 * 200)], ids=["no time", "time"])
def test_rows_without_a_target_are_to_come_which_is_said_and_asked(rows: dict[str, object]) -> None:
    target = "left" if "left" in rows else "cnt"
    values = pd.Series(rows[target]).astype("object")
    values.iloc[[*range(5), len(values) - 1]] = None
    found = seen(rows | {target: values}, target=target)
    whole = seen(rows, target=target)
    [asked] = [one for one in found.questions if one.flag == "--to-come"]
    assert f"6 of {len(values):,} rows have none" in asked.asks
    assert any(line.startswith(f"6 of {len(values):,} rows have no {target}") for line in found.told)
    assert found[target].missing > 0
    assert [line.role for line in found.lines] == [line.role for line in whole.lines]
    assert found.split.as_of == whole.split.as_of
    said = seen(rows | {target: values}, target=target, to_come=True)
    assert "--to-come" not in {one.flag for one in said.questions}
