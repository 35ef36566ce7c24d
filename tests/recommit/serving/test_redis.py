"""Servers on several machines share their events in Redis, of which a real one runs here."""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from recommit import Refusal
from recommit.batch.scorer import Scorer
from recommit.serving.redis_store import RedisStore
from recommit.serving.store import Unkept
from tests.recommit.serving.test_history import PARCEL, of, probability, told
from tests.recommit.serving.world import Client, call
from tests.system.conftest import need

SAFE = ("--appendonly", "yes", "--appendfsync", "always")


class Redis:
    """A Redis on a socket in a folder, with all that it keeps."""

    def __init__(self, folder: Path, *settings: str) -> None:
        self.folder, self.settings = folder, settings
        self.url = f"unix://{folder}/socket"
        self.start()

    def start(self) -> None:
        plain = ("--port", "0", "--unixsocket", f"{self.folder}/socket", "--dir", str(self.folder), "--save", "")
        self.process = subprocess.Popen(
            ["redis-server", *plain, *self.settings], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
        )
        assert self.process.stdout
        assert any("connections at" in line for line in self.process.stdout), "it says so when it is ready"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()  # type: ignore[union-attr]

    def store(self) -> RedisStore:
        return RedisStore(self.url, "parcels")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Redis]:
    need("redis-server")
    found = Redis(tmp_path, *SAFE)
    yield found
    found.kill()


def worker(scorers: dict[str, Scorer], server: Redis) -> Client:
    return of(scorers, server.folder, store=server.store())


def test_another_server_knows_what_one_was_told_and_so_does_the_next(scorers: dict[str, Scorer], server: Redis) -> None:
    one, other = worker(scorers, server), worker(scorers, server)
    before = probability(one)
    one.tell(told(34.0))
    assert probability(other) == probability(one) != before
    assert other.tell([told(34.0), told(35.0)])["repeated"] == [1]
    other.tell(told(50.0, "2014-01-01T07:00:00Z"))
    assert probability(one) == probability(other) == probability(worker(scorers, server))


def test_servers_take_events_in_turn(scorers: dict[str, Scorer], server: Redis) -> None:
    workers = [worker(scorers, server) for _ in range(2)]

    async def at_once() -> list[Any]:
        sent = [[told(float(number), f"2014-01-01T06:{at:02}:00Z") for at in range(30)] for number in range(2)]
        asks = (
            call(one.app, "POST", "/events", json.dumps(said).encode()) for one, said in zip(workers, sent, strict=True)
        )
        return [answer.json for answer in await asyncio.gather(*asks)]

    found = asyncio.run(at_once())
    assert sorted(len(one["taken"]) for one in found) == [0, 30]
    assert probability(workers[0]) == probability(workers[1]) == probability(worker(scorers, server))


def test_what_was_acknowledged_stays_when_redis_is_killed_and_meanwhile_calls_get_503(
    scorers: dict[str, Scorer], server: Redis
) -> None:
    client = worker(scorers, server)
    client.tell(told(34.0))
    before = probability(client)
    server.kill()
    for path, said in (("/predict", PARCEL), ("/events", told(35.0, "2014-01-01T07:00:00Z"))):
        assert client.ask("POST", path, said).status == 503
    server.start()
    assert probability(client) == before == probability(worker(scorers, server))
    assert client.tell([told(34.0), told(35.0, "2014-01-01T07:00:00Z")]) == {
        "taken": [2],
        "repeated": [1],
        "refused": [],
    }


def test_an_emptied_redis_is_not_taken_for_the_one_before(scorers: dict[str, Scorer], server: Redis) -> None:
    client = worker(scorers, server)
    client.tell(told(34.0))
    redis.Redis.from_url(server.url).flushall()
    server.store()  # another worker begins there
    for path, said in (("/predict", PARCEL), ("/events", told(35.0, "2014-01-01T07:00:00Z"))):
        assert client.ask("POST", path, said).status == 503


def test_a_worker_whose_turn_has_passed_keeps_nothing(server: Redis) -> None:
    slow, next_one = server.store(), server.store()
    slow.begin()
    redis.Redis.from_url(server.url).delete("recommit:parcels:turn")  # as it does by itself after a while
    next_one.begin()
    with pytest.raises(Unkept, match="another worker's turn"):
        slow.keep(["one"], None)
    slow.drop()
    next_one.keep(["two"], ("feed", (7, 90)))
    assert slow.since(0) == [(1, "two")]
    assert (slow.place("feed"), slow.place("other")) == ((7, 90), (0, 0))


def test_who_fails_between_begin_and_keep_lets_others_in(server: Redis) -> None:
    one, other = server.store(), server.store()
    one.begin()
    one.drop()
    other.begin()
    other.keep(["x"])
    assert one.since(0) == [(1, "x")]


def test_a_redis_that_would_lose_events_is_refused_in_one_line(tmp_path: Path) -> None:
    need("redis-server")
    careless = Redis(tmp_path, "--appendonly", "yes")
    try:
        with pytest.raises(Refusal, match=r"would lose events in a crash: set appendfsync always there$"):
            careless.store()
    finally:
        careless.kill()


@pytest.mark.parametrize(
    "url", ["redis://:secret@127.0.0.1:1/0", "unix:///nowhere/socket", "http://127.0.0.1", "redis://[::1"]
)
def test_where_no_redis_answers_is_told_without_the_password(url: str) -> None:
    with pytest.raises(Refusal, match=r"name (another URL|one like redis://HOST:6379/0, or) a? ?.*file") as refused:
        RedisStore(url, "parcels")
    assert "secret" not in str(refused.value)
