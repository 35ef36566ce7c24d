"""HTTP/1.1 as uvicorn speaks it, with bounds on the headers: their bytes, their number, their time."""

import asyncio
from typing import Any

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from recommit.serving.limits import Limits
from recommit.serving.meters import Meters


class Bounded(HttpToolsProtocol):
    """A connection that is closed, with an error as JSON, when headers are too large, too many or too slow."""

    limits = Limits()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the headers of the first request."""
        super().connection_made(transport)
        self._unread = 0
        self._inside = False
        self._size = 0
        self._late = self.loop.call_later(self.limits.seconds, self._too_slow)
        self._untaken: asyncio.TimerHandle | None = None
        self._meters.measure("recommit_connections", len(self.connections))
        if len(self.connections) > self.limits.connections:
            self._close(503, f"{self.limits.connections} connections are open already: ask again later")

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._late.cancel()
        super().connection_lost(exc)
        self._meters.measure("recommit_connections", len(self.connections))

    def pause_writing(self) -> None:
        """Begin to wait for whoever does not take an answer."""
        super().pause_writing()
        self._untaken = self.loop.call_later(self.limits.seconds, self._not_taken)

    def resume_writing(self) -> None:
        """The answer was taken."""
        if self._untaken:
            self._untaken.cancel()
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that is not used, also one whose last answer was not taken whole."""
        if self.transport.get_write_buffer_size():
            self._not_taken()
        else:
            super().timeout_keep_alive_handler()

    @property
    def _meters(self) -> Meters:
        found: Meters = self.app.operation.meters
        return found

    def _not_taken(self) -> None:
        self._meters.error("connection")
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Count the bytes of headers that have not ended."""
        if self.transport.is_closing():
            return
        if not self._inside:
            if not self._unread and (self.cycle is None or self.cycle.response_complete):
                self._late.cancel()
                self._late = self.loop.call_later(self.limits.seconds, self._too_slow)
            self._unread += len(data)
        super().data_received(data)
        if not self._inside and self._unread > self.limits.header_bytes:
            self._close(431, f"the headers have more than {self.limits.header_bytes:,} bytes")

    def on_message_begin(self) -> None:
        """A request begins."""
        self._size = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Bound the path."""
        self._count(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Bound the headers, and their number."""
        self._count(name, value)
        if len(self.headers) >= self.limits.headers:
            raise ValueError("too many headers")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The headers have come: from here on the body is counted by who reads it."""
        self._inside = True
        self._late.cancel()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """A request has come whole: what follows are headers of the next one."""
        self._inside, self._unread = False, 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, or has headers beyond the bounds."""
        if self._size > self.limits.header_bytes or len(self.headers or ()) >= self.limits.headers:
            self._close(
                431, f"found more than {self.limits.headers} headers, or {self.limits.header_bytes:,} bytes of them"
            )
        else:
            self._close(400, "this is no request of HTTP/1.1")

    def _count(self, *parts: bytes) -> None:
        self._size += sum(map(len, parts))
        if self._size > self.limits.header_bytes:
            raise ValueError("too many bytes of headers")

    def _too_slow(self) -> None:
        if self._unread:
            self._close(408, f"the headers did not come within {self.limits.seconds:g} s")
        elif not self.transport.is_closing():
            self.transport.close()

    def _close(self, status: int, line: str) -> None:
        if self.transport.is_closing():
            return
        self._meters.error("shed" if status == 503 else "connection")
        waits = self.cycle is not None and not self.cycle.response_complete
        if not waits or not self.cycle.response_started:
            if waits:
                self.cycle.disconnected = True  # what it would still answer is not sent
            said: Any = orjson.dumps({"error": line})
            head = b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n" % len(said)
            head += b"retry-after: 1\r\n\r\n" if status == 503 else b"\r\n"
            self.transport.write(STATUS_LINE[status] + head + said)
        self.transport.close()
