"""Work that is ended in good order by every signal that asks a command to end, as by Ctrl-C."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C; a service manager or the machine's end; a terminal or an ssh session that is gone."""


class Interrupted(Exception):  # noqa: N818 - it is no error
    """The work was cancelled by a signal, and has left what it holds as it ought to."""

    def __init__(self, number: signal.Signals, notes: tuple[str, ...]) -> None:
        super().__init__(number.name)
        self.number = number
        self.notes = notes
        """What the work said of it."""

    @property
    def exit_code(self) -> int:
        """As shells count it."""
        return 128 + self.number


def run_to_good_order(work: Coroutine[Any, Any, T]) -> T:
    """Run it; raises Interrupted. The first signal cancels it, and no other cuts short what it then does."""
    return asyncio.run(_cancelled_by_signals(work))


async def _cancelled_by_signals(work: Coroutine[Any, Any, T]) -> T:
    task, caught = asyncio.ensure_future(work), list[signal.Signals]()

    def take(number: signal.Signals) -> None:
        if not caught:
            task.cancel()
        caught.append(number)

    loop = asyncio.get_running_loop()
    # What is ignored stays ignored: nohup does that.
    taken = [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    for number in taken:
        loop.add_signal_handler(number, take, number)
    try:
        return await task
    except asyncio.CancelledError as error:
        if not caught:
            raise
        raise Interrupted(caught[0], tuple(getattr(error, "__notes__", ()))) from None
    finally:
        for number in taken:
            loop.remove_signal_handler(number)
