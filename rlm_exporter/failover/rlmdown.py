"""Fences a server by RLM's own means: `rlmutil rlmdown`, at the server's address and never a balancer's.

What rlmutil says of it is documented nowhere, nor its exit status. What counts is whether the server's ports
still take connections, asked by bare connects: rlm logs an error for every byte that it does not expect.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from rlm_exporter.errors import ProbeError
from rlm_exporter.failover.calls import Called
from rlm_exporter.failover.ports import Clock, Rlmutil, TcpProbe
from rlm_exporter.manifest.model import Server
from rlm_exporter.probe.result import Failure, FailureReason
from rlm_exporter.probe.rlmutil_program import first_line
from rlm_exporter.rlm.address import Endpoint, format_host_port

OUTPUT_LIMIT = 64 * 1024
"""Bytes; rlmdown says a few lines, and is not to be killed while it works."""

CONNECT_LIMIT = timedelta(seconds=1)
"""For one port: a server on the same network takes or refuses within milliseconds."""

RESERVE = timedelta(seconds=2)
"""Of the limit: rlmutil has to have ended by then, so that somebody can still look."""

STAYS_AWAY = 1.5
"""Seconds for which nothing may listen again. systemd starts a unit after 0.1 s unless RestartSec says more;
clients wait meanwhile, so it is not longer."""

PACE = 0.1
"""Seconds between two looks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """One look at all ports of a server."""

    taken: tuple[str, ...]
    """Those that took a connection, as `host:port`."""
    unknown: str | None
    """Why one of the others is not known to be closed."""

    @property
    def are_closed(self) -> bool:
        """Whether nothing listens, beyond doubt."""
        return not self.taken and self.unknown is None


class Rlmdown:
    """Stops RLM servers."""

    def __init__(self, *, rlmutil: Rlmutil, tcp_probe: TcpProbe, clock: Clock) -> None:
        self._rlmutil = rlmutil
        self._tcp_probe = tcp_probe
        self._clock = clock

    async def __call__(self, server: Server, *, limit: timedelta) -> Called:
        """Went well when it was told, and nothing of it listens any more; always ends within the limit."""
        end = self._clock.monotonic() + limit.total_seconds()
        try:
            refusal = await self._why_unreachable(server)
            if refusal is None:
                left = timedelta(seconds=end - self._clock.monotonic())
                said = await self._tell(server, left - RESERVE)
                if not isinstance(said, Failure):
                    return await self._watch(server, said, end)
                refusal = said.detail
        except ProbeError as error:
            refusal = str(error)
        return _failed(f"{server.name} could not be told to stop: {refusal}")

    async def _why_unreachable(self, server: Server) -> str | None:
        """Why there is nobody to be told; rlmutil would try for seconds."""
        result = await self._tcp_probe.probe(server.host, server.port, timeout=CONNECT_LIMIT)
        if result.failure is None:
            return None
        rest = await self._look(server, CONNECT_LIMIT)
        return result.failure.detail + (f", yet {_listed(rest.taken)}" if rest.taken else "")

    async def _tell(self, server: Server, timeout: timedelta) -> str | Failure:
        """What rlmutil said, or what became of it; a failure where it cannot be started."""
        arguments = ("rlmdown", "RLM", "-q", "-c", f"{server.port}@{server.host}")
        ended = await self._rlmutil.run(*arguments, timeout=timeout, limit=OUTPUT_LIMIT)
        if isinstance(ended, Failure):
            return ended
        if ended.cut is not None:
            return f"rlmutil did not end within {timeout.total_seconds():.1f} s and was killed"
        said = _last_line(ended.output) or first_line(ended.errors)
        return f"rlmutil ended with {ended.status}" + (f": {said}" if said else "")

    async def _watch(self, server: Server, said: str, end: float) -> Called:
        """See the ports close and stay closed."""
        gone_at: float | None = None
        while True:
            left = timedelta(seconds=max(end - self._clock.monotonic(), PACE))
            ports = await self._look(server, min(CONNECT_LIMIT, left))
            now = self._clock.monotonic()
            if gone_at is not None and ports.taken:
                return _failed(
                    f"{server.name} stopped, and {now - gone_at:.1f} s later {_listed(ports.taken)} again: "
                    "something starts it anew (systemd's Restart=); a fence has to stop the service itself"
                )
            if ports.are_closed:
                gone_at = gone_at if gone_at is not None else now
                if now - gone_at >= STAYS_AWAY or now + PACE >= end:
                    told = f"{server.name} was told to stop; nothing has listened for {now - gone_at:.1f} s"
                    return Called(went_well=True, detail=told)
            elif now + PACE >= end:
                return _failed(f"{server.name} did not stop: {_still(ports)} ({said})")
            await self._clock.sleep(PACE)

    async def _look(self, server: Server, limit: timedelta) -> Ports:
        numbers = (server.port, *(port for _, port in server.isv_ports))
        results = await asyncio.gather(
            *(self._tcp_probe.probe(server.host, number, timeout=limit) for number in numbers)
        )
        pairs = list(zip(numbers, (result.failure for result in results), strict=True))
        unsure = [
            failure.detail
            for _, failure in pairs
            if failure is not None and failure.reason is not FailureReason.REFUSED
        ]
        return Ports(
            taken=tuple(
                format_host_port(Endpoint(port=number, host=server.host))
                for number, failure in pairs
                if failure is None
            ),
            unknown=unsure[0] if unsure else None,
        )


def _still(ports: Ports) -> str:
    if ports.taken:
        return f"{_listed(ports.taken)} as before"
    return f"it is not known to be gone: {ports.unknown}"


def _listed(taken: tuple[str, ...]) -> str:
    return f"{' and '.join(taken)} {'takes' if len(taken) == 1 else 'take'} connections"


def _last_line(text: bytes) -> str:
    """rlmutil's banner comes first."""
    return first_line(text.strip().rpartition(b"\n")[2])


def _failed(detail: str) -> Called:
    return Called(went_well=False, detail=detail)
