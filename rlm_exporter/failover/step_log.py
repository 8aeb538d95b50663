"""Writes each step of an operation into the journal: its intent before it runs, its outcome after."""

from collections.abc import Awaitable, Callable

from rlm_exporter.failover.ports import Outside
from rlm_exporter.failover.steps import StepName
from rlm_exporter.store.errors import LeaseLostError
from rlm_exporter.store.records import Operation, StepOutcome

Result = tuple[StepOutcome, str]
"""What came of a step, and in words why."""


class StepLog:
    """Runs steps of one cluster's operations. Raises JournalError; the next look then runs the step again."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside

    async def run(
        self, operation: Operation, step: StepName, action: Callable[[], Awaitable[Result]]
    ) -> StepOutcome:
        """One step; returns its outcome."""
        outside = self._outside
        await outside.seam("before", step)
        number = await self.intend(operation, step)
        await outside.seam("intended", step)
        if not outside.leadership.may_act():
            # A process that was frozen here does not know it yet.
            raise LeaseLostError(f"operation {operation.id}: {step} is not begun, the lease is over")
        began = outside.clock.monotonic()
        outcome, detail = await action()
        await outside.seam("ran", step)
        await outside.journal.done(
            operation.id, number, outcome=outcome, detail=detail, now=outside.clock.now()
        )
        outside.observer.stepped(outside.cluster.name, step, outside.clock.monotonic() - began)
        await outside.seam("after", step)
        return outcome

    async def intend(self, operation: Operation, step: StepName) -> int:
        """Write that a step is about to run; its number."""
        return await self._outside.journal.intend(
            operation.id,
            step=step,
            target=operation.target,
            epoch=operation.epoch,
            now=self._outside.clock.now(),
        )
