"""Tables are read with clear refusals, and an output appears whole or not at all."""

import pandas as pd
import pytest

from recommit import Refusal
from recommit.batch import sink
from recommit.batch.outcome import as_sets, happened
from recommit.batch.predict import Request, predict
from tests.recommit.batch import world
from tests.recommit.batch.test_rows import left


def refused(scorer, request, status=2):
    with pytest.raises(Refusal) as caught:
        predict(world.PROBLEM, scorer, request)
    assert "\n" not in str(caught.value)
    assert caught.value.status == status
    return str(caught.value)


def test_a_table_that_is_neither_plan_nor_features_is_told_what_it_lacks(boosting, score):
    with pytest.raises(Refusal, match=r"neither a plan.*lacks grams.*nor a table of the model's inputs.*lacks.*recent"):
        score(boosting, world.plan(9).drop(columns="grams"))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda t: t.drop(columns="parcel"), "has no column parcel"),
        (lambda t: t.assign(weight=True), "weight is bool, not a number"),
        (lambda t: t.assign(road=7), "road is int64, not text"),
        (lambda t: t.assign(leaves=t["leaves"].dt.tz_localize(None)), "leaves is timestamp.*, not an instant"),
    ],
)
def test_columns_that_no_row_could_be_used_of_are_refused_at_once(boosting, score, tmp_path, change, told):
    with pytest.raises(Refusal, match=told):
        score(boosting, change(world.features(9)))
    assert left(tmp_path) == []


def test_a_plan_without_its_history_is_refused(boosting, score, tmp_path):
    with pytest.raises(Refusal, match="no folder of history"):
        score(boosting, world.plan(9), history=None)
    with pytest.raises(Refusal, match=r"lacks delays.parquet, which features are computed from"):
        score(boosting, world.plan(9), history=tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("rows.parquet", b"PAR1 is not enough", "is no parquet file"),
        ("rows.parquet", b"", "is no parquet file"),
        ("rows.csv", b"", "is no CSV file"),
        ("rows.csv", b"a,b,a\n1,2,3\n", "has the column a more than once"),
        ("rows.xlsx", b"?", "ends in .parquet or .csv"),
    ],
)
def test_what_is_no_table_is_refused_in_a_line(boosting, tmp_path, name, content, told):
    (tmp_path / name).write_bytes(content)
    assert told in refused(boosting, Request(tmp_path / name, tmp_path / "out.parquet"))


def test_places_that_cannot_be_are_refused(boosting, tmp_path):
    table = tmp_path / "rows.parquet"
    assert "there is no such table" in refused(boosting, Request(table, tmp_path / "out.parquet"))
    world.features(9).to_parquet(table, index=False)
    assert "both input and output" in refused(boosting, Request(table, table))
    assert "no such folder" in refused(boosting, Request(table, tmp_path / "absent" / "out.parquet"))
    assert "ends in .parquet or .csv" in refused(boosting, Request(table, tmp_path / "out.txt"))
    assert left(tmp_path) == []


def test_a_table_without_rows_is_refused(boosting, score, tmp_path):
    with pytest.raises(Refusal, match="has no rows"):
        score(boosting, world.features(9).iloc[:0])
    assert left(tmp_path) == []


def damaged(tmp_path):
    """A table whose second row group is damaged."""
    table = tmp_path / "rows.parquet"
    world.features(2000).to_parquet(table, index=False, row_group_size=1000)
    content = bytearray(table.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 3000] = bytes(3000)
    table.write_bytes(content)
    return table


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failure_half_way_leaves_the_earlier_output(boosting, tmp_path, workers):
    output = tmp_path / "out.parquet"
    output.write_bytes(b"earlier")
    told = refused(boosting, Request(damaged(tmp_path), output, workers=workers), status=1)
    assert "cannot be read from row 1,001 on" in told
    assert output.read_bytes() == b"earlier"
    assert left(tmp_path) == ["out.parquet"]


def test_interrupted_it_leaves_nothing_and_starts_anew(boosting, score, tmp_path, monkeypatch):
    rows = world.features(900)
    whole, _ = score(boosting, rows, group=300, output="whole.parquet")
    write = sink.Sink.write

    def interrupt(self, predictions, rejects):
        if self.rows:
            raise KeyboardInterrupt
        write(self, predictions, rejects)

    with monkeypatch.context() as patched:
        patched.setattr(sink.Sink, "write", interrupt)
        with pytest.raises(KeyboardInterrupt):
            score(boosting, rows, group=300)
    assert left(tmp_path) == ["whole.parquet"]
    output, _ = score(boosting, rows, group=300)
    assert output.read_bytes() == whole.read_bytes()


def test_what_a_killed_run_left_is_written_over(boosting, score, tmp_path):
    for name in (".out.parquet.unfinished", ".out.parquet.rejects.csv.unfinished"):
        (tmp_path / name).write_bytes(b"half of it")
    score(boosting, world.features(9))
    assert left(tmp_path) == ["out.parquet"]
    assert len(pd.read_parquet(tmp_path / "out.parquet")) == 9


def test_two_runs_do_not_write_one_output(boosting, score, tmp_path):
    with sink.Sink(tmp_path / "out.parquet"), pytest.raises(Refusal, match="is being written by another run"):
        score(boosting, world.features(9))
    assert left(tmp_path) == []


def test_what_happened_is_joined_by_key_and_unknown_outcomes_are_left_out():
    predictions = pd.DataFrame({"parcel": [3, 1, 2], "probability": [0.3, 0.1, 0.2]})
    facts = pd.DataFrame({"parcel": [1, 2, 3, 4], "late": pd.array([True, None, False, True], dtype="boolean")})
    found = happened(predictions, facts, "parcel", "late")
    assert found["parcel"].tolist() == [3, 1]
    assert found["late"].tolist() == [False, True]
    with pytest.raises(ValueError, match="of none of 3 predictions"):
        happened(predictions, facts.iloc[3:], "parcel", "late")
    with pytest.raises(ValueError, match="not a one-to-one merge"):
        happened(predictions, pd.concat([facts, facts]), "parcel", "late")


def test_sets_are_read_back_from_their_words(boosting, score):
    found = pd.read_parquet(score(boosting, world.features(300))[0])
    expected = boosting.sets.sets(found["probability"])
    assert (as_sets(found["set"], world.PROBLEM.outcomes) == expected).all()
    with pytest.raises(ValueError, match="'maybe' is no set of punctual and late"):
        as_sets(pd.Series(["late", "maybe"]), world.PROBLEM.outcomes)
