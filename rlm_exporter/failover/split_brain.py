"""Watches for servers that serve beside the active one, raises each, and fences it where that is asked."""

import asyncio
import logging
from datetime import datetime, timedelta

from rlm_exporter.errors import JournalError
from rlm_exporter.failover.calls import CallEvent
from rlm_exporter.failover.ports import Outside
from rlm_exporter.failover.rules_of_moving import retry_after
from rlm_exporter.failover.split import Session, Split, checkouts_beside, sessions_from_before
from rlm_exporter.failover.task_root import surviving
from rlm_exporter.haproxy.applied import SETTLE
from rlm_exporter.haproxy.traffic import COUNT_LAG
from rlm_exporter.probe.snapshot import ServerSnapshot
from rlm_exporter.rlm.status import Checkout
from rlm_exporter.store.records import CONTROLLER, ClusterRecord

log = logging.getLogger(__name__)

SPLIT_BRAIN = "split_brain"
QUARANTINE = "quarantine"
"""Words in the journal; they are no rules: neither moves clients."""

CHECKS = 2
"""Checks in a row that have seen a split before anybody is fenced for it."""

LATELY = timedelta(seconds=60)
"""How far back connections through a balancer are looked at."""


class SplitBrain:
    """One cluster's watch. `group` is where a quarantine runs: a fence may take its time."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self._cluster = outside.cluster
        self._since: datetime | None = None
        """The move that the known sessions are from before of."""
        self._known: dict[str, frozenset[Session]] = {}
        self._tries: dict[str, tuple[int, float]] = {}
        """How often a server was fenced in this incident, and when last."""
        self._running: set[str] = set()
        self._seen: dict[str, tuple[datetime | None, int]] = {}
        """In how many checks in a row a server was seen so, and the newest of them."""
        self.splits: tuple[Split, ...] = ()
        self.group: asyncio.TaskGroup | None = None

    def rest(self) -> None:
        """Another daemon watches: raise nothing, and begin anew when it is our turn again."""
        self._since, self._known, self._seen, self.splits = None, {}, {}, ()

    async def look(self, record: ClusterRecord, *, elsewhere: bool) -> None:
        """See who serves beside the active server. Raises JournalError.

        `elsewhere` is whether HAProxy has moved by itself: who gets connections then is for the rules, and
        so are the sessions on the server to which it has moved.
        """
        if record.active_since != self._since:
            self._since, self._known = record.active_since, {}
        found = [self._split(part, record, elsewhere=elsewhere) for part in self._others(record.active)]
        splits = tuple(split for split in found if split is not None)
        raised = {split.server for split in self.splits}
        self.splits = splits
        self._count(splits)
        for split in splits:
            if split.server not in raised:
                self._outside.prober.check_now(split.server)
                log.warning("cluster=%s %s", self._cluster.name, split.detail)
                await self._write(SPLIT_BRAIN, split.detail)
        for gone in raised - {split.server for split in splits}:
            self._tries.pop(gone, None)
            await self._write(SPLIT_BRAIN, f"{gone} serves nobody beside the active server any more")
        self._quarantine(record, splits)

    def _others(self, active: str) -> tuple[ServerSnapshot, ...]:
        return tuple(part for part in self._outside.prober.snapshot.servers if part.server != active)

    def _split(self, part: ServerSnapshot, record: ClusterRecord, *, elsewhere: bool) -> Split | None:
        checkouts = self._checkouts(part, record.active_since)
        if elsewhere and self._is_sent_to(part.server):
            return None  # to fence the one server that serves would be an outage made by us
        arrived = 0 if elsewhere else self._arrived(part.server, record.active_since)
        if not checkouts and not arrived:
            return None
        return Split(server=part.server, checkouts=checkouts, arrived=arrived)

    def _is_sent_to(self, server: str) -> bool:
        views = (balancer.reading.view for balancer in self._outside.balancers)
        return any(view is not None and view.active == server for view in views)

    def _checkouts(self, part: ServerSnapshot, active_since: datetime) -> tuple[Checkout, ...]:
        if part.check_started_at is None or part.check_started_at < active_since:
            # The sooner there is a first look, the fewer sessions are older than it.
            self._outside.prober.check_now(part.server)
            return ()
        if part.status is None:
            return ()
        if part.server not in self._known:
            server = self._cluster.server(part.server)
            self._known[part.server] = sessions_from_before(part, server=server, active_since=active_since)
        return checkouts_beside(part, known=self._known[part.server], cluster=self._cluster)

    def _arrived(self, server: str, active_since: datetime) -> int:
        """Connections that went there after the move had settled; our own probes go past the balancers."""
        now = self._outside.clock.now()
        since = max(active_since + SETTLE + COUNT_LAG, now - LATELY)
        seen = [balancer.traffic(server, since, now) for balancer in self._outside.balancers]
        return sum(traffic.arrived for traffic in seen if traffic is not None)

    def _count(self, splits: tuple[Split, ...]) -> None:
        before, self._seen = self._seen, {}
        for split in splits:
            checked_at = self._outside.prober.snapshot.server(split.server).checked_at
            newest, times = before.get(split.server, (None, 0))
            self._seen[split.server] = checked_at, times + (checked_at != newest)

    def _quarantine(self, record: ClusterRecord, splits: tuple[Split, ...]) -> None:
        if not self._cluster.failover.quarantine or self.group is None:
            return
        for split in splits:
            if split.server not in self._running and self._is_due(split.server):
                count, _ = self._tries.get(split.server, (0, 0.0))
                self._tries[split.server] = count + 1, self._outside.clock.monotonic()
                self._running.add(split.server)
                self.group.create_task(self._fence(split, record))

    def _is_due(self, server: str) -> bool:
        """Whether two checks have seen it, and the last fence was long enough ago.

        A server that wakes from a hang may answer what was waiting in its sockets: those clients are gone.
        """
        if self._seen[server][1] < CHECKS:
            return False
        count, last = self._tries.get(server, (0, 0.0))
        return not count or self._outside.clock.monotonic() - last >= retry_after(count).total_seconds()

    async def _fence(self, split: Split, record: ClusterRecord) -> None:
        try:
            with surviving(self._cluster.name, QUARANTINE, observer=self._outside.observer):
                await self._fence_and_write(split, record)
        finally:
            self._running.discard(split.server)

    async def _fence_and_write(self, split: Split, record: ClusterRecord) -> None:
        hook = self._cluster.failover.fence
        if hook is None or not self._outside.leadership.may_act():
            return
        called = await self._outside.hooks.run(hook, self._event(split, record))
        what = "was" if called.went_well else "cannot be"
        told = f"{split.server} {what} fenced" + (f": {called.detail}" if called.detail else "")
        log.warning("cluster=%s quarantine: %s", self._cluster.name, told)
        self._outside.prober.check_now(split.server)
        try:
            await self._write(QUARANTINE, told)
        except JournalError as error:
            log.warning("cluster=%s quarantine cannot be written down: %s", self._cluster.name, error)

    def _event(self, split: Split, record: ClusterRecord) -> CallEvent:
        return CallEvent(
            event=QUARANTINE,
            phase="fence",
            cluster=self._cluster.name,
            operation=None,
            epoch=record.epoch,
            source=self._cluster.server(split.server),
            target=self._cluster.server(record.active),
            rule=SPLIT_BRAIN,
            reason=split.detail,
            requested_by=CONTROLLER,
        )

    async def _write(self, word: str, detail: str) -> None:
        await self._outside.journal.hold(
            self._cluster.name, rule=word, trigger="detector", detail=detail, now=self._outside.clock.now()
        )
