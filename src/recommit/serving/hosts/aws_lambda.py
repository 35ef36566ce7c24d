"""AWS Lambda, in a container: events of API Gateway and of function URLs, answered by the same application.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html and urls-invocation.html.
"""

import asyncio
import base64
import signal
import sys
from collections.abc import Callable, Mapping
from functools import partial
from http.client import HTTPConnection
from typing import Any
from urllib.parse import unquote, urlencode

import orjson

from recommit import Refusal
from recommit.serving.guard import Guard, Scope
from recommit.serving.hosts.contract import ANYWHERE, Contract, Place

Event = Mapping[str, Any]
Handler = Callable[[Event, object], dict[str, Any]]
_API = "AWS_LAMBDA_RUNTIME_API"
_RUNTIME = "/2018-06-01/runtime"


def contract(environ: Mapping[str, str]) -> Contract:
    """Returns the contract: an event that AWS has authorized needs no token; one that it has not, as everywhere."""
    return Contract("lambda", admits=True, place=Place(ANYWHERE), run=partial(run, address=environ.get(_API, "")))


def handler_of(app: Guard) -> Handler:
    """Returns `handler(event, context)`, as a runtime of Lambda calls it: from an event to what Lambda sends back.

    It takes the payloads 1.0 and 2.0 of API Gateway, and those of function URLs. Raises ValueError for another event.
    """
    runner = asyncio.Runner()

    def handler(event: Event, context: object = None) -> dict[str, Any]:
        try:
            scope, body = scope_of(event), event.get("body") or ""
            content = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()
        except (KeyError, TypeError, AttributeError, ValueError):
            raise ValueError("expected an event of API Gateway or of a function URL") from None
        return runner.run(_answer(app, scope, content))

    return handler


def scope_of(event: Event) -> Scope:
    """Returns what ASGI calls the scope of a request. A stage in front of the path is left out."""
    about = event["requestContext"]
    if event.get("version") == "2.0":
        method, path, query = about["http"]["method"], event["rawPath"], event.get("rawQueryString", "")
        headers = [*(event.get("headers") or {}).items()]
        stage = f"/{about.get('stage', '$default')}"
        if path.startswith(f"{stage}/"):
            path = path.removeprefix(stage)
    else:
        method, path = event["httpMethod"], event["path"]
        query = urlencode(event.get("multiValueQueryStringParameters") or {}, doseq=True)
        many = event.get("multiValueHeaders") or {name: [one] for name, one in (event.get("headers") or {}).items()}
        headers = [(name, one) for name, values in many.items() for one in values]
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        "state": {},
        "admitted": _admitted(about),
    }


def _admitted(about: Mapping[str, Any]) -> bool:
    """Whether AWS has authorized the caller, by IAM, a JWT or a function: it alone writes what an event is about."""
    told = about.get("authorizer") or {}
    return any(told.values()) or bool((about.get("identity") or {}).get("userArn"))


async def _answer(app: Guard, scope: Scope, body: bytes) -> dict[str, Any]:
    messages = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return messages.pop() if messages else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    content = b"".join(one.get("body", b"") for one in sent[1:])
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in sent[0]["headers"]}
    raw = headers.get("content-type") == "application/octet-stream"
    text = base64.b64encode(content).decode() if raw else content.decode()
    return {"statusCode": sent[0]["status"], "headers": headers, "body": text, "isBase64Encoded": raw}


def run(app: Guard, address: str) -> None:
    """Answers one event after the other that the runtime API at `address` gives, until SIGTERM."""
    if not address:
        raise Refusal(f"{_API} is not set: the contract lambda is for a container that Lambda runs")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    handler, connection = handler_of(app), HTTPConnection(address)
    try:
        while True:
            connection.request("GET", f"{_RUNTIME}/invocation/next")
            asked = connection.getresponse()
            event, name = asked.read(), asked.headers["Lambda-Runtime-Aws-Request-Id"]
            try:
                end, said = "response", handler(orjson.loads(event), None)
            except ValueError as error:
                end, said = "error", {"errorType": type(error).__name__, "errorMessage": str(error)}
            connection.request("POST", f"{_RUNTIME}/invocation/{name}/{end}", orjson.dumps(said))
            connection.getresponse().read()
    finally:
        app.operation.drain()
        app.operation.end()
