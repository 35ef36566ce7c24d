"""Requests that nobody wrote: each is answered or refused in one line, and the server goes on."""

import json
import logging
import random
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recommit.serving.limits import Limits
from tests.recommit.serving.test_process import post, raw, running
from tests.recommit.serving.world import Client, Kept, asked, binary, rows, tensors

STRANGE = [
    None, True, -1, 0, 1.5, 2**63, -(2**63) - 1, 1e308, "", "NaN", "\u0000", "é" * 70, [], {}, [[]], [None], {"a": {}},
    "1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999+14:00", "north", 1,
]  # fmt: skip


def sound(answer: Any) -> None:
    assert answer.status in (200, 400, 413, 422), answer.body
    if answer.status != 200:
        assert [*answer.json] == ["error"]
        assert len(answer.json["error"].splitlines()) == 1


def spoiled(said: Any, draw: random.Random) -> Any:
    """The same with some of its values, keys or entries changed."""
    if isinstance(said, dict):
        made = {key: spoiled(value, draw) for key, value in said.items() if draw.random() > 0.01}
        if draw.random() < 0.02:
            made[draw.choice(["", "x", "data", "parameters"])] = draw.choice(STRANGE)
        return made
    if isinstance(said, list):
        made = [spoiled(value, draw) for value in said]
        return [*made, draw.choice(STRANGE)] if draw.random() < 0.02 else made
    return draw.choice(STRANGE) if draw.random() < 0.05 else said


def torn(body: bytes, draw: random.Random) -> bytes:
    """The same with a few of its bytes changed, or cut short."""
    found = bytearray(body)
    for _ in range(draw.randint(0, 3)):
        found[draw.randrange(len(found))] = draw.choice(b'\x00\x7f\xff"[]{},:0e-\\')
    return bytes(found[: draw.randint(0, len(found))] if draw.random() < 0.1 else found)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.all) for seed in range(1, 20))])
def test_changed_requests_are_answered_or_refused(client: Client, without_history: Client, seed: int) -> None:
    draw = random.Random(seed)
    before = client.predict(rows(1)[0])["probability"]
    for _ in range(25 if seed == 0 else 100):
        for one, sent in ((client, rows(2)), (without_history, asked(2))):
            said = json.dumps(spoiled(draw.choice([sent, sent[0]]), draw)).encode()
            sound(one.ask("POST", "/predict", torn(said, draw) if draw.random() < 0.3 else said))
        said = json.dumps(spoiled(tensors(rows(2)), draw)).encode()
        sound(client.infer(torn(said, draw) if draw.random() < 0.3 else said))
        body, size = binary(rows(2))
        sound(client.infer(torn(body, draw), Inference_Header_Content_Length=draw.choice([size, size, "7"])))
    assert client.predict(rows(1)[0])["probability"] == before


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200) | st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists).map(
    lambda said: json.dumps(said).encode()
))  # fmt: skip
def test_anything_is_answered_or_refused(client: Client, body: bytes) -> None:
    sound(client.ask("POST", "/predict", body))
    sound(client.infer(body))


ODD = [
    "Content-Type: text/plain", "Content-Type: application/json; charset=utf-16", "Content-Type: ;;",
    "Content-Length: 7", "Content-Length: -1", "Content-Length: 99999999999", "Transfer-Encoding: chunked",
    "Transfer-Encoding: gzip",
    "Content-Encoding: gzip", "Expect: 100-continue", "Inference-Header-Content-Length: 3", "X-Request-ID: \x7f\u00e9",
    "Inference-Header-Content-Length: \u00b2", "Authorization: Bearer \u00ff", "Upgrade: websocket", "A" * 9000 + ": b",
    "Accept: application/openmetrics-text", "Host: ", ": b", "A b: c",
]  # fmt: skip
PATHS = [
    "/predict", "/predict", "/v2/models/parcels/infer", "/v2/models/parcels/infer",
    "/v2/models/parcels/versions/v1.2.0/infer", "/v2", "/v2/models/parcels", "/v2/models/%00/infer",
    "/v2/repository/index", "/metrics", "/docs", "/openapi.json",
    "/events", "/../predict", "*", "http://x/predict", "/predict?a=%ff",
]  # fmt: skip


def request(draw: random.Random) -> bytes:
    """A request of HTTP, most often a valid one with something changed: body, headers, path or bytes."""
    path, headers = draw.choice(PATHS), ["Host: localhost", "Connection: close"]
    many = rows(draw.choice([1, 1, 2, 70]))
    if "infer" in path and draw.random() < 0.4:
        body, size = binary(many)
        headers.append(f"Inference-Header-Content-Length: {size}")
    else:
        said = tensors(many) if "infer" in path else draw.choice([many, many[0]])
        body = json.dumps(spoiled(said, draw) if draw.random() < 0.6 else said).encode()
    body = torn(body, draw) if draw.random() < 0.3 else body
    headers.append(f"Content-Length: {len(body)}")
    headers += draw.sample(ODD, draw.choice([0, 0, 0, 1, 2]))
    method = draw.choice(["POST"] * 8 + ["GET", "PUT", "HEAD", "OPTIONS", "P\x00ST"])
    found = "\r\n".join([f"{method} {path} HTTP/1.1", *headers, "", ""]).encode("latin-1") + body
    if draw.random() < 0.05:
        return draw.randbytes(draw.randint(1, 300))
    return torn(found, draw) if draw.random() < 0.2 else found


@pytest.mark.parametrize("many", [200, pytest.param(20_000, marks=pytest.mark.all)])
def test_whatever_comes_over_http_is_answered_or_refused_and_leaves_no_trace(
    client: Client, many: int, caplog: pytest.LogCaptureFixture
) -> None:
    """What is no whole request is let go here after a moment; nobody waits for it."""
    client = Client(client.predictor.problem, client.predictor.scorer, Limits(seconds=0.5))
    client.operation.lines = lines = Kept()
    before, draw = client.predict(rows(1)[0])["probability"], random.Random(20)
    sent = [request(draw) for _ in range(many)]
    with running(client, seconds=0.5) as port, caplog.at_level(logging.WARNING), ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda content: raw(port, content), sent))
        assert json.loads(raw(port, post(rows(1)[0])).partition(b"\r\n\r\n")[2])["probability"] == before
    statuses = Counter(int(found[9:12]) for found in answers if found)
    assert statuses[200] > many / 10
    assert not [status for status in statuses if status >= 500 and status != 503], statuses
    for found in answers:
        head, _, body = found.partition(b"\r\n\r\n")
        if found.startswith(b"HTTP/1.1 503"):
            assert b"retry-after" in head.lower()
        if found and body and not re.match(rb"HTTP/1.1 (200|100)", found):
            assert [*json.loads(body)] == ["error"], found
    assert "Traceback" not in caplog.text
    assert [one for one in lines.said if one["event"] != "draining"] == []
