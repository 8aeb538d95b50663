"""Moves every balancer to a server at once, and verifies through each that clients get there."""

import asyncio
from collections.abc import Callable

from rlm_exporter.errors import LoadBalancerError, StaleEpochError
from rlm_exporter.failover.ports import LoadBalancer, Outside
from rlm_exporter.failover.step_log import Result
from rlm_exporter.haproxy.view import Desired
from rlm_exporter.store.records import StepOutcome

VERIFY_ATTEMPTS = 2

SLICE = 1.0
"""Seconds between two looks at the target while an old worker is waited for."""


class Moving:
    """The balancers of one cluster, all at once. PARTIAL where some of them could not be moved."""

    def __init__(
        self, *, outside: Outside, steer: Callable[[Desired], None], is_healthy: Callable[[str], bool]
    ) -> None:
        self._outside = outside
        self._balancers = outside.balancers
        self._steer = steer
        self._is_healthy = is_healthy
        self.seen_epoch = 0
        """The highest epoch with which a balancer has refused ours."""

    async def apply(self, desired: Desired) -> Result:
        """Make it the wanted state, and have it at every balancer now."""
        self._steer(desired)
        if not self._balancers:
            return await self._publish(str(desired.active))
        answers = await asyncio.gather(*(self._move(balancer, desired) for balancer in self._balancers))
        names = ", ".join(balancer.name for balancer in self._balancers)
        return self._summed(answers, f"clients are sent to {desired.active} by {names}")

    async def verify(self, desired: Desired) -> Result:
        """See through every balancer that a client gets there, and read back that it has what is wanted."""
        if not self._balancers:
            return await self._verify_server(str(desired.active))
        answers = await asyncio.gather(*(self._verify_one(each, desired) for each in self._balancers))
        outcome, detail = self._summed(answers, f"{desired.active} answers through the balancer")
        if outcome is StepOutcome.FAILED:
            return outcome, detail
        told, died = await self._old_workers(str(desired.active))
        if died is not None:
            return StepOutcome.FAILED, died
        return outcome, "; ".join([detail, *told])

    async def _publish(self, active: str) -> Result:
        """Without a balancer a move is what clients are told. Those that are connected stay."""
        troubles = await self._outside.publish(active)
        files = len(self._outside.cluster.client_settings.files)
        if troubles:
            outcome = StepOutcome.PARTIAL if len(troubles) < files else StepOutcome.FAILED
            return outcome, "; ".join(troubles)
        told = (
            f"{files} files with client settings are right for {active}"
            if files
            else "clients follow their own settings"
        )
        return StepOutcome.DONE, f"there is no balancer: {told}, and those connected stay where they are"

    async def _verify_server(self, active: str) -> Result:
        answer = await self._outside.through(active)
        if answer.failure is not None:
            return StepOutcome.FAILED, f"{active}: {answer.failure.detail}"
        return StepOutcome.DONE, f"{active} answers"

    def _summed(self, answers: list[str | None], good: str) -> Result:
        errors = [error for error in answers if error is not None]
        if not errors:
            return StepOutcome.DONE, good
        some = len(errors) < len(self._balancers)
        return StepOutcome.PARTIAL if some else StepOutcome.FAILED, "; ".join(errors)

    async def _move(self, balancer: LoadBalancer, desired: Desired) -> str | None:
        try:
            await balancer.move(desired)
        except StaleEpochError as error:
            self.seen_epoch = max(self.seen_epoch, error.seen or desired.epoch)
            return str(error)
        except LoadBalancerError as error:
            return str(error)
        return None

    async def _verify_one(self, balancer: LoadBalancer, desired: Desired) -> str | None:
        why: str | None = None
        for _ in range(VERIFY_ATTEMPTS):
            answer = await self._outside.through(balancer.host)
            why = None if answer.failure is None else f"{balancer.name}: {answer.failure.detail}"
            why = why or await balancer.check(desired)
            if why is None:
                return None
        return why

    async def _old_workers(self, active: str) -> tuple[list[str], str | None]:
        """Wait for old workers whose end is set; tell of those that may hold sessions for ever.

        The second is why the target is lost meanwhile: a wait can be long, and nobody else looks after it.
        """
        told = []
        for balancer in self._balancers:
            old = balancer.old_worker()
            if old is None:
                continue
            if old.left is None:
                told.append(
                    f"{balancer.name} was reloaded at {old.since:%Y-%m-%d %H:%M:%S} UTC: sessions from "
                    "before may live on in its old worker, where nothing cuts them (hardStopAfter)"
                )
                continue
            while balancer.old_worker() is not None:
                if not self._is_healthy(active):
                    return told, f"{active} failed while the old worker of {balancer.name} was waited for"
                await self._outside.clock.sleep(SLICE)
            told.append(f"{balancer.name}: waited for the end of the worker from before its reload")
        return told, None
