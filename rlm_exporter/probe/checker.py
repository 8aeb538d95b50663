"""One check of one server: up to so many attempts, each asking on all ways at once.

An attempt is the license probe and a bare connect to the license port and to the port of every wanted ISV
server. The first attempt that finds the server up ends the check. The web interface is asked once beside
them, or with every attempt where the manifest says that it counts.
"""

import asyncio
import contextlib
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

from rlm_exporter.errors import ProbeError
from rlm_exporter.manifest.model import Cluster, Server
from rlm_exporter.probe.health import Check, IsvConnect, verdict
from rlm_exporter.probe.ports import Clock, LicenseProbe, Observer, TcpProbe, WebProbe
from rlm_exporter.probe.result import (
    Failure,
    FailureReason,
    LicenseResult,
    ProbeKind,
    ProbeResult,
    TcpResult,
    WebResult,
)
from rlm_exporter.probe.schedule import SPACING, Plan
from rlm_exporter.probe.waiting import first_of
from rlm_exporter.rlm.status import RlmStatus

WEB_GRACE = SPACING
"""How long the web probe may outlast a failed check; then the failure is told without it."""

LATE_CONNECT = timedelta(seconds=1)

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Probes:
    """The ways to ask a server, and who counts the answers."""

    license: LicenseProbe
    tcp: TcpProbe
    web: WebProbe
    clock: Clock
    observer: Observer
    slots: asyncio.Semaphore
    """Bounds how many license probes run at once: each is a process."""


class Checker:
    """Asks one server. Keeps only when it last asked, so that attempts stay apart across checks too."""

    def __init__(self, *, cluster: Cluster, server: Server, probes: Probes) -> None:
        self._cluster = cluster
        self._server = server
        self._probes = probes
        self._clock = probes.clock
        self.attempt_began = float("-inf")
        """By the monotonic clock."""

    async def check(self, plan: Plan) -> Check:
        """One whole check: at the longest its attempts, each with its limit, and the spaces between."""
        await self._keep_apart()
        started_at, began = self._clock.now(), self._clock.monotonic()
        async with asyncio.TaskGroup() as group:
            web = self._start_web(group, plan)
            attempts = 1
            check = await self._attempt(plan, web)
            while self._fails(check) and attempts < plan.attempts:
                await self._keep_apart()
                web = self._start_web(group, plan) if self._must_ask_again(web) else web
                attempts += 1
                check = await self._attempt(plan, web)
            answer = await self._web_answer(web, failed=self._fails(check))
        ended_at = started_at + timedelta(seconds=self._clock.monotonic() - began)
        return replace(check, started_at=started_at, ended_at=ended_at, attempts=attempts, web=answer)

    async def connect(self, port: int, timeout: timedelta) -> TcpResult:
        """A bare connect to one port of the server."""
        probe = self._probes.tcp.probe(self._server.host, port, timeout=timeout)
        return await self._observed(ProbeKind.TCP, probe)

    async def direct(self, timeout: timedelta) -> Failure | None:
        """Connects to the license port and every planned ISV port; the first failure, None for none."""
        async with asyncio.TaskGroup() as group:
            license_port = group.create_task(self.connect(self._server.port, timeout))
            planned = group.create_task(self._connect_isvs(dict(self._server.isv_ports), timeout))
        results = [license_port.result(), *(connect.result for connect in planned.result())]
        return next((result.failure for result in results if result.failure is not None), None)

    def _fails(self, check: Check) -> bool:
        return verdict(check, cluster=self._cluster, server=self._server) is not None

    async def _keep_apart(self) -> None:
        wait = self.attempt_began + SPACING.total_seconds() - self._clock.monotonic()
        if wait > 0:
            await self._clock.sleep(wait)

    async def _attempt(self, plan: Plan, web: asyncio.Task[WebResult] | None) -> Check:
        self.attempt_began = self._clock.monotonic()
        started_at = self._clock.now()
        async with asyncio.TaskGroup() as group:
            license_task = group.create_task(self._ask_license(plan))
            tcp = group.create_task(self.connect(self._server.port, plan.timeout))
            planned = group.create_task(self._connect_isvs(dict(self._server.isv_ports), plan.timeout))
        answer = license_task.result()
        others = await self._connect_isvs(self._unplanned(answer.payload), self._left(plan.timeout))
        counts = self._cluster.health_check.web_required
        return Check(
            started_at=started_at,
            ended_at=self._clock.now(),
            attempts=1,
            license=answer,
            tcp=tcp.result(),
            isv_connects=planned.result() + others,
            web=await web if web is not None and counts else None,
        )

    def _left(self, timeout: timedelta) -> timedelta:
        """What the attempt has left of its limit; a second at the least, which any live server keeps to."""
        spent = timedelta(seconds=self._clock.monotonic() - self.attempt_began)
        return max(timeout - spent, LATE_CONNECT)

    async def _ask_license(self, plan: Plan) -> LicenseResult:
        # The active server of a cluster does not wait behind the hung servers of others.
        async with contextlib.nullcontext() if plan.urgent else self._probes.slots:
            probe = self._probes.license.probe(self._server.host, self._server.port, timeout=plan.timeout)
            return await self._observed(ProbeKind.LICENSE, probe)

    async def _connect_isvs(self, ports: dict[str, int], timeout: timedelta) -> tuple[IsvConnect, ...]:
        async with asyncio.TaskGroup() as group:
            tasks = {isv: group.create_task(self.connect(port, timeout)) for isv, port in ports.items()}
        return tuple(
            IsvConnect(isv=isv, port=ports[isv], result=task.result()) for isv, task in tasks.items()
        )

    def _unplanned(self, status: RlmStatus | None) -> dict[str, int]:
        """Wanted ISV servers whose port only the answer tells: it changes with each of their starts."""
        if status is None:
            return {}
        planned = {isv.casefold() for isv, _ in self._server.isv_ports}
        wanted = {isv.casefold() for isv in self._cluster.wanted_isvs} - planned
        return {
            row.name: row.port
            for row in status.isvs
            if row.running and row.port is not None and row.name.casefold() in wanted
        }

    def _start_web(self, group: asyncio.TaskGroup, plan: Plan) -> asyncio.Task[WebResult] | None:
        if not self._cluster.health_check.check_web:
            return None
        probe = self._probes.web.probe(self._server.host, self._server.web_port, timeout=plan.timeout)
        return group.create_task(self._observed(ProbeKind.WEB, probe))

    def _must_ask_again(self, web: asyncio.Task[WebResult] | None) -> bool:
        """Where the web interface counts, it has as many attempts as the rest."""
        return self._cluster.health_check.web_required and web is not None and not web.result().ok

    async def _web_answer(self, web: asyncio.Task[WebResult] | None, *, failed: bool) -> WebResult | None:
        """The web probe's result; a failed check waits only so long for it, lest it delay a failover."""
        if web is None:
            return None
        if failed and not web.done():
            await first_of(self._clock.sleep(WEB_GRACE.total_seconds()), asyncio.wait({web}))
            if not web.done():
                web.cancel()
                return None
        return await web

    async def _observed(self, kind: ProbeKind, probe: Awaitable[ProbeResult[T]]) -> ProbeResult[T]:
        started_at, began = self._clock.now(), self._clock.monotonic()
        try:
            result = await probe
        except ProbeError as error:
            result = ProbeResult(
                kind=kind,
                started_at=started_at,
                duration=timedelta(seconds=self._clock.monotonic() - began),
                failure=Failure(reason=FailureReason.LOCAL, detail=str(error)),
            )
        self._probes.observer.observed(self._cluster.name, self._server.name, kind, result)
        return result
