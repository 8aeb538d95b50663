"""The port of an ISV server: checkout, checkin, heartbeat, rlmremove, and its part of rlmstat."""

import argparse
import asyncio
from pathlib import Path

from rlm_exporter.errors import FormatError
from rlm_exporter.simulator.clock import LocalClock
from rlm_exporter.simulator.desk import Desk, Why
from rlm_exporter.simulator.listener import Listener, read_line, send
from rlm_exporter.simulator.mode import Behaviour, Gate, Mode
from rlm_exporter.simulator.plan import decimal_version
from rlm_exporter.simulator.protocol import (
    BAD_RESPONSE,
    UNKNOWN_HANDLE,
    Message,
    decode,
    number,
    refusal,
    text,
)
from rlm_exporter.simulator.seats import Denial, UsageLine
from rlm_exporter.simulator.style import Wording
from rlm_exporter.simulator.text import Place, isv_status, pool_status, usage_status
from rlm_exporter.simulator.wish import Wish


class IsvPort:
    """Serves one ISV's clients; a seat lives as long as the connection that took it."""

    def __init__(
        self, *, server: str, isv: str, host: str, port: int, desk: Desk, wording: Wording, clock: LocalClock
    ) -> None:
        self._server = server
        self._isv = isv
        self._desk = desk
        self._wording = wording
        self._clock = clock
        self._gate = Gate()
        self._listener = Listener(host=host, port=port, serve=self._serve)
        self._holders: dict[str, asyncio.StreamWriter] = {}
        self._waits_for_primary = False

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._listener.port

    async def open(self) -> None:
        """Listen; OSError if the port is taken."""
        await self._listener.open()

    async def behave(self, behaviour: Behaviour) -> None:
        """Change over to this behaviour."""
        self._gate.set(behaviour)
        self._settle_pools()
        if behaviour.mode is Mode.REFUSE:
            self._listener.close()
        else:
            await self._listener.open()

    def stand_by(self, waiting: bool) -> None:
        """Have no pools while the primary server is there, as a standby with a failover license."""
        self._waits_for_primary = waiting
        self._settle_pools()

    def _settle_pools(self) -> None:
        if self._waits_for_primary or self._gate.mode is Mode.NO_POOLS:
            self._desk.withdraw()
            self._listener.cut()
        else:
            self._desk.restore()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._desk.count("Connections")
        held: set[str] = set()
        try:
            while line := await read_line(reader):
                self._desk.count("Messages")
                await self._gate.passage()
                await send(writer, self._answer(line, held, writer))
        except FormatError:
            return  # not a client of ours: RLM closes without a word
        finally:
            for handle in held:
                self._holders.pop(handle, None)
                self._desk.check_in(handle, why=Why.CLIENT_EXITED)

    def _answer(self, line: bytes, held: set[str], writer: asyncio.StreamWriter) -> Message:
        request = decode(line)
        match text(request, "op"):
            case "checkout":
                outcome = self._desk.check_out(_wish(request))
                if isinstance(outcome, Denial):
                    return refusal(self._server, outcome.code)
                held.add(outcome.handle)
                self._holders[outcome.handle] = writer
                return {"server": self._server, "handle": outcome.handle}
            case "checkin":
                handle = text(request, "handle")
                if handle not in held or not self._desk.check_in(handle, why=Why.CHECKED_IN):
                    return refusal(self._server, UNKNOWN_HANDLE)
                held.discard(handle)
                self._holders.pop(handle, None)
                return {"server": self._server}
            case "remove":
                return self._remove(text(request, "handle").lower())
            case "ping":
                return {"server": self._server}
            case "switch":
                done = self._desk.switch_report_log(Path(text(request, "path")))
                return {"server": self._server} if done else refusal(self._server, BAD_RESPONSE)
            case "rlmstat":
                return {"server": self._server, "text": "\n".join(self._rlmstat(request))}
            case "avail":
                return {"server": self._server, "free": self._free(text(request, "product"))}
            case _:
                return refusal(self._server, BAD_RESPONSE)

    def _remove(self, handle: str) -> Message:
        """Take a seat from its client, who then sees the connection end."""
        denial = self._desk.remove(handle)
        if denial is not None:
            return refusal(self._server, denial.code)
        holder = self._holders.pop(handle, None)
        if holder is not None and holder not in self._holders.values():
            holder.transport.abort()
        return {"server": self._server}

    def _free(self, product: str) -> list[Message]:
        """Reserved seats are not free for everybody; what is not counted has no number."""
        return [
            {
                "product": line.pool.product,
                "version": line.pool.version,
                "free": line.free,
            }
            for line in self._desk.pools()
            if product in ("", line.pool.product) and not line.pool.token
        ]

    def _rlmstat(self, request: Message) -> list[str]:
        place = Place(host=self._server, port=self.port)
        sections = text(request, "sections").split(",")
        lines: list[str] = []
        if "status" in sections:
            lines += isv_status(
                self._isv, place, self._desk.statistics(), now=self._clock.now(), wording=self._wording,
                report_log=self._desk.report_log_name,
            )  # fmt: skip
        if "pools" in sections:
            lines += pool_status(self._isv, place, self._desk.pools(), wording=self._wording)
        if "usage" in sections:
            lines += usage_status(
                self._isv, place, [one for one in self._desk.usage() if _matches(one, request)],
                wording=self._wording, with_isv_data="isv-data" in sections,
            )  # fmt: skip
        return lines


def _wish(message: Message) -> Wish:
    version = text(message, "version")
    try:
        decimal_version(version)
    except argparse.ArgumentTypeError as error:
        raise FormatError(str(error)) from error
    return Wish(
        product=text(message, "product"),
        version=version,
        count=max(1, number(message, "count", 1)),
        user=text(message, "user"),
        host=text(message, "host"),
        pid=number(message, "pid"),
        isv_def=text(message, "isv_def"),
        last_attempt=number(message, "last_attempt", 1) != 0,
    )


def _matches(line: UsageLine, request: Message) -> bool:
    wanted = (
        (text(request, "product"), line.checkout.product),
        (text(request, "user"), line.checkout.user),
        (text(request, "host"), line.checkout.host),
    )
    return all(word in ("", value) for word, value in wanted)
