"""Offers a server so many requests a second whether it answers or not, as people do who know nothing of one another."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

CONNECTIONS = 400
"""Fewer than the server allows, so that it is its queue that is full."""
TICK_SECONDS = 0.002


@dataclass
class Offered:
    """What came of it. Latency counts from when a request was due, so that one that could not be sent waits too."""

    seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    answered: list[float] = field(default_factory=list)
    shed: list[float] = field(default_factory=list)

    def told(self) -> dict[str, float]:
        """Returns the answered a second, their latency, and the share that got 503."""
        many = sum(self.statuses.values())
        return {
            "offered_per_second": round(many / self.seconds),
            "answered_per_second": round(self.statuses[200] / self.seconds),
            "p50_ms": _quantile(self.answered, 0.5),
            "p99_ms": _quantile(self.answered, 0.99),
            "share_503": round(self.statuses[503] / many, 3),
            "p99_ms_503": _quantile(self.shed, 0.99),
        }


class _Connection(asyncio.Protocol):
    """Sends one request at a time, and tells of its answer."""

    def __init__(self, offered: Offered, free: "deque[_Connection]") -> None:
        self._offered, self._free, self._due, self._found = offered, free, 0.0, b""
        self.lost = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport
        self._free.append(self)

    def connection_lost(self, error: Exception | None) -> None:
        self.lost.set_result(error)

    def send(self, request: bytes, due: float) -> None:
        self._due = due
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._found += data
        head, end, body = self._found.partition(b"\r\n\r\n")
        if not end or len(body) < int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]):
            return
        status, took = int(head[9:12]), time.perf_counter() - self._due
        self._found = b""
        self._offered.statuses[status] += 1
        (self._offered.answered if status == 200 else self._offered.shed).append(took)
        self._free.append(self)


async def offer(port: int, requests: Sequence[bytes], per_second: float, seconds: float) -> Offered:
    """Returns what came of so many requests a second, over `CONNECTIONS` connections that stay open.

    Raises ConnectionError when the server closes one, and TimeoutError when it leaves one unanswered for a minute.
    """
    loop, offered, free = asyncio.get_running_loop(), Offered(), deque[_Connection]()
    made = [(await loop.create_connection(lambda: _Connection(offered, free), "127.0.0.1", port))[1]
            for _ in range(CONNECTIONS)]  # fmt: skip
    begun, sent, many = time.perf_counter(), 0, round(per_second * seconds)
    async with asyncio.timeout(seconds + 60):
        while sent < many or len(free) < CONNECTIONS:
            if any(one.lost.done() for one in made):
                raise ConnectionError("the server has closed a connection")
            due = min(many, int((time.perf_counter() - begun) * per_second))
            while sent < due and free:
                free.popleft().send(requests[sent % len(requests)], begun + sent / per_second)
                sent += 1
            await asyncio.sleep(TICK_SECONDS)
    offered.seconds = time.perf_counter() - begun
    for one in made:
        one.transport.close()
    await asyncio.gather(*(one.lost for one in made))
    return offered


def _quantile(seconds: Sequence[float], share: float) -> float:
    return round(float(np.quantile(seconds, share)) * 1e3, 2) if seconds else 0.0
