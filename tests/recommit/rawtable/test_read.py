"""A file is read as text, or refused in one line that says what to do."""

import gzip
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from recommit import Refusal
from recommit.rawtable.form import PLAIN, Form
from recommit.rawtable.read import read_text

ROWS = "id,name,price\n007,Zoë,1.50\n008,,NA\n"
READ = {"id": ["007", "008"], "name": ["Zoë", ""], "price": ["1.50", "NA"]}


def file(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def refusal(path: Path, form: Form = PLAIN, **more) -> str:
    with pytest.raises(Refusal) as error:
        read_text(path, form, **more)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_every_column_is_text_as_it_is_written(tmp_path):
    assert read_text(file(tmp_path, "a.csv", ROWS)).to_pydict() == READ


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_another_separator_is_found_and_told(tmp_path, separator):
    found = read_text(file(tmp_path, "a.csv", ROWS.replace(",", separator)))
    assert found.to_pydict() == READ
    assert found.schema.metadata == {b"separator": separator.encode()}


def test_a_separator_in_quotes_separates_nothing(tmp_path):
    path = file(tmp_path, "a.csv", '"a;b",c\n"x,\ny",2\n')
    assert read_text(path).to_pydict() == {"a;b": ["x,\ny"], "c": ["2"]}


def test_a_name_in_several_lines_and_lines_before_it_do_no_harm(tmp_path):
    path = file(tmp_path, "a.csv", '\n\n"total\n sales",c\n1,2\n3,4\n')
    assert read_text(path).to_pydict() == {"total sales": ["1", "3"], "c": ["2", "4"]}


def test_several_separators_are_refused_until_one_is_named(tmp_path):
    path = file(tmp_path, "a.csv", "a;b|c\n1;2|3\n")
    assert "semicolon and bar" in refusal(path)
    assert read_text(path, Form(separator=";")).column_names == ["a", "b|c"]


def test_a_packed_file_is_unpacked(tmp_path):
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(ROWS.encode()))
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as packed:
        packed.writestr("rows.csv", ROWS)
        packed.writestr("__MACOSX/._rows.csv", "x")
    for name in ("a.csv.gz", "b.zip"):
        assert read_text(tmp_path / name).to_pydict() == READ


def test_an_archive_of_several_files_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as packed:
        packed.writestr("a.csv", ROWS)
        packed.writestr("b.csv", ROWS)
    assert "holds 2 files" in refusal(tmp_path / "b.zip")


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
def test_another_encoding_is_refused_until_it_is_named(tmp_path, encoding):
    path = file(tmp_path, "a.csv", ROWS.encode(encoding))
    assert "--encoding" in refusal(path)
    assert read_text(path, Form(encoding=encoding)).to_pydict() == READ


def test_another_encoding_far_below_the_first_line_is_refused(tmp_path):
    path = file(tmp_path, "a.csv", b"a,b\n" + b"1,x\n" * 400_000 + b"1,\xe9\n")
    assert "is not utf-8: add --encoding" in refusal(path)


def test_an_encoding_that_does_not_exist_is_refused(tmp_path):
    assert "no such encoding" in refusal(file(tmp_path, "a.csv", ROWS), Form(encoding="utf-88"))


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path):
    assert read_text(file(tmp_path, "a.csv", b"\xef\xbb\xbf" + ROWS.encode())).to_pydict() == READ


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "", "has no rows"),
        ("a.csv", "a,b\n", "has no rows"),
        ("a.csv", "a,b,a,c,a\n1,2,3,4,5\n", "several columns of one name: a (3 times)"),
        ("a.csv", "a,b\n" + "1,2\n" * 9 + "1", "a row is torn: Expected 2 columns, got 1"),
        ("a.csv", "a,,\n1,2,3\n", "without a name (2 times)"),
        ("a.csv", "a,b\n1,2\n1,2,3\n", "a row is torn: Expected 2 columns, got 3"),
        ("a.csv", b"a,b\n1,\0\0\n", "bytes that are no text"),
        ("a.xlsx", b"PK", "save the sheet as a CSV file"),
        ("a.json", "{}", "the name of a table ends in"),
        ("a.parquet", "no parquet", "cannot be read"),
        ("a.csv.gz", "no gzip", "cannot be read"),
        ("a.zip", "no zip", "cannot be read"),
    ],
)
def test_what_is_no_table_is_refused_in_one_line(tmp_path, name, content, said):
    assert said in refusal(file(tmp_path, name, content))


def test_a_file_that_is_not_there_is_refused(tmp_path):
    assert "there is no such file" in refusal(tmp_path / "a.csv")
    assert "is no file" in refusal(tmp_path)


def test_a_file_larger_than_memory_is_refused_with_what_to_do(tmp_path):
    path = file(tmp_path, "a.csv", ROWS * 1000)
    assert "start with some of its rows" in refusal(path, free=10_000)


def test_a_column_without_a_name_gets_one(tmp_path):
    assert read_text(file(tmp_path, "a.csv", ",b\n1,2\n")).column_names == ["unnamed", "b"]


def test_a_parquet_file_is_read_as_text_too(tmp_path):
    table = pd.DataFrame(
        {
            "n": [1, 2],
            "x": [1.5, None],
            "at": pd.to_datetime(["2013-09-01T06:15Z", None]),
            "yes": [True, False],
            "kind": pd.Categorical(["a", "b"]),
        }
    )
    table.to_parquet(tmp_path / "a.parquet")
    found = read_text(tmp_path / "a.parquet").to_pydict()
    assert found["n"] == ["1", "2"]
    assert found["x"] == ["1.5", None]
    assert found["at"][0].startswith("2013-09-01 06:15:00")
    assert found["yes"] == ["true", "false"]
    assert found["kind"] == ["a", "b"]


def test_a_column_of_lists_is_refused(tmp_path):
    pd.DataFrame({"a": [[1], [2]]}).to_parquet(tmp_path / "a.parquet")
    assert "the column a is list" in refusal(tmp_path / "a.parquet")
