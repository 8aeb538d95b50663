"""Keeps every balancer of a cluster as wanted: a loop for each, beside the writer and its operations."""

import asyncio
import logging
from collections.abc import Callable

from rlm_exporter.errors import LoadBalancerError, StaleEpochError
from rlm_exporter.failover.ports import Clock, Leadership, LoadBalancer, Observer
from rlm_exporter.failover.task_root import surviving
from rlm_exporter.haproxy.view import BalancerView, Desired

log = logging.getLogger(__name__)

PACE = 1.0
"""Seconds between two turns of a balancer's loop."""

QUICK_PACE = 0.25
"""The same while a balancer cannot be read or an operation is open: a restarted one holds its clients for
two seconds at the most."""


class Steering:
    """Holds what is wanted, and runs the loops that make it so."""

    def __init__(
        self,
        *,
        cluster: str,
        balancers: tuple[LoadBalancer, ...],
        clock: Clock,
        observer: Observer,
        leadership: Leadership,
        wake: Callable[[], None],
    ) -> None:
        self._cluster = cluster
        self._balancers = balancers
        self._clock = clock
        self._observer = observer
        self._leadership = leadership
        self._wake = wake
        self._troubles: dict[str, str] = {}
        self.desired: Desired | None = None
        """None until it is known who is active: then balancers are only read."""
        self.hurried = False
        """Whether an operation is open."""
        self.seen_epoch = 0
        """The highest epoch that a balancer has shown above ours."""

    async def run(self) -> None:
        """Steer every balancer until cancelled."""
        async with asyncio.TaskGroup() as group:
            for balancer in self._balancers:
                group.create_task(self._keep(balancer))

    def want(self, desired: Desired) -> None:
        """From the next turn on, this is what balancers are made to have."""
        self.desired = desired

    def calm(self) -> None:
        """No operation is open."""
        self.hurried = False

    def rest(self) -> None:
        """Only read, until something is wanted again: another daemon steers."""
        self.desired, self.hurried = None, False
        for balancer in self._balancers:
            balancer.forget()

    async def _keep(self, balancer: LoadBalancer) -> None:
        while True:
            pace = PACE
            with surviving(self._cluster, f"steering {balancer.name}", observer=self._observer):
                pace = await self._turn(balancer)
            await self._clock.sleep(pace)

    async def _turn(self, balancer: LoadBalancer) -> float:
        before = balancer.reading.view
        try:
            await self._converge(balancer)
        except StaleEpochError as error:
            self._notice_epoch(error.seen)
        except LoadBalancerError as error:
            self._say(balancer.name, str(error))
            return QUICK_PACE
        self._say(balancer.name, "")
        if _is_news(before, balancer.reading.view):
            self._wake()
        return QUICK_PACE if self.hurried else PACE

    async def _converge(self, balancer: LoadBalancer) -> None:
        if self.desired is None or not self._leadership.may_act():
            await balancer.observe()
        elif await balancer.converge(self.desired) is not None:
            self._wake()

    def _notice_epoch(self, seen: int | None) -> None:
        # A turn that waited behind a move was asked for with the epoch of before: no news.
        if seen is not None and self.desired is not None and seen > self.desired.epoch:
            self.seen_epoch = max(self.seen_epoch, seen)
            self._wake()

    def _say(self, balancer: str, trouble: str) -> None:
        if self._troubles.get(balancer, "") == trouble:
            return
        self._troubles[balancer] = trouble
        if trouble:
            log.warning("cluster=%s %s", self._cluster, trouble)
        else:
            log.info("cluster=%s balancer=%s answers again", self._cluster, balancer)
        self._wake()


def _is_news(before: BalancerView | None, after: BalancerView | None) -> bool:
    if before is None or after is None:
        return before is not after
    downs = [{line.server for line in view.lines if not line.is_up} for view in (before, after)]
    return (before.active, before.pid) != (after.active, after.pid) or downs[0] != downs[1]
