"""A fleet of license clients in one process: short visits at a fixed rate, and holders that keep their seat.

Every event goes to a file as one JSON line (`event.py`), so that a test or a drill can ask afterwards who
served whom (`history.py`).
"""

import argparse
import asyncio
import itertools
import os
import random
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from rlm_exporter.simulator.event import ClientKind, Event, EventKind, to_line
from rlm_exporter.simulator.plan import parse_port
from rlm_exporter.simulator.seat import Endpoint, Errand, Line, NoSeatError, Trace, take_seat
from rlm_exporter.simulator.tether import tether_cut

MOST_OPEN_VISITS = 1000
"""Beyond so many the next visit is not begun, and recorded as failed."""
HEARTBEAT_SECONDS = 1.0
SHORTEST_PAUSE, LONGEST_PAUSE = 0.1, 0.5
"""Seconds that a holder without a seat waits between two attempts."""


class Fleet:
    """The clients; `record` gets every event as it happens."""

    def __init__(self, options: argparse.Namespace, *, record: TextIO) -> None:
        self._servers: list[Endpoint] = options.server
        self._isv: str = options.isv
        self._product: str = options.product
        self._version: str = options.version
        self._rate: float = options.rate
        self._hold: float = options.hold
        self._holders: int = options.holders
        self._limit: float = options.timeout
        self._record = record
        self._open_visits = 0

    async def run(self) -> None:
        """Go on until cancelled."""
        async with asyncio.TaskGroup() as group:
            for number in range(self._holders):
                group.create_task(self._keep_seat(self._errand(ClientKind.HOLDER, number)))
            if self._rate > 0:
                await self._send_visits(group)

    async def _send_visits(self, group: asyncio.TaskGroup) -> None:
        """Open loop: visits begin by the clock, however long those before them take."""
        begin = time.monotonic()
        for number in itertools.count():
            await asyncio.sleep(begin + number / self._rate - time.monotonic())
            errand = self._errand(ClientKind.VISIT, number)
            if self._open_visits < MOST_OPEN_VISITS:
                group.create_task(self._visit(errand))
            else:
                self._tell_failed(
                    self._trace(errand, self._servers[0]), "not begun: too many visits are open"
                )

    async def _visit(self, errand: Errand) -> None:
        self._open_visits += 1
        try:
            if (found := await self._find_seat(errand)) is None:
                return
            trace, line, handle = found
            granted = trace.isv_answered or trace.started
            try:
                await line.quiet(self._hold)
                await line.ask({"op": "checkin", "handle": handle})
            except NoSeatError as error:
                self._write(trace.event(error.kind, started=granted, error=str(error)))
            finally:
                line.close()
        finally:
            self._open_visits -= 1

    async def _keep_seat(self, errand: Errand) -> None:
        while True:
            if (found := await self._find_seat(errand)) is None:
                await asyncio.sleep(random.uniform(SHORTEST_PAUSE, LONGEST_PAUSE))
                continue
            trace, line, _ = found
            granted = trace.isv_answered or trace.started
            try:
                while True:
                    await line.quiet(HEARTBEAT_SECONDS)
                    await line.ask({"op": "ping"})
            except NoSeatError as error:
                self._write(trace.event(error.kind, started=granted, error=str(error)))
            finally:
                line.close()

    async def _find_seat(self, errand: Errand) -> tuple[Trace, Line, str] | None:
        """Try the servers in turn; None if no one gives a seat. Each attempt is recorded."""
        for server in self._servers:
            trace = self._trace(errand, server)
            try:
                line, handle = await take_seat(errand, trace)
            except NoSeatError as error:
                self._write(trace.event(error.kind, started=trace.started, error=str(error)))
                continue
            self._write(trace.event(EventKind.SESSION, started=trace.started))
            return trace, line, handle
        return None

    def _errand(self, client: ClientKind, number: int) -> Errand:
        return Errand(
            client=client,
            isv=self._isv,
            product=self._product,
            version=self._version,
            user=f"{client}{number % 100}",
            host=f"ws{number % 40}",
            pid=1000 + number,
            limit=self._limit,
        )

    def _trace(self, errand: Errand, server: Endpoint) -> Trace:
        return Trace(client=errand.client, endpoint=server, started=time.monotonic())

    def _tell_failed(self, trace: Trace, reason: str) -> None:
        self._write(trace.event(EventKind.FAILED, started=trace.started, error=reason))

    def _write(self, event: Event) -> None:
        self._record.write(to_line(event))
        self._record.flush()


def parse_endpoint(argument: str) -> Endpoint:
    """Read `PORT@HOST`."""
    port, at, host = argument.partition("@")
    if not (at and host):
        raise argparse.ArgumentTypeError(f"{argument!r}: PORT@HOST expected")
    return Endpoint(host=host, port=parse_port(port))


async def _run(options: argparse.Namespace, record: TextIO) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    fleet = asyncio.create_task(Fleet(options, record=record).run())
    waiting: set[asyncio.Task[object]] = {asyncio.create_task(stop.wait())}
    if options.tethered:
        waiting.add(asyncio.create_task(tether_cut()))
    sys.stdout.write(f"ready clients pid={os.getpid()}\n")
    sys.stdout.flush()
    await asyncio.wait({fleet, *waiting}, return_when=asyncio.FIRST_COMPLETED)
    for task in (fleet, *waiting):
        task.cancel()
    await asyncio.wait({fleet, *waiting})
    if not fleet.cancelled():
        fleet.result()  # raises what ended it
    return 0


_ABOUT = """\
A fleet of license clients in one process: short visits at a fixed rate, and
holders that keep their seat. Every event goes to a file, as one line of JSON.
"""
_EXAMPLE = """\
Example:
  rlm-ha simulate clients --server 5053@127.0.0.1 --isv acme --product solver \\
      --holders 3 --record events
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rlm-ha simulate clients",
        description=_ABOUT,
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--server", required=True, action="append", type=parse_endpoint, metavar="PORT@HOST",
        help="where to ask; repeated for those to try when the one before does not give a seat",
    )  # fmt: skip
    parser.add_argument("--isv", required=True, help="the ISV server's name")
    parser.add_argument("--product", required=True)
    parser.add_argument("--version", default="1.0", help="the version asked for (%(default)s)")
    parser.add_argument("--rate", type=float, default=0.0, help="short visits a second (%(default)s)")
    parser.add_argument(
        "--hold", type=float, default=0.1, help="seconds a visit keeps its seat (%(default)s)"
    )
    parser.add_argument("--holders", type=int, default=0, help="clients that keep their seat (%(default)s)")
    parser.add_argument("--timeout", type=float, default=2.0, help="seconds for each answer (%(default)s)")
    parser.add_argument("--record", required=True, type=Path, metavar="FILE", help="JSON lines, appended")
    parser.add_argument("--tethered", action="store_true", help="stop when standard input is closed")
    return parser


def main(argv: Sequence[str]) -> int:
    """Run the fleet in the foreground, until a signal."""
    options = _parser().parse_args(argv)
    with options.record.open("a", encoding="utf-8") as record:
        return asyncio.run(_run(options, record))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
