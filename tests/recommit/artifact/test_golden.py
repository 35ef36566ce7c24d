"""Golden rows are written plainly, replayed when a model is loaded, and refused when they could be anything else."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from recommit.artifact.golden import BOUNDARY, read_golden
from recommit.artifact.plain_parquet import write_plain
from tests.recommit.artifact.conftest import SETS, put, refusal


def plain(made):
    """The golden rows' columns and their kinds."""
    kinds = {"wind": "float32", "rain": "float32", "place": "text", "golden_kind": "text"}
    kinds |= {"golden_probability": "float64", "golden_negative": "bool", "golden_positive": "bool"}
    table = pq.read_table(io.BytesIO(made["golden.parquet"]))
    return {name: table[name].to_numpy(zero_copy_only=False) for name in kinds}, kinds


def parquet(table, **options):
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **options)
    return buffer.getvalue()


def test_golden_rows_are_what_pyarrow_reads_too_and_say_why_they_are_there(made):
    columns, kinds = plain(made)
    golden = read_golden(made["golden.parquet"], {"wind": "number", "rain": "number", "place": "text"})
    for name in ("wind", "rain", "place"):
        np.testing.assert_array_equal(golden.rows[name].to_numpy(), columns[name])
    np.testing.assert_array_equal(golden.probability, columns["golden_probability"])
    assert set(columns["golden_kind"]) == {"usual", "threshold", "category", "missing", "unseen", "extreme", BOUNDARY}
    assert write_plain(columns, kinds) == made["golden.parquet"]
    assert 200 < len(golden.probability) < 500


def test_golden_rows_lie_on_either_side_of_where_a_set_changes(made):
    columns, _ = plain(made)
    edges = columns["golden_kind"] == BOUNDARY
    assert sorted(zip(columns["golden_negative"][edges], columns["golden_positive"][edges], strict=True)) == [
        (False, True), (True, False), (True, True), (True, True)
    ]  # fmt: skip
    for edge in (SETS.quantile, 1 - SETS.quantile):
        distance = columns["golden_probability"] - edge
        nearest = min(distance[distance > 0]), max(distance[distance <= 0])
        assert set(nearest) <= set(distance[edges])


def test_golden_rows_that_expect_another_answer_are_refused(folder, made):
    columns, kinds = plain(made)
    expected = columns["golden_probability"].copy()
    expected[17] += 1e-4
    put(folder, "golden.parquet", write_plain(columns | {"golden_probability": expected}, kinds))
    assert f"1 of {len(expected)} golden rows; row 17 gives the probability" in refusal(folder)


def test_golden_files_built_to_harm_are_refused(folder, made):
    columns, kinds = plain(made)
    whole = pa.table(columns)
    rows = len(whole)
    bombs = {
        "its column 'wind' is compressed": parquet(whole_required(whole, kinds), compression="zstd"),
        "has a dictionary": parquet(whole_required(whole, kinds), compression="NONE", use_dictionary=True),
        "or may have gaps": parquet(whole, compression="NONE", use_dictionary=False),
        "it has 30000 rows in 1 blocks": write_plain({n: np.resize(v, 30_000) for n, v in columns.items()}, kinds),
        f"it has {rows} rows in {-(-rows // 100)} blocks": parquet(
            whole_required(whole, kinds), compression="NONE", use_dictionary=False, row_group_size=100
        ),
        "it lacks the column 'rain'": parquet(whole.drop_columns("rain"), compression="NONE"),
        "it has a column 'zebra'": parquet(whole.append_column("zebra", whole["rain"]), compression="NONE"),
        "its column 'rain' is float64, not float32": parquet(
            whole.set_column(1, "rain", whole["rain"].cast("float64")), compression="NONE"
        ),
        "it is no parquet file": b"PAR1",
        "it is cut short": made["golden.parquet"][:-8] + b"\xff\xff\xff\x7fPAR1",
    }
    for words, content in bombs.items():
        put(folder, "golden.parquet", content)
        text = refusal(folder)
        assert words in text, (words, text)
        assert f"{folder / 'golden.parquet'} is not loaded" in text


def whole_required(table, kinds):
    types = {"float32": pa.float32(), "float64": pa.float64(), "bool": pa.bool_(), "text": pa.string()}
    return table.cast(pa.schema([pa.field(name, types[kind], nullable=False) for name, kind in kinds.items()]))


def test_golden_data_in_another_file_are_refused(folder, made):
    """Parquet's footer may name another file for a column: `file_path`, field 1, of the first chunk."""
    content = made["golden.parquet"]
    size = int.from_bytes(content[-8:-4], "little")
    footer = content[-8 - size : -8]
    first = footer.index(b"\x26\x00\x1c\x15\x08")  # file_offset, then the metadata of a FLOAT column
    path = b"../../secret"
    told = footer[:first] + b"\x18" + bytes([len(path)]) + path + b"\x16\x00" + footer[first + 2 :]
    put(folder, "golden.parquet", content[: -8 - size] + told + len(told).to_bytes(4, "little") + b"PAR1")
    assert "its column 'wind' is in another file, b'../../secret'" in refusal(folder)
