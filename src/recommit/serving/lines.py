"""What the server logs: lines of JSON on standard output, by a thread, so that nobody waits for who reads them."""

import os
import queue
import threading
from datetime import UTC, datetime
from typing import Any

import orjson

MOST = 10_000
"""Lines that wait; more are dropped, and the next line that is written says how many."""


class Lines:
    """Writes lines to the file descriptor `fd`, in order; `write` never waits."""

    def __init__(self, fd: int = 1) -> None:
        """Begin with no thread: it is begun with the first line."""
        self._fd = fd
        self._waiting: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._dropped = 0

    def write(self, event: str, **said: Any) -> None:
        """Write one line: when, what, and what else is said. Of a request never its body, a header or a value."""
        if self._waiting.qsize() >= MOST:
            self._dropped += 1
            return
        if self._dropped:
            said["dropped"], self._dropped = self._dropped, 0
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._waiting.put(orjson.dumps({"time": now, "event": event, **said}, option=orjson.OPT_APPEND_NEWLINE))
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="lines", daemon=True)
            self._thread.start()

    def end(self, seconds: float = 1.0) -> None:
        """Write what waits, for `seconds` at most."""
        self._waiting.put(None)
        if self._thread:
            self._thread.join(seconds)

    def _run(self) -> None:
        while (line := self._waiting.get()) is not None:
            try:
                while line:
                    line = line[os.write(self._fd, line) :]
            except OSError:  # who read them has gone, or their disk is full: that is no reason to stop serving
                pass
