"""Takes what a shipper on a license host read of a report log there."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace

from rlm_exporter.manifest.model import Cluster, Server
from rlm_exporter.rlm.report_log_values import Event
from rlm_exporter.rlm.status import Pool
from rlm_exporter.store.usage_records import LogPlace
from rlm_exporter.usage.ports import DenialObserver, LogStore, WallClock
from rlm_exporter.usage.privacy import Veil
from rlm_exporter.usage.report_log_usage import LogUsage, ReportLogUsage
from rlm_exporter.usage.shipped_denials import ShippedDenials


class ReportLogIntake:
    """For all clusters of a daemon. Any of several daemons may take a batch: each is written once."""

    def __init__(self, *, store: LogStore, veil: Veil, clock: WallClock, observer: DenialObserver) -> None:
        self._store = store
        self._denials = ShippedDenials(observer=observer, since=clock.now())
        self._veil = veil
        self._clock = clock

    def expect(self, cluster: Cluster, server: Server, isv: str, *, pools: Iterable[Pool]) -> None:
        """Somebody ships that log; `pools` are those that the server has."""
        products = [pool.product for pool in pools if (pool.isv or "").casefold() == isv.casefold()]
        self._denials.expect(cluster, server, isv, products)

    async def place(self, cluster: Cluster, server: Server, isv: str) -> LogPlace:
        """How far that log has come. Raises JournalError."""
        return await self._store.log_place(cluster=cluster.name, server=server.name, isv=isv.casefold())

    async def take(
        self,
        cluster: Cluster,
        server: Server,
        isv: str,
        *,
        after: int,
        position: str,
        events: Sequence[Event],
        minutes_west: int | None,
    ) -> LogPlace:
        """Write a batch. Raises JournalError, StalePlaceError where `after` is not the newest one.

        One of very many months is more than one transaction; the place goes with the last.
        """
        usage = ReportLogUsage(
            cluster=cluster.name, server=server.name, isv=isv, tz=server.zone, veil=self._veil
        )
        now = self._clock.now()
        found = await asyncio.to_thread(usage.take, events, minutes_west=minutes_west, now=now)
        place = replace(await self.place(cluster, server, isv), number=after)
        for part in tuple(found.parts()) or (LogUsage(),):
            place = await self._store.record_log(
                after=place,
                position=position if part.is_whole else place.position,
                tellings=part.tellings,
                denials=part.denials,
                now=now,
            )
        # Not before all is written: a batch that fails halfway comes again whole.
        self._denials.count(cluster, server, isv, found.denials)
        return place


def read_here(server: Server, isv: str) -> str | None:
    """The path of that log if the daemon reads it itself; two readers would only get in each other's way."""
    paths = (log.path for log in server.report_logs if log.isv.casefold() == isv.casefold())
    return next(paths, None)
