"""How one process of the server is doing: from its begin to its end, whether it is ready, what it counts and logs."""

import signal
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from starlette.exceptions import HTTPException

from recommit import Refusal
from recommit.artifact.answers import finite
from recommit.serving.again import again_and_again
from recommit.serving.canary import Canary
from recommit.serving.ledger import Ledger
from recommit.serving.limits import Receive
from recommit.serving.lines import Lines
from recommit.serving.log import Log, Role
from recommit.serving.matrix import Scored
from recommit.serving.meters import Meters, prediction_bounds
from recommit.serving.predictor import Predictor
from recommit.serving.refused import Refused, request_id

Told = Literal["errors", "all"]
"""Which requests are logged: those that the server has failed at, or all."""
_LOOK_SECONDS = 1.0
"""How often is looked at what is not counted, and how often the same trouble is logged at most."""


@dataclass(frozen=True)
class Watched:
    """What is kept of what a server does: predictions in the folder `log`, numbers in `board`, and which requests.

    `bounds` are those of the histogram of answers; without them they are made of the model.
    """

    log: Path | None = None
    board: Path | None = None
    told: Told = "errors"
    bounds: tuple[float, ...] | None = None


class Operation:
    """Counts, logs, and says whether this process is ready. `routes` are the paths that it has.

    `predictor` is the model that is served at this moment; a `canary` may answer a share.

    It is ready from `begin`, when the golden rows were answered as expected here, until `drain`; not while the
    prediction log cannot be written. What is in `during` is entered before the first request comes, and left after the
    last one is answered.
    """

    def __init__(
        self,
        predictor: Predictor,
        routes: Sequence[str] = (),
        watched: Watched | None = None,
        lines: Lines | None = None,
    ) -> None:
        """Lay out what is counted."""
        watched = watched or Watched()
        self.predictor, self._told, self.lines = predictor, watched.told, lines or Lines()
        self.thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="predict")
        self.ready = False
        self.canary: Canary | None = None
        self._unlogged = False  # not ready for the log alone
        self.during: list[AbstractAsyncContextManager[None]] = [again_and_again(self.look, _LOOK_SECONDS)]
        self.meters = Meters(routes, watched.bounds or prediction_bounds(predictor), watched.board)
        self.log = Log(watched.log, failed=self._not_kept) if watched.log else None
        self._told_at = -_LOOK_SECONDS

    def begin(self) -> None:
        """Answer the golden rows, and be ready. Raises `Refusal` where an answer is another one than is expected."""
        refuse_golden(self.predictor)
        if self.log:
            self.log.begin()
        self._be(True)

    def drain(self) -> None:
        """Be ready no more, since the process is to end when it has answered what has come."""
        if self.ready or self._unlogged:
            self.lines.write("draining")
        self._unlogged = False
        self._be(False)

    def end(self) -> None:
        """Write all that was logged through to the disk."""
        self._be(False)
        if self.log:
            self.log.end()
        self.lines.end()

    def _be(self, ready: bool) -> None:
        self.ready = ready
        self.meters.measure("recommit_ready", ready)

    async def lifespan(self, receive: Receive, send: Any) -> None:
        """Speak ASGI's protocol of begin and end: hear signals, and enter and leave what is in `during`."""
        await receive()
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, self._then(signal.getsignal(number)))
        async with AsyncExitStack() as stack:
            for one in self.during:
                await stack.enter_async_context(one)
            await send({"type": "lifespan.startup.complete"})
            await receive()
        self.end()
        await send({"type": "lifespan.shutdown.complete"})

    def _then(self, handler: Any) -> Callable[[int, Any], None]:
        def drain(number: int, frame: Any) -> None:
            self.drain()
            if callable(handler):
                handler(number, frame)

        return drain

    def ledger(self, predictor: Predictor, role: Role = "served") -> Ledger:
        """Returns where the answers of a model are kept."""
        return Ledger(predictor, role, self.meters, self.log)

    def answered(self, scored: Scored, ledger: Ledger) -> None:
        """Log rows that are about to be answered, and count them. Raises `Refused` where they cannot be logged."""
        try:
            ledger.append(scored)
        except OSError as error:
            self._cannot_log(error)
            raise Refused(
                503, "the prediction log cannot be written: ask again later", {"Retry-After": "5"}, "log"
            ) from None
        ledger.count(scored)
        if self.canary:
            self.canary.saw(scored)

    def ended(self, begun: float, route: str, status: int, failed: Exception | None = None) -> None:
        """A request is answered with `status`, after it has `failed` if it has; see `Meters.begun`."""
        seconds = self.meters.ended(begun, route, status)
        if kind := _kind(failed):
            self.meters.error(kind)
        if self._told == "all" or kind == "fault":
            why = {"error": type(failed).__name__, "at": _where(failed)} if failed and kind == "fault" else {}
            ms = round(seconds * 1000, 2)
            self.lines.write("request", request=request_id.get(), route=route, status=status, ms=ms, **why)

    def look(self) -> None:
        """Tell what is not counted but looked at: now and then."""
        if self.log:
            if self._unlogged and self.log.takes_again():
                self._unlogged = False
                self._be(True)
            self.meters.measure("recommit_log_unsynced_seconds", self.log.lag_seconds())
            self.meters.measure("recommit_log_files", self.log.finished())
        if (until := self.predictor.known_until()) is not None:
            self.meters.measure("recommit_state_known_until_seconds", until)

    def _cannot_log(self, error: OSError) -> None:
        if self.ready:
            self._unlogged = True
            self._be(False)
        if time.monotonic() - self._told_at > _LOOK_SECONDS:
            self._told_at = time.monotonic()
            self.lines.write("the prediction log cannot be written", error=error.strerror)

    def _not_kept(self) -> None:
        self.meters.error("log")
        self.lines.write("the prediction log could not be written through to the disk: a power cut may lose some of it")


def refuse_golden(predictor: Predictor) -> None:
    """Raises `Refusal` where what serves answers golden rows in other bits than the model did when it was loaded."""
    scorer, matrix = predictor.scorer, predictor.matrix
    due = scorer.answer(scorer.golden)
    golden, due = scorer.golden[finite(due)], due[finite(due)]
    numbers = np.array([golden[one.name].to_numpy("float32") for one in matrix.numbers], "float32")
    texts = [golden[one.name].tolist() for one in matrix.texts]
    try:
        found = matrix.scored(numbers.reshape(-1, len(golden)), texts, len(golden))
    except Refused as refused:
        raise Refusal(f"the golden rows are not answered: {refused}") from None
    if not np.array_equal(found, due):
        raise Refusal("the golden rows are answered otherwise than when the model was loaded: it is not served")


def _kind(failed: Exception | None) -> str:
    """Returns one of `ERRORS`, or nothing where nothing has failed."""
    if isinstance(failed, Refused):
        return failed.kind
    return "" if failed is None else "caller" if isinstance(failed, HTTPException) else "fault"


def _where(error: Exception) -> str:
    """Returns the module and line that raised `error`, and never its text, which may hold a value of a request."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}" if trace else ""
