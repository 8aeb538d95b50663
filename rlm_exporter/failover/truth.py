"""Reads into memory what is so: the record, the alerts that fire, the open operation. Founds and tends it."""

import logging
from dataclasses import replace

from rlm_exporter.failover.first_start import find_active, first_epoch
from rlm_exporter.failover.memory import Memory
from rlm_exporter.failover.pins import PinKeeper
from rlm_exporter.failover.ports import Outside

log = logging.getLogger(__name__)

WRITE_CHECK = 30.0
"""Seconds between two tries to write: a full disk is to be known before a failover needs the journal."""


class Truth:
    """Keeps one cluster's memory true. Whatever reads or writes the journal raises JournalError."""

    def __init__(self, *, outside: Outside, memory: Memory) -> None:
        self._outside = outside
        self._name = outside.cluster.name
        self._memory = memory
        self._pins = PinKeeper(outside)
        self._written_at = outside.clock.monotonic()
        self.is_read = False
        """Whether what memory has is from this stretch of acting."""

    def rest(self) -> None:
        """Another daemon may write from now on."""
        self.is_read = False

    async def check_writable(self) -> None:
        """Try to write, where that did not work or the last try is long ago."""
        now = self._outside.clock.monotonic()
        if self._memory.store_writable and now - self._written_at < WRITE_CHECK:
            return
        self._written_at = now
        await self._outside.journal.check_writable()
        self._memory.store_writable = True

    async def read(self) -> None:
        """The record, the alerts that fire and the open operation, as the journal has them."""
        self._memory.record = await self._outside.journal.cluster(self._name)
        self._memory.alerts = await self._outside.journal.firing_alerts(self._name)
        self._memory.operation = await self._outside.journal.open_operation(self._name)
        self.is_read = True

    async def found(self) -> None:
        """The first record, as soon as somebody is found to serve; nobody is moved."""
        outside = self._outside
        readings = tuple(balancer.reading for balancer in outside.balancers)
        views = tuple(reading.view for reading in readings if reading.view is not None)
        if readings and not views:
            return
        found = find_active(cluster=outside.cluster, snapshot=outside.prober.snapshot, views=views)
        if found is None:
            return
        active, why = found
        self._memory.record = await outside.journal.found(
            cluster=self._name, active=active, epoch=first_epoch(views), reason=why, now=outside.clock.now()
        )
        log.info("cluster=%s active=%s first start: %s", self._name, active, why)

    def why_not_ready(self) -> str:
        """Why there is no record yet."""
        balancers = self._outside.balancers
        unread = [each.reading.error or each.name for each in balancers if each.reading.view is None]
        if unread and len(unread) == len(balancers):
            return f"who is active is not known yet: no balancer can be read ({'; '.join(unread)})"
        return "who is active is not known yet: no server has been found healthy"

    async def tend_pins(self, *, writing: bool = True) -> None:
        """Lift the pins whose time has come; without `writing` in memory alone, until the journal is back."""
        record = self._memory.record
        if record is None:
            return
        now = self._outside.clock.now()
        pins = await self._pins.due(record, now=now)
        if pins == record.pins:
            return
        self._memory.record = replace(record, pins=pins)
        if writing:
            self._memory.record = await self._outside.journal.set_pins(
                self._name, pins=pins, now=now, expected_version=record.version
            )
