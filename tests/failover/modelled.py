"""A cluster under the pure rules: what the controller knows, and an executor for the operations it begins.

Both the stories and the random sequences are told to this model. It decides nothing by itself: checks are
folded, moves decided, wishes judged, steps ordered and pins chosen by the product's own pure modules. Only
what the journal and the step runner do around them is done here again, in memory.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from rlm_exporter.failover.by_hand import Answer, Plan, judge, judge_maintenance
from rlm_exporter.failover.candidates import candidates
from rlm_exporter.failover.decide import decide
from rlm_exporter.failover.desired import (
    FAILED_SAFE,
    NOT_VERIFIED,
    committed_desired,
    is_left_to_balancers,
    operation_desired,
)
from rlm_exporter.failover.external import HealthReport, heard
from rlm_exporter.failover.lease import LeaseView
from rlm_exporter.failover.mover import MOVES
from rlm_exporter.failover.procedure import FOLLOWING, PLANNED
from rlm_exporter.failover.reasons import Decision, Move, Reason
from rlm_exporter.failover.situation import Evidence, Situation
from rlm_exporter.failover.steps import (
    ORDER,
    StepName,
    has_touched_balancers,
    is_rolling_back,
    pinned_after,
    resume_at,
    with_maintenance,
)
from rlm_exporter.failover.trigger import (
    FailoverRequest,
    MaintenanceRequest,
    Refusal,
    Trigger,
    TriggerKind,
)
from rlm_exporter.failover.wishes import answer_while_open
from rlm_exporter.haproxy.view import BalancerReading, Desired, Traffic
from rlm_exporter.manifest.model import Cluster, TriggerSource
from rlm_exporter.probe.health import Check, fold
from rlm_exporter.probe.result import Failure, FailureReason, ProbeKind, ProbeResult, WebAnswer, WebResult
from rlm_exporter.probe.snapshot import ServerSnapshot
from rlm_exporter.rlm.status import IsvServer, RlmStatus
from rlm_exporter.store.records import (
    CONTROLLER,
    ClusterRecord,
    FailedAttempts,
    Operation,
    OperationKind,
    OperationState,
    Pin,
    PinKind,
    Step,
    StepOutcome,
)
from tests.failover.situations import ALL_POOLS, CLUSTER, NOW, read, record, snapshot, unread

ANSWER = replace(ALL_POOLS, isvs=(IsvServer(name="siemens", port=5060, running=True, restarts=0),))
ANSWERED_BADLY = {
    FailureReason.ISV_DOWN: replace(ANSWER, isvs=(replace(ANSWER.isvs[0], running=False),)),
    FailureReason.ISV_PORT_CHANGED: replace(ANSWER, isvs=(replace(ANSWER.isvs[0], port=5061),)),
    FailureReason.POOLS_MISSING: replace(ANSWER, pools=()),
}
CHECK_TAKES = timedelta(seconds=1)


@dataclass(kw_only=True)
class Balancer:
    """One balancer as it would be read."""

    name: str
    active: str | None
    epoch: int | None
    downs: tuple[str, ...] = ()
    pinned: frozenset[str] = frozenset()
    readable: bool = True


@dataclass(kw_only=True)
class Model:
    """One cluster at one moment. `record` is None before the first start."""

    cluster: Cluster = CLUSTER
    now: datetime = NOW
    record: ClusterRecord | None = field(default_factory=record)
    balancers: list[Balancer] = field(default_factory=list)
    history: list[Operation] = field(default_factory=list)
    """Operations that have ended, oldest first."""
    operation: Operation | None = None
    firing: bool = False
    traffic: tuple[int, int] | None = None
    """Connections and bytes of the active server, during its failed check and since."""
    reports: tuple[HealthReport, ...] = ()
    store_writable: bool = True
    lease: LeaseView | None = None
    """None where the daemon is alone."""
    seen_epoch: int = 0
    """The highest that somebody else has given to a balancer."""
    steady_since: datetime | None = None
    """When the clock was last set."""
    let_be: int | None = None
    """The epoch under which balancers choose by themselves, as far as this process knows."""

    def __post_init__(self) -> None:
        self.parts = {server.name: ServerSnapshot(server=server.name) for server in self.cluster.servers}
        self._differs_since: datetime | None = None
        self._at: StepName | None = None
        self._excluded: frozenset[str] = frozenset()
        self._steered = False
        self._going_back = False

    @property
    def known(self) -> ClusterRecord:
        """The record, once there is one."""
        assert self.record is not None
        return self.record

    # ---- what is seen

    def check(self, name: str, reason: FailureReason | None, *, web: FailureReason | None = None) -> None:
        """A check of a server ended now: well, or with a reason."""
        status: RlmStatus | None = ANSWER if reason is None else ANSWERED_BADLY.get(reason)
        failure = None if status is not None or reason is None else _failure(reason)
        began = self.now - CHECK_TAKES
        result = ProbeResult(
            kind=ProbeKind.LICENSE,
            started_at=began,
            duration=CHECK_TAKES,
            payload=status,
            failure=failure,
        )
        check = Check(started_at=began, ended_at=self.now, attempts=1, license=result, web=_web(began, web))
        self.parts[name] = fold(self.parts[name], check, cluster=self.cluster)
        if self.record is not None and name == self.record.active and self.parts[name].health.is_up:
            self.traffic = None

    def hear(self, *news: HealthReport) -> None:
        """What another monitor reports."""
        self.reports = heard(self.reports, news, now=self.now)

    def situation(self, trigger: Trigger | None = None) -> Situation:
        """What the rules look at; `trigger` is an operator's."""
        situation = Situation(
            cluster=self.cluster,
            snapshot=snapshot(*self.parts.values(), taken_at=self.now),
            record=self.known,
            now=self.now,
            trigger=trigger or self._trigger(),
            readings=tuple(self._reading(balancer) for balancer in self.balancers),
            evidence=self._evidence(),
            operation_open=self.operation is not None,
            store_writable=self.store_writable,
            lease=self.lease,
            attempts=self.attempts(),
            automatic_moves=self.automatic_moves(),
            reports=self.reports,
            seen_epoch=self.seen_epoch,
            catch_ups=self._catch_ups(),
            steady_since=self.steady_since,
        )
        self._differs_since = (self._differs_since or self.now) if situation.active_elsewhere else None
        return replace(situation, differs_since=self._differs_since)

    def _trigger(self) -> Trigger | None:
        sources = self.cluster.failover.triggers
        if TriggerSource.ALERTS in sources and self.firing:
            return Trigger(kind=TriggerKind.ALERT, alerts=("8f3c1b",))
        return Trigger(kind=TriggerKind.DETECTOR) if TriggerSource.DETECTOR in sources else None

    def _reading(self, balancer: Balancer) -> BalancerReading:
        if not balancer.readable:
            return unread(balancer.name)
        return read(
            balancer.active,
            balancer=balancer.name,
            epoch=balancer.epoch,
            downs=balancer.downs,
            read_at=self.now,
        )

    def _evidence(self) -> Evidence:
        if self.traffic is None or self.parts[self.known.active].health.failures == 0:
            return Evidence()
        arrived, sent = self.traffic
        seen = Traffic(arrived=arrived, bytes_out=sent, since=self.now - CHECK_TAKES, until=self.now)
        return Evidence(since_check=seen, while_failing=seen)

    # ---- what the journal knows

    def attempts(self) -> FailedAttempts:
        """Operations that ended without a commit since the last move, and since the last acknowledgement."""
        seen = self.known.acknowledged_at
        ended: list[datetime] = []
        for operation in self.history:
            moved = operation.kind is not OperationKind.RESYNC or operation.source != operation.target
            if operation.state is OperationState.COMMITTED and moved:
                ended.clear()
            elif operation.state is not OperationState.COMMITTED and operation.ended_at is not None:
                ended.append(operation.ended_at)
        ended = [at for at in ended if seen is None or at > seen]
        return FailedAttempts(count=len(ended), last_ended_at=max(ended, default=None))

    def automatic_moves(self) -> tuple[datetime, ...]:
        """When moves that nobody asked for were committed, newest first."""
        return tuple(
            each.committed_at
            for each in reversed(self.history)
            if each.committed_at is not None
            and each.trigger != TriggerKind.OPERATOR
            and each.kind in {OperationKind.FAILOVER, OperationKind.ADOPT}
        )

    def _catch_ups(self) -> tuple[datetime, ...]:
        committed = [each for each in reversed(self.history) if each.rule == Reason.EPOCH_BEHIND]
        return tuple(each.committed_at for each in committed if each.committed_at is not None)

    # ---- what is decided and done

    @property
    def at(self) -> StepName | None:
        """The next step of the open operation."""
        return self._at

    @property
    def wanted(self) -> Desired:
        """What every balancer is to have now."""
        members = frozenset(server.name for server in self.cluster.servers)
        if self.operation is not None and self._steered:
            return operation_desired(self.operation, self.known.pins, members)
        return committed_desired(self.known, members, let_be=self.let_be == self.known.epoch)

    def decide(self) -> Decision:
        """What the rules say now."""
        return decide(self.situation())

    def act(self, move: Move) -> None:
        """Begin what was decided."""
        kind, trigger = MOVES[move.reason]
        asked = trigger or (self._trigger() or Trigger(kind=TriggerKind.BALANCER)).kind
        self.begin(
            kind,
            rule=move.reason,
            target=move.candidate,
            trigger=asked,
            reason=move.detail,
            minimum_epoch=self.seen_epoch + 1,
        )

    def wish(self, request: FailoverRequest) -> Answer:
        """An operator's wish for a move: answered, and begun if it was granted."""
        if self.operation is not None:
            return answer_while_open(request, self.operation)
        answer = judge(request, self.situation(Trigger(kind=TriggerKind.OPERATOR)))
        if isinstance(answer, Plan) and not request.dry_run:
            return self.begin(
                answer.kind,
                rule=Reason.OPERATOR,
                target=answer.target,
                trigger=TriggerKind.OPERATOR,
                requested_by=request.requested_by,
            )
        return answer

    def maintain(self, request: MaintenanceRequest) -> Refusal | Operation | None:
        """Take a server out or give it back; an operation where clients have to be moved first."""
        if self.operation is not None:
            answer = answer_while_open(request, self.operation)
            assert isinstance(answer, Refusal)
            return answer
        judged = judge_maintenance(request, self.situation())
        if isinstance(judged, Refusal):
            return judged
        if judged is not None:
            wished = FailoverRequest(target=judged, kind=OperationKind.SWITCHOVER, requested_by="ada")
            moved = self.wish(wished)
            return moved if isinstance(moved, Operation | Refusal) else None
        pins = with_maintenance(self.known.pins, request.server, enable=request.enable, now=self.now)
        self.record = replace(self.known, pins=pins)
        return None

    def pause(self, until: datetime | None) -> None:
        """Until a moment; None ends it."""
        self.record = replace(self.known, paused_until=until)

    def acknowledge(self) -> None:
        """An operator has seen what was done."""
        self.record = replace(self.known, acknowledged_at=self.now, cooldown_until=None)

    def restart(self) -> None:
        """Our process has died and runs again: what only it knew is gone."""
        self.parts = {name: ServerSnapshot(server=name) for name in self.parts}
        self.reports, self.traffic, self.seen_epoch = (), None, 0
        self.steady_since, self.let_be, self._differs_since = None, None, None
        if self.record is not None:
            self._recall()
        if self.operation is not None:
            self.take_up()

    def _recall(self) -> None:
        if is_left_to_balancers(self.known, tuple(reversed(self.history))):
            self.let_be = self.known.epoch

    # ---- an operation, step by step

    def begin(
        self,
        kind: OperationKind,
        *,
        rule: str,
        target: str,
        trigger: TriggerKind,
        requested_by: str = CONTROLLER,
        reason: str = "",
        minimum_epoch: int = 0,
    ) -> Operation:
        """Claim an operation under a new epoch."""
        assert self.operation is None
        epoch = max(self.known.highest_epoch + 1, minimum_epoch)
        self.record = replace(self.known, highest_epoch=epoch)
        self.operation = Operation(
            id=len(self.history) + 1,
            cluster=self.cluster.name,
            kind=kind,
            rule=rule,
            state=OperationState.OPEN,
            outcome="",
            source=self.known.active,
            target=target,
            epoch=epoch,
            requested_by=requested_by,
            reason=reason,
            trigger=trigger,
            started_at=self.now,
        )
        self.take_up()
        return self.operation

    def take_up(self) -> None:
        """Go on with an open operation from where the journal says; what this process knew is gone."""
        operation = self.operation
        assert operation is not None
        self._excluded = frozenset()
        self._steered = has_touched_balancers(operation)
        self._going_back = is_rolling_back(operation)
        at = resume_at(operation)
        if at is None:
            self._end(OperationState.ABORTED, "aborted")
            return
        past_fence = ORDER.index(at) > ORDER.index(StepName.FENCE)
        follows = operation.kind in FOLLOWING
        # Whatever comes after the fence is the same state asked for again: it starts with apply.
        self._at = StepName.APPLY if past_fence or follows else at
        if self._going_back and not self.parts[operation.target].health.is_up:
            self._fail_safe()

    def step(self, outcome: StepOutcome | None) -> None:
        """The next step ends so; None = our process dies in its midst. SKIPPED = the target refused apply."""
        operation, at = self.operation, self._at
        assert operation is not None
        assert at is not None
        if at is StepName.APPLY and outcome is not StepOutcome.SKIPPED:
            self._steered = True
        written = StepOutcome.FAILED if outcome is StepOutcome.SKIPPED else outcome
        step = Step(
            number=len(operation.steps) + 1,
            step=at,
            target=operation.target,
            epoch=operation.epoch,
            intent_at=self.now,
            done_at=None if written is None else self.now,
            outcome=written,
        )
        self.operation = replace(operation, steps=(*operation.steps, step))
        if outcome is None:
            self.take_up()
        elif written is StepOutcome.FAILED or self._is_only_half(at, outcome):
            self._step_failed(at)
        elif at is StepName.COMMIT:
            self._commit()
        elif at is StepName.VERIFY and self._going_back:
            self._roll_back(self._pins_after(), "rolled_back")
        else:
            self._at = ORDER[ORDER.index(at) + 1]

    def run(self, outcome: StepOutcome = StepOutcome.DONE) -> None:
        """Every step to the end of the operation, each with the same outcome."""
        for _ in range(MOST_STEPS):
            if self.operation is None:
                return
            self.step(outcome)
        raise AssertionError(f"an operation has not ended within {MOST_STEPS} steps")

    def _is_only_half(self, at: StepName, outcome: StepOutcome | None) -> bool:
        """A planned move has to be whole; the way back from it need not be."""
        assert self.operation is not None
        planned = self.operation.kind in PLANNED and not self._going_back
        return planned and at in {StepName.APPLY, StepName.VERIFY} and outcome is StepOutcome.PARTIAL

    def _step_failed(self, at: StepName) -> None:
        operation = self.operation
        assert operation is not None
        if at in {StepName.BEFORE_HOOKS, StepName.FENCE}:
            self._end(OperationState.ABORTED, "aborted")
            return
        if at is StepName.COMMIT:
            return  # The store is away: clients are moved, and it is tried again.
        if self._going_back:
            self._fail_safe()
            return
        self._excluded |= {operation.target}
        candidate = self._next_candidate(operation)
        if candidate is not None:
            self._lead_to(candidate)
        elif self._steered and operation.kind in FOLLOWING:
            self._roll_back(self.known.pins, NOT_VERIFIED)
        elif self._steered and operation.source is not None:
            self._lead_to(operation.source)
            self._going_back = True
            if not self.parts[operation.source].health.is_up:
                self._fail_safe()
        else:
            self._end(OperationState.ABORTED, "aborted")

    def _next_candidate(self, operation: Operation) -> str | None:
        if operation.trigger == TriggerKind.OPERATOR or operation.kind in FOLLOWING | PLANNED:
            return None
        return next(iter(candidates(self.situation(), excluded=self._excluded)), None)

    def _lead_to(self, target: str) -> None:
        assert self.operation is not None
        epoch = self.known.highest_epoch + 1
        self.record = replace(self.known, highest_epoch=epoch)
        self.operation = replace(self.operation, target=target, epoch=epoch)
        self._at = StepName.APPLY

    def _pins_after(self) -> tuple[Pin, ...]:
        assert self.operation is not None
        return pinned_after(self.operation, self.known.pins)

    def _commit(self) -> None:
        operation = self.operation
        assert operation is not None
        moved_itself = (
            operation.trigger != TriggerKind.OPERATOR and operation.kind is not OperationKind.RESYNC
        )
        cooldown = self.now + self.cluster.failover.cooldown if moved_itself else self.known.cooldown_until
        self.record = replace(
            self.known,
            active=operation.target,
            epoch=operation.epoch,
            pins=self._pins_after(),
            cooldown_until=cooldown,
        )
        self.traffic = None
        self._end(OperationState.COMMITTED, "done")

    def _fail_safe(self) -> None:
        kept = tuple(pin for pin in self.known.pins if pin.kind is PinKind.MAINTENANCE)
        self._roll_back(kept, FAILED_SAFE)

    def _roll_back(self, pins: tuple[Pin, ...], outcome: str) -> None:
        assert self.operation is not None
        self.record = replace(self.known, epoch=self.operation.epoch, pins=pins)
        self._end(OperationState.FAILED, outcome)

    def _end(self, state: OperationState, outcome: str) -> None:
        assert self.operation is not None
        committed = self.now if state is OperationState.COMMITTED else None
        ended = replace(
            self.operation, state=state, outcome=outcome, committed_at=committed, ended_at=self.now
        )
        self.history.append(ended)
        self._recall()
        self.operation, self._at, self._steered, self._going_back = None, None, False, False


MOST_STEPS = 40
"""More steps than any operation takes in one life of our process."""


def _failure(reason: FailureReason) -> Failure:
    return Failure(reason=reason, detail=str(reason))


def _web(began: datetime, reason: FailureReason | None) -> WebResult:
    return ProbeResult(
        kind=ProbeKind.WEB,
        started_at=began,
        duration=CHECK_TAKES,
        payload=WebAnswer(status=200, tls=True) if reason is None else None,
        failure=None if reason is None else _failure(reason),
    )


def maintenance(pins: tuple[Pin, ...]) -> frozenset[str]:
    """The servers that an operator has taken out."""
    return frozenset(pin.server for pin in pins if pin.kind is PinKind.MAINTENANCE)
