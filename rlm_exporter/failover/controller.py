"""The one writer of one cluster: it looks, decides by the rules, and runs what was decided.

Alerts, our own detector, the balancers and operators all only wake it. What it then believes is the
newest snapshot and the balancers' own view. Beside it, one loop per balancer keeps that balancer as
wanted; the loop never waits for an operation's hooks.
"""

import asyncio
import contextlib
import logging

from rlm_exporter.errors import JournalError
from rlm_exporter.failover.by_hand import Answer
from rlm_exporter.failover.decide import decide
from rlm_exporter.failover.foreign_hands import ForeignHands
from rlm_exporter.failover.lookout import Lookout
from rlm_exporter.failover.memory import Memory, Standing
from rlm_exporter.failover.mover import Mover
from rlm_exporter.failover.operators import Operators
from rlm_exporter.failover.ports import LoadBalancer, Outside, Prober
from rlm_exporter.failover.publishing import Publishing
from rlm_exporter.failover.reasons import Hold, Move, Reason
from rlm_exporter.failover.reporters import Reporters
from rlm_exporter.failover.split_brain import SplitBrain
from rlm_exporter.failover.steering import PACE, Steering
from rlm_exporter.failover.stretch import unless_lost
from rlm_exporter.failover.task_root import surviving
from rlm_exporter.failover.trigger import (
    FailoverRequest,
    MaintenanceRequest,
    Refusal,
    RefusalKind,
    Request,
    Trigger,
    TriggerKind,
)
from rlm_exporter.failover.truth import Truth
from rlm_exporter.failover.wishes import Wishes, answer_while_open
from rlm_exporter.manifest.model import Cluster, TriggerSource
from rlm_exporter.store.errors import ConflictError, LeaseLostError
from rlm_exporter.store.records import AlertRecord, ClusterRecord

log = logging.getLogger(__name__)

ENDING = Refusal(kind=RefusalKind.NOT_READY, detail="the daemon is ending; what was begun is taken up again")


class ClusterController:
    """One cluster's writer. `run` is its life; everything else only wakes it or reads."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self._name = outside.cluster.name
        self._wake = asyncio.Event()
        self._leading = False
        self._has_ended = False
        self._stretch: int | None = None
        """The stretch of acting that has begun last."""
        self._wishes = Wishes()
        self._memory = Memory()
        self._truth = Truth(outside=outside, memory=self._memory)
        self._steering = Steering(
            cluster=self._name,
            balancers=outside.balancers,
            clock=outside.clock,
            observer=outside.observer,
            leadership=outside.leadership,
            wake=self.wake,
        )
        self._reporters = Reporters(
            cluster=self._name, prober=outside.prober, journal=outside.journal, clock=outside.clock
        )
        self._lookout = Lookout(
            outside=outside, reporters=self._reporters, seen_epoch=lambda: self._steering.seen_epoch
        )
        self._mover = Mover(
            outside=outside,
            memory=self._memory,
            lookout=self._lookout,
            steering=self._steering,
            begun=self._wishes.refuse_moves,
            wake=self.wake,
        )
        self._split_brain = SplitBrain(outside)
        self._publishing = Publishing(outside=outside, memory=self._memory)
        self._foreign_hands = ForeignHands(outside)
        self._operators = Operators(
            cluster=self._name,
            journal=outside.journal,
            lookout=self._lookout,
            clock=outside.clock,
            carry_on=self._mover.carry_on,
            firing=lambda: self._memory.firing,
            minimum_epoch=self._mover.minimum_epoch,
        )

    @property
    def cluster(self) -> Cluster:
        """The manifest's cluster."""
        return self._outside.cluster

    @property
    def balancers(self) -> tuple[LoadBalancer, ...]:
        """The cluster's balancers, for reading."""
        return self._outside.balancers

    @property
    def prober(self) -> Prober:
        """Our own checks, for reading."""
        return self._outside.prober

    @property
    def reporters(self) -> Reporters:
        """What other monitors report."""
        return self._reporters

    @property
    def alerts(self) -> tuple[AlertRecord, ...]:
        """The alerts that fire for this cluster, as of the last look."""
        return self._memory.alerts

    @property
    def standing(self) -> Standing:
        """What is so at the moment."""
        return self._memory.standing(
            self._steering.desired, self._split_brain.splits, self._outside.leadership.view
        )

    async def publish(self) -> None:
        """What clients are told has changed: write it now, unless an operation is about to."""
        await self._publishing.now()

    def wake(self) -> None:
        """Something happened: look now."""
        self._wake.set()

    async def request(self, request: Request) -> Answer:
        """An operator's wish. Answers when it is refused, planned, done, or has become an open operation."""
        if (refusal := self.refusal_of_a_follower()) is not None:
            return refusal
        if self._has_ended:
            return ENDING
        operation = self._memory.operation
        if operation is not None and isinstance(request, FailoverRequest | MaintenanceRequest):
            return answer_while_open(request, operation)
        wish = self._wishes.add(request)
        self.wake()
        return await wish.answered()

    def refusal_of_a_follower(self) -> Refusal | None:
        """What to answer while another daemon acts for this cluster; None while we do."""
        lease = self._outside.leadership.view
        if lease is None or lease.ours:
            return None
        return Refusal(kind=RefusalKind.NOT_LEADER, detail=lease.why_not_ours, leader_url=lease.url)

    async def run(self) -> None:
        """Look and steer until cancelled. Who waits for an answer then gets one."""
        try:
            async with asyncio.TaskGroup() as group:
                self._mover.announcer.group = self._split_brain.group = group
                group.create_task(self._looking())
                group.create_task(self._waking())
                group.create_task(self._steering.run())
                if self._outside.cluster.client_settings.files:
                    group.create_task(self._publishing.run())
        finally:
            self._has_ended = True
            self._wishes.refuse_all(ENDING)

    async def _waking(self) -> None:
        snapshot = self._outside.prober.snapshot
        while True:
            snapshot = await self._outside.prober.changed(snapshot)
            self.wake()

    async def _looking(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PACE):
                    await self._wake.wait()
            self._wake.clear()
            with surviving(self._name, "looking", observer=self._outside.observer):
                if self._outside.leadership.begin():
                    await self._lead()
                else:
                    await self._follow()

    async def _lead(self) -> None:
        """Look and act; what is under way ends where it stands when the lease does."""
        self._leading = True
        stretch = self._outside.leadership.stretch
        if stretch != self._stretch:
            # Another daemon may have acted meanwhile, also where none of our looks fell into its time.
            self._rest()
            self._stretch = stretch
        await unless_lost(self._outside.leadership, self._look_or_tell())

    def _rest(self) -> None:
        self._mover.rest()
        self._split_brain.rest()
        self._truth.rest()

    async def _follow(self) -> None:
        """Know what is so, and do nothing: another daemon acts."""
        self._rest()
        self._stretch = None
        refusal = self.refusal_of_a_follower()
        if refusal is not None:
            if self._leading:
                log.warning("cluster=%s this daemon acts for it no more: %s", self._name, refusal.detail)
            self._leading = False
            self._note(Hold(reason=Reason.NOT_LEADER, detail=refusal.detail), None)
            self._wishes.refuse_all(refusal)
        try:
            await self._truth.check_writable()
            await self._truth.read()
        except JournalError as error:
            self._say_store_away(str(error))
        record = self._memory.record
        self._outside.prober.set_active(record.active if record is not None else None)

    async def _look_or_tell(self) -> None:
        try:
            await self._look()
        except ConflictError as error:
            # Somebody else wrote first; what is so now is read at the next look.
            log.info("cluster=%s looking again: %s", self._name, error)
            self.wake()
        except JournalError as error:
            self._store_unavailable(str(error))

    async def _look(self) -> None:
        try:
            await self._truth.check_writable()
        except JournalError as error:
            self._store_unavailable(str(error))
            # Balancers go on alone, and must not be kept from a standby by a pin whose time is over.
            if self._truth.is_read:
                await self._truth.tend_pins(writing=False)
                self._mover.want_committed()
            return
        await self._truth.read()
        await self._mover.look_back()
        if self._memory.operation is not None:
            await self._mover.carry_on(self._memory.operation)
        if self._memory.record is None:
            await self._truth.found()
        if self._memory.record is None:
            self._wishes.refuse_all(Refusal(kind=RefusalKind.NOT_READY, detail=self._truth.why_not_ready()))
            return
        await self._truth.tend_pins()
        self._mover.want_committed()
        await self._serve_wishes()
        await self._foreign_hands.look()
        await self._decide_and_act(self._memory.record)

    def _store_unavailable(self, why: str) -> None:
        self._say_store_away(why)
        detail = f"the journal is away: {why}"
        self._note(Hold(reason=Reason.STORE_UNAVAILABLE, detail=detail), None)
        self._wishes.refuse_all(Refusal(kind=RefusalKind.STORE_UNAVAILABLE, detail=detail))

    def _say_store_away(self, why: str) -> None:
        if self._memory.store_writable:
            log.error("cluster=%s the journal is away: %s", self._name, why)
        self._memory.store_writable = False

    async def _decide_and_act(self, record: ClusterRecord) -> None:
        self._lookout.check_what_looks_wrong(record.active)
        trigger = self._standing_trigger()
        situation = await self._lookout.situation(record, trigger)
        await self._split_brain.look(record, elsewhere=bool(situation.active_elsewhere))
        decision = decide(situation)
        if isinstance(decision, Hold):
            await self._hold(decision, record, trigger)
            return
        self._memory.forget_decision()
        self._note(decision, trigger)
        # A rule that moves of its own has a trigger of its own; the others want somebody to have asked.
        await self._mover.move(record, decision, trigger.kind if trigger else TriggerKind.BALANCER)

    def _standing_trigger(self) -> Trigger | None:
        """Who asks at the moment, without an operator: an alert that fires, or our own detector."""
        sources = self._outside.cluster.failover.triggers
        if TriggerSource.ALERTS in sources and self._memory.alerts:
            return Trigger(kind=TriggerKind.ALERT, alerts=self._memory.firing)
        if TriggerSource.DETECTOR in sources:
            return Trigger(kind=TriggerKind.DETECTOR)
        return None

    async def _hold(self, decision: Hold, record: ClusterRecord, trigger: Trigger | None) -> None:
        if decision.check_now:
            self._outside.prober.check_now(record.active)
        if self._note(decision, trigger):
            log.info("cluster=%s decision=hold rule=%s %s", self._name, decision.reason, decision.detail)
            await self._outside.journal.hold(
                self._name,
                rule=decision.reason,
                trigger=trigger.kind if trigger is not None else "",
                detail=decision.detail,
                now=self._outside.clock.now(),
            )

    def _note(self, decision: Hold | Move, trigger: Trigger | None) -> bool:
        """Remember a decision; whether its rule differs from the one before it."""
        changed = self._memory.note(decision, trigger, now=self._outside.clock.now())
        if changed:
            self._outside.observer.decided(self._name, decision.reason)
        return changed

    async def _serve_wishes(self) -> None:
        while (wish := self._wishes.take()) is not None:
            record = self._memory.record
            if record is None:
                wish.answer(Refusal(kind=RefusalKind.NOT_READY, detail=self._truth.why_not_ready()))
                continue
            try:
                self._memory.record = await self._operators.serve(wish, record)
            except asyncio.CancelledError:
                wish.answer(self.refusal_of_a_follower() or ENDING)
                raise
            except LeaseLostError as error:
                wish.answer(Refusal(kind=RefusalKind.NOT_LEADER, detail=str(error)))
                raise
            except ConflictError as error:
                wish.answer(Refusal(kind=RefusalKind.OPERATION_OPEN, detail=str(error)))
                raise
            except JournalError as error:
                detail = f"the journal is away: {error}"
                wish.answer(Refusal(kind=RefusalKind.STORE_UNAVAILABLE, detail=detail))
                raise
            except Exception as error:  # whatever it is, somebody waits for an answer
                detail = f"it failed for a reason nobody foresaw, and the log has it: {error!r}"
                wish.answer(Refusal(kind=RefusalKind.NOT_READY, detail=detail))
                raise
            self._mover.want_committed()
