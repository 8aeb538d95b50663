"""The one writer of one cluster: it looks, decides by the rules, and runs what was decided.

Alerts, our own detector, the balancers and operators all only wake it. What it then believes is the
newest snapshot and the balancers' own view. Beside it, one loop per balancer keeps that balancer as
wanted; the loop never waits for an operation's hooks.
"""

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from rlm_exporter.errors import JournalError
from rlm_exporter.failover.by_hand import Answer
from rlm_exporter.failover.candidates import candidates
from rlm_exporter.failover.decide import decide, retry_after
from rlm_exporter.failover.first_start import find_active, first_epoch
from rlm_exporter.failover.lookout import Lookout
from rlm_exporter.failover.operators import Operators
from rlm_exporter.failover.pins import PinKeeper
from rlm_exporter.failover.ports import (
    Clock,
    DirectProbe,
    HookRunner,
    Journal,
    LoadBalancer,
    Observer,
    Prober,
    Seam,
    ThroughProbe,
)
from rlm_exporter.failover.procedure import Procedure
from rlm_exporter.failover.reasons import Decision, Hold, Move, Reason
from rlm_exporter.failover.reporters import Reporters
from rlm_exporter.failover.steering import PACE, Steering
from rlm_exporter.failover.steps import has_touched_balancers, is_to_be_announced
from rlm_exporter.failover.trigger import (
    FailoverRequest,
    MaintenanceRequest,
    Refusal,
    RefusalKind,
    Request,
    Trigger,
    TriggerKind,
)
from rlm_exporter.failover.wishes import Wishes, answer_while_open
from rlm_exporter.haproxy.view import Desired
from rlm_exporter.manifest.model import Cluster, TriggerSource
from rlm_exporter.store.errors import ConflictError
from rlm_exporter.store.records import (
    AlertRecord,
    ClusterRecord,
    Operation,
    OperationKind,
)

log = logging.getLogger(__name__)


LATEST_ANNOUNCEMENT = timedelta(minutes=10)
"""An older move is no news to anybody when its hooks were lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the controller knows at the moment, for everybody who only reads."""

    record: ClusterRecord | None
    desired: Desired | None
    decision: Decision | None
    decided_at: datetime | None
    trigger: Trigger | None
    operation: Operation | None
    """The open one."""
    store_writable: bool


class ClusterController:
    """One cluster's writer. `run` is its life; everything else only wakes it or reads."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        prober: Prober,
        balancers: tuple[LoadBalancer, ...],
        journal: Journal,
        direct: DirectProbe,
        through: ThroughProbe,
        hooks: HookRunner,
        clock: Clock,
        observer: Observer,
        seam: Seam,
    ) -> None:
        self._cluster = cluster
        self._prober = prober
        self._balancers = balancers
        self._journal = journal
        self._clock = clock
        self._observer = observer
        self._wake = asyncio.Event()
        self._steering = Steering(
            cluster=cluster.name, balancers=balancers, clock=clock, observer=observer, wake=self.wake
        )
        self._reporters = Reporters(cluster=cluster.name, prober=prober, journal=journal, clock=clock)
        self._lookout = Lookout(
            cluster=cluster,
            prober=prober,
            balancers=balancers,
            journal=journal,
            reporters=self._reporters,
            clock=clock,
        )
        self._operators = Operators(
            cluster=cluster.name,
            journal=journal,
            lookout=self._lookout,
            clock=clock,
            carry_on=self._carry_on,
            firing=self._firing,
            minimum_epoch=self._minimum_epoch,
        )
        self._pins = PinKeeper(prober=prober, direct=direct, clock=clock)
        self._procedure = Procedure(
            cluster=cluster,
            journal=journal,
            balancers=balancers,
            direct=direct,
            through=through,
            hooks=hooks,
            clock=clock,
            observer=observer,
            seam=seam,
            steer=self._steering.want,
            next_candidate=self._next_candidate,
            is_healthy=lambda server: self._prober.snapshot.server(server).health.is_up,
            closed=self._close,
        )
        self._wishes = Wishes()
        self._record: ClusterRecord | None = None
        self._operation: Operation | None = None
        self._alerts: tuple[AlertRecord, ...] = ()
        self._decision: Decision | None = None
        self._decided_at: datetime | None = None
        self._trigger: Trigger | None = None
        self._store_writable = True
        self._looked_back = False
        self._group: asyncio.TaskGroup | None = None

    @property
    def cluster(self) -> Cluster:
        """The manifest's cluster."""
        return self._cluster

    @property
    def balancers(self) -> tuple[LoadBalancer, ...]:
        """The cluster's balancers, for reading."""
        return self._balancers

    @property
    def prober(self) -> Prober:
        """Our own checks, for reading."""
        return self._prober

    @property
    def reporters(self) -> Reporters:
        """What other monitors report."""
        return self._reporters

    @property
    def alerts(self) -> tuple[AlertRecord, ...]:
        """The alerts that fire for this cluster, as of the last look."""
        return self._alerts

    @property
    def standing(self) -> Standing:
        """What is so at the moment."""
        return Standing(
            record=self._record,
            desired=self._steering.desired,
            decision=self._decision,
            decided_at=self._decided_at,
            trigger=self._trigger,
            operation=self._operation,
            store_writable=self._store_writable,
        )

    def wake(self) -> None:
        """Something happened: look now."""
        self._wake.set()

    async def request(self, request: Request) -> Answer:
        """An operator's wish. Answers when it is refused, planned, done, or has become an open operation."""
        operation = self._operation
        if operation is not None and isinstance(request, FailoverRequest | MaintenanceRequest):
            return answer_while_open(request, operation)
        wish = self._wishes.add(request)
        self.wake()
        return await wish.answered()

    async def run(self) -> None:
        """Look and steer until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            group.create_task(self._looking())
            group.create_task(self._waking())
            group.create_task(self._steering.run())

    # ---- the loops

    async def _waking(self) -> None:
        snapshot = self._prober.snapshot
        while True:
            snapshot = await self._prober.changed(snapshot)
            self.wake()

    async def _looking(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PACE):
                    await self._wake.wait()
            self._wake.clear()
            try:
                await self._look()
            except ConflictError as error:
                # Somebody else wrote first; what is so now is read at the next look.
                log.info("cluster=%s looking again: %s", self._cluster.name, error)
                self.wake()
            except JournalError as error:
                self._store_unavailable(error)
            except Exception as error:
                # A task loop, the place where a defect of ours must not end the watch over a cluster.
                log.exception("cluster=%s looking failed", self._cluster.name)
                self._observer.stumbled(self._cluster.name, error)

    async def _look(self) -> None:
        if not self._store_writable and not await self._journal.writable():
            self._wishes.refuse_all(Refusal(kind=RefusalKind.STORE_UNAVAILABLE, detail="the journal is away"))
            return
        self._store_writable = True
        await self._read_store()
        await self._announce_what_a_crash_left()
        if self._operation is not None:
            await self._carry_on(self._operation)
        if self._record is None:
            await self._first_start()
        if self._record is None:
            self._wishes.refuse_all(Refusal(kind=RefusalKind.NOT_READY, detail=self._why_not_ready()))
            return
        await self._tend_pins()
        if self._steering.seen_epoch > self._record.epoch and await self._may_resync(self._record):
            await self._resync(self._record)
        await self._serve_wishes()
        await self._decide_and_act()

    async def _read_store(self) -> None:
        self._record = await self._journal.cluster(self._cluster.name)
        self._alerts = await self._journal.firing_alerts(self._cluster.name)
        self._operation = await self._journal.open_operation(self._cluster.name)
        if self._operation is None:
            self._want_committed()

    def _store_unavailable(self, error: JournalError) -> None:
        self._store_writable = False
        log.error("cluster=%s the journal is away: %s", self._cluster.name, error)
        detail = f"the journal is away: {error}"
        self._note(Hold(reason=Reason.STORE_UNAVAILABLE, detail=detail))
        self._wishes.refuse_all(Refusal(kind=RefusalKind.STORE_UNAVAILABLE, detail=detail))

    # ---- what is wanted

    def _want_committed(self) -> None:
        if self._record is None:
            return
        # A pinned server may have left the manifest since.
        members = frozenset(server.name for server in self._cluster.servers)
        pinned = frozenset(pin.server for pin in self._record.pins) & members - {self._record.active}
        self._steering.want(Desired(epoch=self._record.epoch, active=self._record.active, pinned=pinned))
        self._prober.set_active(self._record.active)

    async def _first_start(self) -> None:
        readings = tuple(balancer.reading for balancer in self._balancers)
        views = tuple(reading.view for reading in readings if reading.view is not None)
        if readings and not views:
            return
        found = find_active(cluster=self._cluster, snapshot=self._prober.snapshot, views=views)
        if found is None:
            return
        active, why = found
        self._record = await self._journal.found(
            cluster=self._cluster.name,
            active=active,
            epoch=first_epoch(views),
            reason=why,
            now=self._clock.now(),
        )
        log.info("cluster=%s active=%s first start: %s", self._cluster.name, active, why)
        self._want_committed()

    def _why_not_ready(self) -> str:
        unread = [b.reading.error or b.name for b in self._balancers if b.reading.view is None]
        if unread and len(unread) == len(self._balancers):
            return f"who is active is not known yet: no balancer can be read ({'; '.join(unread)})"
        return "who is active is not known yet: no server has been found healthy"

    async def _tend_pins(self) -> None:
        record = self._record
        if record is None:
            return
        now = self._clock.now()
        pins = await self._pins.due(record, now=now)
        if pins != record.pins:
            self._record = await self._journal.set_pins(
                self._cluster.name, pins=pins, now=now, expected_version=record.version
            )
            self._want_committed()

    # ---- deciding

    def _standing_trigger(self) -> Trigger | None:
        """Who asks at the moment, without an operator: an alert that fires, or our own detector."""
        sources = self._cluster.failover.triggers
        if TriggerSource.ALERTS in sources and self._alerts:
            return Trigger(kind=TriggerKind.ALERT, alerts=tuple(alert.fingerprint for alert in self._alerts))
        if TriggerSource.DETECTOR in sources:
            return Trigger(kind=TriggerKind.DETECTOR)
        return None

    async def _decide_and_act(self) -> None:
        record = self._record
        if record is None:
            return
        self._lookout.check_what_looks_wrong(record.active)
        trigger = self._standing_trigger()
        situation = await self._lookout.situation(record, trigger)
        decision = decide(situation)
        match decision:
            case Hold():
                await self._hold(decision, trigger)
            case Move(reason=Reason.ADOPTED):
                await self._move(record, decision, OperationKind.ADOPT, Trigger(kind=TriggerKind.BALANCER))
            case Move(reason=Reason.FOLLOWED_RLM):
                await self._move(record, decision, OperationKind.ADOPT, Trigger(kind=TriggerKind.RLM))
            case Move(reason=Reason.FAILBACK_DUE):
                await self._move(record, decision, OperationKind.FAILBACK, Trigger(kind=TriggerKind.SCHEDULE))
            case Move(reason=Reason.BALANCER_WRONG):
                await self._move(record, decision, OperationKind.RESYNC, Trigger(kind=TriggerKind.BALANCER))
            case Move():
                # A rule that moves has passed the one that wants somebody to have asked.
                await self._move(
                    record, decision, OperationKind.FAILOVER, trigger or Trigger(kind=TriggerKind.BALANCER)
                )

    async def _hold(self, decision: Hold, trigger: Trigger | None) -> None:
        if decision.check_now and self._record is not None:
            self._prober.check_now(self._record.active)
        if self._note(decision, trigger):
            log.info(
                "cluster=%s decision=hold rule=%s %s", self._cluster.name, decision.reason, decision.detail
            )
            await self._journal.hold(
                self._cluster.name,
                rule=decision.reason,
                trigger=trigger.kind if trigger is not None else "",
                detail=decision.detail,
                now=self._clock.now(),
            )

    def _note(self, decision: Decision, trigger: Trigger | None = None) -> bool:
        """Remember a decision; whether its rule differs from the one before it."""
        changed = self._decision is None or self._decision.reason is not decision.reason
        self._decision, self._decided_at, self._trigger = decision, self._clock.now(), trigger
        if changed:
            self._observer.decided(self._cluster.name, decision.reason)
        return changed

    # ---- acting

    async def _move(
        self, record: ClusterRecord, decision: Move, kind: OperationKind, trigger: Trigger
    ) -> None:
        self._decision = None
        self._note(decision, trigger)
        operation = await self._journal.claim(
            cluster=self._cluster.name,
            kind=kind,
            rule=decision.reason,
            source=record.active,
            target=decision.candidate,
            requested_by="controller",
            reason=decision.detail,
            trigger=trigger.kind,
            expected_version=record.version,
            alerts=self._firing(),
            idempotency_key=None,
            now=self._clock.now(),
            minimum_epoch=self._minimum_epoch(),
        )
        await self._carry_on(operation)

    async def _may_resync(self, record: ClusterRecord) -> bool:
        """Whether the server that serves is healthy, and the last attempt at this long enough ago."""
        attempts = await self._journal.failed_attempts(self._cluster.name)
        ended = attempts.last_ended_at
        waited = ended is None or self._clock.now() - ended >= retry_after(max(attempts.count, 1))
        return waited and self._prober.snapshot.server(self._serving(record)).health.is_up

    def _serving(self, record: ClusterRecord) -> str:
        """Whom the balancers have active, if that is a healthy member, else whom the record has."""
        situation = self._lookout.glance(record)
        named = {view.active for view in situation.views} & {server.name for server in self._cluster.servers}
        up = [name for name in sorted(map(str, named)) if situation.snapshot.server(name).health.is_up]
        return up[0] if up else record.active

    async def _resync(self, record: ClusterRecord) -> None:
        """A balancer knows a higher epoch than the store: go above it, and move nobody."""
        operation = await self._journal.claim(
            cluster=self._cluster.name,
            kind=OperationKind.RESYNC,
            rule="epoch_behind",
            source=record.active,
            target=self._serving(record),
            requested_by="controller",
            reason=f"a balancer has seen epoch {self._steering.seen_epoch}, the store knows {record.epoch}: "
            "the store was restored from a backup, or another tool steers",
            trigger=TriggerKind.BALANCER,
            expected_version=record.version,
            alerts=(),
            idempotency_key=None,
            now=self._clock.now(),
            minimum_epoch=self._minimum_epoch(),
        )
        await self._carry_on(operation)

    async def _carry_on(self, operation: Operation) -> ClusterRecord:
        """Run an operation from where it stands to its end."""
        record = self._record
        if record is None:
            record = await self._journal.cluster(self._cluster.name)
        if record is None:
            raise JournalError(f"operation {operation.id} stands without a record of its cluster")
        log.info(
            "cluster=%s operation=%d kind=%s rule=%s from=%s to=%s epoch=%d %s",
            self._cluster.name,
            operation.id,
            operation.kind,
            operation.rule,
            operation.source,
            operation.target,
            operation.epoch,
            operation.reason,
        )
        self._operation = operation
        self._wishes.refuse_moves(operation)
        self._steering.hurried = True
        if has_touched_balancers(operation):
            others = frozenset(server.name for server in self._cluster.servers) - {operation.target}
            self._steering.want(Desired(epoch=operation.epoch, active=operation.target, pinned=others))
        self._prober.set_active(operation.target)
        try:
            self._record = record = await self._procedure.run(operation, record)
        finally:
            self._prober.set_active(self._record.active if self._record is not None else None)
        self._operation = None
        self._steering.hurried = False
        self._want_committed()
        self._announce(operation.id)
        self.wake()
        return record

    def _firing(self) -> tuple[str, ...]:
        return tuple(alert.fingerprint for alert in self._alerts)

    def _minimum_epoch(self) -> int:
        return self._steering.seen_epoch + 1

    def _close(self) -> None:
        """The operation has ended in the journal: whoever reads that there may wish for the next one."""
        self._operation = None

    def _announce(self, operation_id: int) -> None:
        if self._group is not None and self._cluster.failover.after:
            self._group.create_task(self._announced(operation_id))

    async def _announced(self, operation_id: int) -> None:
        try:
            operation = await self._journal.operation(operation_id)
            if operation is not None and is_to_be_announced(operation):
                await self._procedure.announce(operation)
        except JournalError as error:
            log.warning("operation %d cannot be announced: %s", operation_id, error)

    async def _announce_what_a_crash_left(self) -> None:
        """Hooks after a commit run at least once: a crash may have come between."""
        if self._looked_back:
            return
        last = await self._journal.operations(self._cluster.name, limit=1)
        self._looked_back = True
        since = self._clock.now() - LATEST_ANNOUNCEMENT
        if last and is_to_be_announced(last[0]) and last[0].started_at > since:
            self._announce(last[0].id)

    def _next_candidate(self, excluded: frozenset[str]) -> str | None:
        record = self._record
        if record is None:
            return None
        situation = self._lookout.glance(record)
        return next(iter(candidates(situation, excluded=excluded)), None)

    # ---- an operator's wishes

    async def _serve_wishes(self) -> None:
        while (wish := self._wishes.take()) is not None:
            if self._record is None:
                wish.answer(Refusal(kind=RefusalKind.NOT_READY, detail=self._why_not_ready()))
                continue
            try:
                self._record = await self._operators.serve(wish, self._record)
            except ConflictError as error:
                wish.answer(Refusal(kind=RefusalKind.OPERATION_OPEN, detail=str(error)))
                raise
            except JournalError as error:
                detail = f"the journal is away: {error}"
                wish.answer(Refusal(kind=RefusalKind.STORE_UNAVAILABLE, detail=detail))
                raise
            self._want_committed()
