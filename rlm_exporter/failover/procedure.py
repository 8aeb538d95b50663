"""Runs one operation, step by step: hooks, fence, apply, verify, commit; next candidate or back where not.

The journal is written before and after each step. Whatever ends this process, the next one finds the
operation open and takes it up; that is why nothing here is kept in memory alone.
"""

import logging
from collections.abc import Callable
from datetime import datetime

from rlm_exporter.errors import JournalError
from rlm_exporter.failover.calling import Calling
from rlm_exporter.failover.desired import FAILED_SAFE, NOT_VERIFIED, operation_desired
from rlm_exporter.failover.moving import Moving
from rlm_exporter.failover.ports import Outside
from rlm_exporter.failover.step_log import Result, StepLog
from rlm_exporter.failover.steps import (
    ORDER,
    StepName,
    has_touched_balancers,
    is_rolling_back,
    pinned_after,
    resume_at,
)
from rlm_exporter.failover.trigger import TriggerKind
from rlm_exporter.haproxy.view import Desired
from rlm_exporter.store.errors import ConflictError
from rlm_exporter.store.records import (
    ClusterRecord,
    Operation,
    OperationKind,
    OperationState,
    Pin,
    PinKind,
    StepOutcome,
)

log = logging.getLogger(__name__)

COMMIT_RETRY = 1.0
"""Seconds between attempts to commit while the store is away: clients are moved already."""

STALE_ATTEMPTS = 3

FOLLOWING = frozenset({OperationKind.ADOPT, OperationKind.RESYNC})
"""Clients are there already: no hook, no fence, and nowhere else to go."""

PLANNED = frozenset({OperationKind.SWITCHOVER, OperationKind.FAILBACK})
"""The old server is healthy: one balancer that stays with it would make two servers serve."""


class Procedure:
    """The step runner of one cluster. Only the cluster's one writer calls it."""

    def __init__(
        self,
        *,
        outside: Outside,
        steer: Callable[[Desired], None],
        next_candidate: Callable[[frozenset[str]], str | None],
        is_healthy: Callable[[str], bool],
        closed: Callable[[], None] = lambda: None,
        store_away: Callable[[bool], None] = lambda away: None,
    ) -> None:
        """`closed` is told as soon as the journal says that the operation has ended, `store_away` whether a
        commit waits for the journal."""
        self._outside = outside
        self._journal = outside.journal
        self._clock = outside.clock
        self._members = frozenset(server.name for server in outside.cluster.servers)
        self._steps = StepLog(outside)
        self._calling = Calling(outside)
        self._moving = Moving(outside=outside, steer=steer, is_healthy=is_healthy)
        self._steer = steer
        self._next_candidate = next_candidate
        self._is_healthy = is_healthy
        self._closed = closed
        self._store_away = store_away

    async def run(self, operation: Operation, record: ClusterRecord) -> ClusterRecord:
        """Take the operation to its end; returns the record as it is then.

        Raises JournalError when the journal cannot be written: the operation stays open.
        """
        start = resume_at(operation)
        if start is None:
            return await self._abort(operation, record)
        if is_rolling_back(operation):
            return await self._go_back(operation, record)
        if ORDER.index(start) <= ORDER.index(StepName.FENCE) and not await self._prepare(operation, start):
            return await self._abort(operation, record)
        # Whatever comes after is the same state asked for again: an interrupted one starts with apply.
        return await self._carry_out(operation, record)

    async def announce(self, operation: Operation) -> None:
        """The hooks after a commit; run at least once; failures are reported and change nothing."""
        await self._steps.run(operation, StepName.AFTER_HOOKS, lambda: self._calling.after(operation))

    async def _prepare(self, operation: Operation, start: StepName) -> bool:
        if operation.kind in FOLLOWING:
            return True
        policy = self._outside.cluster.failover
        if start is StepName.BEFORE_HOOKS and policy.before:
            before = await self._steps.run(
                operation, StepName.BEFORE_HOOKS, lambda: self._calling.before(operation)
            )
            if before is StepOutcome.FAILED:
                return False
        if policy.fence is None:
            return True
        fenced = await self._steps.run(
            operation,
            StepName.FENCE,
            lambda: self._calling.fence(operation, only_target=_has_one_target(operation)),
        )
        return fenced is not StepOutcome.FAILED

    async def _carry_out(self, operation: Operation, record: ClusterRecord) -> ClusterRecord:
        excluded: frozenset[str] = frozenset()
        touched = has_touched_balancers(operation)
        overtaken = 0
        while True:
            outcome = await self._apply_and_verify(operation, record)
            if _is_good(operation, outcome):
                return await self._commit(operation, record, outcome)
            touched = touched or outcome is not StepOutcome.SKIPPED
            if self._moving.seen_epoch >= operation.epoch and overtaken < STALE_ATTEMPTS:
                overtaken += 1
                operation = await self._lead_to(operation, operation.target)
                continue
            excluded |= {operation.target}
            candidate = self._next_after(operation, excluded)
            if candidate is None:
                return await self._give_up(operation, record, touched=touched)
            operation = await self._lead_to(operation, candidate)

    async def _give_up(self, operation: Operation, record: ClusterRecord, *, touched: bool) -> ClusterRecord:
        if not touched or operation.source is None:
            return await self._abort(operation, record)
        if operation.kind in FOLLOWING:
            # To go "back" would move clients, and nobody has decided that.
            return await self._leave_to_balancers(operation, record.pins, NOT_VERIFIED)
        return await self._go_back(await self._lead_to(operation, operation.source), record)

    async def _lead_to(self, operation: Operation, target: str) -> Operation:
        return await self._journal.retarget(
            operation.id,
            target=target,
            now=self._clock.now(),
            minimum_epoch=self._moving.seen_epoch + 1,
        )

    def _next_after(self, operation: Operation, excluded: frozenset[str]) -> str | None:
        return None if _has_one_target(operation) else self._next_candidate(excluded)

    async def _apply_and_verify(self, operation: Operation, record: ClusterRecord) -> StepOutcome:
        """DONE, PARTIAL, FAILED, or SKIPPED when the target was refused before anything was touched."""
        refused = await self._outside.direct(operation.target)
        if refused is not None:
            await self._steps.run(operation, StepName.APPLY, lambda: _answer(StepOutcome.FAILED, refused))
            return StepOutcome.SKIPPED
        desired = operation_desired(operation, record.pins, self._members)
        applied = await self._steps.run(operation, StepName.APPLY, lambda: self._moving.apply(desired))
        if not _is_good(operation, applied):
            return StepOutcome.FAILED
        verified = await self._steps.run(operation, StepName.VERIFY, lambda: self._moving.verify(desired))
        return applied if verified is StepOutcome.DONE else verified

    async def _commit(
        self, operation: Operation, record: ClusterRecord, outcome: StepOutcome
    ) -> ClusterRecord:
        await self._outside.seam("before", StepName.COMMIT)
        while True:
            try:
                committed = await self._write_commit(operation, record, outcome)
            except ConflictError:
                # Trying again would not help: it has ended otherwise, and whoever reads next sees how.
                raise
            except JournalError as error:
                log.error("operation %d cannot be committed yet, trying again: %s", operation.id, error)
                self._store_away(True)
                await self._clock.sleep(COMMIT_RETRY)
                continue
            self._store_away(False)
            await self._outside.seam("after", StepName.COMMIT)
            await self._tell(operation)
            return committed

    async def _write_commit(
        self, operation: Operation, record: ClusterRecord, outcome: StepOutcome
    ) -> ClusterRecord:
        number = await self._steps.intend(operation, StepName.COMMIT)
        await self._outside.seam("intended", StepName.COMMIT)
        now = self._clock.now()
        committed = await self._journal.commit(
            operation.id,
            outcome=outcome.value,
            pins=pinned_after(operation, record.pins),
            cooldown_until=self._cooldown(operation),
            now=now,
        )
        self._closed()
        await self._outside.seam("ran", StepName.COMMIT)
        await self._journal.done(operation.id, number, outcome=StepOutcome.DONE, detail="", now=now)
        return committed

    def _cooldown(self, operation: Operation) -> datetime | None:
        if operation.trigger == TriggerKind.OPERATOR or operation.kind is OperationKind.RESYNC:
            return None
        return self._clock.now() + self._outside.cluster.failover.cooldown

    async def _go_back(self, operation: Operation, record: ClusterRecord) -> ClusterRecord:
        """Nobody took over: back to the old server if it is healthy, else every pin of ours off."""
        if self._is_healthy(operation.target):
            outcome = await self._apply_and_verify(operation, record)
            if outcome in {StepOutcome.DONE, StepOutcome.PARTIAL}:
                pins = pinned_after(operation, record.pins)
                return await self._roll_back(operation, pins, "rolled_back")
        kept = tuple(pin for pin in record.pins if pin.kind is PinKind.MAINTENANCE)
        return await self._leave_to_balancers(operation, kept, FAILED_SAFE)

    async def _leave_to_balancers(
        self, operation: Operation, pins: tuple[Pin, ...], outcome: str
    ) -> ClusterRecord:
        held = frozenset(pin.server for pin in pins if pin.kind is not PinKind.SETTLE) & self._members
        self._steer(Desired(epoch=operation.epoch, active=None, pinned=held))
        return await self._roll_back(operation, pins, outcome)

    async def _roll_back(self, operation: Operation, pins: tuple[Pin, ...], outcome: str) -> ClusterRecord:
        record = await self._journal.roll_back(
            operation.id, pins=pins, outcome=outcome, now=self._clock.now()
        )
        self._closed()
        await self._tell(operation)
        return record

    async def _abort(self, operation: Operation, record: ClusterRecord) -> ClusterRecord:
        await self._journal.end(
            operation.id, state=OperationState.ABORTED, outcome="aborted", now=self._clock.now()
        )
        self._closed()
        await self._tell(operation)
        return await self._journal.cluster(self._outside.cluster.name) or record

    async def _tell(self, operation: Operation) -> None:
        """Instruments only: that the journal falters now undoes nothing that it says."""
        try:
            ended = await self._journal.operation(operation.id)
        except JournalError as error:
            log.warning("operation %d has ended and is not counted: %s", operation.id, error)
            return
        if ended is not None:
            self._outside.observer.ended(ended)


def _is_good(operation: Operation, outcome: StepOutcome) -> bool:
    """Whether an operation goes on with it. A planned move has to be whole."""
    if operation.kind in PLANNED and not _leads_back(operation):
        return outcome is StepOutcome.DONE
    return outcome in {StepOutcome.DONE, StepOutcome.PARTIAL}


def _has_one_target(operation: Operation) -> bool:
    """Whether nobody else is chosen where the target fails.

    An operator named one server: to choose another for him would be a surprise. A failback has a healthy
    server to go back to, and what only follows has nowhere to go.
    """
    return operation.trigger == TriggerKind.OPERATOR or operation.kind in FOLLOWING | PLANNED


def _leads_back(operation: Operation) -> bool:
    return operation.target == operation.source


async def _answer(outcome: StepOutcome, detail: str) -> Result:
    return outcome, detail
