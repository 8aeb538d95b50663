"""Everything a decision may look at, gathered in one frozen value."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from rlm_exporter.failover.external import HealthReport
from rlm_exporter.failover.lease import LeaseView
from rlm_exporter.failover.spans import cooldown_left, lasted
from rlm_exporter.failover.trigger import Trigger
from rlm_exporter.haproxy.view import BalancerReading, BalancerView, Traffic
from rlm_exporter.manifest.model import Cluster
from rlm_exporter.probe.snapshot import ClusterSnapshot, ServerSnapshot
from rlm_exporter.store.records import ClusterRecord, FailedAttempts, PinKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the balancers saw the active server do around its failed checks."""

    since_check: Traffic | None = None
    """Since its failing began: bytes until now, and only those arrivals whose answer would be counted by now.
    None where that is too short a time yet, or their readings do not tell."""
    while_failing: Traffic | None = None
    """Since its failing began, without the time in which older bytes may still be counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """One cluster at one moment, as the rules see it."""

    cluster: Cluster
    snapshot: ClusterSnapshot
    record: ClusterRecord
    now: datetime
    trigger: Trigger | None = None
    """None when nobody asked; adoption needs nobody."""
    readings: tuple[BalancerReading, ...] = ()
    evidence: Evidence = Evidence()
    differs_since: datetime | None = None
    """Since when the balancers have another server active than the record."""
    operation_open: bool = False
    store_writable: bool = True
    attempts: FailedAttempts | None = None
    """None where nobody has looked: a wish by hand needs no history."""
    automatic_moves: tuple[datetime, ...] = ()
    """When the automatic moves of the last days were committed."""
    seen_epoch: int = 0
    """The highest epoch that a balancer has shown above ours; 0 when none has."""
    catch_ups: tuple[datetime, ...] = ()
    """When we last went above a balancer's epoch, newest first."""
    steady_since: datetime | None = None
    """When the wall clock was last set; None when it was not, in this life of ours."""
    lease: LeaseView | None = None
    """Who of several daemons may act; None where we are alone."""
    reports: tuple[HealthReport, ...] = ()
    """What other monitors said, stale or not; they may hold a move back and never cause one."""

    @property
    def active(self) -> ServerSnapshot:
        """The recorded active server's part of the snapshot."""
        return self.snapshot.server(self.record.active)

    @property
    def views(self) -> tuple[BalancerView, ...]:
        """The balancers that could be read."""
        return tuple(reading.view for reading in self.readings if reading.view is not None)

    @property
    def steered_views(self) -> tuple[BalancerView, ...]:
        """Views whose worker knows our epoch: only these tell where HAProxy has moved by itself.

        A worker without it has not been steered since it started, so its table is no evidence.
        """
        return tuple(view for view in self.views if view.epoch == self.record.epoch)

    @property
    def balancer_active(self) -> str | None:
        """The server that every steered balancer has active; None while they do not say the same."""
        named = {view.active for view in self.steered_views}
        return named.pop() if len(named) == 1 else None

    @property
    def active_elsewhere(self) -> frozenset[str]:
        """Servers other than the recorded one that a steered balancer has active."""
        named = {view.active for view in self.steered_views if view.active is not None}
        return frozenset(named - {self.record.active})

    @property
    def pinned(self) -> frozenset[str]:
        """Servers held by us until a fault is over or an operator says so."""
        return frozenset(pin.server for pin in self.record.pins if pin.kind is not PinKind.SETTLE)

    def lasted(self, since: datetime) -> timedelta:
        """How long something has lasted for sure."""
        return lasted(since, self.now, steady_since=self.steady_since)

    @property
    def cooldown_left(self) -> timedelta:
        """How long the cooldown still runs; 0 when it does not."""
        return cooldown_left(self.record, self.cluster.failover, self.now)
