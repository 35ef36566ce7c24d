"""Every row of a table is scored, in order, with the same bits in each way; a row that cannot be scored is told of."""

import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from recommit import Refusal
from recommit.artifact.model import Model
from recommit.batch import sink, source
from recommit.batch.scorer import load_scorer
from tests.recommit.batch import world


def left(folder):
    """Returns what a run leaves in a folder beside what it was given."""
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith(("rows", "history")))


def rejects(output):
    return pd.read_csv(f"{output}.rejects.csv", dtype={"key": "str"})


def test_each_row_has_its_key_its_probability_its_set_and_the_model(scorer, score):
    rows = world.features(500)
    output, done = score(scorer, rows)
    found = pd.read_parquet(output)
    assert (done.predicted, done.rejected, done.rejects) == (500, 0, None)
    pd.testing.assert_frame_equal(
        found[["parcel", "leaves", "predicted_at"]], rows[["parcel", "leaves", "predicted_at"]]
    )
    chance = Model(scorer.content).answer(rows)
    np.testing.assert_allclose(found["probability"], chance, atol=1e-6)
    late, punctual = found["set"].str.contains("late"), found["set"].str.contains("punctual")
    assert (late == (1 - found["probability"] <= 0.65)).all()
    assert (punctual == (found["probability"] <= 0.65)).all()
    assert set(found["set"]) == {"punctual", "late", "punctual or late"}
    assert found[["model", "version", "model_sha256"]].drop_duplicates().values.tolist() == [
        ["parcels", "v1.0.0", scorer.sha256]
    ]


def test_a_row_has_the_same_bits_whatever_rows_come_with_it(scorer):
    rows = world.features(300)
    whole = scorer.answer(rows)
    for predict in (scorer.answer, Model(scorer.content).answer):
        for size in (1, 2, 7, 16, 33):
            parts = [predict(rows.iloc[at : at + size]) for at in range(0, 300, size)]
            np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_parquet_and_csv_plan_and_features_give_the_same_bytes(scorer, score):
    plan, rows = world.plan(700), world.features(700)
    outputs = [
        score(scorer, table, suffix, output=f"{name}-{suffix}.parquet")[0].read_bytes()
        for name, table in (("plan", plan), ("features", rows))
        for suffix in ("parquet", "csv")
    ]
    assert len(set(outputs)) == 1


def test_rows_asked_for_later_than_history_tells_of_are_rejected(scorer, score):
    plan = world.plan(50)
    whole, _ = score(scorer, plan, output="whole.parquet")
    plan.loc[[7, 9], "leaves"] = world.KNOWN_UNTIL + pd.Timedelta(hours=3)
    plan.loc[11, "leaves"] = world.KNOWN_UNTIL + pd.Timedelta(hours=2)
    output, done = score(scorer, plan)
    assert (done.predicted, done.rejected) == (48, 2)
    found = rejects(output)
    assert found["row"].tolist() == [8, 10]
    assert (
        found["reasons"][0]
        == f"2014-01-01T01:00Z is later than delays tells of road {plan['road'][7]}, 2014-01-01T00:00Z"
    )
    others = pd.read_parquet(whole).drop(index=[7, 9])
    assert pd.read_parquet(output)["probability"].tolist() == others["probability"].tolist()


def test_rows_of_a_group_that_history_is_silent_of_are_rejected_and_strict_writes_nothing(
    scorer, score, history, tmp_path
):
    delays = world.history()["delays"]
    plan = world.plan(60)
    whole, _ = score(scorer, plan, output="whole.parquet")
    silent = plan["road"] == "coast"
    for told, table in {
        "is later than delays tells of road coast, 2013-08-01T00:00Z": delays.assign(
            told_at=delays["told_at"].mask(delays["road"] == "coast", pd.Timestamp("2013-08-01", tz="UTC"))
        ),
        "delays tells nothing of road coast": delays[delays["road"] != "coast"],
    }.items():
        table.to_parquet(history / "delays.parquet", index=False)
        output, done = score(scorer, plan)
        assert done.rejected == silent.sum() > 0
        assert all(told in reason for reason in rejects(output)["reasons"])
        others = pd.read_parquet(whole)[~silent.to_numpy()]
        assert pd.read_parquet(output)["probability"].tolist() == others["probability"].tolist()
        with pytest.raises(Refusal, match=told):
            score(scorer, plan, strict=True, output="strict.parquet")
    assert "strict.parquet" not in left(tmp_path)


def test_a_row_that_history_has_with_other_facts_is_rejected(scorer, score, history, monkeypatch):
    both = (world.DELAYS, world.PARCELS)
    monkeypatch.setattr(world, "PROBLEM", replace(world.PROBLEM, history=both))
    plan = world.plan(60)
    plan.drop(index=3).to_parquet(history / "parcels.parquet", index=False)
    output, done = score(scorer, plan)
    assert done.rejected == 1
    assert rejects(output)["reasons"].tolist() == [
        "history's parcels lacks parcel 1003: it must hold all that is planned"
    ]
    plan.to_parquet(history / "parcels.parquet", index=False)
    plan.loc[[5, 8], "grams"] += 1
    output, done = score(scorer, plan)
    assert (done.predicted, done.rejected) == (58, 2)
    grams = plan["grams"][5]
    assert rejects(output)["row"].tolist() == [6, 9]
    assert rejects(output)["reasons"][0] == f"grams is {grams}, and {grams - 1} in history's row of parcel 1005"


@pytest.mark.parametrize("strict", [True, False])
def test_history_that_breaks_its_declaration_is_refused_before_a_row_is_scored(
    scorer, score, history, tmp_path, strict
):
    delays = world.history()["delays"]
    blank = delays.replace({"road": {"coast": "coast "}})
    for told, table in {
        "delays.parquet does not obey .* road is a known value: not so in 1 rows .first: 3 with 'coast '": blank,
        "road is unique: not so in 6 rows": pd.concat([delays, delays]),
        "minutes is of type float64: it is str": delays.astype({"minutes": "str"}),
        "delays.parquet has no rows": delays.iloc[:0],
    }.items():
        table.to_parquet(history / "delays.parquet", index=False)
        with pytest.raises(Refusal, match=told) as caught:
            score(scorer, world.plan(60), strict=strict)
        assert caught.value.status == 1
    assert left(tmp_path) == []


def test_predictions_can_be_csv(boosting, score):
    output, _ = score(boosting, world.features(50), output="out.csv")
    parquet, _ = score(boosting, world.features(50))
    found = pd.read_csv(output)
    np.testing.assert_array_equal(found["probability"], pd.read_parquet(parquet)["probability"])
    assert found["set"].tolist() == pd.read_parquet(parquet)["set"].tolist()


def test_processes_give_the_same_bytes(boosting, score):
    rows = world.features(2000)
    rows.loc[[3, 999], "weight"] = -1
    one, _ = score(boosting, rows, group=300, output="one.parquet")
    two, done = score(boosting, rows, group=300, output="two.parquet", workers=2)
    assert done.rejected == 2
    assert one.read_bytes() == two.read_bytes()
    assert rejects(one)["row"].tolist() == rejects(two)["row"].tolist() == [4, 1000]


def test_a_csv_file_of_many_blocks_keeps_order_and_numbers(boosting, score, monkeypatch):
    monkeypatch.setattr(source, "_BLOCK_BYTES", 2000)
    rows = world.features(400)
    whole, _ = score(boosting, rows, output="whole.parquet")
    lines = rows.to_csv(index=False).splitlines()
    lines[200] += ",one too many"
    lines[300] = "5"
    output, done = score(boosting, "\n".join(lines), "csv")
    assert (done.predicted, done.rejected) == (398, 2)
    assert rejects(output)["row"].tolist() == [200, 300]
    expected = pd.read_parquet(whole).drop([199, 299]).reset_index(drop=True)
    pd.testing.assert_frame_equal(pd.read_parquet(output), expected, check_exact=True)


def test_a_file_of_one_row_group_comes_in_parts_and_gives_the_same_bytes(boosting, score, tmp_path, monkeypatch):
    monkeypatch.setattr(source, "BATCH_ROWS", 100)
    monkeypatch.setattr(source, "PART_ROWS", 200)
    monkeypatch.setattr(sink, "GROUP_ROWS", 170)
    rows = world.features(950)
    rows.loc[[3, 499, 949], "weight"] = -1
    whole, _ = score(boosting, rows, output="whole.parquet")
    one = source.Parquet(tmp_path / "rows.parquet")
    parts = list(one.parts(["parcel"]))
    assert [part.rows.table.num_rows for part in parts] == [100] * 9 + [50]
    assert one.most_parts == 10
    for name, group, workers in (("many", 70, 1), ("mixed", 300, 1), ("processes", None, 2)):
        output, _ = score(boosting, rows, group=group, workers=workers, output=f"{name}.parquet")
        assert output.read_bytes() == whole.read_bytes()
        assert rejects(output)["row"].tolist() == [4, 500, 950]
    assert pd.read_parquet(whole)["parcel"].tolist() == rows["parcel"].drop([3, 499, 949]).tolist()


def test_text_that_goes_with_a_prediction_is_the_same_bytes_however_it_was_read(boosting, score, monkeypatch):
    monkeypatch.setattr(world, "PROBLEM", replace(world.PROBLEM, beside=("leaves", "road")))
    outputs = [
        score(boosting, rows, group=group, output=f"{group}.parquet")[0]
        for rows, group in ((world.features(300), 300), (world.features(300), 70), (world.plan(300), 120))
    ]
    assert len({output.read_bytes() for output in outputs}) == 1
    assert pd.read_parquet(outputs[0])["road"].tolist() == world.features(300)["road"].tolist()


def test_numbers_of_rows_hold_across_batches(boosting, score, monkeypatch):
    monkeypatch.setattr(source, "BATCH_ROWS", 100)
    rows = world.features(500)
    rows.loc[[0, 150, 499], "weight"] = -1
    output, _ = score(boosting, rows, group=250)
    assert rejects(output)["row"].tolist() == [1, 151, 500]
    assert rejects(output)["key"].tolist() == ["1000", "1150", "1499"]


PLAN_FAULTS = [
    ("grams", "heavy", "grams is 'heavy', not a whole number"),
    ("grams", "2.5", "grams is 2.5, not a whole number"),
    ("grams", "", "grams is missing"),
    ("leaves", "2013-09-01 10:00", "leaves is '2013-09-01 10:00', not an instant with its time zone"),
    ("leaves", "soon", "leaves is 'soon', not an instant"),
    ("road", "moon", "rule broken by moon: road is a known value"),
]


@pytest.mark.parametrize(("column", "value", "reason"), PLAN_FAULTS)
def test_a_bad_row_of_a_plan_is_rejected_with_its_reason_and_the_rest_are_scored(
    boosting, score, column, value, reason
):
    plan = world.plan(20)
    spoiled = plan.astype(object).astype(str)
    spoiled.loc[7, column] = value
    output, done = score(boosting, spoiled, "csv")
    (found,) = rejects(output).to_dict("records")
    assert (found["row"], found["key"]) == (8, "1007")
    assert found["reasons"].startswith(reason)
    assert (done.predicted, done.rejected) == (19, 1)
    whole, _ = score(boosting, plan, output="whole.parquet")
    pd.testing.assert_frame_equal(
        pd.read_parquet(output), pd.read_parquet(whole).drop(7).reset_index(drop=True), check_exact=True
    )


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("weight", -1.0, "weight is 0 or more"),
        ("weight", np.inf, "weight is infinite"),
        ("road", "moon", "road moon is no value that the model knows"),
        ("road", None, "road is missing, which the model does not know"),
        ("parcel", None, "parcel is missing"),
        ("parcel", 2.5, "parcel is 2.5, not a whole number"),
    ],
)
def test_a_bad_row_of_features_is_rejected_with_its_reason(scorer, score, column, value, reason):
    rows = world.features(20)
    if column == "parcel":
        rows["parcel"] = rows["parcel"].astype("float64")
    rows.loc[7, column] = value
    output, done = score(scorer, rows)
    (found,) = rejects(output).to_dict("records")
    assert found["row"] == 8
    assert reason in found["reasons"]
    assert done.predicted == 19


def test_what_the_model_has_no_answer_for_is_no_traceback(tmp_path, score):
    loose = load_scorer(world.write_model(tmp_path / "history-loose", "logistic", listed=False), "v1.0.0")
    rows = world.features(20)
    rows.loc[7, "road"] = "moon"
    with pytest.raises(Refusal, match="rows 1 to 20: the model has no answer") as caught:
        score(loose, rows)
    assert "\n" not in str(caught.value)
    assert "out.parquet" not in left(tmp_path)


def test_missing_numbers_are_scored(boosting, score):
    rows = world.features(20)
    rows.loc[3, "recent"] = np.nan
    assert score(boosting, rows)[1].predicted == 20


def test_a_row_that_the_model_gives_no_number_for_is_rejected(tmp_path, score):
    linear = load_scorer(world.write_model(tmp_path / "history-of-models", "logistic"), "v1.0.0")
    rows = world.features(20)
    rows.loc[3, "recent"] = np.nan
    rows.loc[5, "weight"] = -1
    output, done = score(linear, rows)
    assert rejects(output)["row"].tolist() == [4, 6]
    assert rejects(output)["reasons"][0].startswith("the model gives no probability")
    assert done.predicted == len(pd.read_parquet(output)) == 18


def test_a_row_whose_key_is_0_is_told_of_by_it(boosting, score):
    rows = world.features(20).assign(parcel=range(20), weight=-1.0)
    assert rejects(score(boosting, rows)[0])["key"].tolist() == [str(key) for key in range(20)]


def test_features_of_other_rows_than_asked_are_not_scored(boosting, score, monkeypatch):
    turned = replace(world.PROBLEM, build=lambda *given: world.build(*given).iloc[::-1])
    monkeypatch.setattr(world, "PROBLEM", turned)
    with pytest.raises(Refusal, match="build gave other rows than it was asked for"):
        score(boosting, world.plan(20))


def test_strict_leaves_nothing_and_names_the_first_bad_row(boosting, score, tmp_path):
    rows = world.features(20)
    rows.loc[[7, 9], "weight"] = -1
    with pytest.raises(
        Refusal, match=r"row 8 of .*rows.parquet: rule broken by -1.0: weight is 0 or more; nothing was written"
    ) as caught:
        score(boosting, rows, strict=True)
    assert caught.value.status == 1
    assert left(tmp_path) == []


def test_rejects_of_an_earlier_run_do_not_stay(boosting, score, tmp_path):
    rows = world.features(20)
    score(boosting, rows.assign(weight=rows["weight"].where(rows.index != 3, -1)))
    assert left(tmp_path) == ["out.parquet", "out.parquet.rejects.csv"]
    score(boosting, rows)
    assert left(tmp_path) == ["out.parquet"]


def test_without_dask_installed_its_engine_is_refused(boosting, score, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(Refusal, match=r"`make .venv/dev.stamp` adds it"):
        score(boosting, world.features(20), engine="dask")
    assert left(tmp_path) == []
