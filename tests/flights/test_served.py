"""Over HTTP, flights that are asked for while events come have the features and predictions of the whole table."""

import json
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from flights import features
from flights.catalogue import CATALOGUE
from flights.columns import FLIGHTS, TABLES
from flights.problem import PROBLEM
from recommit.artifact.answers import BinaryAnswers
from recommit.artifact.export import export
from recommit.batch.scorer import Scorer
from recommit.columns import Columns, Tables
from recommit.events import Event
from recommit.history import History
from recommit.learning import models
from recommit.live import Live
from recommit.serving.known import Known, Now
from recommit.serving.store import FileStore
from tests.flights.test_state import MORNING, differing, refuse, replay, together
from tests.recommit.serving.test_process import SECONDS, running
from tests.recommit.serving.world import Client

TASK = {
    "outcomes": ["punctual", "late"],
    "calibration": {"slope": 1.1, "intercept": -0.05},
    "conformal": {"level": 0.9, "quantile": 0.65},
    "threshold": 0.3,
}


@pytest.fixture(scope="module")
def scorer(table: pd.DataFrame) -> Scorer:
    """A small model of all features."""
    names = CATALOGUE.names("full")
    rows = table.sample(3000, random_state=0)
    params = {"max_iter": 10, "min_samples_leaf": 50, "max_features": 0.5}
    model = models.builder(PROBLEM, 7)("boosting", params, names).fit(rows[names], rows["late"])
    content = export(model, rows[names])
    task = BinaryAnswers.model_validate(TASK)
    return Scorer(content, "flights", "late", "v1", Path(), "0" * 64, task, 2.0, {}, rows[names].head(20))


def served(scorer: Scorer, known: History, folder: Path, since: str) -> Client:
    store, clock = FileStore(folder / "events.db"), pd.Timestamp(since, tz="UTC")
    return Client(PROBLEM, scorer, known=Known(PROBLEM, lambda: Now(Live(PROBLEM, known), {}), store, clock))


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    if pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return value.item() if isinstance(value, np.generic) else value


def said(event: Event) -> dict[str, Any]:
    key = dict(zip(TABLES[event.table].keys[0], map(plain, event.key), strict=True))
    values = {name: plain(value) for name, value in event.values.items()}
    return {"table": event.table, "key": key, "instant": plain(event.instant), "values": values}


def sent(flights: pd.DataFrame) -> list[dict[str, Any]]:
    rows = flights[list(FLIGHTS.given)].astype("object").to_dict("records")
    return [{str(name): plain(value) for name, value in row.items()} for row in rows]


def replayed(tables: Tables, scorer: Scorer, folder: Path, since: str, until: str, skew: str = "") -> list[str]:
    """The features that differ from the table's, and "predictions" if they do, when all is asked and told by HTTP."""
    day = replay(tables, since, until, skew)
    client, rows = served(scorer, day.known, folder, since), sent(day.flights)
    seen: list[Columns] = []
    answer, found = Live.answer, {}

    def recorded(live: Live, *asked: Any) -> Columns:
        seen.append(answer(live, *asked))
        return seen[-1]

    with pytest.MonkeyPatch.context() as patch, running(client) as port:
        patch.setattr(Live, "answer", recorded)
        connection = HTTPConnection("127.0.0.1", port, timeout=SECONDS)
        for events, places in day.moments():
            for at in range(0, len(events), 5000):
                told = posted(connection, "/events", [said(event) for event in events[at : at + 5000]])
                assert told["refused"] == []
            for place in places:
                seen.clear()
                found[place] = (posted(connection, "/predict", rows[place]), together(seen))
        connection.close()
    print(f"{len(day.events):,} events, {len(found):,} requests")
    built = features.build(tables, day.flights, 2)
    differ = differing(together([found[place][1] for place in range(len(found))]), built)
    due = scorer.task.lists(scorer.answer(built))
    same = all(
        [found[place][0][name] for place in range(len(found))] == values and found[place][0]["flight_id"]
        for name, values in due.items()
    )
    return differ + ["predictions"] * (not same)


def posted(connection: HTTPConnection, path: str, body: Any) -> Any:
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    content = answer.read()
    assert answer.status == 200, content
    return json.loads(content)


def test_a_replayed_morning_gives_the_bits_of_the_table(winter: Tables, scorer: Scorer, tmp_path: Path) -> None:
    assert replayed(winter, scorer, tmp_path, *MORNING) == []


@pytest.mark.all
def test_a_replayed_month_gives_the_bits_of_the_table(tables: Tables, scorer: Scorer, tmp_path: Path) -> None:
    assert replayed(tables, scorer, tmp_path, "2013-07-01", "2013-08-01") == []


@pytest.mark.parametrize("skew", ["spoilt", *(pytest.param(one, marks=pytest.mark.all) for one in ("late", "early"))])
def test_a_planted_skew_is_caught(winter: Tables, scorer: Scorer, tmp_path: Path, skew: str) -> None:
    assert replayed(winter, scorer, tmp_path, *MORNING, skew) != []


def test_no_pandas_is_on_the_way_of_a_row(
    winter: Tables, scorer: Scorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = History({name: winter[name] for name in ("flights", "weather")}, PROBLEM.history)
    client = served(scorer, known, tmp_path, "2013-02-01")
    [row] = sent(winter["flights"].query("scheduled_departure > '2013-02-05T00:00Z'").head(1))
    before = client.predict(row)
    for kind in (pd.DataFrame, pd.Series, pd.Index):
        monkeypatch.setattr(kind, "__new__" if kind is pd.Index else "__init__", refuse)
    assert client.predict(row) | {"request_id": ""} == before | {"request_id": ""}


def test_a_flight_that_contradicts_history_is_refused(winter: Tables, scorer: Scorer, tmp_path: Path) -> None:
    known = History({name: winter[name] for name in ("flights", "weather")}, PROBLEM.history)
    client = served(scorer, known, tmp_path, "2013-02-01")
    [row] = sent(winter["flights"].query("scheduled_departure > '2013-02-05T00:00Z'").head(1))
    assert client.example
    changes = {
        "distance": (row["distance"] + 1, f"distance is {row['distance'] + 1}, and {row['distance']} in history's row"),
        "flight_id": (10**9, "history's flights lacks flight_id 1000000000: it must hold all that is planned"),
        "scheduled_departure": ("1999-12-31T23:00:00Z", "expected one that is within 2000 to 2499"),
        "dest": ("XXX", "column dest: found 'XXX', expected one of "),
    }
    for name, (value, words) in changes.items():
        answer = client.ask("POST", "/predict", row | {name: value})
        assert answer.status == 422
        assert words in answer.json["error"]
    early = sent(winter["flights"].head(1))[0]
    assert "and what it needs is forgotten" in client.ask("POST", "/predict", early).json["error"]


def test_a_server_that_begins_again_answers_as_the_one_before(winter: Tables, scorer: Scorer, tmp_path: Path) -> None:
    """What is kept is what was told, to the last bit."""
    day = replay(winter, *MORNING)
    rows, found = sent(day.flights)[:20], []
    for told in (day.events, []):
        client = served(scorer, day.known, tmp_path, MORNING[0])
        if told:
            assert client.tell([said(event) for event in told])["refused"] == []
        found.append([row | {"request_id": ""} for row in client.predict(rows)])
    assert found[0] == found[1]
