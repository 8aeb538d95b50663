"""Runs one operation, step by step: hooks, fence, apply, verify, commit; next candidate or back where not.

The journal is written before and after each step. Whatever ends this process, the next one finds the
operation open and takes it up; that is why nothing here is kept in memory alone.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from rlm_exporter.errors import JournalError, LoadBalancerError, StaleEpochError
from rlm_exporter.failover.ports import (
    Clock,
    DirectProbe,
    HookRunner,
    Journal,
    LoadBalancer,
    Observer,
    Seam,
    ThroughProbe,
)
from rlm_exporter.failover.steps import (
    ORDER,
    StepName,
    has_touched_balancers,
    is_rolling_back,
    pins_after,
    resume_at,
)
from rlm_exporter.failover.trigger import TriggerKind
from rlm_exporter.haproxy.view import Desired
from rlm_exporter.manifest.model import Cluster
from rlm_exporter.store.errors import ConflictError
from rlm_exporter.store.records import (
    ClusterRecord,
    Operation,
    OperationKind,
    OperationState,
    Pin,
    StepOutcome,
)

log = logging.getLogger(__name__)

COMMIT_RETRY = 1.0
"""Seconds between attempts to commit while the store is away: clients are moved already."""

VERIFY_ATTEMPTS = 2
STALE_ATTEMPTS = 3

Result = tuple[StepOutcome, str]


class Procedure:
    """The step runner of one cluster. Only the cluster's one writer calls it."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        journal: Journal,
        balancers: tuple[LoadBalancer, ...],
        direct: DirectProbe,
        through: ThroughProbe,
        hooks: HookRunner,
        clock: Clock,
        observer: Observer,
        seam: Seam,
        steer: Callable[[Desired], None],
        next_candidate: Callable[[frozenset[str]], str | None],
        is_healthy: Callable[[str], bool],
        closed: Callable[[], None] = lambda: None,
    ) -> None:
        """`closed` is told as soon as the journal says that the operation has ended."""
        self._cluster = cluster
        self._journal = journal
        self._balancers = balancers
        self._direct = direct
        self._through = through
        self._hooks = hooks
        self._clock = clock
        self._observer = observer
        self._seam = seam
        self._steer = steer
        self._next_candidate = next_candidate
        self._is_healthy = is_healthy
        self._closed = closed
        self._seen_epoch = 0
        """The highest epoch with which a balancer has refused ours."""

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

    async def _prepare(self, operation: Operation, start: StepName) -> bool:
        if operation.kind in {OperationKind.ADOPT, OperationKind.RESYNC}:
            return True
        if start is StepName.BEFORE_HOOKS and self._cluster.failover.before:
            outcome = await self._step(operation, StepName.BEFORE_HOOKS, lambda: self._before(operation))
            if outcome is StepOutcome.FAILED:
                return False
        if self._cluster.failover.fence is not None:
            outcome = await self._step(operation, StepName.FENCE, lambda: self._fence(operation))
            return outcome is not StepOutcome.FAILED
        return True

    async def _carry_out(self, operation: Operation, record: ClusterRecord) -> ClusterRecord:
        excluded: frozenset[str] = frozenset()
        touched = has_touched_balancers(operation)
        overtaken = 0
        while True:
            outcome = await self._apply_and_verify(operation)
            if outcome in {StepOutcome.DONE, StepOutcome.PARTIAL}:
                return await self._commit(operation, record, outcome)
            touched = touched or outcome is not StepOutcome.SKIPPED
            if self._seen_epoch >= operation.epoch and overtaken < STALE_ATTEMPTS:
                overtaken += 1
                operation = await self._lead_to(operation, operation.target)
                continue
            excluded |= {operation.target}
            candidate = self._next_after(operation, excluded)
            if candidate is not None:
                operation = await self._lead_to(operation, candidate)
            elif touched and operation.source is not None:
                return await self._go_back(await self._lead_to(operation, operation.source), record)
            else:
                return await self._abort(operation, record)

    async def _lead_to(self, operation: Operation, target: str) -> Operation:
        return await self._journal.retarget(
            operation.id, target=target, now=self._clock.now(), minimum_epoch=self._seen_epoch + 1
        )

    def _next_after(self, operation: Operation, excluded: frozenset[str]) -> str | None:
        # An operator named one server; to choose another for him would be a surprise.
        # A resync moves nobody: if its server is gone meanwhile, that is for the rules to see.
        if operation.trigger == TriggerKind.OPERATOR or operation.kind is OperationKind.RESYNC:
            return None
        return self._next_candidate(excluded)

    async def _apply_and_verify(self, operation: Operation) -> StepOutcome:
        """DONE, PARTIAL, FAILED, or SKIPPED when the target was refused before anything was touched."""
        refused = await self._direct(operation.target)
        if refused is not None:
            await self._step(operation, StepName.APPLY, lambda: _answer(StepOutcome.FAILED, refused))
            return StepOutcome.SKIPPED
        desired = self._desired(operation)
        applied = await self._step(operation, StepName.APPLY, lambda: self._apply(desired))
        if applied is StepOutcome.FAILED:
            return applied
        verified = await self._step(operation, StepName.VERIFY, lambda: self._verify(desired))
        if verified is StepOutcome.FAILED or applied is StepOutcome.DONE:
            return verified
        return applied

    def _desired(self, operation: Operation) -> Desired:
        others = frozenset(server.name for server in self._cluster.servers) - {operation.target}
        return Desired(epoch=operation.epoch, active=operation.target, pinned=others)

    async def _apply(self, desired: Desired) -> Result:
        self._steer(desired)
        if not self._balancers:
            return StepOutcome.DONE, "there is no balancer: clients follow their own settings"
        answers = await asyncio.gather(*(self._move(balancer, desired) for balancer in self._balancers))
        errors = [error for error in answers if error is not None]
        if len(errors) == len(self._balancers):
            return StepOutcome.FAILED, "; ".join(errors)
        if errors:
            return StepOutcome.PARTIAL, "; ".join(errors)
        names = ", ".join(balancer.name for balancer in self._balancers)
        return StepOutcome.DONE, f"clients are sent to {desired.active} by {names}"

    async def _move(self, balancer: LoadBalancer, desired: Desired) -> str | None:
        try:
            await balancer.move(desired)
        except StaleEpochError as error:
            self._seen_epoch = max(self._seen_epoch, error.seen or desired.epoch)
            return str(error)
        except LoadBalancerError as error:
            return str(error)
        return None

    async def _verify(self, desired: Desired) -> Result:
        if not self._balancers:
            return StepOutcome.DONE, f"{desired.active} takes connections on every port"
        answers = await asyncio.gather(*(self._verify_one(b, desired) for b in self._balancers))
        errors = [error for error in answers if error is not None]
        if len(errors) == len(self._balancers):
            return StepOutcome.FAILED, "; ".join(errors)
        outcome = StepOutcome.PARTIAL if errors else StepOutcome.DONE
        told = [*errors, *await self._old_workers()]
        return outcome, "; ".join(told) or f"{desired.active} answers through the balancer"

    async def _old_workers(self) -> list[str]:
        """Wait for old workers whose end is set; tell of those that may hold sessions for ever."""
        told = []
        for balancer in self._balancers:
            old = balancer.old_worker(self._clock.now())
            if old is None:
                continue
            if old.ends is not None:
                await self._clock.sleep(max((old.ends - self._clock.now()).total_seconds(), 0))
                told.append(f"{balancer.name}: waited for the end of the worker from before its reload")
            else:
                told.append(
                    f"{balancer.name} was reloaded at {old.since:%Y-%m-%d %H:%M:%S} UTC: sessions from "
                    "before may live on in its old worker, where nothing cuts them (hardStopAfter)"
                )
        return told

    async def _verify_one(self, balancer: LoadBalancer, desired: Desired) -> str | None:
        why: str | None = None
        for _ in range(VERIFY_ATTEMPTS):
            answer = await self._through(balancer.host)
            why = None if answer.failure is None else f"{balancer.name}: {answer.failure.detail}"
            why = why or await balancer.check(desired)
            if why is None:
                return None
        return why

    async def _commit(
        self, operation: Operation, record: ClusterRecord, outcome: StepOutcome
    ) -> ClusterRecord:
        await self._seam("before", StepName.COMMIT)
        while True:
            try:
                committed = await self._write_commit(operation, record, outcome)
            except ConflictError:
                # Trying again would not help: it has ended otherwise, and whoever reads next sees how.
                raise
            except JournalError as error:
                log.error("operation %d cannot be committed yet, trying again: %s", operation.id, error)
                await self._clock.sleep(COMMIT_RETRY)
                continue
            await self._seam("after", StepName.COMMIT)
            await self._tell(operation)
            return committed

    async def _write_commit(
        self, operation: Operation, record: ClusterRecord, outcome: StepOutcome
    ) -> ClusterRecord:
        number = await self._intend(operation, StepName.COMMIT)
        await self._seam("intended", StepName.COMMIT)
        now = self._clock.now()
        committed = await self._journal.commit(
            operation.id,
            outcome=outcome.value,
            pins=pins_after(operation, cluster=self._cluster, before=record.pins, now=now),
            cooldown_until=self._cooldown(operation),
            now=now,
        )
        self._closed()
        await self._seam("ran", StepName.COMMIT)
        await self._journal.done(operation.id, number, outcome=StepOutcome.DONE, detail="", now=now)
        return committed

    def _cooldown(self, operation: Operation) -> datetime | None:
        if operation.trigger == TriggerKind.OPERATOR or operation.kind is OperationKind.RESYNC:
            return None
        return self._clock.now() + self._cluster.failover.cooldown

    async def _go_back(self, operation: Operation, record: ClusterRecord) -> ClusterRecord:
        """Nobody took over: back to the old server if it is healthy, else every pin off."""
        if self._is_healthy(operation.target):
            outcome = await self._apply_and_verify(operation)
            if outcome in {StepOutcome.DONE, StepOutcome.PARTIAL}:
                pins = pins_after(operation, cluster=self._cluster, before=record.pins, now=self._clock.now())
                return await self._roll_back(operation, pins, "rolled_back")
        self._steer(Desired(epoch=operation.epoch, active=operation.target))
        return await self._roll_back(operation, (), "failed_safe")

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
        return await self._journal.cluster(self._cluster.name) or record

    async def _tell(self, operation: Operation) -> None:
        ended = await self._journal.operation(operation.id)
        if ended is not None:
            self._observer.ended(ended)

    async def announce(self, operation: Operation) -> None:
        """The hooks after a commit; run at least once; failures are reported and change nothing."""
        await self._step(operation, StepName.AFTER_HOOKS, lambda: self._after(operation))

    async def _after(self, operation: Operation) -> Result:
        troubles: list[str] = []
        for hook in self._cluster.failover.after:
            why = await self._hooks.run(hook, self._event(operation, "after"))
            if why is not None:
                log.warning("after operation %d: %s", operation.id, why)
                troubles.append(why)
        return StepOutcome.PARTIAL if troubles else StepOutcome.DONE, "; ".join(troubles)

    async def _before(self, operation: Operation) -> Result:
        troubles: list[str] = []
        for hook in self._cluster.failover.before:
            why = await self._hooks.run(hook, self._event(operation, "before"))
            if why is not None:
                troubles.append(why)
                if hook.required:
                    return StepOutcome.FAILED, "; ".join(troubles)
        return StepOutcome.PARTIAL if troubles else StepOutcome.DONE, "; ".join(troubles)

    async def _fence(self, operation: Operation) -> Result:
        hook = self._cluster.failover.fence
        if hook is None:
            return StepOutcome.SKIPPED, ""
        why = await self._hooks.run(hook, self._event(operation, "fence"))
        if why is None:
            return StepOutcome.DONE, ""
        return (StepOutcome.FAILED if hook.required else StepOutcome.PARTIAL), why

    def _event(self, operation: Operation, phase: str) -> dict[str, Any]:
        return {
            "event": operation.kind.value,
            "phase": phase,
            "cluster": self._cluster.name,
            "operation": operation.id,
            "epoch": operation.epoch,
            "from": operation.source,
            "to": operation.target,
            "rule": operation.rule,
            "reason": operation.reason,
            "requested_by": operation.requested_by,
        }

    async def _intend(self, operation: Operation, step: StepName) -> int:
        return await self._journal.intend(
            operation.id, step=step, target=operation.target, epoch=operation.epoch, now=self._clock.now()
        )

    async def _step(
        self, operation: Operation, step: StepName, action: Callable[[], Awaitable[Result]]
    ) -> StepOutcome:
        await self._seam("before", step)
        number = await self._intend(operation, step)
        await self._seam("intended", step)
        began = self._clock.monotonic()
        outcome, detail = await action()
        await self._seam("ran", step)
        await self._journal.done(operation.id, number, outcome=outcome, detail=detail, now=self._clock.now())
        self._observer.stepped(self._cluster.name, step, self._clock.monotonic() - began)
        await self._seam("after", step)
        return outcome


async def _answer(outcome: StepOutcome, detail: str) -> Result:
    return outcome, detail
