"""Gathers what the rules look at: the newest snapshot, the balancers' readings, and the traffic they saw."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from rlm_exporter.failover.ports import LoadBalancer, Outside
from rlm_exporter.failover.reasons import Reason
from rlm_exporter.failover.reporters import Reporters
from rlm_exporter.failover.rules_of_following import CONTEST_WINDOW
from rlm_exporter.failover.situation import Evidence, Situation
from rlm_exporter.failover.spans import JUMP
from rlm_exporter.failover.trigger import Trigger
from rlm_exporter.haproxy.traffic import COUNT_LAG
from rlm_exporter.haproxy.view import BalancerView, Traffic
from rlm_exporter.manifest.model import Failback
from rlm_exporter.probe.snapshot import ClusterSnapshot
from rlm_exporter.store.records import ClusterRecord

log = logging.getLogger(__name__)

REMEMBERED = timedelta(days=7)
"""How far back automatic moves that nobody acknowledged are looked at."""

SILENCE_CHECK = 5.0
"""Least seconds between two checks that are started because the active server is silent."""

SILENCE = COUNT_LAG + timedelta(seconds=1)
"""Connections that arrive for this long without a byte in return are worth a check at once."""


class Lookout:
    """Looks for the controller, and has the active server checked at once when something looks wrong."""

    def __init__(self, *, outside: Outside, reporters: Reporters, seen_epoch: Callable[[], int]) -> None:
        """`seen_epoch` is the highest one that a balancer has shown above ours."""
        self._cluster = outside.cluster
        self._prober = outside.prober
        self._balancers = outside.balancers
        self._journal = outside.journal
        self._reporters = reporters
        self._clock = outside.clock
        self._leadership = outside.leadership
        self._seen_epoch = seen_epoch
        self._clocks = self._clock.now(), self._clock.monotonic()
        self._steady_since: datetime | None = None
        self._differs_since: datetime | None = None
        self._last_silence_check = float("-inf")

    def glance(self, record: ClusterRecord, trigger: Trigger | None = None) -> Situation:
        """The situation as far as memory knows it, without the history of operations."""
        now = self._now()
        situation = Situation(
            cluster=self._cluster,
            snapshot=self._prober.snapshot,
            record=record,
            now=now,
            trigger=trigger,
            readings=tuple(balancer.reading for balancer in self._balancers),
            evidence=evidence(
                active=record.active, snapshot=self._prober.snapshot, balancers=self._balancers, now=now
            ),
            lease=self._leadership.view,
            reports=self._reporters.reports,
            seen_epoch=self._seen_epoch(),
            steady_since=self._steady_since,
        )
        self._differs_since = (self._differs_since or now) if situation.active_elsewhere else None
        return replace(situation, differs_since=self._differs_since)

    async def situation(self, record: ClusterRecord, trigger: Trigger | None) -> Situation:
        """The whole situation. Only a failing server and an automatic failback need the history of moves."""
        attempts = await self._journal.failed_attempts(self._cluster.name)
        situation = replace(self.glance(record, trigger), attempts=attempts)
        if situation.seen_epoch > record.epoch:
            situation = replace(situation, catch_ups=await self._catch_ups(situation.now))
        if situation.active.health.is_up and self._cluster.failback is not Failback.AUTOMATIC:
            return situation
        return replace(
            situation,
            automatic_moves=await self._journal.automatic_moves(
                self._cluster.name, since=situation.now - REMEMBERED
            ),
        )

    def _now(self) -> datetime:
        """The wall clock; that it was set is noticed by its steps, which are then not those of the other."""
        now, monotonic = self._clock.now(), self._clock.monotonic()
        before, then = self._clocks
        self._clocks = now, monotonic
        if abs((now - before) - timedelta(seconds=monotonic - then)) > JUMP:
            log.warning("cluster=%s the clock was set: it was %s and is %s", self._cluster.name, before, now)
            self._steady_since = now
        return now

    async def _catch_ups(self, now: datetime) -> tuple[datetime, ...]:
        operations = await self._journal.operations(self._cluster.name, since=now - CONTEST_WINDOW, limit=50)
        return tuple(
            each.committed_at
            for each in operations
            if each.rule == Reason.EPOCH_BEHIND and each.committed_at is not None
        )

    def check_what_looks_wrong(self, active: str) -> None:
        """Start a check of the active server where a balancer gives a reason, unless it is known as down."""
        self._check_newcomers()
        part = self._prober.snapshot.server(active)
        if part.health.failures >= self._cluster.failover.threshold:
            return
        views = [balancer.reading.view for balancer in self._balancers]
        if any(view is not None and looks_wrong(view, active) for view in views):
            self._prober.check_now(active)
        elif is_silent(active=active, balancers=self._balancers, now=self._clock.now()):
            now = self._clock.monotonic()
            if now - self._last_silence_check >= SILENCE_CHECK:
                self._last_silence_check = now
                self._prober.check_now(active)

    def _check_newcomers(self) -> None:
        # Good once makes nobody a candidate; to wait a whole interval for the second time would leave the
        # cluster without one after each start of ours.
        for part in self._prober.snapshot.servers:
            if part.health.successes == 1:
                self._prober.check_now(part.server)


def evidence(
    *, active: str, snapshot: ClusterSnapshot, balancers: tuple[LoadBalancer, ...], now: datetime
) -> Evidence:
    """What the balancers saw the active server do around its failed checks."""
    health = snapshot.server(active).health
    if health.last_failed_start is None or health.last_failed_end is None or health.failing_since is None:
        return Evidence()
    since = max(health.failing_since + COUNT_LAG, health.last_failed_start)
    return Evidence(
        since_check=_silence(active, balancers, health.failing_since, now),
        while_failing=_traffic(active, balancers, since, now),
    )


def _silence(
    server: str, balancers: tuple[LoadBalancer, ...], since: datetime, now: datetime
) -> Traffic | None:
    """Arrivals that would have been answered and counted by now, and all bytes until now."""
    early = _traffic(server, balancers, since, now - COUNT_LAG)
    whole = _traffic(server, balancers, since, now)
    if early is None or whole is None:
        return None
    return replace(whole, arrived=early.arrived)


def is_silent(*, active: str, balancers: tuple[LoadBalancer, ...], now: datetime) -> bool:
    """Whether connections reach the active server and it says nothing."""
    traffic = _traffic(active, balancers, now - SILENCE, now)
    return traffic is not None and traffic.arrived > 0 and traffic.bytes_out == 0


def looks_wrong(view: BalancerView, active: str) -> bool:
    """Whether a balancer's view is a reason to check the active server at once."""
    line = view.license_line(active)
    down = line is not None and line.status.startswith("DOWN")
    return down or (view.active is not None and view.active != active)


def _traffic(
    server: str, balancers: tuple[LoadBalancer, ...], since: datetime, until: datetime
) -> Traffic | None:
    seen = [balancer.traffic(server, since, until) for balancer in balancers]
    told = [traffic for traffic in seen if traffic is not None]
    # A balancer whose readings do not tell may have seen what the others did not.
    if not told or len(told) < len(seen):
        return None
    return Traffic(
        arrived=sum(traffic.arrived for traffic in told),
        bytes_out=sum(traffic.bytes_out for traffic in told),
        since=min(traffic.since for traffic in told),
        until=max(traffic.until for traffic in told),
    )
