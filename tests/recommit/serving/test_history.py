"""Rows of a problem with history are answered from what is known when they come: history, and events since."""

import asyncio
import hashlib
import json
import random
import sqlite3
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from jsonschema import Draft202012Validator

from recommit import Refusal
from recommit.batch.predict import Request, predict
from recommit.batch.scorer import Scorer
from recommit.columns import Rule
from recommit.live import Live
from recommit.problem import Problem
from recommit.serving import run
from recommit.serving.known import Known
from recommit.serving.operation import Watched
from recommit.serving.partition import table_of
from recommit.serving.store import FileStore, Unkept
from recommit.serving.tokens import Token
from tests.recommit.batch import world
from tests.recommit.serving.test_fuzz import sound, spoiled, torn
from tests.recommit.serving.test_guard import bearer, is_free, ways
from tests.recommit.serving.test_same_bits import answered, of_batch
from tests.recommit.serving.world import Client, alone, asked, call, known, problem_of

MANY = 150
PARCEL = {"parcel": 7, "leaves": "2013-12-31T12:00:00Z", "grams": 900, "road": "north"}


def told(minutes: Any, at: str = "2014-01-01T06:00:00+00:00", road: str = "north") -> dict[str, Any]:
    return {"table": "delays", "key": {"road": road}, "instant": at, "values": {"minutes": minutes, "told_at": at}}


@pytest.fixture
def client(scorers: dict[str, Scorer], tmp_path: Path) -> Client:
    """A server that computes features from the delays of the roads."""
    return of(scorers, tmp_path)


def of(scorers: dict[str, Scorer], folder: Path, task: str = "binary", **more: Any) -> Client:
    problem = more.pop("problem", problem_of(task))
    store = more.pop("store", folder / "events.db")
    return Client(problem, scorers[task], known=known(problem, store), **more)


def probability(client: Client, **change: Any) -> float:
    return client.predict(PARCEL | change)["probability"]


def test_rows_have_the_bits_of_the_batch(scorers: dict[str, Scorer], task: str, folder: Path) -> None:
    client = of(scorers, folder, task)
    for name, table in world.history().items():
        table.to_parquet(folder / f"{name}.parquet")
    world.plan(MANY).to_parquet(folder / "in.parquet")
    request = Request(folder / "in.parquet", folder / "out.parquet", folder, workers=1)
    assert predict(problem_of(task), scorers[task], request).rejected == 0
    written = of_batch(pq.read_table(folder / "out.parquet"))
    assert answered(client.predict(asked(MANY)), list(written[0])) == written
    assert answered([client.predict(row) for row in asked(MANY)[:3]], list(written[0])) == written[:3]


def test_the_model_can_still_be_given_its_inputs(client: Client) -> None:
    inputs = {"weight": 0.9, "recent": 3.0, "road": "north", "size": "small"}
    said = {"inputs": [
        {"name": name, "shape": [1], "datatype": "BYTES" if isinstance(value, str) else "FP32", "data": [value]}
        for name, value in inputs.items()
    ]}  # fmt: skip
    assert client.infer(said).json["outputs"][0]["data"] == [probability(client)]
    assert client.ask("POST", "/predict", inputs).status == 422


def test_the_next_answer_knows_what_was_told(client: Client) -> None:
    before = probability(client)
    assert client.tell(told(34.0)) == {"taken": [1], "repeated": [], "refused": []}
    after = probability(client)
    assert after != before
    assert client.tell([told(34.0), told(601), told(40, road="south")]) == {
        "taken": [3],
        "repeated": [1],
        "refused": [{"event": 2, "error": "minutes is 601.0: it is within 0 to 600"}],
    }
    assert probability(client) == after


def test_the_log_says_by_which_facts_a_row_was_answered(scorers: dict[str, Scorer], tmp_path: Path) -> None:
    client = of(scorers, tmp_path, watched=Watched(tmp_path / "log"))
    due = [probability(client)]
    for minutes in (34.0, 35.0):
        client.tell(told(minutes))
        due += [probability(client), probability(client)]
    (file,) = (tmp_path / "log").glob("*.jsonl")
    found = table_of(file, file.read_bytes())[0].to_pandas()
    client.operation.end()
    assert found["probability"].tolist() == due
    states = found["state.delays"].tolist()
    assert states[1:] == states[1:2] * 4 != states[:1] * 4, "what contradicts was refused, and changes nothing"
    assert found["feature.recent"].tolist()[1:] == [34.0] * 4
    assert found["parcel"].tolist() == [7] * 5


def test_another_worker_knows_it_and_so_does_the_next_server(scorers: dict[str, Scorer], tmp_path: Path) -> None:
    one, other = of(scorers, tmp_path), of(scorers, tmp_path)
    before = probability(one)
    one.tell(told(34.0))
    assert probability(other) == probability(one) != before
    assert other.tell([told(34.0), told(35.0)])["repeated"] == [1], "they judge by the same facts"
    other.tell(told(50.0, "2014-01-01T07:00:00Z"))
    assert probability(one) == probability(other) == probability(of(scorers, tmp_path))


def test_two_workers_take_events_in_turn(scorers: dict[str, Scorer], tmp_path: Path) -> None:
    """Of two that contradict each other, whichever comes first is taken, and the same by all."""
    workers = [of(scorers, tmp_path) for _ in range(2)]

    async def at_once() -> list[Any]:
        sent = [[told(float(number), f"2014-01-01T06:{at:02}:00Z") for at in range(30)] for number in range(2)]
        asks = (
            call(worker.app, "POST", "/events", json.dumps(said).encode())
            for worker, said in zip(workers, sent, strict=True)
        )
        return [answer.json for answer in await asyncio.gather(*asks)]

    found = asyncio.run(at_once())
    assert sorted(len(one["taken"]) for one in found) == [0, 30]
    assert sorted(len(one["refused"]) for one in found) == [0, 30]
    assert probability(workers[0]) == probability(workers[1]) == probability(of(scorers, tmp_path))


def test_a_row_that_history_does_not_reach_is_refused(client: Client) -> None:
    late = PARCEL | {"leaves": "2014-01-01T09:00:00Z"}
    answer = client.ask("POST", "/predict", [PARCEL, late])
    why = "2014-01-01T07:00Z is later than delays tells of road north, 2014-01-01T00:00Z"
    assert (answer.status, answer.json["error"]) == (422, f"row 2: {why}")
    client.tell(told(34.0, "2014-01-01T08:00:00Z"))
    assert client.predict(late)["probability"]


def test_or_it_is_answered_and_flagged(scorers: dict[str, Scorer], tmp_path: Path) -> None:
    client = of(scorers, tmp_path, flagged=True)
    sure, late = client.predict([PARCEL, PARCEL | {"leaves": "2014-01-01T09:00:00Z"}])
    assert sure["unheard"] is None
    assert late["unheard"] == "2014-01-01T07:00Z is later than delays tells of road north, 2014-01-01T00:00Z"
    assert late["probability"] == sure["probability"]


def test_a_rule_between_columns_holds_of_a_row_that_history_has_not(scorers: dict[str, Scorer], tmp_path: Path) -> None:
    rule = Rule("is light on the coast", ("grams", "road"), lambda t: (t["road"] != "coast") | (t["grams"] < 1000))
    parcels = replace(world.PARCELS, rules=(rule,))
    problem = replace(world.PROBLEM, rows=parcels, tables=(parcels, world.DELAYS))
    client = of(scorers, tmp_path, problem=problem)
    coast = PARCEL | {"road": "coast"}
    answer = client.ask("POST", "/predict", [coast] * 70 + [coast | {"grams": 5000}])
    assert (answer.status, answer.json["error"]) == (422, "row 71: is light on the coast")


BAD_ROWS: list[tuple[dict[str, Any], str]] = [
    ({"road": "east"}, "row 2, column road: found 'east', expected one of north, south, coast"),
    ({"road": None}, "row 2, column road: found null"),
    ({"grams": "900"}, "row 2, column grams: found '900', expected a whole number"),
    ({"grams": 2**63}, "row 2, column grams"),
    ({"leaves": "2013-12-31T12:00:00"}, "row 2, column leaves"),
    ({"leaves": "2013-02-30T12:00:00Z"}, "row 2, column leaves"),
    ({"leaves": "0001-01-01T00:30:00+01:00"}, "row 2, column leaves"),
    ({"leaves": "0001-01-01T00:30:00Z"}, "the features of these rows cannot be computed"),
    ({"leaves": "9999-12-31T23:59:59Z"}, "row 2: 9999-12-31T21:59Z is later than delays tells of road north"),
    ({"weight": 3}, "row 2: found the key 'weight'"),
]


@pytest.mark.parametrize(("change", "words"), BAD_ROWS, ids=range(len(BAD_ROWS)))
def test_a_bad_row_gets_one_line(client: Client, change: dict[str, Any], words: str) -> None:
    answer = client.ask("POST", "/predict", [PARCEL, PARCEL | change])
    assert answer.status == 422
    assert words in answer.json["error"]


@pytest.mark.parametrize(
    "at", ["2013-12-31T12:00:00Z", "2013-12-31T14:00+02:00", "2013-12-31 12:00 UTC", "2013-12-31T12:00:00.0000009Z"]
)
def test_an_instant_may_be_written_as_in_a_table(client: Client, at: str) -> None:
    assert client.predict(PARCEL | {"leaves": at})["leaves"] == "2013-12-31T12:00:00Z"


GOOD = told(34.0)
BAD: list[tuple[Any, str]] = [
    (None, "found null, expected an object with table, key, instant, values"),
    ("delays", "found 'delays', expected an object"),
    ([], "found [], expected an object"),
    ({}, "found {}, expected an object"),
    (GOOD | {"more": 1}, "found the keys 'table', 'key', 'instant', 'values', 'more', expected"),
    (GOOD | {"table": "roads"}, "table: found 'roads', expected one of delays"),
    (GOOD | {"table": ["delays"]}, "table: found ['delays']"),
    (GOOD | {"table": "x\n" * 999}, "table: found 'x"),
    (GOOD | {"key": "north"}, "key: found 'north', expected an object with road"),
    (GOOD | {"key": {}}, "key: found {}"),
    (GOOD | {"key": {"road": "north", "way": 1}}, "key: found"),
    (GOOD | {"key": {"road": 1}}, "road is 1: it must be of the kind text"),
    (GOOD | {"key": {"road": ["north"]}}, "road is ['north']: it must be of the kind text"),
    (GOOD | {"key": {"road": "east"}}, "road is east: it is a known value"),
    (GOOD | {"instant": 3}, "instant: found 3"),
    (GOOD | {"instant": "2014-01-01T06:00:00"}, "the instant is '2014-01-01T06:00:00': it must be an instant"),
    (GOOD | {"instant": "0001-01-01T00:00:00+14:00"}, "outside the years 1 to 9999"),
    (GOOD | {"instant": "2013-01-01T06:00:00Z"}, "known from 2014-01-01T06:00:00+00:00 on"),
    (GOOD | {"values": []}, "values: found []"),
    (GOOD | {"values": {"minutes": 3}}, "told_at on, which the event does not say"),
    (GOOD | {"values": GOOD["values"] | {"way": 1}}, "delays declares no column way"),
    (GOOD | {"values": GOOD["values"] | {"road": "south"}}, "road is south, and north in the key"),
    *((told(value), "must be of the kind number") for value in ("3", True, [], {}, [[1]])),
    (told(-1), "minutes is -1.0: it is within 0 to 600"),
    (told(1e308), "minutes is 1e+308"),
]


def test_every_bad_event_is_refused_alone(client: Client) -> None:
    sent = [one for said, _ in BAD for one in (said, told(5.0, road="coast"))]
    found = client.tell(sent)
    assert (found["taken"], found["repeated"]) == ([2], [*range(4, len(sent) + 1, 2)])
    for (said, words), one in zip(BAD, found["refused"], strict=True):
        assert words in one["error"], said
        assert len(one["error"].splitlines()) == 1
        assert len(one["error"]) < 400
    assert [one["event"] for one in found["refused"]] == [*range(1, len(sent) + 1, 2)]


@pytest.mark.parametrize(("body", "status"), [(b"", 400), (b"{", 400), (b"[]", 422), (b"NaN", 400)])
def test_a_body_that_is_no_list_of_events_is_refused(client: Client, body: bytes, status: int) -> None:
    assert client.ask("POST", "/events", body).status == status
    assert client.ask("POST", "/events", body, {"Content-Type": "text/plain"}).status == 415


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.all) for seed in range(1, 20))])
def test_changed_events_and_rows_are_judged_or_refused(client: Client, seed: int) -> None:
    draw = random.Random(seed)
    for number in range(25 if seed == 0 else 200):
        event = told(
            draw.uniform(0, 600), f"2014-01-02T{number % 24:02}:{number // 24:02}:00Z", draw.choice(world.ROADS)
        )
        for path, sent in (("/events", [event, told(3.0)]), ("/predict", asked(2, seed))):
            said = json.dumps(spoiled(draw.choice([sent, sent[0]]), draw)).encode()
            sound(client.ask("POST", path, torn(said, draw) if draw.random() < 0.3 else said))
    before = client.predict(asked(20))
    known_again = Client(client.predictor.problem, client.predictor.scorer, known=again(client))
    assert [row | {"request_id": ""} for row in known_again.predict(asked(20))] == [
        row | {"request_id": ""} for row in before
    ]


def again(client: Client) -> Known:
    """What is known by a server that begins now, with the same store."""
    assert client.predictor.from_history
    return known(client.predictor.problem, client.predictor.from_history.known._store._path)


def test_what_cannot_be_kept_is_not_acknowledged_and_is_new_when_it_is_sent_again(
    scorers: dict[str, Scorer], tmp_path: Path
) -> None:
    """Here since the file must not grow any more, as on a full disk."""
    client = of(scorers, tmp_path)
    store = client.predictor.from_history.known._store._writes  # type: ignore[union-attr]
    sent = [told(float(number), f"2014-01-02T00:{number // 60:02}:{number % 60:02}Z") for number in range(200)]
    store.execute("PRAGMA max_page_count = 1")
    answer = client.ask("POST", "/events", sent)
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert client.predict(PARCEL)["probability"], "predictions go on"
    assert client.ask("POST", "/events", sent).status == 503
    store.execute("PRAGMA max_page_count = 1000000")
    assert client.tell(sent)["taken"] == [*range(1, 201)]
    assert probability(client) == probability(of(scorers, tmp_path))


def test_a_store_that_cannot_be_read_is_a_503_until_it_can(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: Any) -> None:
        raise Unkept("OperationalError")

    with monkeypatch.context() as patch:
        patch.setattr(FileStore, "since", gone)
        for path, said in (("/predict", PARCEL), ("/events", told(34.0))):
            assert client.ask("POST", path, said).status == 503
    assert client.tell(told(34.0))["taken"] == [1]


def test_a_store_that_another_process_writes_is_waited_for_and_then_a_503(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.predictor.from_history.known._store._writes.execute("PRAGMA busy_timeout = 50")  # type: ignore[union-attr]
    with sqlite3.connect(tmp_path / "events.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        assert client.ask("POST", "/events", told(34.0)).status == 503
        assert client.predict(PARCEL)["probability"]
        other.execute("ROLLBACK")
    assert client.tell(told(34.0))["taken"] == [1]


def test_a_store_that_is_away_is_a_503_until_it_is_back(scorers: dict[str, Scorer], tmp_path: Path) -> None:
    """Also where another one has come in its place: what one worker keeps there, another one would not see."""
    place, away = tmp_path / "kept", tmp_path / "away"
    client = of(scorers, place)
    client.tell(told(34.0))
    before = probability(client)
    for other in (False, True):
        place.rename(away)
        if other:
            FileStore(place / "events.db")
        for path, said in (("/predict", PARCEL), ("/events", told(35.0, "2014-01-01T07:00:00Z"))):
            assert client.ask("POST", path, said).status == 503
        if other:
            place.rename(tmp_path / "other")
        away.rename(place)
    assert client.tell(told(34.0))["repeated"] == [1]
    assert probability(client) == before == probability(of(scorers, place))


def test_the_hash_of_a_tables_state_says_which_facts_an_answer_stands_on(
    scorers: dict[str, Scorer], tmp_path: Path
) -> None:
    def states(client: Client) -> Any:
        assert client.predictor.from_history
        return client.predictor.from_history.predict([PARCEL]).states

    workers = [of(scorers, tmp_path) for _ in range(2)]
    before = states(workers[0])
    for minutes, worker in enumerate((*workers, *workers)):
        worker.tell([told(601), told(float(minutes), f"2014-01-01T0{minutes + 1}:00:00Z", "coast")])
        one, other = map(states, workers)
        assert one == other == states(of(scorers, tmp_path)) != before
        before = one


def test_a_worker_judges_an_event_once_and_the_others_take_its_word(
    scorers: dict[str, Scorer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = of(scorers, tmp_path), of(scorers, tmp_path)
    update, calls = Live.update, []

    def counted(live: Live, events: Any, judged: bool = False) -> Any:
        calls.append((len(events), judged))
        return update(live, events, judged)

    monkeypatch.setattr(Live, "update", counted)
    one.tell(told(34.0))
    assert probability(one) == probability(other)
    assert calls == [(1, False), (0, True), (1, True)]


def test_what_another_worker_keeps_after_a_failure_is_not_taken_for_ones_own(
    scorers: dict[str, Scorer], tmp_path: Path
) -> None:
    one, other = of(scorers, tmp_path), of(scorers, tmp_path)
    store = one.predictor.from_history.known._store._writes  # type: ignore[union-attr]
    store.execute("PRAGMA max_page_count = 1")
    lost = [told(float(at), f"2014-01-02T00:{at // 60:02}:{at % 60:02}Z", "south") for at in range(200)]
    assert one.ask("POST", "/events", lost).status == 503
    other.tell(told(34.0))
    assert probability(one) == probability(other)
    store.execute("PRAGMA max_page_count = 1000000")
    assert one.tell(lost[:1])["taken"] == [1]
    assert [one.predict(PARCEL | {"road": road})["probability"] for road in world.ROADS] == [
        of(scorers, tmp_path).predict(PARCEL | {"road": road})["probability"] for road in world.ROADS
    ]


def test_every_route_needs_its_scope(scorers: dict[str, Scorer], tmp_path: Path) -> None:
    scopes = {"": (), "asker": ("read", "predict"), "feed": ("events",)}
    tokens = [Token(name, hashlib.sha256(name.encode()).hexdigest(), frozenset(may)) for name, may in scopes.items()]
    client = of(scorers, tmp_path, tokens=tokens[1:])
    bodies = {"/predict": PARCEL, "/events": told(34.0)}
    assert ("POST", "/events", "events") in ways(client)
    for (method, path, right), token in product(ways(client), scopes):
        status = client.ask(method, path, bodies.get(path, b""), bearer(token) if token else {}).status
        if not is_free(client, method, path) and not (token and right and right in scopes[token]):
            assert status in ((401,) if not token else (403,) if right else (404, 405)), (method, path, token)
        elif path in bodies:
            assert status == 200, (method, path, token)


def test_the_document_names_events_and_its_examples_are_answered(scorers: dict[str, Scorer], tmp_path: Path) -> None:
    client = of(scorers, tmp_path, flagged=True)
    said = client.ask("GET", "/openapi.json").json
    for path in ("/predict", "/events"):
        example = said["paths"][path]["post"]["requestBody"]["content"]["application/json"]["example"]
        assert client.ask("POST", path, example).status == 200
    assert client.tell(example)["repeated"] == [1]
    event = Draft202012Validator(said["components"]["schemas"]["Event"])
    for right in (example, GOOD):
        event.validate(right)
    for wrong in ({}, GOOD | {"more": 1}, GOOD | {"table": "roads"}, GOOD | {"key": {}}, told([1])):
        assert not event.is_valid(wrong)
    answer = Draft202012Validator(said["components"]["schemas"]["Prediction"])
    answer.validate(client.predict(PARCEL))
    answer.validate(client.predict(PARCEL | {"leaves": "2014-01-01T09:00:00Z"}))


def test_without_history_there_is_no_such_path_and_no_store(
    without_history: Client, client: Client, scorers: dict[str, Scorer]
) -> None:
    for one in (without_history, Client(problem_of("binary"), scorers["binary"])):
        assert one.ask("POST", "/events", GOOD).status == 404
        assert "/events" not in one.ask("GET", "/openapi.json").json["paths"]
    assert "/events" in client.ask("GET", "/openapi.json").json["paths"]


@pytest.mark.parametrize("name", ["history", "store", "follow", "flagged", "features"])
def test_what_is_for_history_is_refused_where_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder = world.write_model(tmp_path / "model", "boosting")
    for problem, features in ((alone(world.PROBLEM), False), (world.PROBLEM, True)):
        monkeypatch.setattr("recommit.serving.run.load_problem", lambda _, problem=problem: problem)
        if name != "features" or not features:
            said: dict[str, Any] = {"features": features} | {name: tmp_path / "x"}
            with pytest.raises(Refusal, match=r"is for features from history, and .*: leave it out"):
                run.serve(run.Request(tmp_path, str(folder), **said), print)


def test_history_that_is_not_there_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = world.write_model(tmp_path / "model", "boosting")
    monkeypatch.setattr("recommit.serving.run.load_problem", lambda _: world.PROBLEM)
    with pytest.raises(Refusal, match=r"data/raw lacks delays.parquet, of which features are made"):
        run.serve(run.Request(tmp_path, str(folder)), print)


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no store " * 100)
    for path in (tmp_path / "file", tmp_path / "file" / "below", tmp_path):
        with pytest.raises(Refusal, match=r"cannot keep events: .*: name another file with --store"):
            FileStore(path)


def test_kept_events_that_are_refused_now_are_told_and_the_others_taken(
    scorers: dict[str, Scorer], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    of(scorers, tmp_path).tell([told(34.0), told(40.0, road="south")])
    delays = replace(world.DELAYS, columns=tuple(
        replace(one, values=("south", "coast")) if one.name == "road" else one for one in world.DELAYS.columns
    ))  # fmt: skip
    problem: Problem = replace(world.PROBLEM, tables=(world.PARCELS, delays), history=(delays,))
    tables = {"delays": world.history()["delays"].iloc[1:].reset_index(drop=True)}
    found = known(problem, tmp_path / "events.db", tables)
    assert caplog.messages == ["1 of 2 kept events are refused now: road is north: it is a known value"]
    assert found.fresh().live.tables()["delays"]["minutes"].tolist() == [40.0, 40.0]


def lines(*events: Any) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


def test_a_followed_file_is_taken_line_by_line_from_where_it_was_left(
    scorers: dict[str, Scorer], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file, client = tmp_path / "feed.jsonl", of(scorers, tmp_path)
    one = client.predictor.from_history.known  # type: ignore[union-attr]

    def follow(known: Known = one) -> bool:
        return asyncio.run(known.follow(file, 4096))

    assert follow() is False, "there is no file yet"
    file.write_bytes(lines(told(34.0)) + b"\n" + lines(told(40.0, road="south"))[:20])
    before = probability(client)
    assert (follow(), follow()) == (True, False)
    assert probability(client) != before
    rest = lines(told(40.0, road="south"))[20:] + b"{broken\n" + lines(told(700.0), told(50.0, "2014-01-01T07:00:00Z"))
    with file.open("ab") as feed:
        feed.write(rest)
    other = of(scorers, tmp_path)  # a server that begins later, or another worker
    assert follow(other.predictor.from_history.known) is True  # type: ignore[union-attr]
    assert [message.partition(" was skipped: ")[2] for message in caplog.messages] == [
        "found 'no JSON', expected an object with table, key, instant, values",
        "minutes is 700.0: it is within 0 to 600",
    ]
    assert follow() is False, "what one worker took, the others do not take again"
    minutes = one.fresh().live.tables()["delays"].set_index("road")["minutes"]
    assert minutes.to_dict() == {"north": 50.0, "south": 40.0, "coast": 40.0}


def test_another_file_in_its_place_is_read_from_its_beginning(scorers: dict[str, Scorer], tmp_path: Path) -> None:
    file, found = tmp_path / "feed.jsonl", known(world.PROBLEM, tmp_path / "events.db")
    file.write_bytes(lines(told(34.0), told(35.0, "2014-01-01T06:30:00Z")))
    assert asyncio.run(found.follow(file, 4096))
    file.write_bytes(lines(told(40.0, road="south")))
    assert asyncio.run(found.follow(file, 4096))
    (tmp_path / "next").write_bytes(lines(told(35.0, "2014-01-01T06:30:00Z"), *[told(9.0, road="coast")] * 9))
    (tmp_path / "next").rename(file)
    assert asyncio.run(found.follow(file, 4096))
    minutes = found.fresh().live.tables()["delays"].set_index("road")["minutes"]
    assert minutes.to_dict() == {"north": 35.0, "south": 40.0, "coast": 9.0}


def test_a_line_without_an_end_is_skipped_in_pieces(
    scorers: dict[str, Scorer], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file, found = tmp_path / "feed.jsonl", known(world.PROBLEM, tmp_path / "events.db")
    file.write_bytes(b"x" * 1000 + b"\n" + lines(told(34.0)))
    while asyncio.run(found.follow(file, 300)):
        pass
    assert len(caplog.messages) == 4
    assert found.fresh().live.tables()["delays"]["minutes"].tolist()[0] == 34.0
