"""Work that may block for good, as on a dead NFS server, in a thread that the end does not wait for."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import timedelta
from typing import Generic, TypeVar

T = TypeVar("T")


class Aside(Generic[T]):
    """Runs one piece of work at a time. The loop's own threads are few, and a hung one is lost for all."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._running: Future[T] | None = None

    async def run(self, work: Callable[[], T], *, limit: timedelta) -> T:
        """What the work returns or raises; TimeoutError where it takes longer, or what was begun before
        has not ended yet."""
        if self._running is not None and not self._running.done():
            raise TimeoutError
        self._running = future = Future[T]()
        future.set_running_or_notify_cancel()
        threading.Thread(target=_work, args=(work, future), name=self._name, daemon=True).start()
        async with asyncio.timeout(limit.total_seconds()):
            # Shielded: the thread goes on, whoever gives up on it.
            return await asyncio.shield(asyncio.wrap_future(future))


def _work(work: Callable[[], T], future: Future[T]) -> None:
    try:
        result = work()
    except BaseException as error:  # noqa: BLE001 - raised again where somebody waits for it
        future.set_exception(error)
    else:
        future.set_result(result)
