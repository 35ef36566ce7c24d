"""Contracts of hosts: each is asked as its host's own documents say, and only translates."""

import base64
import json
import pkgutil
import random
import re
import threading
from collections.abc import Callable
from functools import cache, partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from recommit import Refusal
from recommit.batch.scorer import Scorer
from recommit.serving import hosts
from recommit.serving.hosts.aws_lambda import handler_of, run
from recommit.serving.hosts.routes import contract_of
from recommit.serving.run import Request, _refuse_beside, _tokens, told
from recommit.verbs.serve import HOSTS
from tests.recommit.serving.test_fuzz import spoiled, torn
from tests.recommit.serving.test_guard import TOKENS
from tests.recommit.serving.test_predict import BAD
from tests.recommit.serving.world import Answer, Client, binary, problem_of, rows, tensors

ROWS = [{"weight": 2.5, "recent": 11.0, "road": "north", "size": "small"}, rows(1)[0] | {"recent": None}]
LISTS = [[row[name] for name in ("weight", "recent", "road", "size")] for row in ROWS]
BAD_FOR_HOSTS = [one for one in BAD if one[0] != [[2.5, 11, "north", "small"]]]  # a list may be a row
SHARED = {"contract", "routes", "rows"}


def hosted(scorers: dict[str, Scorer], name: str, task: str = "binary", tokens: Any = None, **environ: str) -> Client:
    return Client(problem_of(task), scorers[task], tokens=tokens, contract=contract_of(name, environ))


@pytest.fixture(scope="module")
def named(scorers: dict[str, Scorer]) -> Callable[[str], Client]:
    """A server under the contract of a host, made once."""
    return cache(partial(hosted, scorers))


@pytest.fixture(scope="module", params=[name for name in HOSTS if contract_of(name, {}).read])
def host(named: Callable[[str], Client], request: pytest.FixtureRequest) -> Client:
    """A server under each contract that has a form of its own for rows."""
    return named(request.param)


def ask(client: Client, said: Any, kind: str = "application/json", **headers: str) -> Answer:
    assert client.contract
    return client.ask("POST", client.contract.predict, said, {"Content-Type": kind} | headers)


def bare(found: Any) -> Any:
    """Answers without what differs from request to request."""
    return [{name: value for name, value in row.items() if name != "request_id"} for row in found]


def test_every_contract_has_a_name_of_its_own() -> None:
    modules = {module.name.removeprefix("aws_") for module in pkgutil.iter_modules(hosts.__path__)}
    assert modules - SHARED == {*HOSTS}
    assert all(contract_of(name, {}).name == name for name in HOSTS)


def test_a_host_is_answered_as_predict_answers(host: Client) -> None:
    assert host.contract
    answer = ask(host, {host.contract.key: ROWS})
    assert answer.status == 200
    assert bare(answer.json["predictions"]) == bare(host.predict(ROWS))


def test_a_host_looks_after_the_server_without_a_token(scorers: dict[str, Scorer], host: Client) -> None:
    assert host.contract
    shut = hosted(scorers, host.contract.name, tokens=())
    for path in host.contract.health:
        assert shut.ask("GET", path).status == 200
        shut.operation.drain()
        assert shut.ask("GET", path).status == 503, "it is to end"
        shut.operation.begin()
    assert shut.ask("POST", "/predict", ROWS).status == 401
    assert shut.ask("GET", "/metrics").status == 401
    due = 200 if host.contract.admits else 401
    assert ask(shut, {host.contract.key: ROWS}).status == due


@pytest.mark.parametrize("name", HOSTS)
def test_beyond_this_machine_only_a_host_that_admits_callers_itself_needs_no_tokens(name: str, tmp_path: Path) -> None:
    request = Request(tmp_path, host="0.0.0.0", host_contract=name)
    if contract_of(name, {}).admits:
        assert _tokens(request) == ()
    else:
        with pytest.raises(Refusal, match="add --tokens FILE"):
            _tokens(request)


@pytest.mark.parametrize(("said", "status", "words"), BAD_FOR_HOSTS, ids=range(len(BAD_FOR_HOSTS)))
def test_bad_input_is_refused_as_by_predict(host: Client, said: Any, status: int, words: str) -> None:
    assert host.contract
    body = said if isinstance(said, bytes) else {host.contract.key: said if isinstance(said, list) else [said]}
    answer = ask(host, body)
    due, form = host.contract.error(status, "") if host.contract.error else (status, {"error": ""})
    assert (answer.status, answer.json.keys()) == (due, form.keys())
    line = answer.json["message" if "message" in form else "error"]
    assert words in line or said in (None, 3, True, "north")
    assert len(line.splitlines()) == 1
    assert len(line) < 400


def split(**more: Any) -> dict[str, Any]:
    return {"columns": [*ROWS[0]], "data": [[*row.values()] for row in ROWS]} | more


COLUMNS = {name: [row[name] for row in ROWS] for name in ROWS[0]}


def bodies(host: Client) -> list[Any]:
    """What a host may send of the same rows."""
    assert host.contract
    said: list[Any] = [
        {host.contract.key: ROWS},
        {"instances": LISTS},
        {"inputs": COLUMNS},
        {"dataframe_split": split()},
    ]
    return [*said, ROWS, ROWS[0], {"instances": [{"features": LISTS[0]}]}, {"input_data": split(index=[0, 1])}]


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.all) for seed in range(1, 20))])
def test_changed_requests_are_answered_or_refused(host: Client, seed: int) -> None:
    draw = random.Random(seed)
    before = host.predict(ROWS[0])["probability"]
    for _ in range(3 if seed == 0 else 40):
        for said in bodies(host):
            sent = json.dumps(spoiled(said, draw)).encode()
            sound(ask(host, torn(sent, draw) if draw.random() < 0.3 else sent))
        sound(ask(host, torn(b"weight,recent,road,size\n2.5,11,north,small\n,,south,large\n", draw), "text/csv"))
    assert host.predict(ROWS[0])["probability"] == before


def sound(answer: Answer) -> None:
    assert answer.status in (200, 400, 413, 415, 422), answer.body
    if answer.status != 200:
        assert [*answer.json] in (["error"], ["error_code", "message"])
        assert len([*answer.json.values()][-1].splitlines()) == 1


@pytest.fixture(scope="module")
def sagemaker(named: Callable[[str], Client]) -> Client:
    return named("sagemaker")


def test_sagemaker_sends_rows_in_its_common_formats(sagemaker: Client) -> None:
    due = bare(sagemaker.predict(ROWS))
    assert bare(ask(sagemaker, {"instances": [{"features": row} for row in LISTS]}).json["predictions"]) == due
    assert bare(ask(sagemaker, {"instances": LISTS}).json["predictions"]) == due
    assert bare(ask(sagemaker, ROWS).json) == due
    assert bare([ask(sagemaker, ROWS[0]).json]) == due[:1]


def test_sagemaker_sends_and_takes_csv(sagemaker: Client) -> None:
    due = sagemaker.predict(ROWS)
    lines = [",".join("" if value is None else str(value) for value in row) for row in LISTS]
    headed = ["weight,recent,road,size", *lines]
    for body in ("\n".join(lines), "\r\n".join(headed) + "\r\n"):
        found = ask(sagemaker, body.encode(), "text/csv")
        assert bare(found.json["predictions"]) == bare(due)
    answer = ask(sagemaker, "\n".join(lines).encode(), "text/csv; charset=utf-8", Accept="text/csv")
    assert answer.headers["content-type"].startswith("text/csv")
    names = sagemaker.predictor.output_names
    assert answer.body.decode().splitlines() == [",".join(str(row[name]) for name in names) for row in due]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 422, "no rows"),
        (b"\n\n", 422, "no rows"),
        (b"weight,recent,road,size\n", 422, "no rows"),
        (b"2.5,11,north", 422, "row 1: found 3 values, expected 4: weight, recent, road, size"),
        (b"2.5,11,north,small\n2.5,11,north,small,1", 422, "row 2: found 5 values"),
        (b"2.5,11,north,'small'", 422, "column size: found \"'small'\""),
        (b"2.5,11,north,\"small", 400, "no CSV"),
        (b"2.5,11,\xff,small", 400, "no CSV"),
        (b"2.5,11,\x00,small", 422, "column road"),
        (b"nan,11,north,small", 422, "column weight: found 'nan', expected a number"),
        (b"1e999,11,north,small", 422, "column weight"),
        (b"true,11,north,small", 422, "column weight: found 'true'"),
        (b"[1],11,north,small", 422, "column weight: found '[1]'"),
        (b"2.5,11,,small", 422, "column road: found ''"),
        (b"weight,recent,road,width\n2.5,11,north,small", 422, "column weight: found 'weight'"),
        (b"weight,weight,road,size\n2.5,11,north,small", 422, "found the columns"),
        (b"2.5;11;north;small", 422, "found 1 values"),
        (b"2.5,11,north,small\n" * 10_001, 413, "10,001 rows"),
    ],
)  # fmt: skip
def test_bad_csv_is_refused_in_one_line(sagemaker: Client, body: bytes, status: int, words: str) -> None:
    answer = ask(sagemaker, body, "text/csv")
    assert (answer.status, [*answer.json]) == (status, ["error"]), answer.body
    assert words in answer.json["error"]


def test_another_content_type_is_refused(host: Client) -> None:
    assert ask(host, b"1", "application/x-npy").status == 415
    assert ask(host, b"1", "text/csv; charset=latin-1").status == 415


def test_vertex_asks_by_the_routes_that_it_names(scorers: dict[str, Scorer]) -> None:
    routes = {"AIP_HEALTH_ROUTE": "/v1/endpoints/7", "AIP_PREDICT_ROUTE": "/v1/endpoints/7/deployedModels/8:predict"}
    vertex = hosted(scorers, "vertex", tokens=(), AIP_HTTP_PORT="7080", **routes)
    assert vertex.contract
    assert (vertex.contract.place.host, vertex.contract.place.port) == ("0.0.0.0", 7080)
    assert vertex.ask("GET", "/v1/endpoints/7").status == 200
    found = ask(vertex, {"instances": [ROWS[0], LISTS[1]], "parameters": {"confidence": 0.5}})
    assert [row["model"] for row in found.json["predictions"]] == ["parcels"] * 2
    assert ask(vertex, {"instances": ROWS, "signature": 1}).status == 422


def test_a_route_of_vertex_comes_before_one_of_ours(scorers: dict[str, Scorer]) -> None:
    vertex = hosted(scorers, "vertex", AIP_HEALTH_ROUTE="/", AIP_PREDICT_ROUTE="/predict")
    assert ask(vertex, {"instances": ROWS}).json.keys() == {"predictions"}


def test_what_vertex_cannot_be_given_is_refused() -> None:
    with pytest.raises(Refusal, match="put the model into the image"):
        contract_of("vertex", {"AIP_STORAGE_URI": "gs://bucket/model"})
    with pytest.raises(Refusal, match="expected a path"):
        contract_of("vertex", {"AIP_PREDICT_ROUTE": "/{model}"})
    with pytest.raises(Refusal, match="AIP_HTTP_PORT: found '80a', expected a port"):
        contract_of("vertex", {"AIP_HTTP_PORT": "80a"})


@pytest.mark.parametrize(
    "said",
    [
        {"dataframe_split": split()},
        {"dataframe_split": split(index=[0, 1])},
        {"dataframe_split": {"data": LISTS}},
        {"dataframe_records": ROWS},
        {"instances": ROWS},
        {"instances": LISTS},
        {"inputs": COLUMNS},
        {"inputs": LISTS, "params": {"temperature": 1}},
    ],
)
@pytest.mark.parametrize("name", ["mlflow", "azureml"])
def test_mlflow_and_azure_send_frames_and_lists(named: Callable[[str], Client], name: str, said: Any) -> None:
    client = named(name)
    assert bare(ask(client, said).json["predictions"]) == bare(client.predict(ROWS))


def test_azure_sends_a_frame_as_input_data_and_takes_a_list(named: Callable[[str], Client]) -> None:
    azure = named("azureml")
    for said in (split(index=[0, 1]), LISTS):
        assert bare(ask(azure, {"input_data": said}).json) == bare(azure.predict(ROWS))


def test_mlflow_takes_csv_with_a_header_and_tells_a_version(named: Callable[[str], Client]) -> None:
    mlflow = named("mlflow")
    body = b"recent,road,weight,size\n11.0,north,2.5,small\n"
    assert bare(ask(mlflow, body, "text/csv").json["predictions"]) == bare([mlflow.predict(ROWS[0])])
    for other in (b"", body.partition(b"\n")[0], body.partition(b"\n")[2]):
        assert ask(mlflow, other, "text/csv").status == 400
    assert mlflow.ask("GET", "/version").body.decode()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({}, "expected an object with one of dataframe_split"),
        (ROWS, "expected an object"),
        ({"inputs": LISTS, "instances": LISTS}, "found the keys"),
        ({"inputs": LISTS, "signature_name": "x"}, "found the keys"),
        ({"dataframe_split": [ROWS]}, "row 1: found 2 values"),
        ({"dataframe_split": 3}, "found 3 as dataframe_split, expected a list"),
        ({"dataframe_split": split(columns=["weight"])}, "row 1: found 4 values, expected 1: weight"),
        ({"dataframe_split": split(columns=["road"] * 4)}, "expected columns, each once"),
        ({"dataframe_split": split(columns=[1, 2, 3, 4])}, "expected columns, each once"),
        ({"dataframe_split": split(columns=None)}, "expected columns, each once"),
        ({"dataframe_split": split(columns=["weight", "recent", "road", "width"])}, "found the key 'width'"),
        ({"dataframe_split": split(data={})}, "found {} as the data of dataframe_split, expected a list"),
        ({"dataframe_split": split(data=[{}])}, "found {} as a row, expected a list"),
        ({"dataframe_split": split(types=[])}, "expected columns, each once, and data"),
        ({"dataframe_records": {}}, "found {} as dataframe_records"),
        ({"dataframe_records": LISTS}, "row 1: found [2.5"),
        ({"inputs": {"weight": [1.0], "road": ["north", "south"]}}, "columns of different lengths"),
        ({"inputs": {"weight": 1.0}}, "found 1.0 as the column 'weight', expected a list"),
        ({"inputs": {"weight": [1.0]}}, "row 1, column recent: found nothing"),
        ({"inputs": {}}, "no rows"),
    ],
)
def test_a_frame_of_another_form_is_refused_in_mlflows_words(
    named: Callable[[str], Client], said: Any, words: str
) -> None:
    answer = ask(named("mlflow"), said)
    assert (answer.status, answer.json["error_code"]) == (400, "BAD_REQUEST")
    assert words in answer.json["message"]


def test_a_model_is_where_the_host_puts_it(tmp_path: Path) -> None:
    (tmp_path / "flights").mkdir()
    assert contract_of("azureml", {"AZUREML_MODEL_DIR": str(tmp_path)}).place.model is None
    (tmp_path / "flights/weights.bin").touch()
    with pytest.raises(Refusal, match="holds 0 models, expected one"):
        contract_of("azureml", {"AZUREML_MODEL_DIR": str(tmp_path)})
    (tmp_path / "flights/model.onnx").touch()
    assert contract_of("azureml", {"AZUREML_MODEL_DIR": str(tmp_path)}).place.model == str(tmp_path / "flights")
    assert contract_of("vertex", {"AIP_STORAGE_URI": str(tmp_path / "flights")}).place.model == str(
        tmp_path / "flights"
    )


def by_url(path: str, body: Any = None, method: str = "POST", **about: Any) -> dict[str, Any]:
    """An event of a function URL, or of an HTTP API with payload 2.0."""
    http = {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "123.123.123.123"}
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "cookies": ["cookie1"],
        "headers": {"content-type": "application/json", "x-forwarded-proto": "https"},
        "requestContext": {"accountId": "anonymous", "apiId": "url-id", "http": http, "stage": "$default"} | about,
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }


def by_rest(path: str, body: Any = None, method: str = "POST", **about: Any) -> dict[str, Any]:
    """An event of a REST API, or of an HTTP API with payload 1.0."""
    return {
        "version": "1.0",
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": {"Content-Type": "application/json"},
        "multiValueHeaders": {"Content-Type": ["application/json"], "X-Request-ID": ["order-7"]},
        "queryStringParameters": {"a": "2"},
        "multiValueQueryStringParameters": {"a": ["1", "2"]},
        "requestContext": {"stage": "prod", "identity": {"userArn": None}, "authorizer": {"claims": None}} | about,
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }


IAM = {"authorizer": {"iam": {"userArn": "arn:aws:iam::111122223333:user/example"}}}


@pytest.mark.parametrize("event", [by_url, by_rest])
def test_lambda_answers_events_as_requests(named: Callable[[str], Client], event: Any) -> None:
    client = named("lambda")
    handler = handler_of(client.app)
    answer = handler(event("/predict", ROWS), None)
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, False)
    assert bare(json.loads(answer["body"])) == bare(client.predict(ROWS))
    assert answer["headers"]["content-type"] == "application/json"
    assert handler(event("/predict", {}), None)["statusCode"] == 422
    assert handler(event("/nope", {}), None)["statusCode"] == 404
    assert handler(event("/v2/health/ready", method="GET"), None)["statusCode"] == 200
    infer = event("/v2/models/parcels/infer", tensors(ROWS))
    assert json.loads(handler(infer, None)["body"])["model_name"] == "parcels"


def test_lambda_takes_and_gives_bytes_in_base64(named: Callable[[str], Client]) -> None:
    body, size = binary(ROWS, {"parameters": {"binary_data_output": True}})
    event = by_url("/prod/v2/models/parcels/infer", stage="prod") | {
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
        "headers": {"inference-header-content-length": size},
    }
    answer = handler_of(named("lambda").app)(event, None)
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, True)
    head = int(answer["headers"]["inference-header-content-length"])
    assert json.loads(base64.b64decode(answer["body"])[:head])["model_name"] == "parcels"


@pytest.mark.parametrize("event", [by_url, by_rest])
@pytest.mark.parametrize("tokens", [(), TOKENS])
def test_lambda_asks_a_token_of_whom_aws_has_not_authorized(
    scorers: dict[str, Scorer], event: Any, tokens: Any
) -> None:
    handler = handler_of(hosted(scorers, "lambda", tokens=tokens).app)
    assert handler(event("/predict", ROWS), None)["statusCode"] == 401
    assert handler(event("/predict", ROWS, **IAM), None)["statusCode"] == 200
    assert handler(event("/predict", ROWS, identity={"userArn": "arn:aws:iam::1:user/x"}), None)["statusCode"] == 200
    asked = event("/predict", ROWS)
    asked["headers"] = {"authorization": "Bearer asker"}
    asked.pop("multiValueHeaders", None)
    assert handler(asked, None)["statusCode"] == (200 if tokens else 401)


@pytest.mark.parametrize("event", [{}, [], {"Records": []}, {"requestContext": {}}, by_url("/predict") | {"body": 3}])
def test_lambda_refuses_what_is_no_request(named: Callable[[str], Client], event: Any) -> None:
    with pytest.raises(ValueError, match="expected an event of API Gateway or of a function URL"):
        handler_of(named("lambda").app)(event, None)


@pytest.mark.parametrize(
    ("more", "named"),
    [({"shadow": "v1"}, "--shadow"), ({"canary": "v1"}, "--canary"), ({"follow": Path("x")}, "--follow"),
     ({"workers": 2}, "--workers")],
)  # fmt: skip
def test_lambda_refuses_what_works_between_requests(more: dict[str, Any], named: str) -> None:
    with pytest.raises(Refusal, match=f"^{named} works between requests, and lambda stops the process then"):
        _refuse_beside(Request(Path(), host_contract="lambda", **more))


def test_lambda_takes_events_from_the_runtime_and_ends_in_order(scorers: dict[str, Scorer]) -> None:
    """A runtime API of two events, which then goes away."""
    events, came = [by_url("/predict", ROWS), {"Records": []}], {}

    class Runtime(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            assert self.path == "/2018-06-01/runtime/invocation/next"
            self.answer(json.dumps(events.pop(0)).encode())

        def do_POST(self) -> None:
            came[self.path.rpartition("/invocation/")[2]] = json.loads(
                self.rfile.read(int(self.headers["content-length"]))
            )
            self.answer(b"{}")

        def answer(self, content: bytes) -> None:
            self.send_response(200)
            self.send_header("Lambda-Runtime-Aws-Request-Id", f"id-{len(events)}")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    client = hosted(scorers, "lambda")
    with HTTPServer(("127.0.0.1", 0), Runtime) as runtime:
        runtime.handle_error = lambda *_: None  # type: ignore[method-assign]  # there is no third event
        threading.Thread(target=runtime.serve_forever, daemon=True).start()
        with pytest.raises(ConnectionError):
            run(client.app, f"127.0.0.1:{runtime.server_port}")
        runtime.shutdown()
    assert bare(json.loads(came["id-1/response"]["body"])) == bare(client.predict(ROWS))
    assert came["id-0/error"]["errorMessage"] == "expected an event of API Gateway or of a function URL"
    assert not client.operation.ready


def test_lambda_is_refused_elsewhere(named: Callable[[str], Client]) -> None:
    with pytest.raises(Refusal, match="AWS_LAMBDA_RUNTIME_API is not set"):
        run(named("lambda").app, "")


def test_the_server_says_what_is_open_to_whom(sagemaker: Client) -> None:
    request = Request(Path(), host_contract="sagemaker")
    open_to = "without a token: /invocations, /ping, /v2/health/live, /v2/health/ready; all else is shut"
    for tokens, words in ((None, "everyone on this machine may ask"), ((), open_to), (TOKENS, "all else needs one")):
        _, asks, said = told(sagemaker.predictor, sagemaker.example, "127.0.0.1:8080", request, tokens).splitlines()
        assert words in said
        assert "/invocations" in asks
    assert "events that the host has authorized; all else is shut" in contract_of("lambda", {}).told(())


@pytest.mark.parametrize("name", HOSTS)
def test_the_docs_say_what_each_host_asks_and_what_is_open(name: str) -> None:
    shown = (Path(__file__).parents[3] / "docs/deploy.md").read_text()
    (row,) = (line for line in shown.splitlines() if line.startswith(f"| `{name}` |"))
    contract = contract_of(name, {route: f"/{route}" for route in ("AIP_HEALTH_ROUTE", "AIP_PREDICT_ROUTE")})
    _, _, sent, health, admits, _, _ = (cell.strip() for cell in row.split("|"))
    assert admits == ("yes" if contract.admits else "no")
    assert re.findall(r"`/?([\w/]*)`", health) == [path.removeprefix("/") for path in contract.health]
    assert contract.predict.removeprefix("/") in sent
