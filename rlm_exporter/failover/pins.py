"""Lifts pins when their time has come: settling ones by the clock, a failover's after good probes."""

from datetime import datetime

from rlm_exporter.failover.ports import Clock, DirectProbe, Prober
from rlm_exporter.failover.steps import settled
from rlm_exporter.store.records import ClusterRecord, Pin, PinKind

GOOD_PROBES = 10
"""Good direct probes in a row, with good checks meanwhile, before a failover's pin is lifted."""

SPACING = 1.0
"""Seconds between two of them."""


class PinKeeper:
    """Remembers how often a pinned server has answered in a row."""

    def __init__(self, *, prober: Prober, direct: DirectProbe, clock: Clock) -> None:
        self._prober = prober
        self._direct = direct
        self._clock = clock
        self._good: dict[str, int] = {}
        self._last_probed = float("-inf")

    async def due(self, record: ClusterRecord, *, now: datetime) -> tuple[Pin, ...]:
        """The pins that the record should have now."""
        pins = settled(record.pins, now=now)
        await self._probe(record, now)
        lifted = {name for name, count in self._good.items() if count >= GOOD_PROBES}
        return tuple(pin for pin in pins if pin.kind is not PinKind.FAILOVER or pin.server not in lifted)

    async def _probe(self, record: ClusterRecord, now: datetime) -> None:
        cooling = record.cooldown_until is not None and now < record.cooldown_until
        pinned = {pin.server for pin in record.pins if pin.kind is PinKind.FAILOVER and not cooling}
        self._good = {name: count for name, count in self._good.items() if name in pinned}
        if not pinned or self._clock.monotonic() - self._last_probed < SPACING:
            return
        self._last_probed = self._clock.monotonic()
        for server in sorted(pinned):
            # A hung server takes connections too: its checks have to be good as well.
            healthy = self._prober.snapshot.server(server).health.is_up
            good = healthy and await self._direct(server) is None
            self._good[server] = self._good.get(server, 0) + 1 if good else 0
