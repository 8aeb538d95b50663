"""One balancer, level-based: it is told the state that is wanted, and made to have it.

The same call is the first move, the repair after a reload and the resumption after a crash.
"""

import asyncio
from datetime import datetime, timedelta

from rlm_exporter.errors import LoadBalancerError, StaleEpochError
from rlm_exporter.haproxy.applied import HELD_BACK, SETTLE, Applied, recognised
from rlm_exporter.haproxy.commands import Commands
from rlm_exporter.haproxy.plan import (
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
from rlm_exporter.haproxy.view import BalancerReading, BalancerView, Desired, OldWorker, Traffic
from rlm_exporter.haproxy.watch import Watch

ATTEMPTS = 4
"""A command taken by a worker that is about to end is lost; the next attempt meets its successor."""

PAUSE = 0.1
"""Seconds between attempts: a kept connection reaches the new worker within that time."""


class Balancer:
    """Makes one balancer have what is wanted. One task at a time steers it."""

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
        self._name = page.name
        self._servers = servers
        self._host = host
        self._direct = direct
        self._clock = clock
        self._observer = observer
        self._watch = Watch(page=page, clock=clock, hard_stop_after=hard_stop_after)
        self._commands = Commands(
            page=page,
            watch=self._watch,
            servers=servers,
            host=host,
            ports=ports,
            reach=reach,
            direct=direct,
            clock=clock,
        )
        self._steering = asyncio.Lock()
        self._applied: Applied | None = None
        self._foreign_since: float | None = None
        self._foreign_hand: str | None = None

    @property
    def name(self) -> str:
        """The balancer's name in the manifest."""
        return self._name

    @property
    def host(self) -> str:
        """The address on which this balancer takes clients."""
        return self._host

    @property
    def reading(self) -> BalancerReading:
        """The newest reading, or why there is none."""
        return self._watch.reading

    @property
    def applied(self) -> Desired | None:
        """What this balancer was last seen to have taken; None before that."""
        return None if self._applied is None else self._applied.desired

    @property
    def foreign_hand(self) -> str | None:
        """What servers are in since somebody else has changed it, until that is put right; None = nobody."""
        return self._foreign_hand

    def old_worker(self) -> OldWorker | None:
        """The worker before this one, whose sessions no command reaches; None where there is none."""
        return self._watch.old_worker()

    def traffic(self, server: str, since: datetime, until: datetime) -> Traffic | None:
        """What this balancer saw the server do; None where its readings do not tell."""
        return self._watch.traffic(server, since, until)

    def forget(self) -> None:
        """Somebody else steers from now on: what we did says nothing any more of what is to be found."""
        self._applied = self._foreign_since = self._foreign_hand = None

    async def observe(self) -> BalancerView:
        """A fresh reading; raises LoadBalancerError."""
        return await self._watch.observe()

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
            if self._applied is None and view.epoch == desired.epoch:
                await self._recognise(desired, view)
            self._watch_for_foreign_hands(desired, view)
            what = need(
                desired=desired,
                view=view,
                applied=self._applied,
                foreign_since=self._foreign_since,
                now=self._clock.monotonic(),
            )
            if what is None:
                return None
            self._refuse_unknown(view)
            if not await self._repair(what, desired, view):
                return None
            self._observer.steered(self.name, what.repair.value)
            return what

    async def move(self, desired: Desired) -> BalancerView:
        """Make the balancer send everybody to `desired.active` now; every other server stays held.

        Returns the reading that proves it; raises LoadBalancerError, StaleEpochError.
        """
        if desired.active is None:
            raise ValueError("a move leads to somebody")
        async with self._steering:
            view = await self._send_all_to(desired.active, desired, settle=SETTLE)
            self._observer.steered(self.name, Repair.MOVE.value)
            return view

    async def check(self, desired: Desired) -> str | None:
        """What is still not as a move wants it, from a fresh reading; None when all is.

        Whether others are held that are not pinned is no matter any more: retries settle meanwhile.
        """
        if desired.active is None:
            raise ValueError("a move leads to somebody")
        try:
            view = await self.observe()
        except LoadBalancerError as error:
            return str(error)
        return shortfall(desired, view, active=desired.active, held=desired.pinned)

    async def _repair(self, what: Need, desired: Desired, view: BalancerView) -> bool:
        """Do what is needed; False when there was nothing that could be done."""
        match what.repair:
            case Repair.RELEASE:
                return bool(await self._release(what.servers, desired))
            case Repair.PINS:
                await self._pin(desired, view)
            case Repair.MOVE | Repair.NEW_WORKER | Repair.EPOCH_OLDER:
                await self._steer(what, desired, view)
        return True

    async def _steer(self, what: Need, desired: Desired, view: BalancerView) -> None:
        active = desired.active
        if active is None or await self._direct(active) is not None:
            await self._leave_it_to_haproxy(desired, view)
            return
        why = out_of_its_reach(view, active)
        if why is not None:
            await self._let_haproxy_choose(desired, view)
            raise self._does_not_send(active, why)
        settle = HELD_BACK if what.repair is Repair.NEW_WORKER else SETTLE
        await self._send_all_to(active, desired, settle=settle)

    async def _send_all_to(self, active: str, desired: Desired, *, settle: timedelta) -> BalancerView:
        others = frozenset(self._servers) - {active}
        missing = "not tried"
        for attempt in range(ATTEMPTS):
            if attempt:
                await self._clock.sleep(PAUSE)
            try:
                before = await self.observe()
                self._refuse_unknown(before)
                missing = out_of_its_reach(before, active) or ""
                if missing:
                    continue
                await self._commands.send_all_to(active, before, epoch=desired.epoch)
                view = await self._commands.write_table(active)
            except StaleEpochError:
                raise
            except LoadBalancerError as error:
                # A reload closes connections in the middle of a request; the new worker answers the next.
                missing = str(error)
                continue
            short = shortfall(desired, view, active=active, held=others)
            if short is None and view.pid == before.pid:
                self._remember(desired, view, held=others, settle=settle)
                return view
            missing = short or "its worker changed in the middle"
        raise self._does_not_send(active, missing)

    def _refuse_unknown(self, view: BalancerView) -> None:
        why = unknown_servers(view)
        if why is not None:
            raise LoadBalancerError(f"{self.name}: {why}")

    def _does_not_send(self, active: str, why: str) -> LoadBalancerError:
        return LoadBalancerError(f"{self.name}: does not send clients to {active}: {why}")

    async def _recognise(self, desired: Desired, view: BalancerView) -> None:
        """Take over what an earlier life of ours did, and see that commands are still taken from us."""
        if not view.unknown_servers:
            await self._commands.bring_epoch(view, epoch=desired.epoch)
        self._applied = recognised(desired, view, now=self._clock.monotonic())

    async def _pin(self, desired: Desired, view: BalancerView) -> None:
        await self._commands.hold(missing_pins(desired, view), epoch=desired.epoch)
        if self._applied is not None:
            self._applied = self._applied.holding(self._applied.held | desired.pinned)
        await self.observe()

    async def _release(self, servers: frozenset[str], desired: Desired) -> frozenset[str]:
        good = await self._commands.release(servers, epoch=desired.epoch)
        if good:
            if self._applied is not None:
                self._applied = self._applied.holding(self._applied.held - good)
            await self.observe()
        return good

    def _remember(
        self, desired: Desired, view: BalancerView, *, held: frozenset[str], settle: timedelta
    ) -> None:
        settled_at = self._clock.monotonic() + settle.total_seconds()
        if self._applied is not None and self._applied.settled_at is not None:
            settled_at = max(settled_at, self._applied.settled_at)
        self._applied = Applied(desired=desired, held=held, pid=view.pid, settled_at=settled_at)
        self._foreign_since = self._foreign_hand = None

    async def _leave_it_to_haproxy(self, desired: Desired, view: BalancerView) -> None:
        """Nobody is wanted, or he takes no connection: who serves is HAProxy's, then the controller's."""
        await self._let_haproxy_choose(desired, view)
        after = await self.observe()
        if after.pid == view.pid:
            # Whatever is still held counts as ours, the wanted one too, so that a good probe lets it go.
            self._applied = Applied(desired=desired, held=desired.pinned | after.withdrawn, pid=after.pid)

    async def _let_haproxy_choose(self, desired: Desired, view: BalancerView) -> None:
        """Hold the pinned ones only. To hold all others for a dead server would be an outage made by us."""
        await self._commands.hold(desired.pinned, epoch=desired.epoch)
        spared = {desired.active} if desired.active is not None else set()
        released = await self._release(view.withdrawn - desired.pinned - spared, desired)
        if not desired.pinned and not released:
            await self._commands.bring_epoch(view, epoch=desired.epoch)

    def _watch_for_foreign_hands(self, desired: Desired, view: BalancerView) -> None:
        if not foreign(desired=desired, view=view, applied=self._applied):
            self._foreign_since = self._foreign_hand = None
            return
        if self._foreign_since is None:
            self._foreign_since = self._clock.monotonic()
        lines = [line for server in self._servers if (line := view.license_line(server)) is not None]
        self._foreign_hand = ", ".join(f"{line.server} {line.admin}" for line in lines)
