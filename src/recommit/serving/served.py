"""One model with its routes, from the first request that it gets to the last one that it answers."""

import re
from collections.abc import Iterable
from typing import Any

from recommit.serving.guard import App, Scope, Send
from recommit.serving.ledger import Ledger
from recommit.serving.limits import Receive
from recommit.serving.predictor import Predictor


class Served:
    """Answers by one model. A request that has begun with it ends with it, also after another one has its place."""

    def __init__(self, app: Any, predictor: Predictor, ledger: Ledger, paths: Iterable[re.Pattern[str]] = ()) -> None:
        """Begin with no request; `ledger` is ended when the last one is answered after `leave`.

        `paths` are those under which is asked for predictions.
        """
        self.predictor, self.ledger = predictor, ledger
        self._app: App = app
        self._paths = tuple(paths)
        self._asked, self._left = 0, False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        self._asked += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._asked -= 1
            self._end()

    def predicts(self, path: str) -> bool:
        """Whether predictions are asked for under `path`."""
        return any(one.match(path) for one in self._paths)

    def leave(self) -> None:
        """No request comes any more."""
        self._left = True
        self._end()

    def _end(self) -> None:
        if self._left and not self._asked:
            self._left = False
            self.ledger.end()
