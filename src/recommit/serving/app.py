"""The routes of the server."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router, compile_path

from recommit.serving.from_history import whole
from recommit.serving.guard import Guard, as_json, needs
from recommit.serving.hosts.contract import Contract, Found, server_version
from recommit.serving.hosts.routes import routes_of
from recommit.serving.inference import Inference, metadata
from recommit.serving.known import Known
from recommit.serving.limits import Limits, kind_of, parse, read, refuse_rows
from recommit.serving.log import Role
from recommit.serving.matrix import Scored
from recommit.serving.openapi import document
from recommit.serving.operation import Operation, Watched
from recommit.serving.page import page
from recommit.serving.predictor import INLINE_ROWS, Predictor
from recommit.serving.refused import Refused, request_id
from recommit.serving.served import Served
from recommit.serving.together import Together
from recommit.serving.tokens import FREE, Token

_JSON = "application/json"
_CSP = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'"
_MODEL = "/v2/models/{model}"
_VERSION = _MODEL + "/versions/{version}"
Endpoint = Callable[[Request], Awaitable[Response]]
Made = TypeVar("Made")


def application(
    predictor: Predictor,
    example: Any,
    limits: Limits | None = None,
    tokens: Sequence[Token] | None = None,
    watched: Watched | None = None,
    contract: Contract | None = None,
) -> Guard:
    """Returns the ASGI application that answers for `predictor`; `example` is a row that it answers, for the page.

    It has the routes of a host's `contract` too, and leaves open what that names.
    """
    routes = Routes(predictor, example, limits or Limits(), watched, contract)
    free = contract.free(tokens) if contract else FREE
    errors = {contract.predict: contract.error} if contract and contract.error else {}
    return Guard(served(routes), routes.operation, tokens, free, limits or Limits(), errors)


def served(routes: "Routes") -> Served:
    """Returns the application that has `routes`."""
    made = [Route(path, needs(right, path, endpoint), methods=[method]) for method, path, right, endpoint in routes.all]
    paths = [compile_path(path)[0] for _, path, right, _ in routes.all if right == "predict"]
    return Served(Router(made, redirect_slashes=False), routes.predictor, routes.ledger, paths)


class Routes:
    """What is answered under which path, by one model; others follow it in the same `operation`."""

    def __init__(
        self,
        predictor: Predictor,
        example: Any,
        limits: Limits,
        watched: Watched | None = None,
        contract: Contract | None = None,
        operation: Operation | None = None,
        role: Role = "served",
    ) -> None:
        """Prepare what does not change between requests."""
        self.predictor = predictor
        self._limits, self._role = limits, role
        self._together = Together(predictor.matrix.each)
        self._from_history = Together(predictor.from_history.answers) if predictor.from_history else None
        said = document(predictor, example, limits)
        scorer = predictor.scorer
        index = {"name": scorer.name, "version": scorer.version, "state": "READY", "reason": ""}
        server = {
            "name": "recommit",
            "version": server_version(),
            "extensions": ["binary_tensor_data", "model_repository"],
        }
        html = page(predictor, example)
        self.all: list[tuple[str, str, str, Endpoint]] = [
            ("POST", "/predict", "predict", self._predict),  # first those that are asked most: routes are tried in turn
            ("POST", f"{_MODEL}/infer", "predict", self._infer),
            ("POST", f"{_VERSION}/infer", "predict", self._infer),
            ("GET", "/openapi.json", "read", _constant(as_json(said))),
            ("GET", "/docs", "read", _constant(Response(html, 200, {"Content-Security-Policy": _CSP}, "text/html"))),
            ("GET", "/v2", "read", _constant(as_json(server))),
            ("GET", "/v2/health/live", "read", _constant(as_json({"live": True}))),
            ("GET", "/v2/health/ready", "read", self._ready({})),
            ("GET", "/metrics", "read", self._metrics),
            ("POST", "/v2/repository/index", "read", self._index(index)),
        ]
        if predictor.from_history:
            self.all.insert(1, ("POST", "/events", "events", self._events(predictor.from_history.known)))
        for path in (_MODEL, _VERSION):
            self.all += [
                ("GET", path, "read", self._of_model(metadata(predictor))),
                ("GET", f"{path}/ready", "read", self._ready({"name": scorer.name})),
            ]
        if contract:
            own = routes_of(contract, predictor, limits, self._answers, self._aside, self._ready({}))
            taken = {(method, path) for method, path, _, _ in own}
            self.all = own + [one for one in self.all if one[:2] not in taken]
        self.operation = operation or Operation(predictor, sorted({path for _, path, _, _ in self.all}), watched)
        self.ledger = self.operation.ledger(predictor, role)

    async def _predict(self, request: Request) -> Response:
        kind_of(request.scope["headers_by_name"])
        asked = parse(await self._body(request), self._limits)
        many = isinstance(asked, list)
        found = await self._answers(asked if many else [asked])
        return as_json(found if many else found[0])

    async def _answers(self, rows: list[Any]) -> Found:
        """Returns the answers to rows, which are logged and counted by then. Raises `Refused`."""
        refuse_rows(len(rows), self._limits)
        predictor = self.predictor
        if predictor.from_history and self._from_history:
            ask = partial(predictor.from_history.read, rows)
            read_rows = await self._aside(ask) if len(rows) > INLINE_ROWS else ask()
            parts = [await self._from_history.answer(part) for part in predictor.from_history.parts(read_rows)]
            scored = whole(parts)
        elif predictor.rows == "asked" or len(rows) > INLINE_ROWS:
            scored = await self._aside(partial(predictor.scored, rows))
        else:
            kept, numbers, texts = predictor.read(rows)
            scored = Scored(numbers, texts, kept | await self._together.answer((numbers, texts, len(rows))))
        self.operation.answered(scored, self.ledger)
        found = predictor.told(scored.found)
        for row in found:
            row["request_id"] = request_id.get()
        return found

    async def _infer(self, request: Request) -> Response:
        self._refuse_other(request)
        json_bytes = request.scope["headers_by_name"].get(b"inference-header-content-length")
        if json_bytes is None:
            kind_of(request.scope["headers_by_name"])
        body = await self._body(request)
        read = partial(Inference, self.predictor, body, json_bytes, self._limits)
        asked = await self._aside(read) if len(body) > INLINE_ROWS * 1024 else read()
        if asked.rows > INLINE_ROWS:
            found = await self._aside(partial(self.predictor.matrix.written, asked.numbers, asked.texts, asked.rows))
        else:
            found = await self._together.answer((asked.numbers, asked.texts, asked.rows))
        self.operation.answered(Scored(asked.numbers, asked.texts, found), self.ledger)
        content, size = asked.answer(found)
        if size is None:
            return Response(content, media_type=_JSON)
        return Response(content, 200, {"Inference-Header-Content-Length": str(size)}, "application/octet-stream")

    def _events(self, known: Known) -> Endpoint:
        async def events(request: Request) -> Response:
            kind_of(request.scope["headers_by_name"])
            asked = parse(await self._body(request), self._limits)
            told = asked if isinstance(asked, list) else [asked]
            refuse_rows(len(told), self._limits)
            return as_json((await known.take(told)).told() | {"request_id": request_id.get()})

        return events

    def _index(self, model: dict[str, Any]) -> Endpoint:
        async def index(request: Request) -> Response:
            body = await self._body(request)
            asked = parse(body, self._limits) if body.strip() else {}
            if not isinstance(asked, dict) or not isinstance(asked.get("ready", False), bool):
                raise Refused(422, 'expected {"ready": true or false}, or nothing')
            return as_json([model])

        return index

    def _of_model(self, said: dict[str, Any]) -> Endpoint:
        async def of_model(request: Request) -> Response:
            self._refuse_other(request)
            return as_json(said)

        return of_model

    def _ready(self, said: dict[str, Any]) -> Endpoint:
        async def ready(request: Request) -> Response:
            if said:
                self._refuse_other(request)
            now = self.operation.ready
            return as_json(said | {"ready": now}, 200 if now else 503)

        return ready

    async def _metrics(self, request: Request) -> Response:
        self.operation.look()
        content, kind = self.operation.meters.text(request.headers.get("accept", ""))
        return Response(content, 200, {"Content-Type": kind})

    def _refuse_other(self, request: Request) -> None:
        """Raises `Refused` for another model or version than the one that is served."""
        asked, scorer = request.path_params, self.predictor.scorer
        if asked["model"] != scorer.name:
            raise Refused(404, f"there is no such model: {scorer.name} is served")
        if asked.get("version", scorer.version) != scorer.version and self._role != "shadow":
            raise Refused(404, f"there is no such version of {scorer.name}: {scorer.version} is served")

    async def _body(self, request: Request) -> bytes:
        return await read(request.receive, request.scope["headers_by_name"], self._limits)

    async def _aside(self, work: Callable[[], Made]) -> Made:
        """Returns what `work` gives, which takes long: done in a thread, so that others are still heard."""
        return await asyncio.get_running_loop().run_in_executor(self.operation.thread, work)


def _constant(response: Response) -> Endpoint:
    async def constant(request: Request) -> Response:
        return response

    return constant
