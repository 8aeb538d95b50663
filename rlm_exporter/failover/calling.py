"""Calls outside around an operation: hooks before and after it, and the fence."""

import logging
from typing import Any

from rlm_exporter.failover.ports import Outside
from rlm_exporter.failover.step_log import Result
from rlm_exporter.manifest.model import Hook
from rlm_exporter.store.records import Operation, StepOutcome

log = logging.getLogger(__name__)


class Calling:
    """Runs the hooks that the manifest names, each with the event of its operation."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self._policy = outside.cluster.failover

    async def before(self, operation: Operation) -> Result:
        """FAILED as soon as a required hook fails; the others are not called then."""
        troubles: list[str] = []
        for hook in self._policy.before:
            why = await self._call(hook, operation, "before")
            if why is not None:
                troubles.append(why)
                if hook.required:
                    return StepOutcome.FAILED, "; ".join(troubles)
        return _told(troubles)

    async def fence(self, operation: Operation) -> Result:
        """SKIPPED where the manifest names none."""
        hook = self._policy.fence
        if hook is None:
            return StepOutcome.SKIPPED, ""
        why = await self._call(hook, operation, "fence")
        if why is None:
            return StepOutcome.DONE, ""
        return (StepOutcome.FAILED if hook.required else StepOutcome.PARTIAL), why

    async def after(self, operation: Operation) -> Result:
        """Failures are reported and change nothing."""
        troubles: list[str] = []
        for hook in self._policy.after:
            why = await self._call(hook, operation, "after")
            if why is not None:
                log.warning("after operation %d: %s", operation.id, why)
                troubles.append(why)
        return _told(troubles)

    async def _call(self, hook: Hook, operation: Operation, phase: str) -> str | None:
        return await self._outside.hooks.run(hook, _event(operation, phase))


def _told(troubles: list[str]) -> Result:
    return StepOutcome.PARTIAL if troubles else StepOutcome.DONE, "; ".join(troubles)


def _event(operation: Operation, phase: str) -> dict[str, Any]:
    return {
        "event": operation.kind.value,
        "phase": phase,
        "cluster": operation.cluster,
        "operation": operation.id,
        "epoch": operation.epoch,
        "from": operation.source,
        "to": operation.target,
        "rule": operation.rule,
        "reason": operation.reason,
        "requested_by": operation.requested_by,
    }
