"""The loop of one server: waits until a check is due or asked for, checks, folds, publishes; for ever."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from rlm_exporter.manifest.model import Cluster, Server
from rlm_exporter.probe.checker import Checker, Probes
from rlm_exporter.probe.health import fold
from rlm_exporter.probe.license_reading import LicenseReading
from rlm_exporter.probe.ports import Jitter
from rlm_exporter.probe.result import Failure
from rlm_exporter.probe.schedule import PING_TIMEOUT, SPACING, next_check, ping_starts_check, plan_for
from rlm_exporter.probe.snapshot import ServerSnapshot
from rlm_exporter.probe.waiting import Bell, first_of

logger = logging.getLogger(__name__)


class Watch:
    """Watches one server. `part` is what is known of it now."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        server: Server,
        probes: Probes,
        jitter: Jitter,
        publish: Callable[[], None],
    ) -> None:
        self._cluster = cluster
        self._server = server
        self._probes = probes
        self._clock = probes.clock
        self._jitter = jitter
        self._publish = publish
        self._checker = Checker(cluster=cluster, server=server, probes=probes)
        self._plan = plan_for(cluster, active=False)
        self._wake = Bell()
        self._ended = Bell()
        self._asked = False
        self._begun = 0
        self._finished = 0
        """The number of the newest check that came to its end."""
        self._checking = False
        self._check_began = float("-inf")
        self._pinged = float("-inf")
        self._drawn = jitter()
        self.part = ServerSnapshot(server=server.name)

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            try:
                await self._until_due()
                await self._check()
            except Exception as error:
                # One of the two task loops: a defect of ours must not end the watch over a server.
                logger.exception("check of %s in cluster %s failed", self._server.name, self._cluster.name)
                self._probes.observer.stumbled(self._cluster.name, self._server.name, error)
                await self._clock.sleep(SPACING.total_seconds())

    def set_active(self, active: bool) -> None:
        """Whether this is the server that clients are sent to; the time to its next check follows at once."""
        self._plan = plan_for(self._cluster, active=active)
        self._wake.ring()

    def check_now(self) -> None:
        """Have a check started at once; nothing where one runs."""
        if not self._checking:
            self._ask()

    async def check_and_wait(self) -> ServerSnapshot:
        """What is known after a check that began no sooner than this call."""
        ticket = self._begun + 1
        self._ask()
        while self._finished < ticket:
            await self._ended.wait()
        return self.part

    async def direct(self, timeout: timedelta) -> Failure | None:
        """Why a client would not get through to the server right now; None when it would."""
        return await self._checker.direct(timeout)

    def take(self, reading: LicenseReading) -> None:
        """Publish what the server's license files say."""
        self.part = replace(self.part, license_files=reading)
        self._publish()

    def _ask(self) -> None:
        self._asked = True
        self._wake.ring()

    async def _until_due(self) -> None:
        while not self._asked:
            now, due, ping = self._clock.monotonic(), self._due(), self._next_ping()
            if due <= now:
                return
            if ping <= now:
                if await self._ping_fails():
                    return
                continue
            await first_of(self._clock.sleep(min(due, ping) - now), self._wake.wait())

    async def _check(self) -> None:
        self._asked, self._checking = False, True
        self._begun += 1
        number, self._check_began, self._drawn = self._begun, self._clock.monotonic(), self._jitter()
        try:
            check = await self._checker.check(self._plan)
            # Not before: a reading of license files may have come meanwhile.
            self.part = fold(self.part, check, cluster=self._cluster)
        finally:
            self._checking = False
        self._publish()
        self._finished = number
        self._ended.ring()

    async def _ping_fails(self) -> bool:
        self._pinged = self._clock.monotonic()
        result = await self._checker.connect(self._server.port, PING_TIMEOUT)
        # Trouble of our own (no socket to spare) is no reason to start a process as well.
        return not (result.ok or result.ours) and ping_starts_check(
            self.part.health, threshold=self._cluster.failover.threshold
        )

    def _due(self) -> float:
        return next_check(
            self._plan,
            health=self.part.health,
            threshold=self._cluster.failover.threshold,
            check_began=self._check_began,
            attempt_began=self._checker.attempt_began,
            jitter=self._drawn,
        )

    def _next_ping(self) -> float:
        if self._plan.ping is None:
            return float("inf")
        return max(self._pinged, self._checker.attempt_began) + self._plan.ping.total_seconds()
