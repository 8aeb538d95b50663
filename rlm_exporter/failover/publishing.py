"""Keeps what clients are told as the record says, beside the writer: files get lost, people change them."""

import asyncio

from rlm_exporter.failover.memory import Memory
from rlm_exporter.failover.ports import Outside
from rlm_exporter.failover.steering import PACE
from rlm_exporter.failover.task_root import surviving

AGAIN = 30.0
"""Seconds after which files are looked at again although nobody has moved."""


class Publishing:
    """The loop of one cluster. An open operation publishes its target itself, where that moves clients."""

    def __init__(self, *, outside: Outside, memory: Memory) -> None:
        self._outside = outside
        self._memory = memory
        self._told: str | None = None
        self._at = float("-inf")
        self._one = asyncio.Lock()

    async def run(self) -> None:
        """Publish until cancelled."""
        while True:
            with surviving(self._outside.cluster.name, "publishing", observer=self._outside.observer):
                await self._turn()
            await self._outside.clock.sleep(PACE)

    async def now(self) -> None:
        """Publish at once: what clients are to be told has changed. An open operation does so at its end."""
        self._told = None
        await self._turn()

    async def _turn(self) -> None:
        async with self._one:
            await self._publish_what_is_due()

    async def _publish_what_is_due(self) -> None:
        record, now = self._memory.record, self._outside.clock.monotonic()
        if not self._outside.leadership.may_act():
            # Another daemon writes them now, and knows whether it can.
            self._memory.unpublished, self._told = None, None
            return
        if record is None or self._memory.operation is not None:
            return
        if record.active == self._told and now - self._at < AGAIN:
            return
        self._told, self._at = record.active, now
        troubles = await self._outside.publish(record.active)
        if self._outside.cluster.client_settings.files:
            self._memory.unpublished = troubles
