"""Requests that have come at the same time are answered by one run of the model, which takes 16 rows at once anyway.

A row has the same bits whatever rows come with it, so that nobody's answer depends on another's request.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Ask = TypeVar("Ask")
Found = TypeVar("Found")


class Together(Generic[Ask, Found]):
    """Collects what is asked until the loop has read all that has come, and answers it at once.

    `run` answers several, in order. Where it raises, each is asked for by itself, and told of its own.
    """

    def __init__(self, run: Callable[[Sequence[Ask]], Sequence[Found]]) -> None:
        """Begin with none."""
        self._answer = run
        self._waiting: list[tuple[Ask, asyncio.Future[Found]]] = []

    async def answer(self, ask: Ask) -> Found:
        """Returns the answer. Raises what `run` raises for it alone."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Found] = loop.create_future()
        self._waiting.append((ask, future))
        if len(self._waiting) == 1:
            loop.call_soon(self._run)
        return await future

    def _run(self) -> None:
        waiting = [one for one in self._waiting if not one[1].done()]  # for the others nobody waits any more
        self._waiting = []
        if len(waiting) > 1:
            try:
                answers = self._answer([ask for ask, _ in waiting])
            except Exception:  # of one of them
                answers = ()
            for (_, future), found in zip(waiting, answers, strict=False):
                future.set_result(found)
        for ask, future in waiting:
            if future.done():
                continue
            try:
                future.set_result(self._answer([ask])[0])
            except Exception as error:
                future.set_exception(error)
