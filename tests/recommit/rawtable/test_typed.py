"""A table of texts is typed as its columns are declared; what does not fit is refused by name, row and text."""

import pandas as pd
import pyarrow as pa
import pytest

from recommit import Refusal
from recommit.columns import ALWAYS, DTYPES, NEVER, Column, Table
from recommit.rawtable.form import Form
from recommit.rawtable.typed import typed

KINDS = {"row": "whole", "n": "whole", "x": "number", "name": "text", "at": "instant", "left": "boolean"}
TABLE = Table(
    "rows",
    keys=(("row",),),
    columns=(
        *(Column(name, kind, ALWAYS, missing="may be") for name, kind in KINDS.items()),
        Column("known_at", "instant", ALWAYS),
    ),
)
FORM = Form(outcomes=("stayed", "gone"), numbered="row", known="known_at", time="at", known_after_hours=24)


def texts(**changed: list[str]) -> pa.Table:
    rows = {
        "n": ["1", "9007199254740993"],
        "x": ["1.5", "NA"],
        "name": ["007", ""],
        "at": ["2013-09-01", "2013-09-02T06:00"],
        "left": ["stayed", "gone"],
    }
    return pa.table({name: pa.array(values, pa.string()) for name, values in (rows | changed).items()})


def test_every_column_is_of_its_kind():
    found = typed(texts(), TABLE, FORM)
    assert {name: str(found[name].dtype) for name in found} == {name: DTYPES[TABLE[name].kind] for name in TABLE.names}
    assert found["n"].tolist() == [1, 9007199254740993]
    assert found["x"].isna().tolist() == [False, True]
    assert found["name"].tolist()[0] == "007"
    assert found["name"].isna().tolist() == [False, True]
    assert found["left"].tolist() == [False, True]


def test_columns_are_added_where_the_form_names_them():
    found = typed(texts(), TABLE, FORM)
    assert found["row"].tolist() == [1, 2]
    assert (found["known_at"] - found["at"] == pd.Timedelta(days=1)).all()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"n": ["1", "2.5"]}, "n is '2.5' in row 2, not a whole number"),
        ({"n": ["", "NA"]}, r"n is missing in row 1, not a whole number \(2 such rows\)"),
        ({"x": ["1", "one"]}, "x is 'one' in row 2, not a number"),
        ({"at": ["2013-09-01", "soon"]}, "at is 'soon' in row 2, not a date or instant"),
        ({"left": ["stayed", "maybe"]}, "left is 'maybe' in row 2, not one of the two outcomes"),
        ({"more": ["1", "2"]}, "the file has the column more, which rows does not declare"),
    ],
)
def test_what_does_not_fit_is_refused(changed, said):
    with pytest.raises(Refusal, match=said):
        typed(texts(**changed), TABLE, FORM)


def test_a_column_that_went_is_refused():
    with pytest.raises(Refusal, match="the file has no column x, which rows declares"):
        typed(texts().drop_columns("x"), TABLE, FORM)


def test_plain_words_need_no_outcomes():
    table = Table("rows", keys=(("n",),), columns=(Column("n", "whole", ALWAYS), Column("left", "boolean", NEVER)))
    rows = texts(left=["No", "YES"]).select(["n", "left"])
    assert typed(rows, table)["left"].tolist() == [False, True]
