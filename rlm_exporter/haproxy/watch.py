"""Reads one balancer, and remembers what only a row of readings tells: its traffic, reloads, two masters."""

from datetime import datetime, timedelta

from rlm_exporter.errors import CommandRefusedError, LoadBalancerError
from rlm_exporter.haproxy.ports import Clock, StatsPage
from rlm_exporter.haproxy.traffic import TrafficLog
from rlm_exporter.haproxy.view import BalancerReading, BalancerView, OldWorker, Traffic

IN_TURNS = 60.0
"""Seconds within which a worker that had gone and answers again is one of two masters."""

LINGERING = 2.0
"""Seconds for which a kept connection may still reach the worker from before a reload."""


class Watch:
    """The newest reading of one balancer, and what the ones before it add."""

    def __init__(self, *, page: StatsPage, clock: Clock, hard_stop_after: timedelta | None) -> None:
        self._page = page
        self._clock = clock
        self._hard_stop_after = hard_stop_after
        self._last_view: BalancerView | None = None
        self._reloaded: tuple[datetime, float] | None = None
        """When the last reload was seen, by both clocks."""
        self._left: dict[int, float] = {}
        """Worker processes that answered before another did, and when that one was first seen."""
        self._two_masters_until = float("-inf")
        self._refusal: str | None = None
        self._traffic = TrafficLog()
        self._reading = BalancerReading(
            balancer=page.name, at=clock.now(), view=None, error="it has not been read yet"
        )

    @property
    def reading(self) -> BalancerReading:
        """The newest reading, or why there is none."""
        return self._reading

    async def observe(self) -> BalancerView:
        """A fresh reading; raises LoadBalancerError."""
        try:
            view = await self._page.observe()
        except LoadBalancerError as error:
            self._reading = self._told(view=None, at=self._clock.now(), error=str(error))
            raise
        self._compare_workers(view)
        self._last_view = view
        self._reading = self._told(view=view, at=view.read_at)
        self._traffic.add(view)
        return view

    def taken(self) -> None:
        """A command was accepted: the balancer can be steered."""
        self._refusal = None

    def refused(self, error: CommandRefusedError) -> None:
        """A command was refused."""
        self._refusal = str(error)
        self._reading = self._told(view=self._reading.view, at=self._reading.at, error=self._reading.error)

    def traffic(self, server: str, since: datetime, until: datetime) -> Traffic | None:
        """What this balancer saw the server do; None where its readings do not tell."""
        return self._traffic.between(server, since, until)

    def old_worker(self) -> OldWorker | None:
        """What is known of the worker before this one, whose sessions no command reaches.

        None where no reload was seen, or where its end has come.
        """
        if self._reloaded is None:
            return None
        since, moment = self._reloaded
        if self._hard_stop_after is None:
            return OldWorker(since=since, left=None)
        left = self._hard_stop_after - timedelta(seconds=self._clock.monotonic() - moment)
        return OldWorker(since=since, left=left) if left > timedelta() else None

    def _told(self, *, view: BalancerView | None, at: datetime, error: str | None = None) -> BalancerReading:
        two = self._clock.monotonic() < self._two_masters_until
        masters = tuple(sorted({*self._left, *_pid(self._last_view)})) if two else ()
        return BalancerReading(
            balancer=self._page.name, at=at, view=view, error=error, refuses=self._refusal, masters=masters
        )

    def _compare_workers(self, view: BalancerView) -> None:
        """A new worker is a reload; an earlier one that is back is one of two masters on one address."""
        before, now = self._last_view, self._clock.monotonic()
        self._left = {pid: at for pid, at in self._left.items() if now - at < IN_TURNS}
        if before is None or before.pid == view.pid:
            return
        for pid in _pid(before):
            self._left.setdefault(pid, now)
        if any(now - self._left.get(pid, now) > LINGERING for pid in _pid(view)):
            self._two_masters_until = now + IN_TURNS
        self._reloaded = view.read_at, now


def _pid(view: BalancerView | None) -> tuple[int, ...]:
    return () if view is None or view.pid is None else (view.pid,)
