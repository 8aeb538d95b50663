"""Balancers, servers, hooks and a journal that do as a test says, around the real step runner."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from rlm_exporter.errors import JournalError, LoadBalancerError, StaleEpochError
from rlm_exporter.failover.calls import Called, CallEvent
from rlm_exporter.failover.leadership import Alone
from rlm_exporter.failover.lease import LeaseView
from rlm_exporter.failover.ports import Leadership, Outside
from rlm_exporter.failover.procedure import Procedure
from rlm_exporter.haproxy.plan import Need
from rlm_exporter.haproxy.view import BalancerReading, BalancerView, Desired, OldWorker, Traffic
from rlm_exporter.manifest.model import Cluster, ExecCall, Hook
from rlm_exporter.probe.result import Failure, FailureReason, LicenseResult, ProbeKind, ProbeResult
from rlm_exporter.probe.snapshot import ClusterSnapshot
from rlm_exporter.store.journal import Journal
from rlm_exporter.store.records import (
    ClusterRecord,
    Operation,
    OperationKind,
    OperationState,
    Pin,
    StepOutcome,
)
from tests.clock import START, FakeClock
from tests.failover.situations import CLUSTER, NAMES, read

FIRST_EPOCH = 1


class Killed(Exception):  # noqa: N818 - it is no error: it stands for SIGKILL
    """The end of our process, at a point of the test's choice."""


class FalteringJournal(Journal):
    """The real one, whose commits fail as often as a test says."""

    commits_to_fail = 0
    ends_to_hide = 0
    """How often an operation cannot be read once it has ended."""
    away = False
    """Whether nothing can be read or written that a look begins with."""

    async def cluster(self, name: str) -> ClusterRecord | None:
        self._answer()
        return await super().cluster(name)

    async def check_writable(self) -> None:
        self._answer()
        await super().check_writable()

    def _answer(self) -> None:
        if self.away:
            raise JournalError("it cannot be reached")

    async def operation(self, operation_id: int) -> Operation | None:
        found = await super().operation(operation_id)
        if found is not None and found.ended_at is not None and self.ends_to_hide:
            self.ends_to_hide -= 1
            raise JournalError("it does not answer")
        return found

    async def commit(
        self,
        operation_id: int,
        *,
        outcome: str,
        pins: tuple[Pin, ...],
        cooldown_until: datetime | None,
        now: datetime,
    ) -> ClusterRecord:
        if self.commits_to_fail:
            self.commits_to_fail -= 1
            raise JournalError("the disk is full")
        return await super().commit(
            operation_id, outcome=outcome, pins=pins, cooldown_until=cooldown_until, now=now
        )


def hook(name: str, *, required: bool = True) -> Hook:
    """A hook that is told apart by its command."""
    return Hook(call=ExecCall(command=(name,)), required=required)


@dataclass(kw_only=True)
class World:
    """Everything outside, and what was done to it."""

    refusing: set[str] = field(default_factory=set)
    """Servers that take no connection."""
    silent: set[str] = field(default_factory=set)
    """Servers that take connections and answer nothing."""
    away: set[str] = field(default_factory=set)
    """Balancers that cannot be reached."""
    stubborn: set[str] = field(default_factory=set)
    """Balancers that take commands and do not do them."""
    failing_hooks: dict[str, str] = field(default_factory=dict)
    talkative_hooks: dict[str, str] = field(default_factory=dict)
    """What there is to say of hooks that go well."""
    hooks_go_on: asyncio.Event | None = None
    """When hooks end; None = at once."""
    unwritable: str | None = None
    """Why what clients are told cannot be written."""
    seen_epoch: int = 0
    """The highest epoch that a stranger has given to the balancers."""
    foreign_hands: dict[str, str] = field(default_factory=dict)
    """What servers are in at a balancer since somebody else has changed it."""
    old_workers: dict[str, OldWorker] = field(default_factory=dict)
    """What a reload has left behind, by balancer."""
    sent_to: dict[str, Desired] = field(default_factory=dict)
    """What each balancer was last made to have."""
    done: list[str] = field(default_factory=list)
    """Hooks and moves, in order."""

    def connect(self, server: str) -> str | None:
        """A direct connect."""
        return f"{server} refuses" if server in self.refusing else None


@dataclass(kw_only=True)
class Lb:
    """One balancer."""

    name: str
    world: World

    @property
    def host(self) -> str:
        return f"{self.name}.example.com"

    @property
    def reading(self) -> BalancerReading:
        return read(balancer=self.name)

    @property
    def foreign_hand(self) -> str | None:
        return self.world.foreign_hands.get(self.name)

    def forget(self) -> None:
        raise AssertionError("nobody else steers it")

    async def observe(self) -> BalancerView:
        raise AssertionError("the step runner does not look, it checks")

    async def converge(self, desired: Desired) -> Need | None:
        raise AssertionError("the step runner does not converge, it moves")

    async def move(self, desired: Desired) -> BalancerView:
        if self.name in self.world.away:
            raise LoadBalancerError(f"{self.name}: connection refused")
        if desired.epoch < self.world.seen_epoch:
            raise StaleEpochError(f"{self.name}: stale", seen=self.world.seen_epoch)
        self.world.done.append(f"{self.name} to {desired.active} under {desired.epoch}")
        self.world.sent_to[self.name] = desired
        view = self.reading.view
        assert view is not None
        return view

    async def check(self, desired: Desired) -> str | None:
        if self.name in self.world.away:
            return f"{self.name}: connection refused"
        if self.name in self.world.stubborn:
            return f"{self.name}: its table names somebody else"
        return None if self.world.sent_to.get(self.name) == desired else f"{self.name}: not as wanted"

    def old_worker(self) -> OldWorker | None:
        return self.world.old_workers.get(self.name)

    def traffic(self, server: str, since: datetime, until: datetime) -> Traffic | None:
        return None


class NoProber:
    """The step runner asks servers directly, and never our own checks."""

    @property
    def snapshot(self) -> ClusterSnapshot:
        raise AssertionError("no snapshot is looked at")

    async def changed(self, after: ClusterSnapshot) -> ClusterSnapshot:
        raise AssertionError("no snapshot is waited for")

    def check_now(self, server: str) -> None:
        raise AssertionError("no check is asked for")

    def set_active(self, server: str | None) -> None:
        raise AssertionError("who is watched closely is not the step runner's")


@dataclass(kw_only=True)
class HookBox:
    """Hooks that fail where the world says so."""

    world: World
    events: list[CallEvent] = field(default_factory=list)

    async def run(self, hook: Hook, event: CallEvent) -> Called:
        assert isinstance(hook.call, ExecCall)
        name = hook.call.command[0]
        self.world.done.append(name)
        self.events.append(event)
        if self.world.hooks_go_on is not None:
            await self.world.hooks_go_on.wait()
        why = self.world.failing_hooks.get(name)
        return Called(went_well=why is None, detail=why or self.world.talkative_hooks.get(name, ""))


@dataclass(kw_only=True)
class Seam:
    """Counts the points of an operation, and kills the process at one of them."""

    kill_at: int | None = None
    points: list[tuple[str, str]] = field(default_factory=list)

    async def __call__(self, moment: str, step: str) -> None:
        self.points.append((moment, step))
        if len(self.points) - 1 == self.kill_at:
            raise Killed


@dataclass(kw_only=True)
class Reign:
    """A leadership that a test takes and gives."""

    stretch: int | None = 1
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def view(self) -> LeaseView:
        ours = self.stretch is not None
        return LeaseView(
            ours=ours, holder="ha1" if ours else "ha2", url=None, remaining=15.0 if ours else 0.0
        )

    def begin(self) -> bool:
        return self.stretch is not None

    def may_act(self) -> bool:
        return self.stretch is not None

    async def lost(self) -> None:
        await self._changed.wait()

    def become(self, stretch: int | None) -> None:
        """What was begun before is lost."""
        self.stretch = stretch
        self._changed.set()
        self._changed = asyncio.Event()


@dataclass(kw_only=True)
class Notes:
    """An observer that keeps what it is told."""

    steps: list[str] = field(default_factory=list)
    ends: list[Operation] = field(default_factory=list)

    def decided(self, cluster: str, rule: str) -> None:
        raise AssertionError("the step runner decides nothing")

    def stepped(self, cluster: str, step: str, seconds: float) -> None:
        self.steps.append(step)

    def ended(self, operation: Operation) -> None:
        self.ends.append(operation)

    def stumbled(self, cluster: str, error: Exception) -> None:
        raise AssertionError(f"no defect of ours is expected: {error}")


@dataclass(kw_only=True)
class Stage:
    """One life of our process: a step runner with its surroundings. The world and the journal outlive it."""

    journal: FalteringJournal
    world: World
    cluster: Cluster = CLUSTER
    balancers: tuple[str, ...] = ("lb1",)
    kill_at: int | None = None
    clock: FakeClock = field(default_factory=FakeClock)
    leadership: Leadership = field(default_factory=Alone)
    notes: Notes = field(default_factory=Notes)
    steered: list[Desired] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.seam = Seam(kill_at=self.kill_at)
        self.hooks = HookBox(world=self.world)
        self.outside = Outside(
            cluster=self.cluster,
            prober=NoProber(),
            balancers=tuple(Lb(name=name, world=self.world) for name in self.balancers),
            journal=self.journal,
            direct=self._direct,
            through=self._through,
            hooks=self.hooks,
            publish=self._publish,
            clock=self.clock,
            observer=self.notes,
            seam=self.seam,
            leadership=self.leadership,
        )
        self.procedure = Procedure(
            outside=self.outside,
            steer=self.steered.append,
            next_candidate=self._next_candidate,
            is_healthy=lambda server: server not in self.world.refusing | self.world.silent,
        )

    async def _publish(self, active: str) -> tuple[str, ...]:
        if self.world.unwritable is None:
            self.world.done.append(f"clients are told of {active}")
            return ()
        return (self.world.unwritable,)

    async def _direct(self, server: str) -> str | None:
        return self.world.connect(server)

    async def _through(self, host: str) -> LicenseResult:
        desired = self.world.sent_to.get(host.split(".", maxsplit=1)[0])
        failure = None
        if not self.balancers:
            failure = (
                Failure(reason=FailureReason.TIMEOUT, detail="silent") if host in self.world.silent else None
            )
        elif desired is None:
            failure = Failure(reason=FailureReason.REFUSED, detail="connection refused")
        elif desired.active in self.world.silent:
            failure = Failure(reason=FailureReason.TIMEOUT, detail=f"{desired.active} says nothing")
        return ProbeResult(
            kind=ProbeKind.BALANCER, started_at=START, duration=timedelta(milliseconds=5), failure=failure
        )

    def _next_candidate(self, excluded: frozenset[str]) -> str | None:
        return next((name for name in NAMES[1:] if name not in excluded), None)

    async def record(self) -> ClusterRecord:
        """The committed truth; founded where there is none yet."""
        known = await self.journal.cluster(self.cluster.name)
        return known or await self.journal.found(
            cluster=self.cluster.name, active="rlm1", epoch=FIRST_EPOCH, reason="lb1 sends there", now=START
        )

    async def claim(self, **changes: Any) -> Operation:
        """A failover to rlm2, with something changed."""
        record = await self.record()
        wish: dict[str, Any] = {
            "cluster": self.cluster.name,
            "kind": OperationKind.FAILOVER,
            "rule": "failed_over",
            "source": record.active,
            "target": "rlm2",
            "requested_by": "controller",
            "reason": "rlm1 is down",
            "trigger": "detector",
            "expected_version": record.version,
            "alerts": (),
            "idempotency_key": None,
            "now": START,
        }
        return await self.journal.claim(**wish | changes)

    async def run(self, operation: Operation) -> Operation:
        """The operation as it is when the step runner has done with it."""
        record = await self.procedure.run(operation, await self.record())
        assert record == await self.journal.cluster(self.cluster.name)
        ended = await self.journal.operation(operation.id)
        assert ended is not None
        assert ended.state is not OperationState.OPEN
        return ended

    async def sleeping(self) -> None:
        """Return when the step runner waits for time to pass; the journal works in real time."""
        async with asyncio.timeout(10):
            while not self.clock.sleepers:  # noqa: ASYNC110 - the journal's thread sets no event
                await asyncio.sleep(0.005)

    async def fail_over(self, **changes: Any) -> Operation:
        """Claim one and run it."""
        return await self.run(await self.claim(**changes))


def with_hooks(**policy: Any) -> Cluster:
    """The cluster with hooks and a fence in its policy."""
    return replace(CLUSTER, failover=replace(CLUSTER.failover, **policy))


def told(operation: Operation) -> list[tuple[str, str, StepOutcome | None]]:
    """The steps: what, to whom, and what came of it."""
    return [(step.step, step.target, step.outcome) for step in operation.steps]
