"""A second model that is asked what was answered already: its answers go into the prediction log, and to nobody."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from recommit.serving.again import again_and_again
from recommit.serving.metrics import SHADOWED
from recommit.serving.refused import request_id

if TYPE_CHECKING:
    from recommit.serving.guard import Scope
    from recommit.serving.meters import Meters
    from recommit.serving.served import Served

MOST = 64
"""Requests that wait for the shadow; what comes beyond is dropped and counted."""
MOST_BYTES = 4 * 2**20
"""Bytes of bodies that wait."""
_BUSY_SECONDS = 0.005
"""How long the shadow waits before it looks again whether a request is being answered."""


class Shadow:
    """Asks `served`, one by one; each is begun when nothing else is to be answered, as `busy` says."""

    def __init__(self, served: "Served", meters: "Meters", busy: Callable[[], bool]) -> None:
        """Begin with nothing that waits."""
        self.served, self._busy = served, busy
        self._board = meters.begin({"recommit_shadow_total": [(outcome,) for outcome in SHADOWED]})
        self._waiting: deque[tuple[Scope, bytes, str]] = deque()
        self._bytes, self._come = 0, asyncio.Event()

    def ask(self, scope: "Scope", body: bytes) -> None:
        """Ask later what was asked in `scope` with `body`; this never waits."""
        if len(self._waiting) >= MOST or self._bytes + len(body) > MOST_BYTES:
            return self._count("dropped")
        self._waiting.append((scope, body, request_id.get()))
        self._bytes += len(body)
        self._come.set()

    async def next(self) -> None:
        """Ask the next one, as soon as there is one and nothing else is to be answered."""
        await self._come.wait()
        while self._busy():
            await asyncio.sleep(_BUSY_SECONDS)
        scope, body, name = self._waiting.popleft()
        self._bytes -= len(body)
        if not self._waiting:
            self._come.clear()
        request_id.set(name)
        try:
            await self.served(scope, _received(body), _nobody)
        except Exception:  # it has no answer: that is what a shadow is to find out
            self._count("failed")
        else:
            self._count("scored")

    def _count(self, outcome: str) -> None:
        self._board.numbers[self._board.place("recommit_shadow_total", outcome)] += 1

    def asking(self) -> AbstractAsyncContextManager[None]:
        """Ask what waits, until this is left; what waits then is dropped."""
        return again_and_again(self.next)


def _received(body: bytes) -> Callable[[], Any]:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _nobody(message: Any) -> None:
    """An answer that nobody gets."""
