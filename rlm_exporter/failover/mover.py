"""Carries moves out for the one writer: claims an operation, runs it to its end, tells the balancers' loops.

What is wanted of the balancers changes here and nowhere else.
"""

import logging
from collections.abc import Callable

from rlm_exporter.errors import JournalError
from rlm_exporter.failover.announcer import Announcer
from rlm_exporter.failover.candidates import candidates
from rlm_exporter.failover.desired import committed_desired, is_left_to_balancers, operation_desired
from rlm_exporter.failover.lookout import Lookout
from rlm_exporter.failover.memory import Memory
from rlm_exporter.failover.ports import Outside
from rlm_exporter.failover.procedure import Procedure
from rlm_exporter.failover.reasons import Move, Reason
from rlm_exporter.failover.steering import Steering
from rlm_exporter.failover.steps import has_touched_balancers
from rlm_exporter.failover.trigger import TriggerKind
from rlm_exporter.store.records import CONTROLLER, ClusterRecord, Operation, OperationKind

log = logging.getLogger(__name__)

RECALLED = 100
"""Operations that a new life of ours looks through for the one of the record's epoch: a day of attempts."""

MOVES: dict[Reason, tuple[OperationKind, TriggerKind | None]] = {
    Reason.ADOPTED: (OperationKind.ADOPT, TriggerKind.BALANCER),
    Reason.FOLLOWED_RLM: (OperationKind.ADOPT, TriggerKind.RLM),
    Reason.FAILBACK_DUE: (OperationKind.FAILBACK, TriggerKind.SCHEDULE),
    Reason.BALANCER_WRONG: (OperationKind.RESYNC, TriggerKind.BALANCER),
    Reason.EPOCH_BEHIND: (OperationKind.RESYNC, TriggerKind.BALANCER),
    Reason.ONLY_PINNED_LEFT: (OperationKind.FAILOVER, None),
    Reason.FAILED_OVER: (OperationKind.FAILOVER, None),
}
"""What each rule that moves becomes, and who asked for it; None = whoever asks at the moment."""


class Mover:
    """The acting half of a cluster's writer.

    Every method that awaits raises JournalError, ConflictError among them; the operation then stays open, and
    the next look takes it up.
    """

    def __init__(
        self,
        *,
        outside: Outside,
        memory: Memory,
        lookout: Lookout,
        steering: Steering,
        begun: Callable[[Operation], None],
        wake: Callable[[], None],
    ) -> None:
        """`begun` is told of every operation that is carried on, before its first step."""
        self._outside = outside
        self._name = outside.cluster.name
        self._members = frozenset(server.name for server in outside.cluster.servers)
        self._memory = memory
        self._lookout = lookout
        self._steering = steering
        self._begun = begun
        self._wake = wake
        self._looked_back = False
        self._procedure = Procedure(
            outside=outside,
            steer=steering.want,
            next_candidate=self._next_candidate,
            is_healthy=lambda server: outside.prober.snapshot.server(server).health.is_up,
            closed=self._close,
            store_away=self._note_store,
        )
        self.announcer = Announcer(outside=outside, procedure=self._procedure)

    def want_committed(self) -> None:
        """Have the balancers made as the record says."""
        record = self._memory.record
        if record is None or self._memory.operation is not None:
            # An open operation's target is what is wanted, also while the journal cannot tell how it ends.
            return
        self._steering.calm()
        let_be = self._memory.let_be == record.epoch
        self._steering.want(committed_desired(record, self._members, let_be=let_be))
        self._outside.prober.set_active(record.active)

    def rest(self) -> None:
        """Another daemon acts: want nothing, and take up what it has left when it is our turn again."""
        self._steering.rest()
        self._looked_back = False
        self._memory.let_be = None

    async def look_back(self) -> None:
        """Take up what an earlier life of ours has left: hooks, and that balancers choose by themselves."""
        if self._looked_back:
            return
        last = await self._outside.journal.operations(self._name, limit=RECALLED)
        self._looked_back = True
        if last:
            self.announcer.catch_up(last)
            self._recall(last)

    def minimum_epoch(self) -> int:
        """The least epoch that no balancer refuses."""
        return self._steering.seen_epoch + 1

    async def move(self, record: ClusterRecord, decision: Move, trigger: TriggerKind) -> None:
        """Do what a rule decided."""
        kind, of_its_own = MOVES[decision.reason]
        operation = await self._outside.journal.claim(
            cluster=self._name,
            kind=kind,
            rule=decision.reason,
            source=record.active,
            target=decision.candidate,
            requested_by=CONTROLLER,
            reason=decision.detail,
            trigger=of_its_own or trigger,
            expected_version=record.version,
            alerts=self._memory.firing,
            idempotency_key=None,
            now=self._outside.clock.now(),
            minimum_epoch=self.minimum_epoch(),
        )
        await self.carry_on(operation)

    async def carry_on(self, operation: Operation) -> ClusterRecord:
        """Run an operation from where it stands to its end."""
        record = self._memory.record or await self._outside.journal.cluster(self._name)
        if record is None:
            raise JournalError(f"operation {operation.id} stands without a record of its cluster")
        _log_beginning(self._name, operation)
        self._memory.operation = operation
        self._begun(operation)
        self._steering.hurried = True
        self._looked_back = False  # should this not come to its end here, the next look finds what is left
        if has_touched_balancers(operation):
            self._steering.want(operation_desired(operation, record.pins, self._members))
        self._outside.prober.set_active(operation.target)
        try:
            self._memory.record = record = await self._procedure.run(operation, record)
        finally:
            known = self._memory.record
            self._outside.prober.set_active(known.active if known is not None else None)
        self._memory.operation = None
        ended = await self._outside.journal.operation(operation.id)
        self._recall(() if ended is None else (ended,))
        self.want_committed()
        self.announcer.announce(operation.id)
        self._looked_back = True
        self._wake()
        return record

    def _next_candidate(self, excluded: frozenset[str]) -> str | None:
        record = self._memory.record
        if record is None:
            return None
        return next(iter(candidates(self._lookout.glance(record), excluded=excluded)), None)

    def _recall(self, operations: tuple[Operation, ...]) -> None:
        record = self._memory.record
        if record is not None and is_left_to_balancers(record, operations):
            self._memory.let_be = record.epoch

    def _note_store(self, away: bool) -> None:
        self._memory.store_writable = not away

    def _close(self) -> None:
        """The operation has ended in the journal: whoever reads that there may wish for the next one."""
        self._memory.operation = None


def _log_beginning(cluster: str, operation: Operation) -> None:
    log.info(
        "cluster=%s operation=%d kind=%s rule=%s from=%s to=%s epoch=%d %s",
        cluster,
        operation.id,
        operation.kind,
        operation.rule,
        operation.source,
        operation.target,
        operation.epoch,
        operation.reason,
    )
