"""Work that is done beside the requests, over and over, while the server runs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager


@asynccontextmanager
async def again_and_again(work: Callable[[], Awaitable[object] | None], seconds: float = 0) -> AsyncIterator[None]:
    """Calls `work`, and waits for what it returns; `seconds` later once more, until this is left."""

    async def go_on() -> None:
        while True:
            if (waited := work()) is not None:
                await waited
            await asyncio.sleep(seconds)

    task = asyncio.create_task(go_on())
    yield
    task.cancel()
    await asyncio.wait([task])
