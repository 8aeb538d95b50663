"""The one writer of one cluster: it looks, decides by the rules, and runs what was decided.

Alerts, our own detector, the balancers and operators all only wake it. What it then believes is the
newest snapshot and the balancers' own view. Beside it, one loop per balancer keeps that balancer as
wanted; the loop never waits for an operation's hooks.
"""

import asyncio
import contextlib
import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from rlm_exporter.errors import JournalError, LoadBalancerError, StaleEpochError
from rlm_exporter.failover.by_hand import Answer, Plan, judge
from rlm_exporter.failover.candidates import candidates
from rlm_exporter.failover.decide import decide
from rlm_exporter.failover.first_start import find_active, first_epoch
from rlm_exporter.failover.lookout import evidence, is_silent, looks_wrong
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
from rlm_exporter.failover.situation import Situation
from rlm_exporter.failover.steps import has_touched_balancers, settled
from rlm_exporter.failover.trigger import FailoverRequest, Refusal, RefusalKind, Trigger, TriggerKind
from rlm_exporter.haproxy.view import Desired
from rlm_exporter.manifest.model import Cluster, TriggerSource
from rlm_exporter.store.records import (
    AlertRecord,
    ClusterRecord,
    Operation,
    OperationKind,
    OperationState,
    PinKind,
)

log = logging.getLogger(__name__)

PACE = 1.0
"""Seconds between two turns of a balancer's loop, and between two looks when nothing wakes us."""

QUICK_PACE = 0.25
"""The same while a balancer cannot be read or an operation is open: a restarted one holds its clients for
two seconds at the most."""

UNPIN_AFTER = 10
"""Good direct probes in a row, with good checks meanwhile, before a failover's pin is lifted."""

SILENCE_CHECK = 5.0
"""Least seconds between two checks that are started because the active server is silent."""


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
        self._direct = direct
        self._clock = clock
        self._observer = observer
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
            steer=self._want,
            next_candidate=self._next_candidate,
            is_healthy=lambda server: self._prober.snapshot.server(server).health.is_up,
        )
        self._wake = asyncio.Event()
        self._requests: asyncio.Queue[tuple[FailoverRequest, asyncio.Future[Answer]]] = asyncio.Queue(32)
        self._record: ClusterRecord | None = None
        self._operation: Operation | None = None
        self._desired: Desired | None = None
        self._alerts: tuple[AlertRecord, ...] = ()
        self._decision: Decision | None = None
        self._decided_at: datetime | None = None
        self._trigger: Trigger | None = None
        self._differs_since: datetime | None = None
        self._seen_epoch = 0
        self._store_writable = True
        self._good_probes: dict[str, int] = {}
        self._last_silence_check = float("-inf")
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
    def alerts(self) -> tuple[AlertRecord, ...]:
        """The alerts that fire for this cluster, as of the last look."""
        return self._alerts

    @property
    def standing(self) -> Standing:
        """What is so at the moment."""
        return Standing(
            record=self._record,
            desired=self._desired,
            decision=self._decision,
            decided_at=self._decided_at,
            trigger=self._trigger,
            operation=self._operation,
            store_writable=self._store_writable,
        )

    def wake(self) -> None:
        """Something happened: look now."""
        self._wake.set()

    async def request(self, request: FailoverRequest) -> Answer:
        """An operator's wish. Answers when it is refused, planned, or has become an open operation."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        if self._requests.full():
            return Refusal(kind=RefusalKind.OPERATION_OPEN, detail="too many requests wait already")
        self._requests.put_nowait((request, future))
        self.wake()
        return await future

    async def run(self) -> None:
        """Look and steer until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            group.create_task(self._looking())
            group.create_task(self._waking())
            for balancer in self._balancers:
                group.create_task(self._steering(balancer))

    # ---- the loops

    async def _waking(self) -> None:
        snapshot = self._prober.snapshot
        while True:
            snapshot = await self._prober.changed(snapshot)
            self.wake()

    async def _steering(self, balancer: LoadBalancer) -> None:
        while True:
            pace = await self._turn(balancer)
            await self._clock.sleep(pace)

    async def _turn(self, balancer: LoadBalancer) -> float:
        before = balancer.reading.view
        try:
            if self._desired is None:
                await balancer.observe()
            elif await balancer.converge(self._desired) is not None:
                self.wake()
        except StaleEpochError as error:
            if error.seen is not None and self._desired is not None and error.seen > self._desired.epoch:
                self._seen_epoch = max(self._seen_epoch, error.seen)
                self.wake()
        except LoadBalancerError as error:
            log.warning("cluster=%s balancer=%s %s", self._cluster.name, balancer.name, error)
            return QUICK_PACE
        view = balancer.reading.view
        if before is None or view is None or before.active != view.active or before.pid != view.pid:
            self.wake()
        return PACE if self._operation is None else QUICK_PACE

    async def _looking(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PACE):
                    await self._wake.wait()
            self._wake.clear()
            try:
                await self._look()
            except JournalError as error:
                self._store_unavailable(error)
            except Exception as error:
                # The one place where a defect of ours must not end the watch over a cluster.
                log.exception("cluster=%s looking failed", self._cluster.name)
                self._observer.stumbled(self._cluster.name, error)

    async def _look(self) -> None:
        if not self._store_writable and not await self._journal.writable():
            self._answer_requests(Refusal(kind=RefusalKind.STORE_UNAVAILABLE, detail="the journal is away"))
            return
        self._store_writable = True
        await self._read_store()
        if self._operation is not None:
            await self._carry_on(self._operation)
        if self._record is None:
            await self._first_start()
        if self._record is None:
            self._answer_requests(Refusal(kind=RefusalKind.NOT_READY, detail=self._why_not_ready()))
            return
        await self._tend_pins()
        if self._seen_epoch > self._record.epoch:
            await self._resync(self._record)
        await self._serve_requests()
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
        self._answer_requests(Refusal(kind=RefusalKind.STORE_UNAVAILABLE, detail=detail))

    # ---- what is wanted

    def _want(self, desired: Desired) -> None:
        self._desired = desired

    def _want_committed(self) -> None:
        if self._record is None:
            return
        pinned = frozenset(pin.server for pin in self._record.pins) - {self._record.active}
        self._want(Desired(epoch=self._record.epoch, active=self._record.active, pinned=pinned))
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
        pins = settled(record.pins, now=now)
        liftable = await self._liftable(record, now)
        pins = tuple(pin for pin in pins if not (pin.kind is PinKind.FAILOVER and pin.server in liftable))
        if pins != record.pins:
            self._record = await self._journal.set_pins(
                self._cluster.name, pins=pins, now=now, expected_version=record.version
            )
            self._want_committed()

    async def _liftable(self, record: ClusterRecord, now: datetime) -> frozenset[str]:
        """Servers whose pin of a failover may go: reached 10 times in a row, checked good, cooldown over."""
        pinned = {pin.server for pin in record.pins if pin.kind is PinKind.FAILOVER}
        if record.cooldown_until is not None and now < record.cooldown_until:
            pinned = set()
        self._good_probes = {name: count for name, count in self._good_probes.items() if name in pinned}
        for server in pinned:
            healthy = self._prober.snapshot.server(server).health.is_up
            good = healthy and await self._direct(server) is None
            self._good_probes[server] = self._good_probes.get(server, 0) + 1 if good else 0
        return frozenset(name for name, count in self._good_probes.items() if count >= UNPIN_AFTER)

    # ---- deciding

    async def _situation(self, record: ClusterRecord, trigger: Trigger | None) -> Situation:
        now = self._clock.now()
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
            differs_since=self._differs_since,
        )
        if not situation.active.health.is_up:
            # Only a decision about a failing server needs the history.
            situation = replace(
                situation,
                attempts=await self._journal.failed_attempts(self._cluster.name),
                automatic_moves=await self._automatic_moves(now),
            )
        differs = situation.balancer_active not in {None, record.active}
        self._differs_since = (self._differs_since or now) if differs else None
        return situation

    async def _automatic_moves(self, now: datetime) -> tuple[datetime, ...]:
        recent = await self._journal.operations(self._cluster.name, since=now - timedelta(hours=1))
        return tuple(
            operation.committed_at
            for operation in recent
            if operation.committed_at is not None
            and operation.trigger != TriggerKind.OPERATOR
            and operation.kind in {OperationKind.FAILOVER, OperationKind.ADOPT}
        )

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
        self._check_what_looks_wrong(record.active)
        trigger = self._standing_trigger()
        situation = await self._situation(record, trigger)
        decision = decide(situation)
        match decision:
            case Hold():
                await self._hold(decision, trigger)
            case Move(reason=Reason.ADOPTED):
                await self._move(record, decision, OperationKind.ADOPT, Trigger(kind=TriggerKind.BALANCER))
            case Move():
                # A rule that moves has passed the one that wants somebody to have asked.
                await self._move(
                    record, decision, OperationKind.FAILOVER, trigger or Trigger(kind=TriggerKind.BALANCER)
                )

    def _check_what_looks_wrong(self, active: str) -> None:
        views = [balancer.reading.view for balancer in self._balancers]
        part = self._prober.snapshot.server(active)
        if part.health.failures >= self._cluster.failover.threshold:
            return
        if any(view is not None and looks_wrong(view, active) for view in views):
            self._prober.check_now(active)
        elif is_silent(active=active, balancers=self._balancers, now=self._clock.now()):
            now = self._clock.monotonic()
            if now - self._last_silence_check >= SILENCE_CHECK:
                self._last_silence_check = now
                self._prober.check_now(active)

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
            alerts=tuple(alert.fingerprint for alert in self._alerts),
            idempotency_key=None,
            now=self._clock.now(),
        )
        await self._carry_on(operation)

    async def _resync(self, record: ClusterRecord) -> None:
        """A balancer knows a higher epoch than the store: go above it, and move nobody."""
        views = [balancer.reading.view for balancer in self._balancers]
        named = [view.active for view in views if view is not None and view.active is not None]
        serving = named[0] if named and self._prober.snapshot.server(named[0]).health.is_up else record.active
        operation = await self._journal.claim(
            cluster=self._cluster.name,
            kind=OperationKind.RESYNC,
            rule="epoch_behind",
            source=record.active,
            target=serving,
            requested_by="controller",
            reason=f"a balancer has seen epoch {self._seen_epoch}, the store knows {record.epoch}: the store "
            "was restored from a backup, or another tool steers",
            trigger=TriggerKind.BALANCER,
            expected_version=record.version,
            alerts=(),
            idempotency_key=None,
            now=self._clock.now(),
            minimum_epoch=self._seen_epoch + 1,
        )
        await self._carry_on(operation)

    async def _carry_on(self, operation: Operation) -> None:
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
        if has_touched_balancers(operation):
            others = frozenset(server.name for server in self._cluster.servers) - {operation.target}
            self._want(Desired(epoch=operation.epoch, active=operation.target, pinned=others))
        self._prober.set_active(operation.target)
        try:
            self._record = await self._procedure.run(operation, record)
        finally:
            self._prober.set_active(self._record.active if self._record is not None else None)
        self._operation = None
        self._want_committed()
        self._announce(operation.id)
        self.wake()

    def _announce(self, operation_id: int) -> None:
        if self._group is not None:
            self._group.create_task(self._announced(operation_id))

    async def _announced(self, operation_id: int) -> None:
        try:
            operation = await self._journal.operation(operation_id)
        except JournalError as error:
            log.warning("operation %d cannot be announced: %s", operation_id, error)
            return
        if operation is not None and operation.state is OperationState.COMMITTED:
            await self._procedure.announce(operation)

    def _next_candidate(self, excluded: frozenset[str]) -> str | None:
        record = self._record
        if record is None:
            return None
        situation = Situation(
            cluster=self._cluster,
            snapshot=self._prober.snapshot,
            record=record,
            now=self._clock.now(),
            readings=tuple(balancer.reading for balancer in self._balancers),
        )
        return next(iter(candidates(situation, excluded=excluded)), None)

    # ---- an operator's wishes

    def _answer_requests(self, answer: Answer) -> None:
        while not self._requests.empty():
            _, future = self._requests.get_nowait()
            _resolve(future, answer)

    async def _serve_requests(self) -> None:
        while not self._requests.empty():
            request, future = self._requests.get_nowait()
            try:
                await self._serve(request, future)
            except JournalError as error:
                _resolve(
                    future,
                    Refusal(kind=RefusalKind.STORE_UNAVAILABLE, detail=f"the journal is away: {error}"),
                )
                raise

    async def _serve(self, request: FailoverRequest, future: asyncio.Future[Answer]) -> None:
        record = self._record
        if record is None:
            _resolve(future, Refusal(kind=RefusalKind.NOT_READY, detail=self._why_not_ready()))
            return
        if request.idempotency_key is not None:
            known = await self._journal.operation_by_key(self._cluster.name, request.idempotency_key)
            if known is not None:
                _resolve(future, known)
                return
        situation = await self._situation(record, Trigger(kind=TriggerKind.OPERATOR))
        answer = judge(request, situation)
        if not isinstance(answer, Plan) or request.dry_run:
            _resolve(future, answer)
            return
        healthy = situation.active.health.is_up
        operation = await self._journal.claim(
            cluster=self._cluster.name,
            kind=OperationKind.SWITCHOVER if healthy else OperationKind.FAILOVER,
            rule=Reason.OPERATOR,
            source=record.active,
            target=request.target,
            requested_by=request.requested_by,
            reason=request.reason,
            trigger=TriggerKind.OPERATOR,
            expected_version=record.version,
            alerts=tuple(alert.fingerprint for alert in self._alerts),
            idempotency_key=request.idempotency_key,
            now=self._clock.now(),
        )
        _resolve(future, operation)
        await self._carry_on(operation)


def _resolve(future: asyncio.Future[Answer], answer: Answer) -> None:
    # Whoever asked may have gone away meanwhile.
    if not future.done():
        future.set_result(answer)
