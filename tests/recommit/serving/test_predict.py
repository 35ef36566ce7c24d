"""What /predict answers, and what it refuses: always one line, never a failure of the server."""

import json
from typing import Any

import pytest

from tests.recommit.serving.world import Client, asked, rows

ROW = {"weight": 2.5, "recent": 11.0, "road": "north", "size": "small"}
DEEP = 200_000


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in ROW.items() if key != name}


def test_one_row_gives_one_object_and_a_list_a_list(served: Client) -> None:
    one, [also] = served.predict(ROW), served.predict([ROW])
    assert isinstance(one, dict)
    assert one | {"request_id": ""} == also | {"request_id": ""}
    task = served.predictor.scorer.task
    assert {"model": "parcels", "version": "v1.2.0"}.items() <= one.items()
    assert {*task.columns(served.predictor.matrix.answer(*numbers(), 1)), "model_sha256", "request_id"} <= one.keys()


def numbers() -> Any:
    import numpy as np

    return np.array([[2.5], [11.0]], "float32"), [["north"], ["small"]]


def test_the_decision_is_taken_at_the_threshold(client: Client) -> None:
    found = client.predict(rows(200))
    assert {row["decision"] for row in found} == {"punctual", "late"}
    assert all((row["decision"] == "late") == (row["probability"] >= 0.5) for row in found)


def test_a_number_and_classes_are_told_without_a_decision(clients: dict[str, Client]) -> None:
    number, classes = clients["number"].predict(ROW), clients["classes"].predict(ROW)
    assert number["low"] < number["prediction"] < number["high"]
    shares = [classes[f"probability_{name}"] for name in ("whole", "late", "broken")]
    assert sum(shares) == pytest.approx(1)
    assert "decision" not in number.keys() | classes.keys()


def test_what_names_a_row_goes_with_its_prediction_if_it_is_there(client: Client) -> None:
    found = client.predict(ROW | {"parcel": 7, "leaves": "2013-09-01T06:15:00Z"})
    assert (found["parcel"], found["leaves"]) == (7, "2013-09-01T06:15:00Z")
    assert "parcel" not in client.predict(ROW)


def test_a_missing_number_is_null(client: Client) -> None:
    assert client.predict(ROW | {"recent": None})["probability"] != client.predict(ROW)["probability"]


def test_a_row_without_history_has_its_key_and_its_instant(without_history: Client) -> None:
    [row] = without_history.predict(asked(1))
    assert (row["parcel"], row["leaves"]) == (1000, "2013-09-01T00:00:00Z")
    assert row["predicted_at"] == "2013-08-31T22:00:00Z"


def test_the_example_is_answered(served: Client, without_history: Client) -> None:
    for one in (served, without_history):
        assert one.predict(one.example)


BAD: list[tuple[Any, int, str]] = [
    # no JSON
    (b"", 400, "empty"),
    (b"   ", 400, "empty"),
    (b"{", 400, "no JSON"),
    (b'{"weight": 2.5', 400, "no JSON"),
    (b"{'weight': 2.5}", 400, "no JSON"),
    (b"weight=2.5", 400, "no JSON"),
    (b'{"weight": NaN}', 400, "no JSON"),
    (b'{"weight": Infinity}', 400, "no JSON"),
    (b'{"weight": -Infinity}', 400, "no JSON"),
    (b'{"weight": 01}', 400, "no JSON"),
    (b'{"weight": 1.}', 400, "no JSON"),
    (b'{"weight": .5}', 400, "no JSON"),
    (b'{"weight": +1}', 400, "no JSON"),
    (b'{"weight": 0x10}', 400, "no JSON"),
    (b'{"weight": 1e400}', 400, "no JSON"),
    (b'{"weight": 2.5,}', 400, "no JSON"),
    (b'{"road": "\xff\xfe"}', 400, "no JSON"),
    (b'{"road": "\\ud800"}', 400, "no JSON"),
    (b'{"road": "a\nb"}', 400, "no JSON"),
    (b"\x00\x01\x02", 400, "no JSON"),
    (b"\xef\xbb\xbf{}", 400, "no JSON"),
    (b"{} {}", 400, "no JSON"),
    (b"[{}]]", 400, "no JSON"),
    (b"\x1f\x8b\x08\x00", 400, "no JSON"),
    (b"<row/>", 400, "no JSON"),
    # nested
    (b"[" * DEEP, 400, "nested deeper"),
    (b'{"a":' * DEEP, 400, "nested deeper"),
    (b"[" * 9 + b"]" * 9, 400, "nested deeper"),
    (b'["\\"[[[[[[[[[[", [[[[[[[[[]]]]]]]]]]', 400, "nested deeper"),
    # no rows, or other things than rows
    ([], 422, "no rows"),
    (None, 422, "expected an object"),
    (3, 422, "expected an object"),
    ("north", 422, "expected an object"),
    (True, 422, "expected an object"),
    ([ROW, None], 422, "row 2: found null"),
    ([ROW, [ROW]], 422, "row 2"),
    ([[2.5, 11, "north", "small"]], 422, "row 1"),
    ({"rows": [ROW]}, 422, "'rows'"),
    # keys
    ({}, 422, "row 1, column weight: found nothing, expected a number from 0 on"),
    (without("weight"), 422, "column weight: found nothing"),
    (without("recent"), 422, "column recent: found nothing"),
    (without("road"), 422, "column road: found nothing, expected one of north, south, coast"),
    ([ROW, without("size")], 422, "row 2, column size: found nothing"),
    (ROW | {"wieght": 2}, 422, "row 1: found the key 'wieght', expected one of parcel, "),
    (ROW | {"": 2}, 422, "found the key ''"),
    (ROW | {"Weight": 2}, 422, "'Weight'"),
    (ROW | {"x" * 5000: 2}, 422, "..."),
    (ROW | {"\x1b[31m\n": 2}, 422, "\\x1b[31m\\n"),
    (ROW | {"late": True}, 422, "'late'"),
    # types
    (ROW | {"weight": "2.5"}, 422, "row 1, column weight: found '2.5', expected a number from 0 on"),
    (ROW | {"weight": True}, 422, "column weight: found true"),
    (ROW | {"weight": []}, 422, "column weight: found []"),
    (ROW | {"weight": {}}, 422, "column weight: found {}"),
    (ROW | {"weight": "NaN"}, 422, "column weight: found 'NaN'"),
    (ROW | {"weight": ""}, 422, "column weight: found ''"),
    ([ROW, ROW, ROW | {"weight": "2"}], 422, "row 3, column weight"),
    (ROW | {"road": None}, 422, "column road: found null, expected one of"),
    (ROW | {"road": 3}, 422, "column road: found 3"),
    (ROW | {"road": ["north"]}, 422, "column road: found ['north']"),
    (ROW | {"road": False}, 422, "column road: found false"),
    (ROW | {"parcel": "7"}, 422, "column parcel: found '7', expected a whole number"),
    (ROW | {"parcel": 7.5}, 422, "column parcel: found 7.5"),
    (ROW | {"parcel": 2**63}, 422, "column parcel"),
    (ROW | {"parcel": 1e300}, 422, "column parcel"),
    (ROW | {"leaves": "2013-09-01"}, 422, "column leaves: found '2013-09-01', expected an instant with its time zone"),
    (ROW | {"leaves": "yesterday"}, 422, "column leaves: found 'yesterday'"),
    (ROW | {"leaves": 1378000000}, 422, "column leaves: found 1378000000"),
    # values
    (ROW | {"weight": -1}, 422, "row 1, column weight: found -1.0, expected a number from 0 on"),
    (ROW | {"weight": 1e39}, 422, "column weight: found inf"),
    (ROW | {"weight": -1e308}, 422, "column weight"),
    (ROW | {"recent": 1e300}, 422, "column recent: found inf"),
    (ROW | {"recent": -1e300}, 422, "column recent"),
    (ROW | {"road": "east"}, 422, "row 1, column road: found 'east', expected one of north, south, coast"),
    (ROW | {"road": "North"}, 422, "column road: found 'North'"),
    (ROW | {"road": "north "}, 422, "column road: found 'north '"),
    (ROW | {"road": ""}, 422, "column road: found ''"),
    (ROW | {"road": "\u0000"}, 422, "column road"),
    (ROW | {"size": "s" * 100_000}, 422, "..."),
    ([ROW, ROW | {"size": "huge"}], 422, "row 2, column size: found 'huge', expected one of large, small"),
    ([ROW] * 10_001, 413, "10,001 rows"),
]


@pytest.mark.parametrize(("said", "status", "words"), BAD, ids=range(len(BAD)))
def test_a_bad_request_gets_one_line_that_says_why(client: Client, said: Any, status: int, words: str) -> None:
    answer = client.ask("POST", "/predict", said)
    assert (answer.status, [*answer.json]) == (status, ["error"])
    line = answer.json["error"]
    assert words in line
    assert len(line.splitlines()) == 1
    assert len(line) < 400
    assert "/" not in line


ASKED = {"parcel": 1, "leaves": "2013-09-01T06:15:00Z", "grams": 900, "road": "north"}
BAD_ASKED: list[tuple[dict[str, Any], str]] = [
    ({"grams": "900"}, "row 1, column grams: found '900', expected a whole number"),
    ({"grams": 900.5}, "column grams: found 900.5"),
    ({"grams": None}, "column grams: found null"),
    ({"grams": 1e30}, "column grams"),
    ({"grams": -(2**70)}, "column grams"),
    ({"parcel": None}, "column parcel: found null"),
    ({"road": "east"}, "row 1: rule broken by east: road is a known value"),
    ({"road": 1}, "column road: found 1"),
    ({"road": None}, "column road: found null"),
    (
        {"leaves": "2013-09-01T06:15:00"},
        "column leaves: found '2013-09-01T06:15:00', expected an instant with its time",
    ),
    ({"leaves": "2013-13-01T06:15:00Z"}, "column leaves"),
    ({"leaves": "2013-02-30T06:15:00Z"}, "column leaves"),
    ({"leaves": "99999-01-01T00:00:00Z"}, "column leaves"),
    ({"leaves": "01.09.2013 06:15"}, "column leaves"),
    ({"leaves": ""}, "column leaves"),
    ({"leaves": None}, "column leaves: found null"),
    ({"leaves": 3}, "column leaves: found 3"),
    ({"leaves": "0001-01-01T00:30:00Z"}, "cannot be computed"),
    ({"weight": 3}, "found the key 'weight', expected one of parcel, leaves, grams, road"),
]


@pytest.mark.parametrize(("change", "words"), BAD_ASKED, ids=range(len(BAD_ASKED)))
def test_a_bad_row_without_history_gets_one_line(without_history: Client, change: Any, words: str) -> None:
    answer = without_history.ask("POST", "/predict", [ASKED, ASKED | change])
    assert answer.status == 422
    assert words.replace("row 1", "row 2") in answer.json["error"]
    assert len(answer.json["error"].splitlines()) == 1


def test_a_whole_number_may_be_written_with_a_point(without_history: Client) -> None:
    same = [without_history.predict(ASKED | {"grams": value}) for value in (900, 900.0)]
    assert same[0] | {"request_id": ""} == same[1] | {"request_id": ""}


def test_an_instant_of_another_zone_is_the_same_instant(without_history: Client) -> None:
    same = [without_history.predict(ASKED | {"leaves": at}) for at in (ASKED["leaves"], "2013-09-01T08:15:00+02:00")]
    assert same[0] | {"request_id": ""} == same[1] | {"request_id": ""}


@pytest.mark.parametrize("text", ["[[[[[[[[[", '\\\\"[[[[[[[[[', "]]]]]]]]]]", "{" * 20, '"' * 3])
def test_brackets_in_a_text_are_no_nesting(client: Client, text: str) -> None:
    assert client.ask("POST", "/predict", ROW | {"road": text}).status == 422


def test_right_answers_follow_bad_requests(client: Client) -> None:
    before = client.predict(rows(20))
    for said, _, _ in BAD:
        client.ask("POST", "/predict", said)
    after = client.predict(rows(20))
    assert [row | {"request_id": ""} for row in before] == [row | {"request_id": ""} for row in after]


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (None, 200), ("application/json", 200), ("application/json; charset=utf-8", 200), ("APPLICATION/JSON", 200),
        ("text/plain", 415), ("application/x-www-form-urlencoded", 415), ("application/json; charset=latin-1", 415),
        ("multipart/form-data", 415), ("application/xml", 415), ("\xff", 415),
    ],
)  # fmt: skip
def test_a_body_is_json_unless_it_is_said_to_be_something_else(client: Client, kind: str | None, status: int) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    assert client.ask("POST", "/predict", json.dumps(ROW).encode(), headers).status == status
