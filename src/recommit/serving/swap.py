"""Follows a stage of the registry: serves the version that has it, as soon as that is another one, without a pause."""

import asyncio
import math
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from recommit import Refusal
from recommit.batch.scorer import Scorer, load_scorer
from recommit.project.git import common
from recommit.registry.entry import File
from recommit.registry.files import MODEL, collected, places
from recommit.registry.resolve import held
from recommit.serving.again import again_and_again
from recommit.serving.app import Routes, served
from recommit.serving.example import example_row
from recommit.serving.guard import Guard
from recommit.serving.hosts.contract import Contract
from recommit.serving.known import give_back
from recommit.serving.limits import Limits
from recommit.serving.operation import Operation, refuse_golden
from recommit.serving.predictor import Predictor
from recommit.serving.refs import State, states, tags
from recommit.serving.refused import Refused, one_line
from recommit.serving.served import Served

LOOK_SECONDS = 1.0
"""How often is looked whether a tag has changed."""
AGAIN_SECONDS = 60.0
"""When one that was refused is looked at again, though nothing has changed: its fault may have been another one's."""
_PATH = re.compile(r"(?<![\w.])/[^\s:,;)]*/")
Made = TypeVar("Made")


class Swap:
    """Keeps `guard` answering by the version that has `stage` in the clone at `root`; `look` looks once.

    A version is taken from this clone alone, never from the network, and is checked as a server does at its begin. One
    that does not pass changes nothing; it is looked at again when a tag or one of its files is another one, and now and
    then. `example` is a row that is answered, `contract` a host's. `taken` is told of a model that is served from now
    on.
    """

    def __init__(
        self,
        guard: Guard,
        root: Path,
        stage: str,
        example: dict[str, Any] | None,
        limits: Limits,
        contract: Contract | None = None,
        taken: Callable[[Scorer], None] = lambda _: None,
    ) -> None:
        """Raises `Refusal` where there is no clone at `root`, or no Git to read it."""
        self._guard, self._root, self._stage, self._limits = guard, root, stage, limits
        self._example, self._taken, self._git = example, taken, common(root)
        self._contract = contract
        self._seen: tuple[State, State] | None = None
        self._awaited: list[Path] = []
        self._had = False
        self._again = math.inf
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="swap")

    async def look(self) -> None:
        """Serve the version that has the stage, if it is another one, and is in order."""
        now = tags(self._git), states(self._awaited)
        if now == self._seen and time.monotonic() < self._again:
            return
        self._seen, self._again = now, math.inf
        said: dict[str, Any] = {}
        try:
            found = await self._aside(lambda: held(self._root, self._stage))
            if found is None and self._had:
                raise Refusal(f"no tag gives the stage {self._stage} any more")
            if found is not None:
                self._had, said["version"] = True, found[0]
                await self._follow(*found)
        except Exception as error:  # whatever it is, what is served goes on
            self._again = time.monotonic() + AGAIN_SECONDS
            self._not_taken(error, said)
        else:
            self._guard.operation.meters.measure("recommit_model_not_taken", 0)

    async def _follow(self, version: str, files: Mapping[str, File]) -> None:
        scorer = self._guard.served.predictor.scorer
        if (version, files[MODEL].sha256) == (scorer.version, scorer.sha256):
            return self._await([])
        self._await(await self._aside(lambda: places(self._root, files)))
        app = await self._made(await self._aside(lambda: _loaded(self._root, version, files)))
        self._await([])
        before, self._guard.served = self._guard.served, app
        operation, new = self._guard.operation, app.predictor.scorer
        operation.predictor = app.predictor
        operation.meters.add("recommit_swaps_total", "taken")
        operation.lines.write("swapped", version=new.version, sha256=new.sha256, before=before.predictor.scorer.version)
        before.leave()
        if operation.canary:
            operation.canary.end("another version is served")
        self._taken(new)
        await self._aside(give_back)

    async def _made(self, scorer: Scorer) -> Served:
        """Returns the model with its routes, once it has answered golden rows and the example."""
        operation = self._guard.operation
        predictor = await self._aside(lambda: _checked(self._guard.served.predictor, scorer))
        if predictor.from_history:  # what is known belongs to this thread
            example = _example(predictor, self._example)
        else:
            example = await self._aside(lambda: _example(predictor, self._example), operation.thread)
        if example is None and self._example is not None:
            raise Refusal("it answers no row that it was tried with")
        routes = partial(Routes, predictor, example, self._limits, contract=self._contract, operation=operation)
        return await self._aside(lambda: served(routes()))

    def _await(self, files: list[Path]) -> None:
        """Look from now on whether one of `files` changes, too."""
        self._awaited = files
        self._seen = (self._seen[0] if self._seen else (), states(files))

    def _not_taken(self, error: Exception, said: Mapping[str, Any]) -> None:
        operation = self._guard.operation
        operation.meters.add("recommit_swaps_total", "refused")
        operation.meters.measure("recommit_model_not_taken", 1)
        operation.lines.write("not swapped", stage=self._stage, **said, why=_why(error))

    async def _aside(self, work: Callable[[], Made], executor: Executor | None = None) -> Made:
        return await asyncio.get_running_loop().run_in_executor(executor or self._thread, work)


def swapping(swap: Swap) -> AbstractAsyncContextManager[None]:
    """Looks once a second, until it is left."""
    return again_and_again(swap.look, LOOK_SECONDS)


@asynccontextmanager
async def not_following(operation: Operation, stage: str, why: Refusal) -> AsyncIterator[None]:
    """Says once that nothing looks whether the stage is given to another version."""
    operation.lines.write("not following", stage=stage, why=_why(why))
    yield


def _why(error: Exception) -> str:
    """Returns the reason without paths of the server."""
    return _PATH.sub("", one_line(str(error))) if isinstance(error, Refusal) else type(error).__name__


def _loaded(root: Path, version: str, files: Mapping[str, File]) -> Scorer:
    return load_scorer(collected(root, files, fetching=False), version)


def _checked(before: Predictor, scorer: Scorer) -> Predictor:
    predictor = before.by(scorer)
    refuse_golden(predictor)
    return predictor


def _example(predictor: Predictor, before: dict[str, Any] | None) -> dict[str, Any] | None:
    """Returns the row `before` if it is answered, else another one that is, or None."""
    if before is not None:
        with suppress(Refused):
            predictor.predict([before])
            return before
    return example_row(predictor)
