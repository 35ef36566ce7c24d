"""What a column seems to hold, each guess with its reason; what is no measure is no number."""

import pyarrow as pa
import pytest

from recommit import Refusal
from recommit.rawtable.form import PLAIN, Form
from recommit.template.look_columns import Guess, as_instant, guess

MANY = range(100)


def seen(values: list, form: Form = PLAIN, name: str = "x") -> Guess:
    return guess(name, pa.chunked_array([pa.array([None if v is None else str(v) for v in values], pa.string())]), form)


@pytest.mark.parametrize(
    ("values", "kind", "because"),
    [
        ([1, 2, 3, 2], "whole", "whole numbers in every row"),
        ([1, 2, None, 2], "number", "missing in 1 row"),
        ([1, 2.5], "number", "with decimals"),
        (["1.0", "2.0"], "number", "with decimals"),
        (["true", "False"], "boolean", "only false and true"),
        (["Y", "N", None], "boolean", "only n and y"),
        (["0", "1"], "whole", "whole"),
        (["a", "b", "a"], "text", "2 different values"),
        (["01569", "12345", "01569"], "text", "leading zeros, as in '01569'"),
        (["2013-09-01", "2013-09-02T06:00Z"], "instant", "dates"),
        (["0.5", "0.25"], "number", "with decimals"),
        (["-0.5", "0"], "number", "with decimals"),
    ],
)
def test_a_kind_has_its_reason(values, kind, because):
    found = seen(values)
    assert found.kind == kind
    assert because in found.because


@pytest.mark.parametrize("values", [[1000 + n for n in MANY], [f"{n:04d}" for n in MANY], [f"order {n}" for n in MANY]])
def test_what_nearly_every_row_has_of_its_own_is_a_key(values):
    assert seen(values).keylike
    assert seen([*values, values[0]]).keylike


@pytest.mark.parametrize("name", ["patient_id", "PatientID", "patientId", "id", "house key", "uuid"])
def test_a_whole_number_that_is_named_a_key_is_one(name):
    assert seen([n // 10 for n in MANY], name=name).keylike


@pytest.mark.parametrize("name", ["humid", "turkey", "paid", "idle"])
def test_other_names_are_not(name):
    assert not seen([n // 10 for n in MANY], name=name).keylike


def test_decimals_of_their_own_are_a_measure():
    assert not seen([n / 7 for n in MANY]).keylike


@pytest.mark.parametrize(
    ("values", "unfit"),
    [
        ([None, "", "NA"], "no row has a value"),
        (["5"] * 50, "always '5'"),
        ([*MANY, *MANY, "broken"], "numbers, but in 1 row, as 'broken' in row 201"),
        ([*MANY, *MANY, "inf"], "as 'inf' in row 201"),
        (["2013-09-01"] * 50 + ["later"], "dates, but in 1 row, as 'later' in row 51"),
        (["2013-09-01", "2013-09-02"], "an instant is no feature as it comes"),
        ([f"word {n % 700}" for n in range(1000)], "free text: its 100 commonest values are"),
        (["03/04/2013", "05/06/2013"], "--day-first or --month-first"),
        (["0.5", "1e39"], "numbers as large as 1e+39: a model's have 32 bits"),
    ],
)
def test_what_is_no_feature_as_it_comes_says_why(values, unfit):
    assert unfit in seen(values).unfit


def test_a_column_that_is_missing_or_one_value_is_a_feature():
    assert not seen(["yes", None, "yes"]).unfit


def test_values_beyond_the_hundred_commonest_are_told():
    found = seen([f"t{n}" for n in range(90)] * 20 + [f"rare {n}" for n in range(50)])
    assert not found.unfit
    assert "the 40 rarest together are 'unknown'" in found.because


@pytest.mark.parametrize("values", [["1,50", "20,25", "3"], ["1.234,5", "7"], ["1,234", "5,678"]])
def test_numbers_with_commas_are_refused_until_it_is_said_what_they_mean(values):
    with pytest.raises(Refusal, match=r"the column x has numbers with commas, as '1.*': add --decimal ,"):
        seen(values)
    assert seen(values, Form(decimal=",")).kind == "number"
    assert seen(values, Form(decimal=".")).kind == "text"


def test_text_with_commas_is_no_number():
    assert seen(["a, b", "c, d", "a, b"]).kind == "text"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["2013-09-01", "soon", "later"], "is no instant in 2 rows, the first row 2: it is 'soon'"),
        (["2013-09-01", None], "in 1 row, the first row 2: it is missing"),
        (["03/04/2013", "05/06/2013"], "add --day-first or --month-first"),
        (["2012", "2013"], "is no instant"),
    ],
)
def test_the_time_of_the_rows_is_an_instant_in_each_or_refused(values, said):
    with pytest.raises(Refusal, match=said):
        as_instant("at", pa.chunked_array([pa.array(values, pa.string())]), PLAIN)


def test_a_zone_that_lacks_an_hour_is_refused_with_what_to_do():
    with pytest.raises(Refusal, match=r"the column x: .* clocks of America/New_York leave out .*: leave out --zone"):
        seen(["2013-03-10 02:30", "2013-03-11 02:30"], Form(zone="America/New_York"))
