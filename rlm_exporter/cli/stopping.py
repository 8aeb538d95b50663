"""Lets a command that has begun something end it, when a signal wants the command to end."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def stopping(tell: Callable[[str], None]) -> Iterator[asyncio.Event]:
    """Set by the first signal that ends programs; a second one cancels the running task.

    A lost terminal is one of them: a drill that died of it would leave clients on the standby.
    """
    loop, task, stop = asyncio.get_running_loop(), asyncio.current_task(), asyncio.Event()

    def hear() -> None:
        if not stop.is_set():
            stop.set()
            tell("Stopping: clients are brought back first. Once more leaves them where they are.")
        elif task is not None:
            task.cancel()

    # What nohup has switched off stays off.
    heard = [each for each in SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]
    for each in heard:
        loop.add_signal_handler(each, hear)
    try:
        yield stop
    finally:
        for each in heard:
            loop.remove_signal_handler(each)
