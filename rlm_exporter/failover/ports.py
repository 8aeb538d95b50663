"""What the controller needs from outside, by shape."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from rlm_exporter.failover.calls import Called, CallEvent
from rlm_exporter.failover.lease import LeaseView
from rlm_exporter.haproxy.plan import Need
from rlm_exporter.haproxy.view import BalancerReading, BalancerView, Desired, OldWorker, Traffic
from rlm_exporter.manifest.model import Cluster, Hook, Server
from rlm_exporter.probe.child import Ended
from rlm_exporter.probe.result import Failure, LicenseResult, TcpResult
from rlm_exporter.probe.snapshot import ClusterSnapshot
from rlm_exporter.store.leases import Claimant, LeasesTaken
from rlm_exporter.store.records import (
    AlertRecord,
    ClusterRecord,
    FailedAttempts,
    Operation,
    OperationKind,
    OperationState,
    Pin,
    StepOutcome,
)


class Clock(Protocol):
    """Time, so that a test can move it."""

    def now(self) -> datetime:
        """The wall clock, aware, in UTC; it may jump."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment; never jumps."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return when that much monotonic time has passed."""
        ...


class Prober(Protocol):
    """Our own checks of the cluster's servers."""

    @property
    def snapshot(self) -> ClusterSnapshot:
        """The newest of all servers."""
        ...

    async def changed(self, after: ClusterSnapshot) -> ClusterSnapshot:
        """The next snapshot that is not `after`."""
        ...

    def check_now(self, server: str) -> None:
        """Start a check at once, if none runs."""
        ...

    def set_active(self, server: str | None) -> None:
        """Which server gets the closest look."""
        ...


class LoadBalancer(Protocol):
    """One balancer of the cluster."""

    @property
    def name(self) -> str:
        """Its name in the manifest."""
        ...

    @property
    def host(self) -> str:
        """Where it takes clients."""
        ...

    @property
    def reading(self) -> BalancerReading:
        """The newest reading."""
        ...

    @property
    def foreign_hand(self) -> str | None:
        """What servers are in since somebody else has changed it; None where nobody has."""
        ...

    def forget(self) -> None:
        """What was done to it says nothing any more: another daemon steers it."""
        ...

    async def observe(self) -> BalancerView:
        """A fresh reading; raises LoadBalancerError."""
        ...

    async def converge(self, desired: Desired) -> Need | None:
        """One turn of the loop; raises LoadBalancerError, StaleEpochError."""
        ...

    async def move(self, desired: Desired) -> BalancerView:
        """Send everybody to the wanted server now; raises LoadBalancerError, StaleEpochError."""
        ...

    async def check(self, desired: Desired) -> str | None:
        """What is not as wanted, freshly read; None when all is."""
        ...

    def old_worker(self) -> OldWorker | None:
        """The worker that a reload has left behind; None where there is none to think of."""
        ...

    def traffic(self, server: str, since: datetime, until: datetime) -> Traffic | None:
        """What it saw the server do."""
        ...


class DirectProbe(Protocol):
    """A fresh look at one server past every balancer: license port and ISV ports."""

    async def __call__(self, server: str) -> str | None:
        """None when every port was accepted, else why not, in words."""
        ...


class ThroughProbe(Protocol):
    """The license probe as a client would make it: through a balancer's address, or, where the cluster has no
    balancer, at a server of that name."""

    async def __call__(self, host: str) -> LicenseResult:
        """What answered there; a license service without a wanted ISV server is a failure."""
        ...


class HookRunner(Protocol):
    """Calls outside: programs and HTTP."""

    async def run(self, hook: Hook, event: CallEvent) -> Called:
        """What came of it, after as many attempts as the hook has."""
        ...


class StopServer(Protocol):
    """Stops one RLM server, by RLM's own means."""

    async def __call__(self, server: Server, *, limit: timedelta) -> Called:
        """Went well when nothing of it listens any more; always ends within the limit."""
        ...


class Rlmutil(Protocol):
    """The daemon's rlmutil."""

    async def run(self, *arguments: str, timeout: timedelta, limit: int) -> Ended | Failure:
        """What it said within the time and `limit` bytes; a failure where it cannot be started."""
        ...


class LicenseProbe(Protocol):
    """Asks rlm for everything it knows."""

    async def probe(self, host: str, port: int, *, timeout: timedelta) -> LicenseResult:
        """A failed probe is a result; `ProbeError` only for a reason of ours."""
        ...


class ReleaseJournal(Protocol):
    """Of the journal, what taking a seat back needs."""

    async def hold(self, cluster: str, *, rule: str, trigger: str, detail: str, now: datetime) -> None:
        """Write what an operator has done."""
        ...


class TcpProbe(Protocol):
    """Connects and says nothing."""

    async def probe(self, host: str, port: int, *, timeout: timedelta) -> TcpResult:
        """A failed probe is a result; `ProbeError` only for a reason of ours."""
        ...


class Publish(Protocol):
    """Tells clients, by files, which server is active."""

    async def __call__(self, active: str) -> tuple[str, ...]:
        """What could not be written, in words; empty when all was, or there is nothing to write."""
        ...


class Seam(Protocol):
    """Where a test may end the process; the product passes one that does nothing."""

    async def __call__(self, moment: str, step: str) -> None:
        """`moment` is before, intended, ran or after."""
        ...


class Leadership(Protocol):
    """Whether this daemon, of several that share a journal, may act for one cluster."""

    @property
    def view(self) -> LeaseView | None:
        """What is known of the lease; None where there is none, because nobody else can act."""
        ...

    @property
    def stretch(self) -> int | None:
        """Which stretch of acting this is, while what was begun in it may be gone on with; else None."""
        ...

    def begin(self) -> bool:
        """Begin to act, or go on; whether we may."""
        ...

    def may_act(self) -> bool:
        """Whether what was begun may be gone on with."""
        ...

    async def lost(self) -> None:
        """Return as soon as what was begun may not be gone on with."""
        ...


class LeaseStore(Protocol):
    """Where leases are kept; every method raises JournalError."""

    async def take_leases(
        self,
        *,
        claimant: Claimant,
        clusters: Iterable[str],
        held: Mapping[str, int],
        resumed: Collection[str],
        lasting: timedelta,
    ) -> LeasesTaken:
        """Renew those of these clusters that are held, by token, and take those that have run out.

        Of `resumed`, also those that an earlier life of this daemon has left.
        """
        ...

    async def release_leases(self, *, claimant: Claimant, held: Mapping[str, int]) -> None:
        """Let go of leases at once."""
        ...


class Observer(Protocol):
    """Instruments and listeners. Must be quick and must not raise."""

    def decided(self, cluster: str, rule: str) -> None:
        """A decision that differs from the one before it, or was asked for."""
        ...

    def stepped(self, cluster: str, step: str, seconds: float) -> None:
        """A step of an operation ended."""
        ...

    def ended(self, operation: Operation) -> None:
        """An operation ended."""
        ...

    def stumbled(self, cluster: str, error: Exception) -> None:
        """A defect of ours ended one look; the loop goes on."""
        ...


class Journal(Protocol):
    """The durable record; every method raises JournalError when it cannot do its work."""

    async def cluster(self, name: str) -> ClusterRecord | None:
        """The committed truth; None before the first start."""
        ...

    async def open_operation(self, cluster: str) -> Operation | None:
        """The one that was begun and has not ended."""
        ...

    async def found(
        self, *, cluster: str, active: str, epoch: int, reason: str, now: datetime
    ) -> ClusterRecord:
        """The first record of a cluster, and the operation that says how it was found."""
        ...

    async def claim(
        self,
        *,
        cluster: str,
        kind: OperationKind,
        rule: str,
        source: str | None,
        target: str,
        requested_by: str,
        reason: str,
        trigger: str,
        expected_version: int,
        alerts: tuple[str, ...],
        idempotency_key: str | None,
        now: datetime,
        minimum_epoch: int = 0,
    ) -> Operation:
        """Open an operation under a new epoch, in one transaction."""
        ...

    async def intend(self, operation_id: int, *, step: str, target: str, epoch: int, now: datetime) -> int:
        """Write that a step is about to run; its number."""
        ...

    async def done(
        self, operation_id: int, number: int, *, outcome: StepOutcome, detail: str, now: datetime
    ) -> None:
        """Write what came of it."""
        ...

    async def retarget(
        self, operation_id: int, *, target: str, now: datetime, minimum_epoch: int = 0
    ) -> Operation:
        """Lead the operation to another server, under a new epoch."""
        ...

    async def commit(
        self,
        operation_id: int,
        *,
        outcome: str,
        pins: tuple[Pin, ...],
        cooldown_until: datetime | None,
        now: datetime,
    ) -> ClusterRecord:
        """The operation's target is the active one from now on."""
        ...

    async def end(self, operation_id: int, *, state: OperationState, outcome: str, now: datetime) -> None:
        """End without a commit, nothing having been changed at a balancer."""
        ...

    async def roll_back(
        self, operation_id: int, *, pins: tuple[Pin, ...], outcome: str, now: datetime
    ) -> ClusterRecord:
        """End without a commit after something was changed: the active one stays, the epoch is the last."""
        ...

    async def set_pins(
        self, cluster: str, *, pins: tuple[Pin, ...], now: datetime, expected_version: int | None = None
    ) -> ClusterRecord:
        """Replace the pins; refused when the record has not the expected version."""
        ...

    async def set_pause(
        self, cluster: str, *, until: datetime | None, now: datetime, expected_version: int | None = None
    ) -> ClusterRecord:
        """Pause until a moment; None ends the pause."""
        ...

    async def acknowledge(
        self, cluster: str, *, now: datetime, expected_version: int | None = None
    ) -> ClusterRecord:
        """What was done until now holds nothing back any more."""
        ...

    async def automatic_moves(self, cluster: str, *, since: datetime) -> tuple[datetime, ...]:
        """When moves that nobody asked for were committed."""
        ...

    async def failed_attempts(self, cluster: str) -> FailedAttempts:
        """Operations that ended without a commit since the last move."""
        ...

    async def firing_alerts(self, cluster: str) -> tuple[AlertRecord, ...]:
        """Alerts that have not been resolved."""
        ...

    async def operations(
        self, cluster: str, *, since: datetime | None = None, limit: int = 100
    ) -> tuple[Operation, ...]:
        """Newest first, with their steps and alerts."""
        ...

    async def operation(self, operation_id: int) -> Operation | None:
        """One, with its steps and alerts."""
        ...

    async def operation_by_key(self, cluster: str, key: str) -> Operation | None:
        """The one that a request with this idempotency key began."""
        ...

    async def hold(self, cluster: str, *, rule: str, trigger: str, detail: str, now: datetime) -> None:
        """Write a decision that held."""
        ...

    async def check_writable(self) -> None:
        """Write something; raises JournalError that says why it cannot be."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """Everything that the writer of one cluster needs of the world."""

    cluster: Cluster
    prober: Prober
    balancers: tuple[LoadBalancer, ...]
    journal: Journal
    direct: DirectProbe
    through: ThroughProbe
    hooks: HookRunner
    publish: Publish
    clock: Clock
    observer: Observer
    seam: Seam
    leadership: Leadership
