"""Follows a file of events while the server runs."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from recommit.serving.again import again_and_again
from recommit.serving.known import Known
from recommit.serving.refused import Refused

SECONDS = 0.2
"""How long the file is left alone when it has no new line; more make events known later."""
AT_ONCE = 256 * 2**10
"""Bytes that are read at once, and so the longest line; more keep other workers from taking events for longer."""
_log = logging.getLogger("recommit.serving")


@asynccontextmanager
async def following(known: Known, file: Path) -> AsyncIterator[None]:
    """Takes the lines of a file as events meanwhile; lines that are there before are known at once."""
    await _catch_up(known, file)
    seen: tuple[int, int] | None = None

    async def follow() -> None:
        nonlocal seen
        now = _size(file)
        if now != seen and await _catch_up(known, file):
            seen = now

    async with again_and_again(follow, SECONDS):
        yield


async def _catch_up(known: Known, file: Path) -> bool:
    """Takes all that is in the file, and returns whether that was possible."""
    try:
        while await known.follow(file, AT_ONCE):
            pass
    except Exception as error:  # the store is away, which is logged; or a rule of the problem's has failed
        if not isinstance(error, Refused):
            _log.error("--follow: %s", type(error).__name__)
        return False
    return True


def _size(file: Path) -> tuple[int, int] | None:
    """Returns which file there is, and its size; None where there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size
