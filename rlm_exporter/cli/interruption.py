"""Work that is ended in good order by every signal that asks a command to end, as by Ctrl-C."""

import asyncio
import contextlib
import signal
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

import click

from rlm_exporter.cli.printable import printable

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


@contextlib.contextmanager
def left_in_good_order() -> Iterator[None]:
    """The same for work without an event loop; raises Interrupted. It is left as by Ctrl-C.

    What it then does in `finally` is cut short by no further signal.
    """
    caught = list[signal.Signals]()

    def take(number: int, _frame: object) -> None:
        caught.append(signal.Signals(number))
        if len(caught) == 1:
            raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in ENDING}
    # What is ignored stays ignored: nohup does that.
    taken = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    for number in taken:
        signal.signal(number, take)
    try:
        yield
    except KeyboardInterrupt:
        if not caught:
            raise
        raise Interrupted(caught[0], ()) from None
    finally:
        for number in taken:
            signal.signal(number, before[number])


def tell_interrupted(interrupted: Interrupted) -> int:
    """Say by what it ended and what the work said of it; the exit code."""
    # Its terminal may be what is gone.
    with contextlib.suppress(OSError):
        for text in (f"ended by {interrupted.number.name}", *interrupted.notes):
            click.echo(printable(text), err=True)
    return interrupted.exit_code


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
