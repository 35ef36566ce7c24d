"""What is told of the server is what it does."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from recommit.batch.scorer import Scorer
from tests.recommit.batch import world
from tests.recommit.serving.test_predict import ASKED, BAD, BAD_ASKED
from tests.recommit.serving.world import Client, alone, asked, problem_of, rows


def validator(client: Client, name: str) -> Draft202012Validator:
    said = client.ask("GET", "/openapi.json").json
    schema = said["components"]["schemas"][name]
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_the_document_is_of_openapi_3_1_and_names_every_route(client: Client) -> None:
    said = client.ask("GET", "/openapi.json").json
    assert said["openapi"] == "3.1.0"
    for path, methods in said["paths"].items():
        for method in methods:
            body = said["paths"][path][method].get("requestBody", {"content": {}})["content"]
            sent = body["application/json"]["example"] if body else {}
            assert client.ask(method.upper(), path, sent).status == 200, path


def test_rows_and_answers_are_as_the_document_says(served: Client, without_history: Client) -> None:
    for client, sent in ((served, rows(20)), (without_history, asked(20))):
        for row in (*sent, client.example):
            validator(client, "Row").validate(row)
        for row in client.predict(sent):
            given = {name: value for name, value in row.items() if name not in ("parcel", "leaves", "predicted_at")}
            validator(client, "Prediction").validate(given)


def test_what_the_document_forbids_is_refused(client: Client, without_history: Client) -> None:
    """A bound that the document does not have would let a generated client send what is refused."""
    told = validator(client, "Row")
    sent = [said for said, status, _ in BAD if isinstance(said, dict) and status == 422]
    open_to = [said for said in sent if told.is_valid(said)]
    assert len(sent) > 30
    assert {said.get("leaves") for said in open_to} == {"2013-09-01", "yesterday"}, "a format is told, not checked"
    told = validator(without_history, "Row")
    assert not any(told.is_valid(ASKED | change) for change, _ in BAD_ASKED if "leaves" not in change)


def test_units_and_values_are_told(client: Client) -> None:
    said: Any = client.ask("GET", "/openapi.json").json["components"]["schemas"]["Row"]["properties"]
    assert said["weight"] == {
        "type": ["number", "null"],
        "description": "weight, in kg",
        "minimum": 0,
        "maximum": pytest.approx(3.4028235e38),
    }
    assert said["road"]["enum"] == ["north", "south", "coast"]


def test_the_page_loads_nothing_and_holds_the_example(served: Client) -> None:
    answer = served.ask("GET", "/docs")
    page = answer.body.decode()
    assert answer.headers["content-type"].startswith("text/html")
    assert not re.findall(r"https?://|<link|<img|@import|src=", page)
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    shown = re.search(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)
    assert shown
    assert json.loads(shown[1].replace("&#34;", '"')) == served.example


@pytest.mark.parametrize("word", ["weight", "kg", "one of north, south, coast"])
def test_the_page_says_what_a_row_is(client: Client, word: str) -> None:
    assert word in client.ask("GET", "/docs").body.decode()


def test_a_range_that_is_a_draft_is_told_and_refuses_nothing(scorers: dict[str, Scorer]) -> None:
    columns = {"grams": {"within": (100, 2000)}, "road": {"values": ("north", "south")}}
    drafted = tuple(
        replace(one, draft=True, **columns[one.name]) if one.name in columns else one for one in world.PARCELS.columns
    )
    parcels = replace(world.PARCELS, columns=drafted)
    problem = replace(alone(problem_of("binary")), rows=parcels, tables=(parcels,))
    client = Client(problem, scorers["binary"])
    said = client.ask("GET", "/openapi.json").json["components"]["schemas"]["Row"]["properties"]
    assert said["grams"]["description"] == "so far 100 to 2000, in g"
    assert said["road"] == {"type": "string", "description": "so far north, south"}
    assert client.predict(ASKED | {"grams": 9000, "road": "coast"})["probability"]
