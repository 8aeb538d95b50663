"""rlm's main port: where an ISV server is, rlm's part of rlmstat, and rlmdown."""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Protocol

from rlm_exporter.errors import FormatError
from rlm_exporter.simulator.children import IsvChild
from rlm_exporter.simulator.clock import LocalClock
from rlm_exporter.simulator.listener import read_line, send
from rlm_exporter.simulator.mode import Gate
from rlm_exporter.simulator.protocol import BAD_RESPONSE, NO_SERVER, Message, decode, refusal, text
from rlm_exporter.simulator.records import DebugLog
from rlm_exporter.simulator.style import Wording
from rlm_exporter.simulator.tally import Tally
from rlm_exporter.simulator.text import Place, isv_table, rlm_status

HTTP_METHODS = (
    b"GET ",
    b"HEAD ",
    b"POST ",
    b"PUT ",
    b"DELETE ",
    b"OPTIONS ",
    b"CONNECT ",
    b"TRACE ",
    b"PATCH ",
)
FOREIGN_LIMIT_SECONDS = 1
"""How long to wait for the rest of a request that is not ours."""


class Rlm(Protocol):
    """What rlm does when it is asked to; `isv` "" means all."""

    async def shut_down(self, isv: str, *, user: str, host: str) -> None:
        """End one ISV server, or everything."""

    async def reread(self, isv: str, *, user: str, host: str) -> None:
        """Read the license file again."""


class Action(Protocol):
    """One of the two."""

    async def __call__(self, isv: str, /, *, user: str, host: str) -> None:
        """Do it."""


class MainPort:
    """Answers on the main port. `host_line` is the name handed to clients, "" for the one they used."""

    def __init__(
        self,
        *,
        place: Place,
        host_line: str,
        children: Mapping[str, IsvChild],
        gate: Gate,
        debug_log: DebugLog,
        rlm: Rlm,
        wording: Wording,
        clock: LocalClock,
    ) -> None:
        self._place = place
        self._host_line = host_line
        self._children = children
        self._gate = gate
        self._debug_log = debug_log
        self._rlm = rlm
        self._wording = wording
        self._clock = clock
        self._tally = Tally(("Messages", "Connections"), now=clock.now())

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection; one that sends nothing, as a balancer's check does, is not logged."""
        self._tally.add("Connections", now=self._clock.now())
        while first := await reader.read(1):
            line = first + await self._rest(reader, first)
            try:
                request = decode(line)
            except FormatError:
                self._complain(line, writer.get_extra_info("peername"))
                return
            self._tally.add("Messages", now=self._clock.now())
            await self._gate.passage()
            try:
                reply = await self._answer(request)
            except FormatError:
                reply = refusal(self._place.host, BAD_RESPONSE)
            await send(writer, reply)

    async def _rest(self, reader: asyncio.StreamReader, first: bytes) -> bytes:
        if first == b"{":
            return await read_line(reader)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FOREIGN_LIMIT_SECONDS):
                return await reader.read(4096)
        return b""

    def _complain(self, request: bytes, peer: tuple[str, int]) -> None:
        address = peer[0] if ":" in peer[0] else f"::ffff:{peer[0]}"
        what = "HTTP request on main port" if request.startswith(HTTP_METHODS) else "Bad request"
        self._debug_log.write(f"ERROR: {what} from IP [{address}]:{peer[1]}")
        if what == "Bad request":
            self._debug_log.write(f"Request: {request.hex(' ')}")

    async def _answer(self, request: Message) -> Message:
        server = self._place.host
        match text(request, "op"):
            case "isv":
                child = self._children.get(text(request, "isv"))
                if child is None or not child.row.running:
                    return refusal(server, NO_SERVER)
                return {"server": server, "host": self._host_line, "port": child.port}
            case "rlmstat":
                return self._rlmstat()
            case "shutdown":
                return await self._for_isv(request, self._rlm.shut_down, "Shutdown request by {}")
            case "reread":
                return await self._for_isv(request, self._rlm.reread, "==== Reread request by {} ====")
            case _:
                return refusal(server, BAD_RESPONSE)

    def _rlmstat(self) -> Message:
        now = self._clock.now()
        rows = tuple(child.row for child in self._children.values())
        lines = rlm_status(self._place, self._tally.statistics(now=now), now=now, wording=self._wording)
        lines += isv_table(rows, wording=self._wording)
        return {
            "server": self._place.host,
            "text": "\n".join(lines),
            "host": self._host_line,
            "isvs": [{"name": row.name, "port": row.port} for row in rows if row.running],
        }

    async def _for_isv(self, request: Message, action: Action, logged: str) -> Message:
        isv, user, host = (text(request, key) for key in ("isv", "user", "host"))
        if isv and isv not in self._children:
            return refusal(self._place.host, NO_SERVER)
        self._debug_log.write(logged.format(f"{user}@{host}"))
        await action(isv, user=user, host=host)
        return {"server": self._place.host}
