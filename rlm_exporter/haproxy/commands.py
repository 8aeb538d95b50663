"""What a balancer is told, one intention at a time. Order matters.

The others are held *before* the wanted one is made ready, because the first accepted command ends a new
worker's hold on connections; only a wanted server that is itself held is readied first, so that there is
never a moment with nobody.
"""

import asyncio
import contextlib

from rlm_exporter.errors import CommandRefusedError, LoadBalancerError
from rlm_exporter.haproxy.ports import Clock, DirectProbe, Reach, StatsPage
from rlm_exporter.haproxy.stats_page import Action
from rlm_exporter.haproxy.view import AdminState, BalancerView
from rlm_exporter.haproxy.watch import Watch

TABLE_LIMIT = 0.3
TABLE_PAUSE = 0.01
"""Seconds to wait for the table to name a server, and between two looks; it takes a millisecond."""


class Commands:
    """Commands to one balancer, under an epoch. Every method raises LoadBalancerError, StaleEpochError."""

    def __init__(
        self,
        *,
        page: StatsPage,
        watch: Watch,
        servers: tuple[str, ...],
        host: str,
        ports: tuple[int, ...],
        reach: Reach,
        direct: DirectProbe,
        clock: Clock,
    ) -> None:
        self._page = page
        self._watch = watch
        self._servers = servers
        self._host = host
        self._ports = ports
        self._reach = reach
        self._direct = direct
        self._clock = clock

    async def send_all_to(self, server: str, view: BalancerView, *, epoch: int) -> None:
        """Hold everybody else, and make this one ready."""
        line = view.license_line(server)
        if line is not None and line.admin is not AdminState.READY:
            await self._tell(Action.READY, (server,), epoch=epoch)
        others = tuple(sorted(set(self._servers) - {server}))
        await self._tell(Action.MAINT, others, epoch=epoch)
        await self._tell(Action.READY, (server,), epoch=epoch)

    async def hold(self, servers: frozenset[str], *, epoch: int) -> None:
        """Take them out: no new session, and the ones they have are cut."""
        await self._tell(Action.MAINT, tuple(sorted(servers)), epoch=epoch)

    async def release(self, servers: frozenset[str], *, epoch: int) -> frozenset[str]:
        """Make those ready that a fresh direct probe finds good; returns them. The others stay held."""
        probed = sorted(servers)
        answers = await asyncio.gather(*(self._direct(server) for server in probed))
        good = tuple(server for server, why in zip(probed, answers, strict=True) if why is None)
        await self._tell(Action.READY, good, epoch=epoch)
        return frozenset(good)

    async def bring_epoch(self, view: BalancerView, *, epoch: int) -> None:
        """A command that changes nothing: it shows that commands are taken, and brings the epoch."""
        free = tuple(server for server in self._servers if server not in view.withdrawn)
        await self._tell(Action.READY, free, epoch=epoch)

    async def write_table(self, server: str) -> BalancerView:
        """The reading once the table names the server, or as it is after a while.

        The table is written by a connection, not by a command. A bare connect is enough, but it has to
        stay: one that ends at once may be over before HAProxy has looked at it.
        """
        async with contextlib.AsyncExitStack() as connections:
            for port in self._ports:
                why = await connections.enter_async_context(self._reach(self._host, port))
                if why is not None:
                    raise LoadBalancerError(
                        f"{self._page.name}: {self._host}:{port} takes no connection: {why}"
                    )
            until = self._clock.monotonic() + TABLE_LIMIT
            while True:
                view = await self._watch.observe()
                if view.active == server or self._clock.monotonic() >= until:
                    return view
                await self._clock.sleep(TABLE_PAUSE)

    async def _tell(self, action: Action, servers: tuple[str, ...], *, epoch: int) -> None:
        if not servers:
            return
        try:
            await self._page.command(action, servers, epoch=epoch)
        except CommandRefusedError as error:
            self._watch.refused(error)
            raise
        self._watch.taken()
