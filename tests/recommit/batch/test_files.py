"""A table that cannot be read is refused in a line, and an output appears whole or not at all."""

import errno
import fcntl
import gzip
import io
import os
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from recommit import Refusal
from recommit.artifact.sets import as_sets
from recommit.batch import sink, source
from recommit.batch.outcome import happened
from recommit.batch.predict import Request, predict
from recommit.batch.scorer import Scorer
from tests.recommit.batch import world
from tests.recommit.batch.test_rows import left

ROOT = Path(__file__).parents[3]


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


@pytest.mark.parametrize("other", [{"name": "letters"}, {"target": "lost"}, {"task": world.ANSWERS["delay"]}])
def test_a_model_of_another_problem_is_refused(boosting, score, tmp_path, other):
    with pytest.raises(Refusal, match=r"this project's is parcels, which predicts late \(binary\): name a model"):
        score(replace(boosting, **other), world.features(9))
    assert left(tmp_path) == []


def test_a_plan_without_its_history_is_refused(boosting, score, tmp_path):
    with pytest.raises(Refusal, match="no folder of history"):
        score(boosting, world.plan(9), history=None)
    with pytest.raises(Refusal, match=r"lacks delays.parquet, of which features are made"):
        score(boosting, world.plan(9), history=tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("rows.parquet", b"PAR1 is not enough", "is no parquet file"),
        ("rows.parquet", b"", "is no parquet file"),
        ("rows.csv", b"", "is no CSV file"),
        ("rows.csv", b"a,b,a\n1,2,3\n", "has the column a more than once"),
        ("rows.csv", "parcel,road\n1,north\n".encode("utf-16"), "it is not in UTF-8: save it so"),
        ("rows.csv", "parcel,stra\xdfe\n1,north\n".encode("latin-1"), "it is not in UTF-8: save it so"),
        ("rows.xlsx", b"?", "ends in .parquet, .csv, .tsv or .txt"),
        ("rows.csv.gz", b"no gzip", "cannot be read"),
        ("rows.csv.zip", b"no zip", "cannot be read: File is not a zip file"),
        ("rows.csv.gz", gzip.compress(b"a,b\n" * 1000, mtime=0)[:-20], "cannot be read"),
    ],
)
def test_what_is_no_table_is_refused_in_a_line(boosting, tmp_path, name, content, told):
    (tmp_path / name).write_bytes(content)
    assert told in refused(boosting, Request(tmp_path / name, tmp_path / "out.parquet"))


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (b"\xe9,too,many,values,for,so,few,columns", "it is not in UTF-8: save it so"),
        (b"\xe9,2,3,4,5,6,7", "it is not in UTF-8: save it so"),
        (b'1,"' + b"never closed\n" * 1000, "is a quote opened and never closed"),
    ],
)
def test_a_row_that_no_rows_can_be_read_after_is_told_of_in_a_line(boosting, tmp_path, monkeypatch, row, told):
    unraised = []
    monkeypatch.setattr(sys, "unraisablehook", unraised.append)
    monkeypatch.setattr(source, "_BLOCK_BYTES", 4000)
    table = tmp_path / "rows.csv"
    table.write_bytes(world.features(100).to_csv(index=False).encode() + row + b"\n" + b"1,2,3,4,5,6,7\n" * 1000)
    assert told in refused(boosting, Request(table, tmp_path / "out.parquet", workers=1), status=1)
    assert unraised == []
    assert left(tmp_path) == []


def test_what_else_cannot_be_raised_while_a_csv_file_is_read_is_still_heard(tmp_path, monkeypatch):
    heard = []
    monkeypatch.setattr(sys, "unraisablehook", heard.append)

    class Fails:
        def __del__(self):
            raise ValueError

    (tmp_path / "rows.csv").write_text("a\n1\n")
    for _ in source.Csv(tmp_path / "rows.csv").parts(["a"]):
        Fails()
    assert len(heard) == 1


@pytest.mark.parametrize("name", ["rows.csv.gz", "rows.gz", "rows.csv.zip"])
def test_a_packed_table_gets_the_predictions_of_the_plain_one(boosting, tmp_path, monkeypatch, name):
    monkeypatch.setattr(source, "_BLOCK_BYTES", 4000)
    text = world.features(100).to_csv(index=False) + "1,2\n"
    (tmp_path / "rows.csv").write_text(text)
    if name.endswith(".zip"):
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr("inside.csv", text)
    else:
        (tmp_path / name).write_bytes(gzip.compress(text.encode()))
    for table, output in (("rows.csv", "plain.csv"), (name, "packed.csv")):
        predict(world.PROBLEM, boosting, Request(tmp_path / table, tmp_path / output, workers=1))
    assert (tmp_path / "packed.csv").read_bytes() == (tmp_path / "plain.csv").read_bytes()
    assert (tmp_path / "packed.csv.rejects.csv").read_bytes() == (tmp_path / "plain.csv.rejects.csv").read_bytes()


def test_a_table_of_torn_rows_alone_has_them_all_rejected(boosting, score):
    header = ",".join(world.features(1).columns)
    output, done = score(boosting, f"{header}\n1,2\n3\n", "csv")
    assert (done.predicted, done.rejected) == (0, 2)
    assert (output.parent / f"{output.name}.rejects.csv").read_text().splitlines()[1:] == [
        "1,,has 2 values for 7 columns",
        "2,,has 1 values for 7 columns",
    ]


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (world.history()["delays"].drop(columns="minutes"), "of delays: minutes is there: it is not"),
        (world.history()["delays"].assign(minutes="long"), "of delays: minutes is of type float64: it is str"),
    ],
)
def test_a_history_of_other_columns_is_refused(boosting, score, history, table, told):
    table.to_parquet(history / "delays.parquet", index=False)
    with pytest.raises(Refusal, match=told) as caught:
        score(boosting, world.plan(9))
    assert caught.value.status == 1


def test_a_history_that_is_no_table_is_refused(boosting, score, history):
    (history / "delays.parquet").write_bytes(b"garbage")
    with pytest.raises(Refusal, match=r"delays.parquet, which features are computed from, cannot be read"):
        score(boosting, world.plan(9))


def test_places_that_cannot_be_are_refused(boosting, tmp_path):
    table = tmp_path / "rows.parquet"
    assert "there is no such table" in refused(boosting, Request(table, tmp_path / "out.parquet"))
    world.features(9).to_parquet(table, index=False)
    assert "both input and output" in refused(boosting, Request(table, table))
    assert "no such folder" in refused(boosting, Request(table, tmp_path / "absent" / "out.parquet"))
    assert "ends in .parquet or .csv" in refused(boosting, Request(table, tmp_path / "out.txt"))
    assert left(tmp_path) == []


MADE = {
    "a folder": Path.mkdir,
    "a link": lambda place: place.symlink_to("history-elsewhere"),
    "no plain file": os.mkfifo,
}


@pytest.mark.parametrize("kind", MADE)
@pytest.mark.parametrize("name", ["out.parquet", "out.parquet.rejects.csv", ".out.parquet.lock"])
def test_what_is_no_plain_file_is_refused_as_output_before_a_row_is_scored(boosting, tmp_path, monkeypatch, name, kind):
    world.features(9).to_parquet(tmp_path / "rows.parquet", index=False)
    MADE[kind](tmp_path / name)
    monkeypatch.setattr(Scorer, "answer", lambda *_: pytest.fail("scored"))
    told = refused(boosting, Request(tmp_path / "rows.parquet", tmp_path / "out.parquet", workers=1))
    assert f"{tmp_path / name} is {kind}, and nothing is written there" in told
    assert left(tmp_path) == [name]


@pytest.mark.parametrize("kind", ["a link", "no plain file"])
@pytest.mark.parametrize("name", [".out.parquet.unfinished", ".out.parquet.rejects.csv.unfinished"])
def test_nothing_is_written_through_what_is_in_the_place_of_an_unfinished_file(boosting, score, tmp_path, name, kind):
    elsewhere = tmp_path / "history-elsewhere"
    elsewhere.write_text("dear")
    MADE[kind](tmp_path / name)
    output, _ = score(boosting, world.features(9))
    assert len(pd.read_parquet(output)) == 9
    assert elsewhere.read_text() == "dear"
    assert left(tmp_path) == ["out.parquet"]


def test_a_lock_that_became_a_link_is_not_followed(tmp_path):
    waiting = sink.Sink(tmp_path / "out.parquet")
    (tmp_path / ".out.parquet.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Refusal, match=r"out.parquet cannot be written: .*\(.*out.parquet.lock\)"), waiting:
        pass
    assert left(tmp_path) == [".out.parquet.lock"]


def test_names_that_are_empty_or_too_long_are_refused(boosting, tmp_path):
    table, long = tmp_path / "rows.csv", "x" * 300
    world.plan(9).to_csv(table, index=False)
    output = tmp_path / "out.parquet"
    assert "ends in .parquet or .csv" in refused(boosting, Request(table, Path("")))
    for name in (long, "x" * 230):  # of the second, what is written beside it is too long
        assert "File name too long" in refused(boosting, Request(table, tmp_path / f"{name}.parquet"))
    assert "File name too long" in refused(boosting, Request(table, tmp_path / long / "out.parquet"))
    assert "File name too long" in refused(boosting, Request(tmp_path / f"{long}.csv", output))
    assert "File name too long" in refused(boosting, Request(table, output, history=tmp_path / long, workers=1))
    assert left(tmp_path) == []


@pytest.mark.parametrize("output", ["out.parquet", "out.csv"])
def test_a_table_without_rows_gives_one_without_predictions_where_that_is_no_fault(boosting, score, tmp_path, output):
    usual = score(boosting, world.features(9), output=f"usual-{output}")[0]
    found, done = score(boosting, world.features(9).head(0), output=output, may_be_empty=True)
    assert (done.predicted, done.rejected) == (0, 0)
    if output.endswith("csv"):
        assert found.read_text().splitlines() == usual.read_text().splitlines()[:1]
    else:
        assert pq.read_schema(found) == pq.read_schema(usual)
        assert pd.read_parquet(found).empty


def test_a_table_without_rows_is_refused(boosting, score, tmp_path):
    with pytest.raises(Refusal, match="has no rows"):
        score(boosting, world.features(9).iloc[:0])
    assert left(tmp_path) == []


def damaged(tmp_path):
    """Returns a table whose second row group is damaged."""
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
    killed = (
        "import os, sys, pathlib; from recommit.batch.sink import Sink\n"
        "with Sink(pathlib.Path(sys.argv[1])): os.kill(os.getpid(), 9)"
    )
    words = (sys.executable, "-c", killed, str(tmp_path / "out.parquet"))
    assert subprocess.run(words, env={"PYTHONPATH": "src"}, cwd=ROOT).returncode == -9
    begun = [".out.parquet.lock", ".out.parquet.rejects.csv.unfinished", ".out.parquet.unfinished"]
    assert left(tmp_path) == begun
    for name in begun:
        (tmp_path / name).write_bytes(b"half of it")
    score(boosting, world.features(9))
    assert left(tmp_path) == ["out.parquet"]
    assert len(pd.read_parquet(tmp_path / "out.parquet")) == 9


def test_two_runs_do_not_write_one_output(boosting, score, tmp_path):
    with sink.Sink(tmp_path / "out.parquet"), pytest.raises(Refusal, match="is being written by another run"):
        score(boosting, world.features(9))
    assert left(tmp_path) == []


@pytest.mark.parametrize("bad", [[], [3]])
def test_no_second_run_begins_before_the_last_file_of_the_first_is_in_place_or_gone(
    boosting, score, tmp_path, monkeypatch, bad
):
    rows = world.features(9)
    score(boosting, rows.assign(weight=-1.0, parcel=range(9)))  # leaves rejects
    tried = []

    def with_a_second_run(act):
        def acts(path, *given, **named):
            if path.name.startswith((".out", "out")) and path.name != ".out.parquet.lock":
                tried.append(path.name)
                with (
                    pytest.raises(Refusal, match="is being written by another run"),
                    sink.Sink(tmp_path / "out.parquet"),
                ):
                    pass
            return act(path, *given, **named)

        return acts

    with monkeypatch.context() as patched:
        for name in ("replace", "unlink"):
            patched.setattr(Path, name, with_a_second_run(getattr(Path, name)))
        score(boosting, rows.assign(weight=rows["weight"].where(~rows.index.isin(bad), -1)))
    assert {".out.parquet.unfinished", ".out.parquet.rejects.csv.unfinished"} <= set(tried)
    assert ("out.parquet.rejects.csv" in tried) == (not bad)
    assert left(tmp_path) == ["out.parquet"] + ["out.parquet.rejects.csv"] * bool(bad)
    assert len(pd.read_parquet(tmp_path / "out.parquet")) == 9 - len(bad)


def test_a_lock_that_was_taken_away_before_it_was_had_is_none(tmp_path, monkeypatch):
    lock, flock = tmp_path / ".out.parquet.lock", fcntl.flock

    def first_run_ends(file, how):
        monkeypatch.undo()
        lock.unlink()
        flock(file, how)

    monkeypatch.setattr(fcntl, "flock", first_run_ends)
    with sink.Sink(tmp_path / "out.parquet"):
        assert lock.exists()
        with pytest.raises(Refusal, match="is being written by another run"), sink.Sink(tmp_path / "out.parquet"):
            pass
    assert left(tmp_path) == []


@pytest.mark.parametrize("output", ["out.parquet", "out.csv"])
def test_on_a_full_disk_the_earlier_output_stays_and_nothing_else(boosting, score, tmp_path, monkeypatch, output):
    (tmp_path / output).write_bytes(b"earlier")

    class Full(io.FileIO):
        def write(self, content):
            raise OSError(errno.ENOSPC, "No space left on device")

    opened = Path.open

    def on_a_full_disk(path, mode="r", **named):
        if path.name == f".{output}.unfinished":
            return io.BufferedWriter(Full(path, mode))
        return opened(path, mode, **named)

    monkeypatch.setattr(Path, "open", on_a_full_disk)
    with pytest.raises(Refusal, match=rf"{output} cannot be written: No space left on device") as caught:
        score(boosting, world.features(9), output=output)
    assert caught.value.status == 1
    assert left(tmp_path) == [output]
    assert (tmp_path / output).read_bytes() == b"earlier"


def test_an_earlier_output_keeps_its_rejects_until_there_is_another(boosting, score, tmp_path, monkeypatch):
    score(boosting, world.features(9).assign(weight=[-1.0] + [1.0] * 8))

    def fails(path, target):
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", fails)
        with pytest.raises(Refusal, match="Input/output error"):
            score(boosting, world.features(9))
    assert left(tmp_path) == ["out.parquet", "out.parquet.rejects.csv"]


def test_what_happened_is_joined_by_key_and_unknown_outcomes_are_left_out():
    predictions = pd.DataFrame({"parcel": [3, 1, 2], "probability": [0.3, 0.1, 0.2]})
    facts = pd.DataFrame({"parcel": [1, 2, 3, 4], "late": pd.array([True, None, False, True], dtype="boolean")})
    found = happened(predictions, facts, "parcel", "late", "bool")
    assert found["parcel"].tolist() == [3, 1]
    assert found["late"].tolist() == [False, True]
    assert happened(predictions, facts.iloc[3:], "parcel", "late", "bool").empty
    with pytest.raises(ValueError, match="not a one-to-one merge"):
        happened(predictions, pd.concat([facts, facts]), "parcel", "late", "bool")


def test_sets_are_read_back_from_their_words(boosting, score):
    found = pd.read_parquet(score(boosting, world.features(300))[0])
    expected = boosting.task.sets.sets(found["probability"])
    assert (as_sets(found["set"], boosting.task.outcomes) == expected).all()
    with pytest.raises(ValueError, match="'maybe' is no set of punctual and late"):
        as_sets(pd.Series(["late", "maybe"]), boosting.task.outcomes)
