"""The loop that looks at every server's license files for what matters at its next start.

It only reads. Of several daemons the one that acts looks; what another saw, or what was seen long ago, is
not shown as if it were so now.
"""

import asyncio
import logging
from collections.abc import Callable, Container, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from rlm_exporter.errors import SyncError
from rlm_exporter.manifest.model import Cluster, LicenseSync, Server
from rlm_exporter.probe.aside import Aside
from rlm_exporter.sync.drift import ServerDrift, drift_of, in_words, unread
from rlm_exporter.sync.hostids import read_hostids
from rlm_exporter.sync.masters import Masters, read_masters
from rlm_exporter.sync.names import Present
from rlm_exporter.sync.plan import ServerPlan, plan_server
from rlm_exporter.sync.ports import Clock, Transport
from rlm_exporter.sync.rounds import MakeTransport, make_transport

log = logging.getLogger(__name__)

PACE = timedelta(seconds=5)
"""How soon it is seen that another daemon acts, or that this one does now."""
AGAIN = timedelta(minutes=1)
"""After a look that failed; what is not known raises no alert, so it should soon be known again."""
MOST_AGAIN = 3
"""Failed looks in a row after which a server is looked at with the others only: it is away."""
LIMIT = timedelta(seconds=30)
"""For reading the masters: they may lie on a dead NFS server."""


class DriftObserver(Protocol):
    """Is told what was seen of a server's license files."""

    def looked(
        self,
        cluster: str,
        server: str,
        *,
        at: datetime,
        ok: bool,
        in_step: bool | None,
        fits_machine: bool | None,
        foreign: int | None,
    ) -> None:
        """One look, and whether it saw all; None is what is not known."""
        ...

    def unwatched(self, cluster: str, server: str) -> None:
        """Nobody looks here any more; what was told is not so now."""
        ...

    def stumbled(self, cluster: str, error: Exception) -> None:
        """A defect of ours ended one look."""
        ...


class DriftWatch:
    """Looks at the servers of one cluster whose `licenseSync` says where their files are."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        acts: Callable[[], bool],
        turn: AbstractAsyncContextManager[object],
        clock: Clock,
        observer: DriftObserver,
        transport: MakeTransport = make_transport,
    ) -> None:
        """`turn` is had by few at a time: a look may be a process, and clusters are many."""
        self._cluster = cluster
        self._syncs = tuple(
            (server, server.license_sync) for server in cluster.servers if server.license_sync is not None
        )
        self._every = cluster.license_drift
        self._acts = acts
        self._turn = turn
        self._clock = clock
        self._observer = observer
        self._make_transport = transport
        self._transports: dict[str, Transport] = {}
        """Kept: of work that hangs there, each knows, and begins no more."""
        self._reading = Aside[Masters]("license masters")
        self._seen: dict[str, ServerDrift] = {}
        self._told: dict[str, str] = {}
        self._failed: dict[str, int] = {}
        """Looks in a row that did not see all, by server."""

    @property
    def seen(self) -> Mapping[str, ServerDrift]:
        """The newest look at each server; nothing of those that this daemon does not look at now."""
        return self._seen

    @property
    def is_wanted(self) -> bool:
        """Whether there is anything to look at, and the manifest has it done."""
        return self._every is not None and any(
            self._cluster.license_masters is not None or sync.rlmhostid for _, sync in self._syncs
        )

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            if self._acts():
                await self._look_on()
                await self._rest()
            else:
                self._forget()
                await self._clock.sleep(PACE.total_seconds())

    async def _look_on(self, only: Container[str] | None = None) -> None:
        """A look that ends nothing but itself: failover must not end because no thread can be started."""
        try:
            await self.look(only)
        except Exception as error:
            log.exception("cluster=%s its license files", self._cluster.name)
            self._observer.stumbled(self._cluster.name, error)
            self._forget()

    async def look(self, only: Container[str] | None = None) -> None:
        """One look at each server, or at those alone, one after the other."""
        masters, trouble = await self._masters()
        for server, sync in self._syncs:
            if self._cluster.license_masters is None and not sync.rlmhostid:
                continue
            if only is not None and server.name not in only:
                continue
            async with self._turn:
                drift = await self._look_at(server, sync, masters, trouble)
            if not self._acts():
                return
            self._take(drift)

    async def _rest(self) -> None:
        due = self._clock.monotonic() + (self._every or PACE).total_seconds()
        again = self._clock.monotonic() + AGAIN.total_seconds()
        while self._acts() and (left := due - self._clock.monotonic()) > 0:
            await self._clock.sleep(min(left, PACE.total_seconds()))
            if self._acts() and again <= self._clock.monotonic() < due and (failed := self._failing()):
                await self._look_on(only=failed)
                again = self._clock.monotonic() + AGAIN.total_seconds()

    def _failing(self) -> frozenset[str]:
        """The servers that are looked at again before it is time."""
        return frozenset(name for name, times in self._failed.items() if 0 < times <= MOST_AGAIN)

    async def _masters(self) -> tuple[Masters | None, str | None]:
        """The masters, or why there are none; neither where the manifest names none."""
        folder = self._cluster.license_masters
        if folder is None:
            return None, None
        names = [server.name for server in self._cluster.servers]
        if not self._reading.discard():  # and what it brought too late is not what stands there now
            return None, f"{folder}: an earlier reading still hangs; is it on a dead NFS?"
        try:
            return await self._reading.run(
                lambda: read_masters(Path(folder), servers=names), limit=LIMIT
            ), None
        except TimeoutError:
            return None, f"{folder}: not read within {LIMIT.total_seconds():g} s; is it on a dead NFS?"
        except SyncError as error:
            return None, str(error)

    async def _look_at(
        self, server: Server, sync: LicenseSync, masters: Masters | None, trouble: str | None
    ) -> ServerDrift:
        at = self._clock.now()
        if masters is None and not sync.rlmhostid:
            return unread(server.name, trouble or "nothing to compare with", at=at)
        try:
            present = await self._transport(server, sync).read()
            hostids, untold = await _hostids(self._cluster, server, sync)
            troubles = "; ".join(each for each in (trouble, untold) if each) or None
            # A large file takes a second to read, which the loop does not have.
            return await asyncio.to_thread(self._compare, server, masters, present, hostids, troubles)
        except SyncError as error:
            return unread(server.name, str(error), at=at)
        except Exception as error:
            # As in the prober's loops: a defect of ours must not end anything but this look.
            log.exception("cluster=%s license files of %s", self._cluster.name, server.name)
            self._observer.stumbled(self._cluster.name, error)
            return unread(server.name, "a defect of ours, see the daemon's log", at=at)

    def _transport(self, server: Server, sync: LicenseSync) -> Transport:
        if server.name not in self._transports:
            self._transports[server.name] = self._make_transport(server, sync)
        return self._transports[server.name]

    def _compare(
        self,
        server: Server,
        masters: Masters | None,
        present: Present,
        hostids: str | None,
        trouble: str | None,
    ) -> ServerDrift:
        at = self._clock.now()
        plan = None if masters is None else self._plan(server, masters, present, hostids)
        return drift_of(server.name, plan=plan, present=present, hostids=hostids, trouble=trouble, at=at)

    def _plan(self, server: Server, masters: Masters, present: Present, hostids: str | None) -> ServerPlan:
        return plan_server(
            self._cluster,
            server,
            masters=masters,
            present=present,
            hostids=hostids,
            on=self._clock.now().astimezone(server.zone).date(),
        )

    def _take(self, drift: ServerDrift) -> None:
        self._seen[drift.server] = drift
        self._failed[drift.server] = 0 if drift.trouble is None else self._failed.get(drift.server, 0) + 1
        self._observer.looked(
            self._cluster.name,
            drift.server,
            at=drift.at,
            ok=drift.trouble is None,
            in_step=drift.in_step,
            fits_machine=drift.fits_machine,
            foreign=None if drift.in_step is None else drift.foreign,
        )
        self._tell(drift)

    def _tell(self, drift: ServerDrift) -> None:
        """Each thing once, and its end."""
        words, before = in_words(drift), self._told.get(drift.server, "")
        place = f"cluster={self._cluster.name} license files of {drift.server}"
        if words and words != before:
            log.warning("%s: %s", place, words)
        elif before and not words:
            log.info("%s are as their masters again", place)
        self._told[drift.server] = words

    def _forget(self) -> None:
        for server in self._seen:
            self._observer.unwatched(self._cluster.name, server)
        self._seen.clear()
        self._failed.clear()


async def _hostids(cluster: Cluster, server: Server, sync: LicenseSync) -> tuple[str | None, str | None]:
    """What rlmhostid printed, or why nobody knows; neither where nobody asks."""
    try:
        return await read_hostids(cluster, server, sync), None
    except SyncError as error:
        return None, str(error)
