"""Lifts a failover's pins when its server has proved itself, and those of servers that are gone."""

from datetime import datetime, timedelta

from rlm_exporter.failover.ports import Outside
from rlm_exporter.failover.spans import cooldown_left
from rlm_exporter.store.records import ClusterRecord, Pin, PinKind

GOOD_PROBES = 10
"""Good direct probes in a row, with good checks meanwhile, before a failover's pin is lifted."""

SPACING = 1.0
"""Seconds between two of them."""


class PinKeeper:
    """Remembers how often a pinned server has answered in a row."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self._members = frozenset(server.name for server in outside.cluster.servers)
        self._good: dict[str, int] = {}
        self._last_probed = float("-inf")

    async def due(self, record: ClusterRecord, *, now: datetime) -> tuple[Pin, ...]:
        """The pins that the record should have now; a server that has left the manifest has none."""
        await self._probe(record, now)
        lifted = {name for name, count in self._good.items() if count >= GOOD_PROBES}
        return tuple(pin for pin in record.pins if pin.server in self._members and _stays(pin, lifted))

    async def _probe(self, record: ClusterRecord, now: datetime) -> None:
        cooling = cooldown_left(record, self._outside.cluster.failover, now) > timedelta()
        pinned = {
            pin.server for pin in record.pins if pin.kind is PinKind.FAILOVER and not cooling
        } & self._members
        self._good = {name: count for name, count in self._good.items() if name in pinned}
        if not pinned or self._outside.clock.monotonic() - self._last_probed < SPACING:
            return
        self._last_probed = self._outside.clock.monotonic()
        for server in sorted(pinned):
            # A hung server takes connections too: its checks have to be good as well.
            healthy = self._outside.prober.snapshot.server(server).health.is_up
            good = healthy and await self._outside.direct(server) is None
            self._good[server] = self._good.get(server, 0) + 1 if good else 0


def _stays(pin: Pin, lifted: set[str]) -> bool:
    if pin.kind is PinKind.FAILOVER:
        return pin.server not in lifted
    return pin.kind is PinKind.MAINTENANCE
