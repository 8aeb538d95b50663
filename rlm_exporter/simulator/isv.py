"""The process of one ISV server.

Started by the rlm process alone. Standard input is its tether: the first line says what it is, further
lines are orders, the end of it ends the process, so that no ISV server outlives its rlm. Standard output
says when the port listens, and when an order has been carried out.
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from rlm_exporter.errors import FormatError
from rlm_exporter.simulator.clock import LocalClock
from rlm_exporter.simulator.desk import Books, Desk
from rlm_exporter.simulator.isv_port import IsvPort
from rlm_exporter.simulator.mode import Behaviour, Mode
from rlm_exporter.simulator.plan import IsvPlan
from rlm_exporter.simulator.protocol import Message, amount, decode, encode, text
from rlm_exporter.simulator.records import DebugLog, Ledger
from rlm_exporter.simulator.scenario import read_isv
from rlm_exporter.simulator.style import Style
from rlm_exporter.simulator.tether import tether_lines

STAMP_SECONDS = 1800
"""How often a report log says what day it is."""
MIDNIGHT = ("automatic", "midnight")
"""In whose name RLM reads its license files again each midnight."""


class IsvProcess:
    """One ISV server with its port, its desk and its habits."""

    def __init__(self, setup: Message) -> None:
        self._name = text(setup, "name")
        plan = _plan(setup.get("isv"))
        ledger, dlog = text(setup, "ledger"), text(setup, "dlog")
        clock = LocalClock(timedelta(seconds=amount(setup, "ahead")))
        wording = Style(text(setup, "style")).wording
        books = Books(
            ledger=Ledger(Path(ledger) if ledger else None, server=self._name, isv=plan.name),
            debug_log=DebugLog(Path(dlog) if dlog else None, speaker=plan.name, clock=clock),
            clock=clock,
        )
        self._clock = clock
        self._desk = Desk(server=self._name, plan=plan, wording=wording, books=books)
        self._port = IsvPort(
            server=self._name, isv=plan.name, host=text(setup, "host"), port=plan.port, desk=self._desk,
            wording=wording, clock=clock,
        )  # fmt: skip

    async def start(self) -> int:
        """Listen; returns the port. OSError if it is taken."""
        await self._port.open()
        self._desk.open()
        return self._port.port

    async def obey(self, order: Message) -> bool:
        """Carry out one order of rlm's; True if it was the last."""
        user, host = text(order, "user"), text(order, "host")
        match text(order, "op"):
            case "behave":
                await self._port.behave(
                    Behaviour(mode=Mode(text(order, "mode")), seconds=amount(order, "seconds"))
                )
            case "stand-by":
                self._port.stand_by(text(order, "waiting") == "yes")
            case "reread":
                plan = order.get("isv")
                self._desk.reread(None if plan is None else _plan(plan).products, user=user, host=host)
            case "shutdown":
                self._desk.close(user, host)
                return True
            case unknown:
                raise FormatError(f"no such order: {unknown!r}")
        return False

    async def keep_the_date(self) -> None:
        """For ever: read the licenses again each midnight, and date the report log now and then."""
        while True:
            midnight = self._clock.until_midnight()
            await asyncio.sleep(min(midnight, STAMP_SECONDS))
            self._desk.stamp()
            if midnight <= STAMP_SECONDS:
                user, host = MIDNIGHT
                self._desk.reread(None, user=user, host=host)


def _plan(document: object) -> IsvPlan:
    if not isinstance(document, Mapping):
        raise FormatError("isv: keys and values expected")
    return read_isv(document, folder=Path())


async def _run() -> int:
    lines = aiter(tether_lines())
    process = IsvProcess(decode(await anext(lines)))
    try:
        port = await process.start()
    except OSError as error:
        _tell({"failed": str(error)})
        return 1
    _tell({"ready": port})
    habits = asyncio.create_task(process.keep_the_date())
    async for line in lines:
        last = await process.obey(decode(line))
        _tell({"done": "yes"})
        if last:
            break
    # rlm is gone, or says so. What is still out gets no IN record, and its clients see a cut.
    habits.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await habits
    os._exit(0)


def _tell(message: Message) -> None:
    sys.stdout.buffer.write(encode(message))
    sys.stdout.buffer.flush()


def main(argv: Sequence[str]) -> int:
    """Run one ISV server until its rlm ends; there are no arguments."""
    del argv
    return asyncio.run(_run())
