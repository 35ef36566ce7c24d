"""A second model that answers a share of requests, until it is seen to be worse."""

import hashlib
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

from recommit.artifact.answers import ClassesAnswers
from recommit.serving.again import again_and_again
from recommit.serving.board import Key, Numbers
from recommit.serving.judge import REASONS, Bounds, Group, verdict
from recommit.serving.matrix import Scored

if TYPE_CHECKING:
    from recommit.serving.guard import Scope
    from recommit.serving.operation import Operation
    from recommit.serving.served import Served

KEY = b"x-canary-key"
"""The header that says which requests go to the same model; without it each goes by its id."""
LOOK_SECONDS = 1.0
"""How often is looked whether it is worse."""
_MARK = "canary-ended"
_REQUESTS, _ERRORS, _SLOW = (f"recommit_canary_{what}_total" for what in ("requests", "errors", "slow"))
_PREDICTION, _ABORTED = "recommit_canary_prediction", "recommit_canary_aborted"
group: ContextVar[str] = ContextVar("group", default="")
"""By which model a request is answered, by chance: first or canary; or nothing where it is not by chance."""


class Canary:
    """Chooses who answers a request, sees what comes of it, and aborts.

    `board` is the folder of all workers: they count together, and abort together.
    """

    def __init__(
        self,
        served: "Served",
        share: float,
        operation: "Operation",
        board: Path | None = None,
        bounds: Bounds | None = None,
    ) -> None:
        """Begin, unless it was aborted before."""
        self.served, self._share, self._operation = served, share, operation
        self._mark = board and board / _MARK
        self._bounds, self._salt = bounds or Bounds(), served.predictor.scorer.sha256.encode()
        task = served.predictor.scorer.task
        self._ends = operation.meters.bounds
        if isinstance(task, ClassesAnswers):
            self._ends = tuple(half / 20 for half in range(1, 20 * len(task.parts)))
        groups = [("first",), ("canary",)]
        names = [_REQUESTS, _ERRORS, _SLOW, _PREDICTION]
        series = {**dict.fromkeys(names, groups), _ABORTED: [(reason,) for reason in REASONS]}
        self._board = operation.meters.begin(series, {_PREDICTION: self._ends})
        for reason in REASONS:
            self._board.numbers[self._board.place(_ABORTED, reason)] = 0
        self.answers = True
        self.look()

    def chosen(self, scope: "Scope", name: bytes) -> "Served | None":
        """Returns the canary if it answers the request with the id `name`, and notes the group."""
        group.set("")
        path = scope["path"]
        if not self.answers or "/versions/" in path or not self.served.predicts(path):
            return None  # a caller that names a version gets that one
        asked = hashlib.sha256(self._salt + scope["headers_by_name"].get(KEY, name)).digest()
        mine = int.from_bytes(asked[:8], "big") < self._share * 2**64
        group.set("canary" if mine else "first")
        return self.served if mine else None

    def came(self, status: int, seconds: float) -> None:
        """A request of a group was answered."""
        if of := group.get():
            numbers, place = self._board.numbers, self._board.place
            numbers[place(_REQUESTS, of)] += 1
            numbers[place(_ERRORS, of)] += status >= 400
            numbers[place(_SLOW, of)] += seconds > self._bounds.seconds

    def saw(self, scored: Scored) -> None:
        """Rows of a request of a group were answered: the first one counts, since the others may be like it."""
        if of := group.get():
            self._board.observe(self._board.place(_PREDICTION, of), self._ends, value_of(self.served, scored))

    def look(self) -> None:
        """End it if it is worse, if another worker has ended it, or if what was counted cannot be read."""
        if not self.answers:
            return
        try:
            why = self._mark.read_text() if self._mark and self._mark.exists() else None
            counted = self._operation.meters.all()
            why = why or verdict(_group(counted, "first"), _group(counted, "canary"), self._bounds)
        except Exception as error:  # who cannot be judged does not answer
            why = f"it cannot be judged: {type(error).__name__}"
        if why:
            self.end(why)

    def end(self, why: str) -> None:
        """Answer no more: for one of `REASONS`, by which it is aborted, or another one."""
        if not self.answers:
            return
        self.answers = False
        with suppress(OSError):
            if self._mark:
                self._mark.write_text(why)
        if why in REASONS:
            self._board.numbers[self._board.place(_ABORTED, why)] = 1
        event = "canary aborted" if why in REASONS else "canary ended"
        self._operation.lines.write(event, version=self.served.predictor.scorer.version, why=why)
        self.served.leave()

    def watching(self) -> AbstractAsyncContextManager[None]:
        """Look once a second, until this is left."""
        return again_and_again(self.look, LOOK_SECONDS)


def _group(counted: Mapping[Key, Numbers], of: str) -> Group:
    """Returns what all workers have counted of one group."""
    requests, errors, slow, spread = (
        [int(many) for many in counted[name, (of,)].values.sum(axis=0)]
        for name in (_REQUESTS, _ERRORS, _SLOW, _PREDICTION)
    )
    # They are read one after the other, while workers count.
    return Group(requests[0], min(errors[0], requests[0]), min(slow[0], requests[0]), spread[:-1])


def value_of(served: "Served", scored: Scored) -> float:
    """Returns the answer to the first row as a number; of classes the place of the most likely, and its probability."""
    task, found = served.predictor.scorer.task, scored.found
    if not isinstance(task, ClassesAnswers):
        return float(found[task.parts[0]][0])
    likely = [found[part][0] if part in found else 0.0 for part in task.parts]  # models may know other classes
    return likely.index(max(likely)) + float(max(likely))
