"""Calls outside around an operation: hooks before and after it, and the fence."""

import logging

from rlm_exporter.failover.calls import Called, CallEvent
from rlm_exporter.failover.ports import Outside
from rlm_exporter.failover.step_log import Result
from rlm_exporter.manifest.model import Hook
from rlm_exporter.store.errors import LeaseLostError
from rlm_exporter.store.records import Operation, StepOutcome

log = logging.getLogger(__name__)


class Calling:
    """Runs the hooks that the manifest names, each with the event of its operation."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self._policy = outside.cluster.failover

    async def before(self, operation: Operation) -> Result:
        """FAILED as soon as a required hook fails; the others are not called then."""
        calls: list[Called] = []
        for hook in self._policy.before:
            calls.append(await self._call(hook, operation, "before"))
            if hook.required and not calls[-1].went_well:
                return StepOutcome.FAILED, _details(calls)
        return _told(calls)

    async def fence(self, operation: Operation, *, only_target: bool) -> Result:
        """SKIPPED where nobody is to be fenced; FAILED, too, where the `only_target` refuses connections."""
        hook = self._policy.fence
        if hook is None:
            return StepOutcome.SKIPPED, ""
        if operation.source in {None, operation.target}:
            # A balancer is called back to the active server: that one is about to serve.
            return StepOutcome.SKIPPED, f"{operation.target} stays the active server; nobody is left behind"
        refused = await self._outside.direct(operation.target) if only_target else None
        if refused is not None:
            # The old server may be healthy: to stop it for a move that cannot be would be an outage.
            return (
                StepOutcome.FAILED,
                f"nobody was fenced, because {operation.target} takes no clients: {refused}",
            )
        called = await self._call(hook, operation, "fence")
        if called.went_well:
            return StepOutcome.DONE, called.detail
        return (StepOutcome.FAILED if hook.required else StepOutcome.PARTIAL), called.detail

    async def after(self, operation: Operation) -> Result:
        """Failures are reported and change nothing."""
        calls: list[Called] = []
        for hook in self._policy.after:
            called = await self._call(hook, operation, "after")
            if not called.went_well:
                log.warning("after operation %d: %s", operation.id, called.detail)
            calls.append(called)
        return _told(calls)

    async def _call(self, hook: Hook, operation: Operation, phase: str) -> Called:
        if not self._outside.leadership.may_act():
            # Whoever acts now has its own hooks to call, and an older event must not come after them.
            raise LeaseLostError(f"operation {operation.id}: this daemon does not act any more")
        return await self._outside.hooks.run(hook, self._event(operation, phase))

    def _event(self, operation: Operation, phase: str) -> CallEvent:
        server = self._outside.cluster.server
        return CallEvent(
            event=operation.kind.value,
            phase=phase,
            cluster=operation.cluster,
            operation=operation.id,
            epoch=operation.epoch,
            source=server(operation.source) if operation.source is not None else None,
            target=server(operation.target),
            rule=operation.rule,
            reason=operation.reason,
            requested_by=operation.requested_by,
        )


def _told(calls: list[Called]) -> Result:
    good = all(called.went_well for called in calls)
    return StepOutcome.DONE if good else StepOutcome.PARTIAL, _details(calls)


def _details(calls: list[Called]) -> str:
    return "; ".join(called.detail for called in calls if called.detail)
