"""The same values in another form of table give the same predictions, or the same rejects."""

import codecs
import errno
import multiprocessing
import os
import re
from collections.abc import Callable
from concurrent import futures
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recommit import Refusal
from recommit.batch.predict import Request, predict
from recommit.batch.typed import as_kind
from tests.recommit.batch import world

ABOVE = 2**53 + 1
PLAN = "parcel,leaves,grams,road\n"
ROW = "1,2013-09-01T06:15:00Z,12,north\n"


def scored(scorer, history: Path, table: Path, say: Callable[[str], None] = lambda _: None) -> tuple[bytes, str]:
    """Returns the predictions of the table in a file, and the text of its rejects."""
    to = table.with_name(f"{table.name}.out.parquet")
    done = predict(world.PROBLEM, scorer, Request(table, to, history=history, workers=1), say)
    return to.read_bytes(), done.rejects.read_text() if done.rejects else ""


def written(folder: Path, name: str, content: str | bytes | pa.Table) -> Path:
    path = folder / name
    if isinstance(content, pa.Table):
        pa.parquet.write_table(content, path)
    else:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(values: list, kind: str, of: pa.DataType | None = None) -> tuple[list, list]:
    found, faults = as_kind(pa.chunked_array([pa.array(values, of)]), "x", kind)
    return found.tolist(), sorted(faults)


@pytest.mark.parametrize("number", [ABOVE, -ABOVE, 2**60 + 1, 2**63 - 1, -(2**63), 2**63, 2**64 - 1, 7, -7, 0], ids=str)
def test_a_whole_number_is_the_same_in_text_as_in_parquet(number):
    of = pa.uint64() if number >= 2**63 else pa.int64()
    parquet = read([number], "whole", of)
    for text in (str(number), f" {number} ", str(number).zfill(40) if number >= 0 else str(number)):
        assert read([text], "whole", pa.string()) == parquet
    assert read([f"+{number}"], "whole", pa.string()) == parquet or number < 0
    assert (parquet[0] == [number]) == (number < 2**63)


def test_what_is_no_whole_number_in_64_bits_is_told_for_what_it_is():
    told = {
        "9223372036854775808": "x is 9223372036854775808, above 9223372036854775807",
        "-9223372036854775809": "x is -9223372036854775809, below -9223372036854775808",
        "1" * 5000: f"x is {'1' * 5000}, above 9223372036854775807",
        "9007199254740993.0": "x is 9007199254740993.0: beyond 2**53 a number of this type may have lost digits",
        "1e17": "x is 1e17: beyond 2**53 a number of this type may have lost digits",
        "1.5": "x is 1.5, not a whole number",
        "12,5": "x is '12,5', not a whole number",
        "inf": "x is inf, not a whole number",
    }
    _, faults = read(list(told), "whole", pa.string())
    assert [why for _, why in faults] == list(told.values())
    assert read([2.0**60], "whole")[1] == [
        (0, f"x is {2.0**60}: beyond 2**53 a number of this type may have lost digits")
    ]


@pytest.mark.parametrize(
    "text",
    [
        *("2013-09-01T06:15:00Z", "2013-09-01T06:15:00z", "2013-09-01 06:15:00Z", "2013-09-01T06:15Z"),
        *("2013-09-01 06:15:00+00", "2013-09-01 06:15:00.000000+00", "2013-09-01T06:15+00", "2013-09-01T08:15:00+02"),
        *("2013-09-01 06:15:00 UTC", "2013-09-01 06:15:00UTC", "2013-09-01T06:15:00 utc", "2013-09-01 06:15:00 GMT"),
        *("2013-09-01T06:15:00+0000", "2013-09-01 06:15:00 +0000", "2013-09-01 06:15:00 +00:00", "20130901T061500Z"),
        *(" 2013-09-01T06:15:00Z ", "2013-09-01 01:45:00 -0430", "2013-09-01T06:15:00.000000000Z"),
    ],
)
def test_an_instant_may_say_its_zone_as_databases_and_languages_do(text):
    assert read([text], "instant", pa.string()) == ([pd.Timestamp("2013-09-01T06:15:00Z")], [])


@pytest.mark.parametrize(
    "text", ["2013-09-01T06:15:00", "2013-09-01", "2013-09-01 06:15:00 EST", "06:15+00", "1378016100"]
)
def test_an_instant_without_a_zone_that_is_known_is_told_of(text):
    [(row, why)] = read([text], "instant", pa.string())[1]
    assert (row, why) == (0, f"x is {text!r}, not an instant with its time zone, like 2013-09-01T06:15:00Z")


TEXTS = [pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view()]
TEXTS += [pa.dictionary(pa.int32(), pa.string()), pa.dictionary(pa.int32(), pa.large_string())]


@pytest.mark.parametrize("of", TEXTS, ids=str)
@pytest.mark.parametrize("rows", ["plan", "features"])
def test_text_of_any_type_of_parquet_gives_the_same_bytes(boosting, history, tmp_path, rows, of):
    table = pa.Table.from_pandas(getattr(world, rows)(50), preserve_index=False)
    plain = scored(boosting, history, written(tmp_path, "plain.parquet", table))
    for name in ("road", "size"):
        if name in table.column_names:
            values = table[name].cast(pa.string())
            values = values.dictionary_encode().cast(of) if pa.types.is_dictionary(of) else values.cast(of)
            table = table.set_column(table.column_names.index(name), name, values)
    assert scored(boosting, history, written(tmp_path, "other.parquet", table)) == plain


def test_bytes_that_are_no_text_are_a_fault_of_their_row(boosting, history, tmp_path):
    roads = pa.array([b"north", b"\xff", b"south"])
    table = pa.Table.from_pandas(world.plan(3), preserve_index=False)
    table = table.set_column(table.column_names.index("road"), "road", roads)
    _, rejects = scored(boosting, history, written(tmp_path, "rows.parquet", table))
    assert rejects.splitlines()[1:] == ["2,1001,road is not UTF-8"]


@pytest.mark.parametrize("kind", ["number", "whole", "text", "instant"])
def test_a_column_of_type_null_has_missing_values_alone(kind):
    found, faults = as_kind(pa.chunked_array([pa.nulls(3)]), "x", kind)
    expected, missing = as_kind(pa.chunked_array([pa.array([None] * 3, pa.string())]), "x", kind)
    pd.testing.assert_series_equal(found, expected)
    assert faults == missing == ([(row, "x is missing") for row in range(3)] if kind == "whole" else [])


def test_a_number_of_type_null_is_scored_as_missing_ones_are(boosting, history, tmp_path):
    rows = world.features(9).assign(recent=np.float32("nan"))
    table = pa.Table.from_pandas(rows, preserve_index=False)
    plain = scored(boosting, history, written(tmp_path, "plain.parquet", table))
    table = table.set_column(table.column_names.index("recent"), "recent", pa.nulls(9))
    assert scored(boosting, history, written(tmp_path, "null.parquet", table)) == plain


def test_decimals_are_the_numbers_that_their_digits_are():
    exact = pa.decimal128(38, 2)
    assert read([ABOVE, 2, None], "whole", exact) == ([ABOVE, 2, 0], [(2, "x is missing")])
    digits = [pa.scalar("12.25").cast(exact).as_py()]
    assert read(digits, "number", exact) == ([12.25], [])
    assert read(digits, "whole", exact)[1] == [(0, "x is 12.25, not a whole number")]


@pytest.mark.parametrize("of", [pa.bool_(), pa.date32(), pa.timestamp("us"), pa.list_(pa.int64())], ids=str)
def test_a_type_that_is_nothing_of_the_kind_is_refused_by_its_name(boosting, history, tmp_path, of):
    table = pa.Table.from_pandas(world.features(2), preserve_index=False)
    for name in ("weight", "leaves"):
        place = table.column_names.index(name)
        other = written(tmp_path, "rows.parquet", table.set_column(place, name, pa.nulls(2).cast(of)))
        with pytest.raises(Refusal, match=rf"{name} is {re.escape(str(of).split('<')[0])}.*, not an? (number|instant)"):
            scored(boosting, history, other)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (PLAN + ROW, ""),
        ((PLAN + ROW).replace(",", ";"), "separated by semicolons"),
        ((PLAN + ROW).replace(",", "\t"), "separated by tabs"),
        ((PLAN + ROW).replace(",", "|"), "separated by bars"),
        (('"a,b",' + PLAN + "9," + ROW).replace(",", ";").replace("a;b", "a,b"), "separated by semicolons"),
        (codecs.BOM_UTF8.decode() + PLAN + ROW, ""),
        (codecs.BOM_UTF8.decode() + (PLAN + ROW).replace(",", ";"), "separated by semicolons"),
        ((PLAN + ROW).replace("\n", "\r\n"), ""),
        ((PLAN + ROW).replace("\n", "\r\n").replace(",", "\t"), "separated by tabs"),
        ((PLAN + ROW).replace("\n", ",\n"), ""),
        ((PLAN + ROW).replace("\n", ",,\n"), ""),
        ((PLAN + ROW).replace(",", ";").replace("\n", ";;;\n"), "separated by semicolons"),
        ("," + PLAN + "0," + ROW, ""),
        ("\n\n" + PLAN + ROW, ""),
        ("a;b," + PLAN + "9," + ROW, ""),
    ],
)  # fmt: skip
def test_a_csv_file_of_another_make_gives_the_same_bytes_and_says_what_was_taken(
    boosting, history, tmp_path, content, said
):
    plain = scored(boosting, history, written(tmp_path, "plain.csv", PLAN + ROW))
    lines: list[str] = []
    assert scored(boosting, history, written(tmp_path, "other.csv", content), lines.append) == plain
    assert plain[1] == ""
    assert ("separated" in lines[0], said in lines[0]) == (bool(said), True)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (PLAN.replace(",", ";", 2).replace(",", "\t"), "its line of names has semicolons and tabs, and no comma"),
        ((PLAN + ROW).encode("utf-16"), "it is not in UTF-8: save it so"),
        (PLAN.replace("leaves", "parcel") + ROW, "has the column parcel more than once"),
    ],
)
def test_a_csv_file_that_can_be_read_in_two_ways_is_refused(boosting, history, tmp_path, content, told):
    with pytest.raises(Refusal, match=told):
        scored(boosting, history, written(tmp_path, "rows.csv", content))


def test_a_file_that_may_not_be_read_is_refused_in_a_line(boosting, history, tmp_path, monkeypatch):
    def denied(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    for name, place in (("rows.csv", (pa, "input_stream")), ("rows.parquet", (pa.parquet, "read_metadata"))):
        table = written(tmp_path, name, PLAN + ROW)
        monkeypatch.setattr(*place, denied)
        with pytest.raises(Refusal, match=r"rows.* cannot be read: Permission denied"):
            scored(boosting, history, table)
        monkeypatch.undo()


WHOLES = st.one_of(
    *(st.integers(-(2**63), 2**63 - 1), st.integers(ABOVE - 3, ABOVE + 3), st.integers(0, 40_000), st.none())
)
INSTANTS = st.one_of(st.datetimes(pd.Timestamp("2013-09-01"), pd.Timestamp("2014-02-01")), st.none())
ROWS = st.lists(st.tuples(WHOLES, INSTANTS, WHOLES, st.sampled_from([*world.ROADS, "nowhere", None])), min_size=1)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS, st.sampled_from([",", ";", "\t"]))
def test_one_table_as_csv_and_as_parquet_has_the_same_predictions_and_rejects(
    boosting, history, tmp_path, rows, separator
):
    types = [
        ("parcel", pa.int64()),
        ("leaves", pa.timestamp("us", "UTC")),
        ("grams", pa.int64()),
        ("road", pa.string()),
    ]
    columns = {name: pa.array(values, of) for (name, of), values in zip(types, zip(*rows, strict=True), strict=True)}
    table = pa.table(columns)
    parquet = scored(boosting, history, written(tmp_path, "rows.parquet", table))
    pa.csv.write_csv(table, tmp_path / "rows.csv", pa.csv.WriteOptions(delimiter=separator, quoting_style="none"))
    assert scored(boosting, history, tmp_path / "rows.csv") == parquet


NO_LOCKS = [OSError(number, os.strerror(number)) for number in (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.ENOENT)]
NO_LOCKS += [OSError(errno.ENOSYS, os.strerror(errno.ENOSYS)), ImportError("no sem_open"), NotImplementedError("none")]


@pytest.mark.parametrize("error", NO_LOCKS, ids=repr)
def test_where_processes_can_have_no_locks_one_is_advised(boosting, score, monkeypatch, tmp_path, error):
    def fail(*_: object, **__: object) -> None:
        raise error

    if isinstance(error, NotImplementedError):
        monkeypatch.setattr(futures.process, "_check_system_limits", fail)
    else:
        monkeypatch.setattr(multiprocessing.synchronize.SemLock, "__init__", fail)
    with pytest.raises(Refusal, match=r"^no processes can be started, as where /dev/shm is full.*; use --workers 1$"):
        score(boosting, world.features(300), group=50, workers=2)
    assert not (tmp_path / "out.parquet").exists()
    score(boosting, world.features(300), group=50, workers=1)


def test_where_dask_can_start_no_process_one_of_its_own_is_advised(boosting, score, monkeypatch):
    distributed = pytest.importorskip("distributed")

    def fail(*_: object, **__: object) -> None:
        try:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        except OSError as error:
            raise RuntimeError("Nanny failed to start.") from error

    monkeypatch.setattr(distributed, "LocalCluster", fail)
    with pytest.raises(Refusal, match=r"^no processes .*: Read-only file system; use --engine local --workers 1$"):
        score(boosting, world.features(9), engine="dask", workers=1)
