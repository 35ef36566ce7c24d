"""Who may ask, how much, and what is said of an error."""

import asyncio
import hashlib
import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from recommit import Refusal
from recommit.batch.scorer import Scorer
from recommit.serving.app import Routes
from recommit.serving.hosts.contract import Contract
from recommit.serving.hosts.routes import contract_of
from recommit.serving.limits import Limits
from recommit.serving.tokens import FREE, Token, read_tokens, scopes_of
from recommit.verbs.serve import HOSTS
from tests.recommit.serving.world import Answer, Client, Kept, call, problem_of, rows, tensors

ROW = rows(1)[0]
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND")
SECRETS = {"reader": ("read",), "asker": ("predict",), "both": ("read", "predict")}
TOKENS = tuple(
    Token(name, hashlib.sha256(name.encode()).hexdigest(), frozenset(scopes)) for name, scopes in SECRETS.items()
)


@pytest.fixture(scope="module", params=[None, *HOSTS])
def guarded(scorers: dict[str, Scorer], request: pytest.FixtureRequest) -> Client:
    """A server that wants tokens, alone and under each host's contract."""
    contract = contract_of(request.param, {}) if request.param else None
    return Client(problem_of("binary"), scorers["binary"], tokens=TOKENS, contract=contract)


def is_free(client: Client, method: str, path: str) -> bool:
    free = client.contract.free(TOKENS) if client.contract else FREE
    return ("GET" if method == "HEAD" else method, path) in free


def limited(scorers: dict[str, Scorer], **bounds: Any) -> Client:
    return Client(problem_of("binary"), scorers["binary"], Limits(**bounds))


def ways(client: Client) -> list[tuple[str, str, str]]:
    """Every method and path with the right that it needs; "" where there is no such route."""
    routes = Routes(client.predictor, client.example, Limits(), contract=client.contract).all
    named = {"{model}": "parcels", "{version}": "v1.2.0"}
    found = {}
    for method, path, right, _ in routes:
        for word, value in named.items():
            path = path.replace(word, value)
        found[method, path] = right
        if method == "GET":
            found["HEAD", path] = right
    paths = {path for _, path in found} | {"/", "/nope", "/v2/", "/predict/", "/v2/models", "/.git/config", "//predict"}
    return [(method, path, found.get((method, path), "")) for method, path in product(METHODS, sorted(paths))]


def body_for(path: str, contract: Contract | None = None) -> Any:
    if contract and path == contract.predict:
        return {contract.key: [ROW]}
    return b"" if path.endswith("index") else tensors([ROW]) if path.endswith("infer") else ROW


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_without_a_token_nothing_is_answered_but_what_a_host_looks_at(guarded: Client) -> None:
    for method, path, _ in ways(guarded):
        answer = guarded.ask(method, path, body_for(path, guarded.contract))
        due = 401 if not is_free(guarded, method, path) else 200
        assert answer.status == due, (method, path)
        if due == 401:
            assert answer.headers["www-authenticate"] == "Bearer"
            assert [*answer.json] in (["error"], ["error_code", "message"])


@pytest.mark.parametrize("token", SECRETS)
def test_a_token_opens_the_routes_of_its_scopes_alone(guarded: Client, token: str) -> None:
    for method, path, right in ways(guarded):
        status = guarded.ask(method, path, body_for(path, guarded.contract), bearer(token)).status
        if not right:
            assert status in (404, 405), (method, path)
        else:
            allowed = right in SECRETS[token] or is_free(guarded, method, path)
            assert status == (200 if allowed else 403), (method, path)


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Bearer nobody", "bothx", "Basic both", "both", "Bearer both both", "Bearer BOTH"],
)
def test_another_header_is_no_token(guarded: Client, header: str) -> None:
    assert guarded.ask("POST", "/predict", ROW, {"Authorization": header}).status == 401


def test_a_hash_is_no_token(guarded: Client) -> None:
    assert guarded.ask("POST", "/predict", ROW, bearer(TOKENS[2].sha256)).status == 401


def test_every_token_is_compared_whichever_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    monkeypatch.setattr("hmac.compare_digest", lambda one, two: compared.append(two) or one == two)
    for token in (*SECRETS, "nobody"):
        compared.clear()
        scopes_of(f"Bearer {token}".encode(), TOKENS)
        assert compared == [one.sha256 for one in TOKENS]


def test_a_file_of_tokens_is_read(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text("# who may ask\n\n" + "".join(f"{one.name} read,predict {one.sha256}\n" for one in TOKENS))
    assert [one.name for one in read_tokens(file)] == ["reader", "asker", "both"]
    assert read_tokens(file)[0].scopes == {"read", "predict"}


HASH = "a" * 64


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no token"),
        ("# nobody\n", "no token"),
        ("shop predict secret\n", "line 1: expected NAME SCOPES SHA256"),
        (f"shop {HASH}\n", "line 1"),
        (f"shop all {HASH}\n", "line 1"),
        (f"shop , {HASH}\n", "line 1"),
        (f"shop predict {HASH.upper()}\n", "line 1"),
        (f"shop predict {HASH} x\n", "line 1"),
        (f"shop predict {HASH}\nshop read {HASH}\n", "line 2: shop is there twice"),
        (f"shöp predict {HASH}\n", "ASCII"),
    ],
)
def test_a_file_of_another_form_is_refused_and_not_shown(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "tokens"
    file.write_text(text)
    with pytest.raises(Refusal, match=words) as caught:
        read_tokens(file)
    assert "secret" not in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="cannot be read"):
        read_tokens(tmp_path / "none")


def test_the_id_of_a_request_is_echoed_or_made(client: Client) -> None:
    answer = client.ask("POST", "/predict", ROW, {"X-Request-ID": "order-7"})
    assert (answer.headers["x-request-id"], answer.json["request_id"]) == ("order-7", "order-7")
    made = {client.ask("GET", "/v2").headers["x-request-id"] for _ in range(3)}
    assert len(made) == 3


@pytest.mark.parametrize("name", ["", "a b", "x" * 129, "a\u00e9"])
def test_an_id_that_cannot_be_written_is_made_anew(client: Client, name: str) -> None:
    answer = client.ask("GET", "/nope", headers={"X-Request-ID": name})
    assert answer.status == 404
    assert len(answer.headers["x-request-id"]) == 32


def test_a_fault_of_the_server_is_told_without_where_and_logged_without_the_body(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = Kept()

    def fail(*_: Any) -> None:
        raise RuntimeError("at /etc/secret")

    monkeypatch.setattr(client.predictor, "read", fail)
    monkeypatch.setattr(client.operation, "lines", lines)
    answer = client.ask("POST", "/predict", ROW, {"X-Request-ID": "order-7"})
    assert answer.status == 500
    (said,) = lines.said
    assert "secret" not in answer.body.decode() + str(said)
    assert (said["request"], said["route"], said["status"]) == ("order-7", "/predict", 500)
    assert (said["error"], said["at"].partition(":")[0]) == ("RuntimeError", __name__)


@pytest.mark.parametrize("path", ["/predict", "/v2/models/parcels/infer", "/v2/repository/index"])
def test_a_large_body_is_refused_before_it_is_read_whole(scorers: dict[str, Scorer], path: str) -> None:
    client = limited(scorers, body_bytes=1000)
    said = client.ask("POST", path, b" " * 1001)
    assert (said.status, said.json["error"]) == (413, "the body has more than 1,000 bytes")
    assert client.ask("POST", path, b"", {"Content-Length": "1001"}).status == 413
    taken = []

    def parts() -> list[bytes]:
        return [b" " * 600 for _ in range(1000)]

    class Counted(list):
        def __iter__(self):
            for part in super().__iter__():
                taken.append(part)
                yield part

    answer = asyncio.run(call(client.app, "POST", path, Counted(parts())))
    assert (answer.status, len(taken)) == (413, 2)


def test_a_body_in_parts_is_one_body(client: Client) -> None:
    text = json.dumps(ROW).encode()
    answer = asyncio.run(call(client.app, "POST", "/predict", [text[:5], b"", text[5:]]))
    assert answer.json["probability"] == client.predict(ROW)["probability"]


def test_a_body_that_is_cut_short_is_refused(client: Client) -> None:
    answer = asyncio.run(call(client.app, "POST", "/predict", []))
    assert (answer.status, answer.json["error"]) == (400, "the body was cut short")


def test_a_body_that_comes_too_slowly_is_refused(scorers: dict[str, Scorer]) -> None:
    client = limited(scorers, seconds=0.05)
    answer = asyncio.run(call(client.app, "POST", "/predict", [b"{"] * 1000, wait=0.01))
    assert answer.status == 408
    assert answer.headers["connection"] == "close"


def test_a_compressed_body_is_refused(client: Client) -> None:
    assert client.ask("POST", "/predict", b"\x1f\x8b", {"Content-Encoding": "gzip"}).status == 415


def test_what_is_beyond_the_queue_is_told_to_come_again(scorers: dict[str, Scorer]) -> None:
    client = limited(scorers, waiting=4)
    body = json.dumps(ROW).encode()

    async def crowd() -> list[Answer]:
        asked = [call(client.app, "POST", "/predict", body) for _ in range(10)]
        healthy = [call(client.app, "GET", "/v2/health/live") for _ in range(3)]
        return await asyncio.gather(*asked, *healthy)

    answers = asyncio.run(crowd())
    shed = [one for one in answers if one.status == 503]
    assert len(shed) == 6
    assert all(one.headers["retry-after"] == "1" and [*one.json] == ["error"] for one in shed)
    assert all(one.status == 200 for one in answers[10:])
    assert [one.status for one in asyncio.run(crowd())].count(200) == 7, "those that were shed are not counted for ever"


def test_a_few_rows_may_be_too_many(scorers: dict[str, Scorer]) -> None:
    client = limited(scorers, rows=2)
    assert client.ask("POST", "/predict", [ROW] * 3).status == 413
    assert client.infer(tensors([ROW] * 3)).status == 413
    assert client.infer(tensors([ROW] * 2)).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "localhost.evil.example:8080"},
        {"Host": "127.0.0.1:8080", "Origin": "http://evil.example"},
        {"Host": "localhost", "Origin": "null"},
    ],
)
def test_a_page_of_another_site_asks_nothing_of_a_server_on_this_machine(
    client: Client, headers: dict[str, str]
) -> None:
    for method, path, body in (("POST", "/predict", ROW), ("GET", "/metrics", b""), ("GET", "/docs", b"")):
        answer = client.ask(method, path, body, headers)
        assert answer.status == 403
        assert answer.json["error"].startswith("found another Host or Origin, expected localhost")


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1", "[::1]:9000", "127.1.2.3:1"])
def test_a_page_of_this_machine_may_ask_it(client: Client, host: str) -> None:
    assert client.ask("POST", "/predict", ROW, {"Host": host, "Origin": f"http://{host}"}).status == 200


def test_with_tokens_the_server_has_any_name(guarded: Client) -> None:
    headers = {"Host": "models.example", "Origin": "http://shop.example"}
    assert guarded.ask("GET", "/v2", b"", headers | bearer("both")).status == 200
    assert guarded.ask("GET", "/v2/health/ready", b"", headers).status == 200
