"""What stands before every route: the request's id, who may ask, how many at once; and errors as JSON behind it."""

import asyncio
import os
import re
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson
from starlette.exceptions import HTTPException
from starlette.responses import Response

from recommit.serving.canary import group
from recommit.serving.limits import Limits, Receive
from recommit.serving.meters import OTHER
from recommit.serving.operation import Operation
from recommit.serving.refused import Refused, request_id
from recommit.serving.tokens import Token, scopes_of

if TYPE_CHECKING:
    from recommit.serving.served import Served
    from recommit.serving.shadow import Shadow

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
_LOCAL = re.compile(rb"(?:https?://)?(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?", re.IGNORECASE)
"""This machine, as a program names it; a page of another site has another Origin, or a Host of its own (rebinding)."""
_ID = re.compile(rb"[\x21-\x7e]{1,128}")


class Guard:
    """Lets requests through to what is `served` that may ask, and answers every error as {"error": one line}.

    Without `tokens` everyone may ask. With them, only what is in `free` needs none; whoever shows none that is known
    learns nothing, not even which paths there are. At most `limits.waiting` requests that bring a body are held. Who is
    let in is answered by what is `served` at that moment.
    A request that a host's contract brought as `admitted` needs none either, since the host asked for its caller's.
    Paths in `errors` have a form of their own for an error: what gives it of the status and the line, with its status.
    """

    def __init__(
        self,
        served: "Served",
        operation: Operation,
        tokens: Sequence[Token] | None,
        free: frozenset[tuple[str, str]],
        limits: Limits,
        errors: Mapping[str, Callable[[int, str], tuple[int, Any]]] | None = None,
    ) -> None:
        """Stand before `served`; what is answered is told to `operation`."""
        self.operation, self.served = operation, served
        self._tokens, self._free, self._limits = tokens, free, limits
        self._errors = errors or {}
        self._held = 0
        self.shadow: Shadow | None = None

    def busy(self) -> bool:
        """Whether a request is being answered."""
        return self._held > 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            return await self.operation.lifespan(receive, send)
        if scope["type"] != "http":
            return None
        headers = dict(scope["headers"])
        asked = headers.get(b"x-request-id", b"")
        name = asked if _ID.fullmatch(asked) else os.urandom(16).hex().encode()
        request_id.set(name.decode())
        scope["app"], scope["headers_by_name"] = self, headers
        begun, held, since = False, scope["method"] == "POST", self.operation.meters.begun()
        failed: Exception | None = None
        status = 0
        group.set("")

        async def tell(message: MutableMapping[str, Any]) -> None:
            nonlocal begun, held, status
            if message["type"] == "http.response.start":
                begun, status = True, message["status"]
                if self.operation.canary:
                    self.operation.canary.came(status, time.perf_counter() - since)
                self.operation.ended(since, scope.get("template", OTHER), message["status"], failed)
                self._held -= held  # whoever is slow to take an answer keeps nobody waiting
                held = False
                message["headers"] = [*message["headers"], (b"x-request-id", name)]
            await send(message)

        self._held += held
        try:
            await self._let_in(scope, headers, held)
            served, canary = self.served, self.operation.canary
            if canary:
                served = canary.chosen(scope, name) or served
            if self.shadow is None or not held or not served.predicts(scope["path"]):
                await served(scope, receive, tell)
            else:
                before, body = {**scope}, bytearray()
                await served(scope, _kept(receive, body), tell)
                if status == 200:
                    self.shadow.ask(before, bytes(body))
        except Exception as error:
            if begun:
                raise
            failed = error
            await _answer(error, self._errors.get(scope["path"]))(scope, receive, tell)
        finally:
            self._held -= held
            if not begun:
                self.operation.meters.gone()

    async def _let_in(self, scope: Scope, headers: dict[bytes, bytes], held: bool) -> None:
        scope["scopes"] = None
        if self._tokens is None and not (
            _LOCAL.fullmatch(headers.get(b"host", b"localhost"))
            and _LOCAL.fullmatch(headers.get(b"origin", b"localhost"))
        ):
            raise Refused(
                403, "found another Host or Origin, expected localhost: without tokens only this machine asks"
            )
        asked = "GET" if scope["method"] == "HEAD" else scope["method"], scope["path"]
        if self._tokens is not None and asked not in self._free and not scope.get("admitted"):
            scope["scopes"] = scopes_of(headers.get(b"authorization"), self._tokens)
            if scope["scopes"] is None:
                raise Refused(
                    401, "found no valid token, expected Authorization: Bearer TOKEN", {"WWW-Authenticate": "Bearer"}
                )
        if held:
            await asyncio.sleep(0)  # so that all that has come is counted before any of it is worked on
            if self._held > self._limits.waiting:
                line = f"{self._limits.waiting} requests wait already: ask again later"
                raise Refused(503, line, {"Retry-After": "1"}, "shed")


def _kept(receive: Receive, body: bytearray) -> Receive:
    """Returns `receive` that also adds what comes to `body`."""

    async def kept() -> Any:
        message = await receive()
        body.extend(message.get("body", b""))
        return message

    return kept


def needs(
    right: str, template: str, endpoint: Callable[[Any], Awaitable[Response]]
) -> Callable[[Any], Awaitable[Response]]:
    """Returns an endpoint that refuses a token without the `right`, and is counted under the path `template`."""

    async def guarded(request: Any) -> Response:
        request.scope["template"] = template
        scopes = request.scope["scopes"]
        if scopes is not None and right not in scopes:
            raise Refused(403, f"the token has not the scope {right}")
        return await endpoint(request)

    return guarded


def as_json(said: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Returns an answer of JSON."""
    return Response(orjson.dumps(said), status, headers, "application/json")


def _answer(error: Exception, form: Callable[[int, str], tuple[int, Any]] | None = None) -> Response:
    status, line, headers = 500, "the server has failed at this request, and logged it under its X-Request-ID", {}
    if isinstance(error, Refused):
        status, line, headers = error.status, str(error), error.headers
    elif isinstance(error, HTTPException):
        words = {404: "there is no such path", 405: "this path does not take this method"}
        status, headers = error.status_code, {**(error.headers or {})}
        line = words.get(status, str(error.detail))
    status, said = form(status, line) if form else (status, {"error": line})
    return as_json(said, status, headers)
