"""RLM's own failover: a standby that looks whether its primary takes connections, and serves while not.

There is no quorum and no memory: the standby takes over after a look that failed, and gives back by itself
after one that did not, whatever is checked out then. Nothing but a bare connect is sent.
"""

import asyncio
from collections.abc import Awaitable, Callable

from rlm_exporter.simulator.plan import StandbyPlan

CONNECT_SECONDS = 5
"""A host that is gone refuses nothing."""


class Standby:
    """Looks every `poll` seconds; `stand_by(True)` takes the pools away, `stand_by(False)` gives them."""

    def __init__(
        self, plan: StandbyPlan, *, stand_by: Callable[[bool], Awaitable[None]], log: Callable[[str], None]
    ) -> None:
        self._plan = plan
        self._stand_by = stand_by
        self._log = log
        self._waiting = True

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            await asyncio.sleep(self._plan.poll)
            waiting = await self._sees_primary()
            if waiting == self._waiting:
                continue
            self._waiting = waiting
            primary = f"{self._plan.port}@{self._plan.host}"
            self._log(
                f"Failover server: {primary} is back up, giving back"
                if waiting
                else f"Failover server: {primary} is down, taking over"
            )
            await self._stand_by(waiting)

    async def _sees_primary(self) -> bool:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, writer = await asyncio.open_connection(self._plan.host, self._plan.port)
        except (OSError, TimeoutError):
            return False
        writer.close()
        return True
