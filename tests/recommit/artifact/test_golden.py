"""Golden rows are plain JSON, replayed when a model is loaded, and refused when they could be anything else."""

import json

import numpy as np
import pandas as pd
import pytest

from recommit.artifact.golden import BOUNDARY, MOST_BYTES, choose, golden_bytes, read_golden
from recommit.artifact.model import Model
from tests.recommit.artifact.conftest import TASK, put, refusal

INPUTS = {"wind": "number", "rain": "number", "place": "text"}


@pytest.fixture
def columns(made):
    """The golden rows' columns, which a test may change."""
    return json.loads(made["golden.json"])["columns"]


def written(columns, **more):
    return json.dumps({"format": 2, "columns": columns} | more).encode()


def test_golden_rows_say_why_they_are_there_and_what_is_answered(made, columns):
    golden = read_golden(made["golden.json"], INPUTS, TASK)
    model = Model(made["model.onnx"])
    assert (model.answer(golden.rows) == golden.answer).all()
    assert golden.beside["set"].tolist() == TASK.columns(golden.answer)["set"].to_pylist()
    assert set(columns["golden_kind"]) == {"usual", "threshold", "category", "missing", "unseen", "extreme", BOUNDARY}
    assert 200 < len(golden.answer) < 500


def test_every_number_is_read_back_as_the_very_same_float(made, asked):
    model = Model(made["model.onnx"])
    rows = choose(asked, model, TASK, seed=1)
    rows.loc[: len(rows) - 2, "rain"] = (
        np.random.default_rng(0).integers(0, 2**31, len(rows) - 1).astype("int32").view("float32")
    )
    rows.loc[5:8, "rain"] = [np.nan, -0.0, np.finfo("float32").smallest_subnormal, np.finfo("float32").max]
    rows = rows[~np.isinf(rows["rain"])]
    content = golden_bytes(rows, model, TASK)
    golden = read_golden(content, INPUTS, TASK)
    found, due = (frame["rain"].to_numpy(dtype="float32") for frame in (golden.rows, rows))
    present = ~np.isnan(due)
    assert (np.isnan(found) == ~present).all()
    assert (found[present].view("int32") == due[present].view("int32")).all()
    assert (golden.answer == model.answer(rows)).all()
    assert golden_bytes(rows, model, TASK) == content
    assert golden_bytes(golden.rows.assign(golden_kind=rows["golden_kind"].to_numpy()), model, TASK) == content


def test_rows_with_an_infinite_number_are_not_kept(made, asked):
    model = Model(made["model.onnx"])
    endless = asked.assign(wind=asked["wind"].where(asked.index % 2 == 0, np.float32("-inf")))
    rows = choose(endless, model, TASK, seed=1)
    assert len(rows) > 200
    assert not np.isinf(rows["wind"]).any()
    assert len(read_golden(golden_bytes(rows, model, TASK), INPUTS, TASK).rows) == len(rows)


def test_golden_rows_lie_on_either_side_of_where_a_set_changes(columns):
    table = pd.DataFrame(columns)
    edges = table[table["golden_kind"] == BOUNDARY]
    assert sorted(edges["golden_set"]) == ["late", "punctual", "punctual or late", "punctual or late"]
    for edge in TASK.edges:
        distance = table["golden_probability"] - edge
        nearest = min(distance[distance > 0]), max(distance[distance <= 0])
        assert set(nearest) <= set(distance[edges.index])


def test_golden_rows_that_expect_another_answer_are_refused(folder, columns):
    columns["golden_probability"][17] += 1e-4
    put(folder, "golden.json", written(columns))
    assert f"1 of {len(columns['wind'])} golden rows; row 17 gives the probability" in refusal(folder)


def ending(name, value):
    """The golden file with another last value in a column."""
    return lambda columns: written(columns | {name: [*columns[name][:-1], value]})


HARM = [
    (lambda columns: b"", "it is not JSON"),
    (lambda columns: b"\xff\xfe{}", "it is not JSON"),
    (lambda columns: written(columns)[:-20], "it is not JSON"),
    (lambda columns: b"[" * 1_000_000, "it is not JSON (nested too deep)"),
    (lambda columns: b'{"format": ' + b"9" * 5000 + b"}", "it is not JSON"),
    (lambda columns: b'{"format": 2, "format": 2}', "it is not JSON (the key 'format' is there twice)"),
    (lambda columns: b"[1]", "it holds no golden rows: due are 'format' and 'columns', and nothing else"),
    (lambda columns: b'{"format": 2, "columns": []}', "it holds no golden rows"),
    (lambda columns: written(columns, rows=3), "it holds no golden rows"),
    (lambda columns: written(columns, format=1), "it is of format 1, and this version reads 2"),
    (lambda columns: written(columns, format=True), "it is of format True, and this version reads 2"),
    (lambda columns: written(columns.pop("rain") and columns), "it lacks the column 'rain'"),
    (lambda columns: written(columns | {"zebra": columns["rain"]}), "it has a column 'zebra'"),
    (lambda columns: written({name: values * 100 for name, values in columns.items()}), "due are 1 to 2000"),
    (lambda columns: written({name: [] for name in columns}), "it has columns of [0] rows"),
    (lambda columns: written(columns | {"wind": columns["wind"][1:]}), "due are 1 to 2000, as many in each"),
    (lambda columns: written(columns | {"wind": "calm"}), "its column 'wind' must be a list of values"),
    (ending("wind", "1.0"), "its column 'wind' must be a list of values of the kind number"),
    (ending("wind", True), "its column 'wind' must be a list of values of the kind number"),
    (ending("wind", 10**400), "its column 'wind' must be a list of values of the kind number"),
    (ending("wind", [1.0]), "its column 'wind' must be a list of values of the kind number"),
    (ending("wind", 0.1), "its column 'wind' holds numbers that are no float32"),
    (ending("wind", 1e300), "its column 'wind' holds numbers that are no float32"),
    (ending("wind", float("inf")), "it holds Infinity, which is no number"),
    (ending("wind", float("nan")), "it holds NaN, which is no number"),
    (ending("place", None), "its column 'place' must be a list of values of the kind text"),
    (ending("golden_probability", None), "values of the kind answer"),
    (ending("golden_set", 1), "values of the kind text"),
]  # fmt: skip


@pytest.mark.parametrize(("harm", "words"), HARM, ids=range(len(HARM)))
def test_golden_files_built_to_harm_are_refused(folder, columns, harm, words):
    put(folder, "golden.json", harm(columns))
    text = refusal(folder)
    assert words in text
    assert f"{folder / 'golden.json'} is not loaded" in text


def test_a_golden_file_too_large_is_refused_unread(folder):
    put(folder, "golden.json", b" " * (MOST_BYTES + 1))
    assert f"{folder / 'golden.json'} has {MOST_BYTES + 1:,} bytes, and at most {MOST_BYTES:,} are read" in refusal(
        folder
    )
