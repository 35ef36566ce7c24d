"""What is drafted is Python as a person would leave it, and it declares the very table that was looked at."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from recommit.catalogue import UNASKED, WITH_ROW, Catalogue
from recommit.columns import ALWAYS, NEVER, Table, since
from recommit.rawtable.form import PLAIN, Form
from recommit.rawtable.typed import typed
from recommit.schema import broken, column_schema, row_rules
from recommit.template.look import Said, look
from recommit.template.look_draft import draft_columns
from tests.recommit.template.tables import customers, rentals, texts


def drafted(columns: dict[str, object], form: Form = PLAIN, **said) -> tuple[str, Table, Catalogue, Form]:
    text = draft_columns(look(texts(columns), Said(**said), form), "rows.csv")
    names: dict = {}
    exec(text, names)
    return text, names["ROWS"], names["CATALOGUE"], names["FORM"]


def awkward() -> dict[str, object]:
    rng = np.random.default_rng(1)
    return customers(
        **{
            "a very long name of a column that " + "goes on and on " * 4: rng.normal(size=400),
            'it\'s "quoted"': rng.normal(size=400) * 1e-7,
            "back\\slash": rng.choice(["a|b", "c", "d" * 90, 'say "x"', "it's"], 400),
            "1st": rng.choice([f"station number {n}, north" for n in range(40)], 400),
            "tail": [f"t{int(n)}" for n in np.minimum(rng.exponential(45, 400), 300)],
            "share": rng.choice([0, 0.1], 400),
            "ROWS": rng.choice([f"another long value {n}" for n in range(12)], 400),
            "müde": rng.choice(["ja", "nein"], 400),
            "gone\u2028far": rng.choice(["Ünï\tcode", "plain"], 400),
            "o": rng.choice([f"a third kind of long value {n}" for n in range(12)], 400),
            "big": rng.normal(size=400) * 1e12,
            "spare": [None if n % 3 else n for n in range(400)],
            "constant": ["one\nof two lines"] * 400,
        }
    )


TABLES = {
    "customers": (customers(), {"target": "left"}),
    "rentals": (rentals(2000), {"target": "cnt", "time": "at", "horizon": 24}),
    "awkward": (awkward(), {"target": "left"}),
    "nothing": ({"a": ["1"] * 50, "left": ["yes", "no"] * 25}, {"target": "left"}),
    "classes": ({"size": np.arange(90) / 7, "kind": ["a", "b", "c"] * 30}, {"target": "kind"}),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_draft_is_as_ruff_leaves_it(name, tmp_path):
    columns, said = TABLES[name]
    text, *_ = drafted(columns, **said)
    (tmp_path / "columns.py").write_text(text, encoding="utf-8")
    settings = Path(__file__).parents[3] / "pyproject.toml"
    for verb in (["format", "--diff"], ["check"]):
        command = [sys.executable, "-m", "ruff", *verb, "--config", settings, tmp_path / "columns.py"]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", TABLES)
def test_the_table_that_was_looked_at_breaks_no_rule_of_its_draft(name):
    columns, said = TABLES[name]
    _, rows, _, form = drafted(columns, **said)
    table = typed(texts(columns), rows, form)
    assert list(broken(table, column_schema(rows), row_rules(rows))) == []
    assert len(table) == len(next(iter(columns.values())))


def test_a_number_of_32_bits_is_within_the_range_too():
    columns, said = TABLES["awkward"]
    _, rows, _, form = drafted(columns, **said)
    table = typed(texts(columns), rows, form)
    for column in rows.columns:
        if column.within and column.kind == "number":
            small = table[column.name].astype("float32").astype("float64").dropna()
            assert small.between(*column.within).all(), column


def test_every_column_of_the_file_is_declared_and_those_left_out_are_no_features():
    text, rows, catalogue, form = drafted(rentals(2000), target="cnt", time="at", horizon=24)
    assert set(rows.names) == {*rentals(24), "row", "known_at"}
    assert catalogue.all == ["temp", "weather"]
    assert "        # left out: registered + casual tells cnt\n" in text
    assert form == Form(numbered="row", known="known_at", time="at", known_after_hours=24)


def test_what_is_not_known_when_asked_is_known_with_the_target():
    _, rows, _, _ = drafted(rentals(2000), target="cnt", time="at")
    assert {name: rows[name].known for name in ("temp", "casual", "cnt")} == {
        "temp": ALWAYS,
        "casual": since("known_at"),
        "cnt": since("known_at"),
    }
    assert {rows[name].kind for name in ("casual", "cnt")} == {"number"}
    _, rows, _, _ = drafted(customers(), target="left")
    assert rows["left"].known == NEVER


def test_a_row_to_score_comes_with_its_key_and_its_features():
    _, rows, _, _ = drafted(rentals(2000), target="cnt", time="at")
    assert rows.given == ("row", "at", "temp", "weather")


def test_what_was_not_answered_is_unasked_in_the_catalogue():
    _, _, catalogue, _ = drafted(customers(), target="left", known={"age": True})
    assert {one.name: one.available for one in catalogue.features} == {
        "age": WITH_ROW,
        "spent": UNASKED,
        "plan": UNASKED,
    }


def test_what_was_guessed_of_the_whole_table_is_in_the_docstring():
    text, *_ = drafted(rentals(2000), target="cnt")
    said = text.split('"""')[1]
    assert "- at: in which time zone? Taken: UTC.\n" in said
    assert "- row: does it name a row, now and later? Taken: row.\n" in said
    assert "Guessed" not in drafted(customers(), target="left", key="customer_id")[0]


def test_a_boolean_that_is_given_is_text():
    table = customers(member=["yes", "no"] * 200)
    _, rows, catalogue, _ = drafted(table, target="left")
    assert (rows["member"].kind, catalogue.categories()["member"]) == ("text", ("no", "yes", "unknown"))


def test_of_many_values_the_commonest_are_the_vocabulary_and_all_are_allowed():
    columns, said = TABLES["awkward"]
    _, rows, catalogue, _ = drafted(columns, **said)
    assert rows["tail"].values == ()
    assert len(catalogue.categories()["tail"]) <= 101
    assert set(rows["back\\slash"].values) == {"a|b", "c", "d" * 90, 'say "x"', "it's"}


def test_the_form_says_only_what_is_not_as_expected():
    text, *_ = drafted(customers(), Form(separator=";", decimal=","), target="left")
    assert 'FORM = Form(separator=";", decimal=",", outcomes=("no", "yes"))\n' in text


def test_twenty_columns_fit_into_150_lines():
    rng = np.random.default_rng(1)
    towns = [f"town {n}" for n in range(100)]
    more = {f"x{n}": rng.normal(size=2000) for n in range(8)} | {f"town{n}": rng.choice(towns, 2000) for n in range(7)}
    text, *_ = drafted(customers(2000) | more, target="left")
    assert len(text.splitlines()) <= 150
