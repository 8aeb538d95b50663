"""The process of one ISV server: checkout, checkin, heartbeat, and its part of rlmstat.

Started by the rlm process alone. Standard input is its tether: lines set its behaviour, the end of it ends
the process, so that no ISV server outlives its rlm. Standard output says when the port listens.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rlm_exporter.errors import FormatError
from rlm_exporter.rlm.status import Checkout
from rlm_exporter.simulator.listener import Listener, read_line, send
from rlm_exporter.simulator.mode import Behaviour, Gate, Mode
from rlm_exporter.simulator.plan import IsvPlan, decimal_version, parse_isv
from rlm_exporter.simulator.protocol import (
    BAD_RESPONSE,
    STATUS_TEXT,
    UNKNOWN_HANDLE,
    Message,
    amount,
    decode,
    encode,
    number,
    refusal,
    text,
)
from rlm_exporter.simulator.records import DebugLog, Ledger, local_now
from rlm_exporter.simulator.seats import Denial, Seat, Seats, Wish
from rlm_exporter.simulator.tally import Tally
from rlm_exporter.simulator.tether import tether_lines
from rlm_exporter.simulator.text import Place, isv_status, pool_status, usage_status

WHY_CHECKED_IN = 1
WHY_CLIENT_EXITED = 2
WHY_POOLS_WITHDRAWN = 8
"""RLM's codes in its report log: by the application, its end, the failed server is back up."""


class IsvServer:
    """Serves one ISV's clients; a seat lives as long as the connection that took it."""

    def __init__(self, *, server: str, plan: IsvPlan, host: str, ledger: Ledger, debug_log: DebugLog) -> None:
        self._server = server
        self._plan = plan
        self._ledger = ledger
        self._debug_log = debug_log
        self._gate = Gate()
        self._seats = Seats(isv=plan.name, products=plan.products)
        self._tally = Tally(("Messages", "Connections", "Checkouts", "Denials", "Removals"), now=local_now())
        self._listener = Listener(host=host, port=plan.port, serve=self._serve)

    async def open(self) -> None:
        """Listen; OSError if the port is taken."""
        await self._listener.open()

    async def behave(self, behaviour: Behaviour) -> None:
        """Change over to this behaviour."""
        self._gate.set(behaviour)
        if behaviour.mode is Mode.NO_POOLS:
            self._seats.withdraw()
            self._listener.cut()
        else:
            self._seats.restore()
        if behaviour.mode is Mode.REFUSE:
            self._listener.close()
        else:
            await self._listener.open()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tally.add("Connections", now=local_now())
        held: set[str] = set()
        try:
            while line := await read_line(reader):
                self._tally.add("Messages", now=local_now())
                await self._gate.passage()
                await send(writer, self._answer(line, held))
        except FormatError:
            return  # not a client of ours: RLM closes without a word
        finally:
            why = WHY_POOLS_WITHDRAWN if self._gate.mode is Mode.NO_POOLS else WHY_CLIENT_EXITED
            for handle in held:
                self._check_in(handle, why=why)

    def _answer(self, line: bytes, held: set[str]) -> Message:
        request = decode(line)
        match text(request, "op"):
            case "checkout":
                return self._check_out(_wish(request), held)
            case "checkin":
                handle = text(request, "handle")
                if handle not in held:
                    return refusal(self._server, UNKNOWN_HANDLE)
                held.discard(handle)
                self._check_in(handle, why=WHY_CHECKED_IN)
                return {"server": self._server}
            case "ping":
                return {"server": self._server}
            case "rlmstat":
                return {"server": self._server, "text": "\n".join(self._rlmstat(request))}
            case _:
                return refusal(self._server, BAD_RESPONSE)

    def _check_out(self, wish: Wish, held: set[str]) -> Message:
        now = local_now()
        outcome = self._seats.check_out(wish, at=now)
        what = f"{wish.product} v{wish.version}"
        if isinstance(outcome, Denial):
            self._tally.add("Denials", now=now)
            self._ledger.write("denial", **_told(wish), why=outcome.code)
            self._debug_log.write(f"DENIED: ({wish.count}) {what} to {wish.user}@{wish.host}")
            self._debug_log.write(f"\t{STATUS_TEXT[outcome.code]}")
            return refusal(self._server, outcome.code)
        self._tally.add("Checkouts", now=now)
        self._ledger.write("checkout", **_told(wish), handle=outcome.handle)
        self._debug_log.write(f"OUT: {what} by {wish.user}@{wish.host}")
        held.add(outcome.handle)
        return {"server": self._server, "handle": outcome.handle}

    def _check_in(self, handle: str, *, why: int) -> None:
        seat = self._seats.check_in(handle)
        if seat is None:
            return
        wish = seat.wish
        self._ledger.write("checkin", **_told(wish), handle=handle, why=why)
        self._debug_log.write(f"IN: {_why_text(why)}{_what(seat)} by {wish.user}@{wish.host}")

    def _rlmstat(self, request: Message) -> list[str]:
        now = local_now()
        isv, place = self._plan.name, Place(host=self._server, port=self._plan.port)
        sections = text(request, "sections").split(",")
        lines: list[str] = []
        if "status" in sections:
            lines += isv_status(isv, place, self._tally.statistics(now=now), now=now)
        if "pools" in sections:
            lines += pool_status(isv, place, self._seats.pools())
        if "usage" in sections:
            matching = tuple(one for one in self._seats.checkouts() if _matches(one, request))
            lines += usage_status(isv, place, matching)
        return lines


def _wish(request: Message) -> Wish:
    version = text(request, "version")
    try:
        decimal_version(version)
    except argparse.ArgumentTypeError as error:
        raise FormatError(str(error)) from error
    return Wish(
        product=text(request, "product"),
        version=version,
        count=max(1, number(request, "count", 1)),
        user=text(request, "user"),
        host=text(request, "host"),
        pid=number(request, "pid"),
    )


def _told(wish: Wish) -> dict[str, object]:
    return {
        "product": wish.product,
        "version": wish.version,
        "count": wish.count,
        "user": wish.user,
        "host": wish.host,
        "pid": wish.pid,
    }


def _what(seat: Seat) -> str:
    return f"{seat.wish.product} v{seat.wish.version}"


def _why_text(why: int) -> str:
    return {WHY_CLIENT_EXITED: "(client exit) ", WHY_POOLS_WITHDRAWN: "(failed server back up) "}.get(why, "")


def _matches(checkout: Checkout, request: Message) -> bool:
    wanted = (
        (text(request, "product"), checkout.product),
        (text(request, "user"), checkout.user),
        (text(request, "host"), checkout.host),
    )
    return all(word in ("", value) for word, value in wanted)


async def _run(options: argparse.Namespace) -> int:
    plan: IsvPlan = options.isv
    ledger = Ledger(options.ledger, server=options.name, isv=plan.name)
    isv = IsvServer(
        server=options.name,
        plan=plan,
        host=options.host,
        ledger=ledger,
        debug_log=DebugLog(options.dlog, speaker=plan.name),
    )
    try:
        await isv.open()
    except OSError as error:
        _tell({"failed": str(error)})
        return 1
    ledger.write("start")
    _tell({"ready": plan.port})
    async for line in tether_lines():
        order = decode(line)
        await isv.behave(Behaviour(mode=Mode(text(order, "mode")), seconds=amount(order, "seconds")))
        _tell({"mode": text(order, "mode")})
    # rlm is gone. End as a killed process does: what is still out gets no IN record, its clients see a cut.
    os._exit(0)


def _tell(message: Message) -> None:
    sys.stdout.buffer.write(encode(message))
    sys.stdout.buffer.flush()


def main(argv: Sequence[str]) -> int:
    """Run one ISV server until its rlm ends."""
    parser = argparse.ArgumentParser(prog="isv")
    parser.add_argument("--name", required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--isv", required=True, type=parse_isv)
    parser.add_argument("--ledger", type=Path)
    parser.add_argument("--dlog", type=Path)
    return asyncio.run(_run(parser.parse_args(argv)))
