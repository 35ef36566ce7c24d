"""The routes of a host's contract: its forms around the one predictor."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from importlib import import_module
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from recommit.serving.hosts.contract import Asked, Contract, Found, Read
from recommit.serving.limits import Limits, kind_of, read
from recommit.serving.predictor import INLINE_ROWS, Predictor

Endpoint = Callable[[Request], Awaitable[Response]]
Route = tuple[str, str, str, Endpoint]


def contract_of(name: str, environ: Mapping[str, str]) -> Contract:
    """Returns the contract of the host `name`, as the variables that it sets in `environ` have it."""
    module = import_module(f"recommit.serving.hosts.{'aws_lambda' if name == 'lambda' else name}")
    found: Contract = module.contract(environ)
    return found


def routes_of(
    contract: Contract,
    predictor: Predictor,
    limits: Limits,
    answer: Callable[[list[Any]], Awaitable[Found]],
    aside: Callable[[Callable[[], Read]], Awaitable[Read]],
    ready: Endpoint,
) -> list[Route]:
    """Returns method, path, scope and endpoint of each.

    Rows are answered by `answer`, long bodies are read by `aside`, and health is told by `ready`.
    """

    async def predict(to_rows: Callable[[Asked], Read], request: Request) -> Response:
        headers = request.scope["headers_by_name"]
        kind, accept = kind_of(headers, contract.kinds), headers.get(b"accept", b"").decode("latin-1").lower()
        body = await read(request.receive, headers, limits)
        asked = Asked(body, kind, accept, predictor.fields, predictor.output_names, limits)
        work = partial(to_rows, asked)
        rows, write = await aside(work) if len(body) > INLINE_ROWS * 1024 else work()
        return write(await answer(rows))

    def text(said: str) -> Endpoint:
        async def told(request: Request) -> Response:
            return PlainTextResponse(said)

        return told

    return [
        *([("POST", contract.predict, "predict", partial(predict, contract.read))] if contract.read else []),
        *(("GET", path, "read", ready) for path in contract.health),
        *(("GET", path, "read", text(said)) for path, said in contract.texts.items()),
    ]
