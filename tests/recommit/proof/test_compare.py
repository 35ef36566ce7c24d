"""A comparison tells a result made again from the recorded one, whatever it holds, and names the place that differs."""

import base64
import copy
import io
import json
import math
import re
from collections.abc import Callable
from typing import Any

import nbformat
import numpy as np
import onnx
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from recommit.artifact.export import export
from recommit.proof.compare import Comparison, compare
from recommit.proof.tolerance import Tolerance

TOLERANCE = Tolerance(numbers=1e-9, predictions=1e-6, figures=0.1)
Compared = Callable[..., Comparison]


def without_table(columns: object) -> None:
    return None


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Compared:
    """Compares two contents as the output `name`, from files with other names."""
    folder = tmp_path_factory.mktemp("compared")

    def compared(name: str, was: Any, now: Any, inputs: Any = without_table) -> Comparison:
        for which, content in (("0a1b", was), ("2c3d", now)):
            (folder / which).write_bytes(content.encode() if isinstance(content, str) else content)
        found = compare(name, folder / "0a1b", folder / "2c3d", TOLERANCE, inputs)
        assert "\n" not in found.where
        assert len(found.where) < 400
        assert (found.where == "") == (found.verdict == "identical")
        return found

    return compared


def parquet(table: pd.DataFrame | pa.Table, **options: Any) -> bytes:
    content = io.BytesIO()
    if isinstance(table, pd.DataFrame):
        table = pa.Table.from_pandas(table)
    pq.write_table(table, content, **options)
    return content.getvalue()


def png(pixels: np.ndarray, **options: Any) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG", **options)
    return content.getvalue()


SQUARE = np.full((40, 60, 3), 200, dtype="uint8")


def dotted(row: int, column: int, value: int = 0) -> np.ndarray:
    pixels = SQUARE.copy()
    pixels[row, column] = value
    return pixels


@pytest.mark.parametrize("name", ["a.json", "a.csv", "a.parquet", "a.ipynb", "a.png", "a.html", "a.onnx", "a.bin", "a"])
def test_the_same_bytes_are_identical_even_when_broken(compared: Compared, name: str) -> None:
    assert compared(name, b"\xff\0{", b"\xff\0{") == Comparison("identical")


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("a.json", b'{"auc": 0.5}'),
        ("a.csv", b"a,b\n1,2\n"),
        ("a.parquet", parquet(pd.DataFrame({"a": [1]}))),
        ("a.ipynb", nbformat.writes(nbformat.v4.new_notebook()).encode()),
        ("a.png", png(SQUARE)),
    ],
)
@pytest.mark.parametrize(
    "broken", [b"", b"\xff\xfe\0", b'{"auc": ', b'{"a": 1, "a": 2}', b"a,b\n1,2,3\n", b"{}", b"[1]"]
)
def test_a_broken_file_is_different_and_said_so(compared: Compared, name: str, good: bytes, broken: bytes) -> None:
    for was, now, which in ((good, broken, "new"), (broken, good, "recorded")):
        found = compared(name, was, now)
        assert found.verdict == "different"
        readable = (name == "a.json" and broken in (b"{}", b"[1]")) or (name == "a.csv" and broken[:1] in b"{[")
        if broken and not readable:
            assert found.where.startswith(f"the {which} file is not readable as ")


def test_a_truncated_file_is_different(compared: Compared) -> None:
    for name, good in (("a.parquet", parquet(pd.DataFrame({"a": [1]}))), ("a.png", png(SQUARE))):
        found = compared(name, good, good[:-20])
        assert found.verdict == "different"
        assert found.where.startswith("the new file is not readable as")


# JSON


@pytest.mark.parametrize(
    ("was", "now", "where"),
    [
        ({"a": {"b": [1, {"c": 0.5}]}}, {"a": {"b": [1, {"c": 0.6}]}}, "a.b[1].c: 0.5 became 0.6 (relative"),
        ({"a": 1}, {"a": 2}, "a: 1 became 2"),
        ({"a": 1}, {"a": 1.0}, "a: 1 became 1.0"),
        ({"a": 1}, {"a": True}, "a: 1 became true"),
        ({"a": [0, 1]}, {"a": [False, 1]}, "a[0]: 0 became false"),
        ({"a": None}, {"a": 0}, "a: null became 0"),
        ({"a": "0.5"}, {"a": 0.5}, "a: '0.5' became 0.5"),
        ({"a": "2013-09-01"}, {"a": "2013-09-02"}, "a: '2013-09-01' became '2013-09-02'"),
        ({"a": "0.50000000000001"}, {"a": "0.50000000000002"}, "a: '0.50000000000001' became"),
        ({"a": 1, "b": 2}, {"a": 1}, "b is missing"),
        ({"a": {}}, {"a": {"b": 2}}, "a.b is new"),
        ({"a": [1, 2]}, {"a": [1]}, "a: 2 entries became 1"),
        ([1, 2], [2, 1], "[0]: 1 became 2"),
        ({"a": [1]}, {"a": {"b": 1}}, "a: a list of 1 became an object of 1"),
        ({"a": 0.5}, {"a": math.nan}, "a: 0.5 became nan"),
        ({"a": math.inf}, {"a": -math.inf}, "a: inf became -inf"),
        (0.5, 0.6, "the whole: 0.5 became 0.6"),
        ({"a\nb": 1}, {"a\nb": 2}, "'a\\nb': 1 became 2"),
        ({"a" * 500: 1}, {"a" * 500: 2}, "'aaaa"),
        ({"a": 10**500}, {"a": 10**500 + 1}, "a: '1000"),
    ],
)
def test_json_that_differs(compared: Compared, was: Any, now: Any, where: str) -> None:
    found = compared("a.json", json.dumps(was), json.dumps(now))
    assert found.verdict == "different"
    assert found.where.startswith(where)


def test_json_that_is_equal(compared: Compared) -> None:
    found = compared("a.json", '{"a": 0.25, "b": NaN}', '{"a": 0.2500000001, "b": NaN}')
    assert found == Comparison("equal", "a: 0.25 became 0.2500000001 (relative difference 4e-10)")
    assert compared("a.json", '{"a": 1, "b": 2.5}', '{"b":25e-1,\n"a":1}').where.startswith("the same values")
    assert compared("a.json", '{"a": 1e-17}', '{"a": -3e-16}').verdict == "equal"


def test_json_that_hides_a_difference(compared: Compared) -> None:
    assert compared("a.json", '{"a": 1, "a": 3}', '{"a": 2, "a": 3}').verdict == "different"
    assert compared("a.json", '{"a": 1e400}', '{"a": 1e500}').verdict == "different"
    deep = "[" * 3000 + "{}" + "]" * 3000
    assert compared("a.json", deep.format(1), deep.format(2)).verdict == "different"


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.floats(-1e6, 1e6).filter(lambda x: abs(x) > 0.01)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, min_size=1) | st.dictionaries(st.text(max_size=3), inner, min_size=1),
    max_leaves=8,
)


def leaves(value: Any, path: tuple = ()) -> list[tuple]:
    if isinstance(value, dict | list):
        entries = value.items() if isinstance(value, dict) else enumerate(value)
        return [leaf for key, inner in entries for leaf in leaves(inner, (*path, key))]
    return [path]


def edited(value: Any, path: tuple, factor: float) -> Any:
    """Returns a copy in which one leaf differs: a float times `factor`, anything else as another value of its type."""
    if path:
        value = copy.copy(value)
        value[path[0]] = edited(value[path[0]], path[1:], factor)
        return value
    match value:
        case float():
            return value * factor
        case bool():
            return not value
        case str():
            return value + "x"
        case _:
            return (value or 0) + 1


@settings(max_examples=60, deadline=None)
@given(VALUES, st.data(), st.floats(1e-7, 10))
def test_any_one_edit_of_a_json_beyond_the_tolerance_is_different(compared: Compared, value, data, by) -> None:
    path = data.draw(st.sampled_from(leaves(value)))
    found = compared("a.json", json.dumps(value), json.dumps(edited(value, path, 1 + by)))
    assert found.verdict == "different"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=5), st.floats(-0.9e-9, 0.9e-9))
def test_edits_within_the_tolerance_are_equal(compared: Compared, values, by) -> None:
    near = [value * (1 + by) for value in values]
    pairs = [("a.json", json.dumps(values), json.dumps(near))]
    pairs += [("a.txt", *("\n".join(f"at {value!r} ms" for value in numbers) for numbers in (values, near)))]
    pairs += [("a.csv", *(pd.DataFrame({"a": numbers}).to_csv(index=False) for numbers in (values, near)))]
    pairs += [("a.parquet", *(parquet(pd.DataFrame({"a": numbers})) for numbers in (values, near)))]
    for name, was, now in pairs:
        assert compared(name, was, now).verdict in ("identical", "equal"), name


# CSV


@pytest.mark.parametrize(
    ("now", "where"),
    [
        (
            "late,day,p\n1,2013-09-01,0.25\n0,2013-09-02,0.6\n",
            "column p, row 2: 0.5 became 0.6 (relative difference 0.17",
        ),
        ("late,day,p\n1,2013-09-01,0.25\n0,2013-09-03,0.5\n", "column day, row 2: '2013-09-02' became '2013-09-03'"),
        ("late,day,p\n1.0,2013-09-01,0.25\n0,2013-09-02,0.5\n", "column late, row 1: '1' became '1.0'"),
        ("late,day,p\n2,2013-09-01,0.25\n0,2013-09-02,0.5\n", "column late, row 1: '1' became '2'"),
        ("late,day,p\n1,2013-09-01,\n0,2013-09-02,0.5\n", "column p, row 1: '0.25' became ''"),
        ("late,day,p\n1,2013-09-01,nan\n0,2013-09-02,0.5\n", "column p, row 1: '0.25' became 'nan'"),
        ("late,day,p\n0,2013-09-02,0.5\n1,2013-09-01,0.25\n", "column late, row 1: '1' became '0'"),
        ("late,p,day\n1,0.25,2013-09-01\n0,0.5,2013-09-02\n", "column 2: 'day' became 'p'"),
        ("late,day\n1,2013-09-01\n0,2013-09-02\n", "column 3 is missing"),
        ("late,day,p\n1,2013-09-01,0.25\n", "2 rows became 1"),
        ("late,day,p\n0,2013-09-02,0.5\n", "2 rows became 1; column late, row 1: '1' became '0'"),
    ],
)
def test_csv_that_differs(compared: Compared, now: str, where: str) -> None:
    found = compared("a.csv", "late,day,p\n1,2013-09-01,0.25\n0,2013-09-02,0.5\n", now)
    assert found.verdict == "different"
    assert found.where.startswith(where)


def test_csv_that_is_equal(compared: Compared) -> None:
    found = compared("a.csv", "p,q\n1,0.25\n", "p,q\n1,0.2500000001\n")
    assert found == Comparison("equal", "column q, row 1: 0.25 became 0.2500000001 (relative difference 4e-10)")
    assert compared("a.csv", 'p,q\n1,"a"\n', "p,q\r\n1,a\r\n").where == "the same values, written in another way"


# Parquet

FRAME = pd.DataFrame(
    {
        "p": [0.25, math.nan, 0.5, 0.75],
        "late": [1, 0, 0, 1],
        "at": pd.date_range("2013-09-01", periods=4, tz="UTC", unit="us"),
        "carrier": ["UA", "B6", None, "UA"],
        "kind": pd.Categorical(["x", "y", "x", "y"], categories=["y", "x"]),
        "bins": [[0.1], [0.2, 0.3], [], [0.4]],
    }
)


def with_cell(row: int, column: str, value: Any) -> pd.DataFrame:
    frame = FRAME.copy()
    frame[column] = [value if at == row else old for at, old in enumerate(frame[column])]
    return frame.astype({"kind": FRAME["kind"].dtype})


@pytest.mark.parametrize(
    ("now", "where"),
    [
        (with_cell(2, "p", 0.5 + 1e-6), "column p, row 3: 0.5 became 0.500001 (relative difference 2e-06, allowed"),
        (with_cell(2, "p", math.nan), "column p, row 3: 0.5 became null"),
        (with_cell(1, "p", 0.0), "column p, row 2: null became 0.0"),
        (with_cell(3, "late", 2), "column late, row 4: 1 became 2"),
        (
            with_cell(0, "at", pd.Timestamp("2013-09-01 00:00:00.000001Z")),
            'column at, row 1: "2013-09-01 00:00:00+00:00"',
        ),
        (with_cell(1, "carrier", "B7"), "column carrier, row 2: 'B6' became 'B7'"),
        (with_cell(2, "carrier", ""), "column carrier, row 3: null became ''"),
        (with_cell(1, "kind", "x"), "column kind, row 2: 'y' became 'x'"),
        (with_cell(1, "bins", [0.2, 0.4]), "column bins, row 2[1]: 0.3 became 0.4"),
        (
            FRAME.assign(kind=FRAME["kind"].cat.reorder_categories(["x", "y"])),
            "column kind, categories[0]: 'y' became 'x'",
        ),
        (FRAME.assign(kind=FRAME["kind"].cat.add_categories(["z"])), "column kind, categories: 2 entries became 3"),
        (FRAME.astype({"p": "float32"}), "column 1: 'p (double)' became 'p (float)'"),
        (FRAME.astype({"late": "float64"}), "column 2: 'late (int64)' became 'late (double)'"),
        (FRAME[["late", "p", "at", "carrier", "kind", "bins"]], "column 1: 'p (double)' became 'late (int64)'"),
        (FRAME.drop(columns="bins"), "column 6 is missing"),
        (FRAME.iloc[:3], "rows: 4 became 3"),
        (FRAME.iloc[[0, 2, 1, 3]].reset_index(drop=True), "column p, row 2: null became 0.5"),
        (FRAME.set_index(pd.RangeIndex(5, 9)), "index[0].start: 0 became 5"),
        (FRAME.set_index(pd.RangeIndex(4, name="n")), "index[0].name: null became 'n'"),
    ],
)
def test_parquet_that_differs(compared: Compared, now: pd.DataFrame, where: str) -> None:
    found = compared("a.parquet", parquet(FRAME), parquet(now))
    assert found.verdict == "different"
    assert found.where.startswith(where)


def test_parquet_that_is_equal(compared: Compared) -> None:
    found = compared("a.parquet", parquet(FRAME), parquet(with_cell(2, "p", 0.5000000002)))
    assert found == Comparison("equal", "column p, row 3: 0.5 became 0.5000000002 (relative difference 4e-10)")
    found = compared("a.parquet", parquet(FRAME), parquet(FRAME, compression="none", row_group_size=2))
    assert found == Comparison("equal", "the same values, written in another way")
    table = pa.Table.from_pandas(FRAME)
    noted = table.replace_schema_metadata({**table.schema.metadata, b"rows": b"4"})
    assert compared("a.parquet", parquet(table), parquet(noted)).where == "the same values, written in another way"


def test_nan_that_is_not_a_missing_value_is_nan(compared: Compared) -> None:
    def table(*values: float | None) -> bytes:
        return parquet(pa.table({"a": pa.array(values, pa.float64())}))

    assert compared("a.parquet", table(math.nan, 1.0), table(math.nan, 1.0 + 1e-12)).verdict == "equal"
    assert compared("a.parquet", table(math.nan), table(1.0)).where.startswith("column a, row 1: nan became 1.0")
    assert compared("a.parquet", table(math.nan), table(None)).where == "column a, row 1: NaN became null"
    assert compared("a.parquet", table(0.0), table(-0.0)).verdict == "equal"


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0.01, 1e6), min_size=1, max_size=30), st.data(), st.floats(1e-8, 10))
def test_any_one_number_of_a_table_beyond_the_tolerance_is_found(compared: Compared, values, data, by) -> None:
    row = data.draw(st.integers(0, len(values) - 1))
    now = [*values[:row], values[row] * (1 + by), *values[row + 1 :]]
    for name, write in (("a.parquet", parquet), ("a.csv", lambda frame: frame.to_csv(index=False))):
        found = compared(name, write(pd.DataFrame({"p": values})), write(pd.DataFrame({"p": now})))
        assert found.verdict == "different"
        assert found.where.startswith(f"column p, row {row + 1}: ")


# Text


@pytest.mark.parametrize(
    ("was", "now", "where"),
    [
        ("AUC 0.71\nrows 10\n", "AUC 0.71\nrows 11\n", "line 2: 'rows 10' became 'rows 11'"),
        ("AUC 0.71", "AUC 0.72", "0.71 became 0.72 (relative difference 0.014, allowed 1e-09) in 'AUC 0.71'"),
        ("late 0.5", "lake 0.5", "'late 0.5' became 'lake 0.5'"),
        ("v1.25x", "v1.2500000000001x", "'v1.25x' became"),
        ("a1.00000000001", "a1.00000000002", "'a1.00000000001' became"),
        ("at 09:30:12.00000000001", "at 09:30:12.00000000002", "'at 09:30:12.00000000001' became"),
        ("version 1.2.3", "version 1.2.4", "'version 1.2.3' became"),
        ("on 2013-09-01", "on 2013-09-02", "'on 2013-09-01' became"),
        ("all 12345678901.", "all 12345678902.", "'all 12345678901.' became"),
        ("12345678901", "12345678902", "'12345678901' became"),
        ("12,345,678.5", "12,345,679.5", "678.5 became 679.5 (relative"),
        ("n = 1", "n = 1.0", "'n = 1' became 'n = 1.0'"),
        ("n = 1000", "n = 1e3", "'n = 1000' became 'n = 1e3'"),
        ("p = 0.5", "p = nan", "'p = 0.5' became 'p = nan'"),
        ("p = -0.5", "p = 0.5", "-0.5 became 0.5"),
        ("p = 1e400", "p = 2e400", "'1e400' became '2e400'"),
        ("a  b", "a b", "'a  b' became 'a b'"),
        ("a\nb", "a\nb\nc", "2 lines became 3"),
        ("a\nb\nc", "a\nc", "3 lines became 2; line 2: 'b' became 'c'"),
        ("a" * 500 + "b", "a" * 500 + "c", "…'aaaaa"),
    ],
)
@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.html", "a.log", "a.svg", "a.unheard_of"])
def test_text_that_differs(compared: Compared, name: str, was: str, now: str, where: str) -> None:
    found = compared(name, was, now)
    assert found.verdict == "different"
    assert found.where.startswith(where)


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("AUC 0.71, n 5", "AUC 0.7100000000001, n 5"),
        ("x = [0.1 0.2]", "x = [0.1 0.20000000000000001]"),
        ("<td>99.5%</td>", "<td>99.50000000000001%</td>"),
        ("1e3 s", "1000.0 s"),
        ("9.999999999999e-01", "1.0"),
        ("residual 1.2e-17", "residual -3e-16"),
        ("Ends in 0.5.", "Ends in 0.50000000000001."),
    ],
)
def test_text_that_is_equal(compared: Compared, was: str, now: str) -> None:
    assert compared("a.html", was, now).verdict == "equal"


@settings(max_examples=80, deadline=None)
@given(st.text("ab1.:-e \n", min_size=1, max_size=30), st.data())
def test_another_word_never_passes(compared: Compared, text: str, data: Any) -> None:
    place = data.draw(st.integers(0, len(text)))
    assert compared("a.txt", text, f"{text[:place]}b{text[place:]}").verdict == "different"


def test_a_page_with_another_figure_is_different(compared: Compared) -> None:
    def page(pixels: np.ndarray) -> str:
        return f'<p>1</p>\n<img src="data:image/png;base64,{base64.b64encode(png(pixels)).decode()}"/>\n'

    found = compared("a.html", page(SQUARE), page(dotted(3, 5)))
    assert found.verdict == "different"
    assert found.where.startswith("line 2: figure: pixels are ")
    assert compared("a.html", page(SQUARE), page(dotted(3, 5, 199))).verdict == "equal"
    broken = page(SQUARE).replace("iVBOR", "iVBOS")
    assert compared("a.html", page(SQUARE), broken).where.startswith(
        "line 2: figure: the new file is not readable as PNG"
    )
    assert compared("a.html", page(SQUARE), page(SQUARE).replace("iVBOR", "iVBO")).verdict == "different"


def test_binary_that_differs_is_named_by_its_first_byte(compared: Compared) -> None:
    assert compared("a.npz", b"\0abc", b"\0abd5") == Comparison(
        "different", "4 bytes became 5; the first that differs is byte 4"
    )
    assert compared("a.npz", b"\0abc", b"\0abcd").where.endswith("byte 5")
    assert compared("a.txt", "é".encode(), "é".encode("latin1")).where.startswith("2 bytes became 1")


# Figures


def test_a_figure_is_compared_by_its_pixels(compared: Compared) -> None:
    found = compared("a.png", png(SQUARE), png(dotted(3, 5)))
    assert found == Comparison(
        "different", "pixels are 3.5 of 255 apart (root mean square), most at x 5, y 3; allowed 0.1"
    )
    found = compared("a.png", png(SQUARE), png(dotted(3, 5, 199)))
    assert found == Comparison("equal", "pixels are 0.018 of 255 apart (root mean square), most at x 5, y 3")
    assert compared("a.png", png(SQUARE), png(SQUARE, compress_level=1)).where == "the same pixels, in another file"
    assert compared("a.png", png(SQUARE), png(SQUARE[:30])).where == "60 x 40 pixels became 60 x 30 pixels"
    assert compared("a.png", png(SQUARE), png(SQUARE.transpose(1, 0, 2))).verdict == "different"
    assert compared("a.png", png(SQUARE), b"GIF89a").where.startswith("the new file is not readable as PNG")
    assert compared(
        "a.png", png(SQUARE), png(SQUARE, save_all=True, append_images=[Image.new("RGB", (60, 40))])
    ).where == ("the new file is not readable as PNG: it is animated")


def test_transparency_and_depth_count(compared: Compared) -> None:
    opaque = np.dstack([SQUARE, np.full((40, 60), 255, "uint8")])
    clear = opaque.copy()
    clear[:, :, 3] = 254
    assert compared("a.png", png(opaque), png(clear)).verdict == "different"
    assert compared("a.png", png(SQUARE), png(opaque)).verdict == "equal"
    deep = np.full((40, 60), 30_000, "uint16")
    assert compared("a.png", png(deep), png(deep + 1)).verdict == "different"


# Notebooks


def notebook(figure: np.ndarray = SQUARE, share: str = "0.25", **replaced: Any) -> bytes:
    """Returns a notebook of a title, a cell that prints (with the fields `replaced`) and one that draws."""
    v4 = nbformat.v4
    prints = v4.new_code_cell("print(share)", id="share", execution_count=1)
    prints.outputs = [
        v4.new_output("stream", text=f"rows 12\nshare {share}\n"),
        v4.new_output("display_data", {"text/html": f"<b>{share}</b>", "text/plain": "x"}),
    ]
    prints.update(replaced)
    draws = v4.new_code_cell("draw()", id="draw", execution_count=2)
    picture = base64.b64encode(png(figure)).decode() + "\n"
    draws.outputs = [v4.new_output("display_data", {"image/png": picture, "text/plain": "<Figure>"})]
    return nbformat.writes(v4.new_notebook(cells=[v4.new_markdown_cell("# Title", id="title"), prints, draws])).encode()


def changed(*edits: tuple[str, str]) -> bytes:
    text = notebook().decode()
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    return text.encode()


@pytest.mark.parametrize(
    ("now", "where"),
    [
        (notebook(share="0.26"), "cell 2 (share).output 1.text: line 2: 0.25 became 0.26 (relative difference 0.038"),
        (changed(("rows 12", "rows 13")), "cell 2 (share).output 1.text: line 1: 'rows 12' became 'rows 13'"),
        (changed(("<b>0.25", "<b>0.35")), "cell 2 (share).output 2.data.text/html: 0.25 became 0.35"),
        (changed(("print(share)", "print(0.2)")), "cell 2 (share).source: 'print(share)' became 'print(0.2)'"),
        (changed(("# Title", "# Titel")), "cell 1 (title).source: '# Title' became '# Titel'"),
        (changed(('"id": "share"', '"id": "chare"')), "cell 2 (share) is missing"),
        (changed(('"stdout"', '"stderr"')), "cell 2 (share).output 1.name: 'stdout' became 'stderr'"),
        (changed(('"text/html"', '"text/latex"')), "cell 2 (share).output 2.data.text/html is missing"),
        (changed(('"execution_count": 2', '"execution_count": 3')), "cell 3 (draw).execution_count: 2 became 3"),
        (changed(('"nbformat_minor": 5', '"nbformat_minor": 6')), "nbformat_minor: 5 became 6"),
        (notebook(outputs=[]), "cell 2 (share).output 1 is missing"),
        (notebook(metadata={"tags": ["parameters"]}), "cell 2 (share).metadata.tags is new"),
        (notebook(dotted(3, 5)), "cell 3 (draw).output 1.data.image/png: pixels are 3.5 of 255 apart"),
        (notebook(SQUARE[:9]), "cell 3 (draw).output 1.data.image/png: 60 x 40 pixels became 60 x 9 pixels"),
    ],
)
def test_notebooks_that_differ(compared: Compared, now: bytes, where: str) -> None:
    found = compared("a.ipynb", notebook(), now)
    assert found.verdict == "different"
    assert found.where.startswith(where)


def test_a_cell_more_or_less_is_different(compared: Compared) -> None:
    short = nbformat.reads(notebook().decode(), 4)
    del short.cells[1]
    found = compared("a.ipynb", notebook(), nbformat.writes(short))
    assert found.where.startswith("cell 2 (share) is missing")
    del short.cells[1]
    assert compared("a.ipynb", nbformat.writes(short), notebook()).where == "cell 2 (share) is new"


def test_notebooks_that_are_equal(compared: Compared) -> None:
    found = compared("a.ipynb", notebook(), notebook(share="0.2500000000001"))
    assert found.verdict == "equal"
    assert found.where.startswith("cell 2 (share).output 1.text: line 2: 0.25 became 0.2500000000001")
    assert compared("a.ipynb", notebook(), notebook(dotted(3, 5, 199))).verdict == "equal"
    dense = json.dumps(json.loads(notebook()))
    assert compared("a.ipynb", notebook(), dense).where == "the same values, written in another way"


def test_the_source_of_a_cell_has_no_tolerance(compared: Compared) -> None:
    found = compared("a.ipynb", notebook(source="x = 0.25"), notebook(source="x = 0.2500000000001"))
    assert found.verdict == "different"


# Models

DRAWN = np.random.default_rng(0).normal(size=(200, 2)).astype("float32")
TABLE = pd.DataFrame(DRAWN, columns=["speed", "wind"])


@pytest.fixture(scope="module")
def model() -> bytes:
    pipeline = make_pipeline(ColumnTransformer([("all", StandardScaler(), list(TABLE))]), LogisticRegression())
    return export(pipeline.fit(TABLE, TABLE["speed"] + TABLE["wind"] ** 2 > 1), TABLE)


def with_weights(model: bytes, factor: float) -> bytes:
    """Returns the same model with the last of its coefficients times `factor`."""
    changed = onnx.load_model_from_string(model)
    coefficients = next(a for node in changed.graph.node for a in node.attribute if a.name == "coefficients")
    coefficients.floats[-1] *= factor
    return changed.SerializeToString()


def with_name(model: bytes, name: str) -> bytes:
    changed = onnx.load_model_from_string(model)
    changed.producer_version = name
    return changed.SerializeToString()


def table(columns: Any) -> pd.DataFrame:
    assert list(columns) == ["speed", "wind"]
    return TABLE


def test_models_are_compared_by_what_they_predict(compared: Compared, model: bytes) -> None:
    found = compared("m.onnx", model, with_weights(model, 1.1), table)
    assert found.verdict == "different"
    assert found.where.startswith("prediction for row ")
    assert " of 200 rows: 0." in found.where
    found = compared("m.onnx", model, with_weights(model, 1 + 3e-7), table)
    assert found.verdict == "equal"
    assert found.where.startswith("prediction for row ")
    found = compared("m.onnx", model, with_name(model, "other"), table)
    assert found == Comparison("equal", "the same predictions on 200 rows, from another file")


@pytest.mark.parametrize(
    ("estimator", "levels"),
    [(LogisticRegression(), [0.3, 0.6]), (LogisticRegression(), [0.2, 0.4, 0.8]), (LinearRegression(), [])],
    ids=["three classes", "four classes", "a number"],
)
def test_models_of_any_kind_of_answer_are_compared_by_what_they_predict(
    compared: Compared, estimator: Any, levels: list[float]
) -> None:
    total = TABLE["speed"] + TABLE["wind"]
    truth = np.digitize(total, total.quantile(levels)) if levels else total
    steps = ColumnTransformer([("all", StandardScaler(), list(TABLE))])
    model = export(make_pipeline(steps, estimator).fit(TABLE, truth), TABLE)
    found = compared("m.onnx", model, with_weights(model, 1.1), table)
    assert found.verdict == "different"
    assert re.match(r"prediction for row \d+ of 200 rows: ", found.where)
    assert compared("m.onnx", model, with_name(model, "other"), table).verdict == "equal"


@pytest.mark.parametrize("size", [1e-4, 1, 1e6])
def test_a_models_numbers_are_compared_by_their_spread_whatever_their_size(compared: Compared, size: float) -> None:
    steps = ColumnTransformer([("all", StandardScaler(), list(TABLE))])
    truth = size * (TABLE["speed"] + TABLE["wind"])
    model = export(make_pipeline(steps, LinearRegression()).fit(TABLE, truth), TABLE)
    assert compared("m.onnx", model, with_weights(model, 1 + 3e-7), table).verdict == "equal"
    assert compared("m.onnx", model, with_weights(model, 1 + 3e-5), table).verdict == "different"


def test_models_of_other_numbers_of_classes_are_different(compared: Compared, model: bytes) -> None:
    steps = ColumnTransformer([("all", StandardScaler(), list(TABLE))])
    three = make_pipeline(steps, LogisticRegression()).fit(TABLE, np.arange(len(TABLE)) % 3)
    assert compared("m.onnx", model, export(three, TABLE), table).verdict == "different"


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        (without_table, "no table here"),
        (lambda columns: TABLE.iloc[:0], "no table here"),
        (lambda columns: TABLE.astype("str") + "x", "a model gives no predictions"),
    ],
)
def test_without_a_table_to_predict_on_other_bytes_are_different(
    compared: Compared, model: bytes, inputs: Any, said: str
) -> None:
    found = compared("m.onnx", model, with_name(model, "other"), inputs)
    assert found.verdict == "different"
    assert said in found.where


def test_a_model_that_reads_other_columns_or_none_is_different(compared: Compared, model: bytes) -> None:
    other = model.replace(b"wind", b"wend")
    assert compared("m.onnx", model, other, table).where == "columns[1][0]: 'wind' became 'wend'"
    found = compared("m.onnx", model, model[:50], table)
    assert found.where.startswith("the new file is not readable as a model: not a readable ONNX model")
    assert found.verdict == compared("m.onnx", b"", model, table).verdict == "different"


def test_a_prediction_that_is_nan_is_different(compared: Compared, model: bytes) -> None:
    assert compared("m.onnx", model, with_weights(model, math.nan), table).verdict == "different"
    assert compared("m.onnx", with_weights(model, math.nan), model, table).verdict == "different"
