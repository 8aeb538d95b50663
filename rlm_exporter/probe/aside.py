"""Work that may block for good, as on a dead NFS server, in a thread that the end does not wait for."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import timedelta
from typing import Generic, TypeVar

T = TypeVar("T")


class Aside(Generic[T]):
    """Runs one piece of work at a time. The loop's own threads are few, and a hung one is lost for all.

    Work that was given up is not begun again while it goes on, and what it brings is not lost: the next
    caller waits for it and gets it in place of his own.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._running: Future[T] | None = None

    @property
    def is_idle(self) -> bool:
        """Whether no thread works."""
        return self._running is None or self._running.done()

    def discard(self) -> bool:
        """Forget what work that was given up has brought meanwhile; False while it still goes on."""
        if not self.is_idle:
            return False
        self._running = None
        return True

    async def run(self, work: Callable[[], T], *, limit: timedelta) -> T:
        """What the work returns or raises; TimeoutError where that takes longer.

        RuntimeError where no thread can be started: the machine has no more for us.
        """
        if self._running is None:
            begun = Future[T]()
            begun.set_running_or_notify_cancel()
            threading.Thread(target=_work, args=(work, begun), name=self._name, daemon=True).start()
            self._running = begun
        running = self._running
        if not await _has_ended(running, limit):
            raise TimeoutError
        if self._running is running:
            self._running = None
        return running.result()

    async def outlast(self, *, limit: timedelta) -> bool:
        """Wait for work that was given up, and forget what it brings; False where it goes on for longer."""
        if self._running is not None:
            await _has_ended(self._running, limit)
        return self.discard()


async def _has_ended(running: Future[T], limit: timedelta) -> bool:
    ended = asyncio.wrap_future(running)
    ended.add_done_callback(_look)
    # Which cancels nothing: the thread goes on, whoever gives up on it.
    await asyncio.wait({ended}, timeout=limit.total_seconds())
    return running.done()


def _work(work: Callable[[], T], future: Future[T]) -> None:
    try:
        result = work()
    except BaseException as error:  # noqa: BLE001 - raised again where somebody waits for it
        future.set_exception(error)
    else:
        future.set_result(result)


def _look(ended: asyncio.Future[T]) -> None:
    """Whoever waits looks at the work's own future; asyncio must not complain that nobody looks at its."""
    if not ended.cancelled():
        ended.exception()
