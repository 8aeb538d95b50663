"""One balancer, level-based: it is told the state that is wanted, and made to have it.

The same call is the first move, the repair after a reload and the resumption after a crash. Order
matters: the others are held *before* the wanted one is made ready, because the first accepted command
ends the new worker's hold on connections; only a wanted server that is itself held is readied first, so
that there is never a moment with nobody.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from rlm_exporter.errors import LoadBalancerError, StaleEpochError
from rlm_exporter.haproxy.plan import (
    Applied,
    Need,
    Repair,
    foreign,
    missing_pins,
    need,
    out_of_its_reach,
    shortfall,
    unknown_servers,
)
from rlm_exporter.haproxy.ports import Clock, DirectProbe, Reach, StatsPage, SteeringObserver
from rlm_exporter.haproxy.stats_page import Action
from rlm_exporter.haproxy.traffic import TrafficLog
from rlm_exporter.haproxy.view import AdminState, BalancerReading, BalancerView, Desired, OldWorker, Traffic

ATTEMPTS = 4
"""A command taken by a worker that is about to end is lost; the next attempt meets its successor."""

PAUSE = 0.1
"""Seconds between attempts: a kept connection reaches the new worker within that time."""

TABLE_LIMIT = 0.3
TABLE_PAUSE = 0.01
"""Seconds to wait for the table to name a server, and between two looks; it takes a millisecond."""


class Balancer:
    """Reads one balancer and makes it have what is wanted. One task at a time steers it."""

    def __init__(
        self,
        *,
        page: StatsPage,
        servers: tuple[str, ...],
        host: str,
        ports: tuple[int, ...],
        reach: Reach,
        direct: DirectProbe,
        clock: Clock,
        observer: SteeringObserver,
        hard_stop_after: timedelta | None = None,
    ) -> None:
        self._page = page
        self._servers = servers
        self._host = host
        self._ports = ports
        self._reach = reach
        self._direct = direct
        self._clock = clock
        self._observer = observer
        self._hard_stop_after = hard_stop_after
        self._reloaded_at: datetime | None = None
        self._steering = asyncio.Lock()
        self._applied: Applied | None = None
        self._foreign_since: datetime | None = None
        self._last_view: BalancerView | None = None
        self._traffic = TrafficLog()
        self._reading = BalancerReading(
            balancer=page.name, at=clock.now(), view=None, error="it has not been read yet"
        )

    @property
    def name(self) -> str:
        """The balancer's name in the manifest."""
        return self._page.name

    @property
    def host(self) -> str:
        """The address on which this balancer takes clients."""
        return self._host

    @property
    def reading(self) -> BalancerReading:
        """The newest reading, or why there is none."""
        return self._reading

    @property
    def applied(self) -> Desired | None:
        """What this balancer was last seen to have taken; None before that."""
        return None if self._applied is None else self._applied.desired

    def old_worker(self, now: datetime) -> OldWorker | None:
        """What is known of the worker before this one, whose sessions no command reaches.

        None where no reload was seen, or where its end has come.
        """
        if self._reloaded_at is None:
            return None
        if self._hard_stop_after is None:
            return OldWorker(since=self._reloaded_at, ends=None)
        ends = self._reloaded_at + self._hard_stop_after
        return OldWorker(since=self._reloaded_at, ends=ends) if now < ends else None

    def traffic(self, server: str, since: datetime, until: datetime) -> Traffic | None:
        """What this balancer saw the server do; None where its readings do not tell."""
        return self._traffic.between(server, since, until)

    async def observe(self) -> BalancerView:
        """A fresh reading; raises LoadBalancerError."""
        try:
            view = await self._page.observe()
        except LoadBalancerError as error:
            self._reading = BalancerReading(
                balancer=self.name, at=self._clock.now(), view=None, error=str(error)
            )
            raise
        before = self._reading.view or self._last_view
        if before is not None and before.pid != view.pid:
            self._reloaded_at = view.read_at
        self._last_view = view
        self._reading = BalancerReading(balancer=self.name, at=view.read_at, view=view)
        self._traffic.add(view)
        return view

    async def converge(self, desired: Desired) -> Need | None:
        """One turn of the loop: read, and repair what the plan says. Returns what was needed.

        Raises LoadBalancerError when the balancer cannot be read or does not become what is wanted,
        StaleEpochError when it has seen a higher epoch.
        """
        async with self._steering:
            view = await self.observe()
            if view.epoch is not None and view.epoch > desired.epoch:
                raise StaleEpochError(
                    f"{self.name}: has seen epoch {view.epoch}, ours is {desired.epoch}", seen=view.epoch
                )
            self._recognise(desired, view)
            self._watch_for_foreign_hands(desired, view)
            what = need(
                desired=desired,
                view=view,
                applied=self._applied,
                foreign_since=self._foreign_since,
                now=self._clock.now(),
            )
            if what is None:
                return None
            self._refuse_unknown(view)
            if not await self._repair(what, desired, view):
                return None
            self._observer.steered(self.name, what.repair.value)
            return what

    async def _repair(self, what: Need, desired: Desired, view: BalancerView) -> bool:
        """Do what is needed; False when there was nothing that could be done."""
        match what.repair:
            case Repair.RELEASE:
                return await self._release(desired, what.servers)
            case Repair.PINS:
                await self._pin(desired, view)
            case Repair.MOVE | Repair.NEW_WORKER | Repair.EPOCH_OLDER:
                await self._steer(what, desired, view)
        return True

    async def _steer(self, what: Need, desired: Desired, view: BalancerView) -> None:
        if await self._direct(desired.active) is not None:
            await self._leave_it_to_haproxy(desired, view)
            return
        why = out_of_its_reach(view, desired.active)
        if why is not None:
            await self._let_haproxy_choose(desired, view)
            raise self._does_not_send(desired, why)
        await self._hold_others(desired, is_move=what.repair is not Repair.NEW_WORKER)
        if self._applied is not None and not self._applied.is_settling(self._clock.now()):
            await self._release(desired, self._others(desired) - desired.pinned)

    async def move(self, desired: Desired) -> BalancerView:
        """Make the balancer send everybody to `desired.active` now; every other server stays held.

        Returns the reading that proves it; raises LoadBalancerError, StaleEpochError.
        """
        async with self._steering:
            view = await self._hold_others(desired, is_move=True)
            self._observer.steered(self.name, Repair.MOVE.value)
            return view

    async def check(self, desired: Desired) -> str | None:
        """What is still not as a move wants it, from a fresh reading; None when all is."""
        try:
            view = await self.observe()
        except LoadBalancerError as error:
            return str(error)
        return shortfall(desired, view, servers=self._servers)

    async def _hold_others(self, desired: Desired, *, is_move: bool) -> BalancerView:
        missing = "not tried"
        for attempt in range(ATTEMPTS):
            if attempt:
                await self._clock.sleep(PAUSE)
            try:
                before = await self.observe()
                self._refuse_unknown(before)
                missing = out_of_its_reach(before, desired.active) or ""
                if missing:
                    continue
                await self._command_hold(desired, before)
                view = await self._write_table(desired)
            except StaleEpochError:
                raise
            except LoadBalancerError as error:
                # A reload closes connections in the middle of a request; the new worker answers the next.
                missing = str(error)
                continue
            short = shortfall(desired, view, servers=self._servers)
            if short is None and view.pid == before.pid:
                self._remember(desired, view, is_move=is_move)
                return view
            missing = short or "its worker changed in the middle"
        raise self._does_not_send(desired, missing)

    def _refuse_unknown(self, view: BalancerView) -> None:
        why = unknown_servers(view)
        if why is not None:
            raise LoadBalancerError(f"{self.name}: {why}")

    def _does_not_send(self, desired: Desired, why: str) -> LoadBalancerError:
        return LoadBalancerError(f"{self.name}: does not send clients to {desired.active}: {why}")

    async def _command_hold(self, desired: Desired, view: BalancerView) -> None:
        others = tuple(sorted(self._others(desired)))
        line = view.license_line(desired.active)
        if line is not None and line.admin is not AdminState.READY:
            await self._page.command(Action.READY, (desired.active,), epoch=desired.epoch)
        await self._page.command(Action.MAINT, others, epoch=desired.epoch)
        await self._page.command(Action.READY, (desired.active,), epoch=desired.epoch)

    async def _write_table(self, desired: Desired) -> BalancerView:
        """The reading once the table names the wanted server, or as it is after a while.

        The table is written by a connection, not by a command. A bare connect is enough, but it has to
        stay: one that ends at once may be over before HAProxy has looked at it.
        """
        async with contextlib.AsyncExitStack() as connections:
            for port in self._ports:
                why = await connections.enter_async_context(self._reach(self._host, port))
                if why is not None:
                    raise LoadBalancerError(f"{self.name}: {self._host}:{port} takes no connection: {why}")
            until = self._clock.monotonic() + TABLE_LIMIT
            while True:
                view = await self.observe()
                if view.active == desired.active or self._clock.monotonic() >= until:
                    return view
                await self._clock.sleep(TABLE_PAUSE)

    def _recognise(self, desired: Desired, view: BalancerView) -> None:
        """Take over what an earlier life of ours did: its epoch is there, so the worker was steered.

        Whom it has active is then HAProxy's own doing, and no reason to steer.
        """
        if self._applied is None and view.epoch == desired.epoch:
            self._applied = Applied(desired=replace(desired, pinned=view.pinned), pid=view.pid)

    async def _pin(self, desired: Desired, view: BalancerView) -> None:
        missing = tuple(sorted(missing_pins(desired, view)))
        await self._page.command(Action.MAINT, missing, epoch=desired.epoch)
        self._note_held(lambda held: held | desired.pinned)
        await self.observe()

    async def _release(self, desired: Desired, servers: frozenset[str]) -> bool:
        """Make held servers ready that a fresh direct probe finds good; the others stay held."""
        probed = sorted(servers)
        answers = await asyncio.gather(*(self._direct(server) for server in probed))
        good = tuple(server for server, why in zip(probed, answers, strict=True) if why is None)
        if not good:
            return False
        await self._page.command(Action.READY, good, epoch=desired.epoch)
        self._note_held(lambda held: held - set(good))
        await self.observe()
        return True

    def _remember(self, desired: Desired, view: BalancerView, *, is_move: bool) -> None:
        before = self._applied.moved_at if self._applied is not None else None
        self._applied = Applied(
            desired=replace(desired, pinned=self._others(desired)),
            pid=view.pid,
            moved_at=self._clock.now() if is_move else before,
        )
        self._foreign_since = None

    def _note_held(self, change: Callable[[frozenset[str]], frozenset[str]]) -> None:
        if self._applied is not None:
            held = change(self._applied.desired.pinned)
            self._applied = replace(self._applied, desired=replace(self._applied.desired, pinned=held))

    def _others(self, desired: Desired) -> frozenset[str]:
        return frozenset(self._servers) - {desired.active}

    async def _leave_it_to_haproxy(self, desired: Desired, view: BalancerView) -> None:
        """The wanted server takes no connection: who serves instead is HAProxy's, then the controller's."""
        await self._let_haproxy_choose(desired, view)
        after = await self.observe()
        if after.pid == view.pid:
            # Whatever is still held counts as ours, the wanted one too, so that a good probe lets it go.
            held = desired.pinned | after.withdrawn
            self._applied = Applied(desired=replace(desired, pinned=held), pid=after.pid)

    async def _let_haproxy_choose(self, desired: Desired, view: BalancerView) -> None:
        """Hold the pinned ones only. To hold all others for a dead server would be an outage made by us."""
        pinned = tuple(sorted(desired.pinned - self._held_by_settling(desired)))
        await self._page.command(Action.MAINT, pinned, epoch=desired.epoch)
        released = await self._release(desired, view.withdrawn & self._others(desired) - desired.pinned)
        if not pinned and not released:
            # A command has to bring the epoch, and this one changes nothing.
            free = tuple(server for server in self._servers if server not in view.withdrawn)
            await self._page.command(Action.READY, free, epoch=desired.epoch)

    def _held_by_settling(self, desired: Desired) -> frozenset[str]:
        others = self._others(desired)
        return others if desired.pinned >= others else frozenset()

    def _watch_for_foreign_hands(self, desired: Desired, view: BalancerView) -> None:
        if not foreign(desired=desired, view=view, applied=self._applied):
            self._foreign_since = None
        elif self._foreign_since is None:
            self._foreign_since = self._clock.now()
            states = ", ".join(f"{line.server} {line.status}" for line in view.lines)
            self._observer.foreign_hand(self.name, states)
