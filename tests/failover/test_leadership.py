"""Whether a daemon may act, on a clock that moves when told and a store that says what it is told."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from rlm_exporter.errors import JournalError
from rlm_exporter.failover.leadership import LASTING, LOOK, MARGIN, PACE, RENEW_AFTER, RETRY, LeaseKeeper
from rlm_exporter.store.leases import Claimant, LeaseRow, LeasesTaken
from tests.clock import FakeClock

US, THEM = "ha1", "ha2"
INSTANCE = "a1"
NAME = "rlm-ha"
URL = "http://ha2:10053"


@dataclass
class Store:
    """One lease, kept as PostgreSQL keeps it, by the clock of the test."""

    clock: FakeClock
    holder: str | None = None
    token: int = 0
    until: float = float("-inf")
    away: bool = False
    late: float = 0.0
    calls: int = 0
    instance: str = ""
    resumed: set[str] = field(default_factory=set)
    released: list[Mapping[str, int]] = field(default_factory=list)

    async def take_leases(
        self,
        *,
        claimant: Claimant,
        clusters: Iterable[str],
        held: Mapping[str, int],
        resumed: Collection[str],
        lasting: timedelta,
    ) -> LeasesTaken:
        self.calls += 1
        self.resumed = set(resumed)
        if self.away:
            raise JournalError("it cannot be reached")
        tokens: dict[str, int] = {}
        now = self.clock.monotonic()
        me = self.holder == claimant.name and self.instance == claimant.instance
        ours = me and held.get(NAME) == self.token and self.until > now
        if NAME in clusters and (ours or self.until <= now):
            self.token += not ours
            self.holder, self.instance, self.until = (
                claimant.name,
                claimant.instance,
                now + lasting.total_seconds(),
            )
            tokens[NAME] = self.token
        await self.clock.sleep(self.late)
        row = LeaseRow(
            cluster=NAME,
            holder=self.holder or "",
            url=URL,
            token=self.token,
            expired=self.until <= now,
            instance=self.instance,
        )
        return LeasesTaken(tokens=tokens, rows=(row,))

    async def release_leases(self, *, claimant: Claimant, held: Mapping[str, int]) -> None:
        if self.away:
            raise JournalError("it cannot be reached")
        self.released.append(dict(held))

    def give_to(self, holder: str, *, instance: str = "b1") -> None:
        """Another daemon takes it now."""
        self.holder, self.instance, self.token = holder, instance, self.token + 1
        self.until = self.clock.monotonic() + LASTING.total_seconds()


class Scene:
    """A keeper that runs."""

    def __init__(self, *, elapsed: Callable[[], float] | None = None) -> None:
        self.clock = FakeClock()
        self.store = Store(clock=self.clock)
        self.keeper = LeaseKeeper(
            store=self.store,
            claimant=Claimant(name=US, instance=INSTANCE),
            clusters=[NAME],
            clock=self.clock,
            elapsed=elapsed or self.clock.monotonic,
        )
        self.lease = self.keeper.of(NAME)


@pytest.fixture
async def scene() -> Scene:
    return Scene()


async def test_nobody_acts_before_the_first_answer(scene: Scene) -> None:
    assert not scene.lease.begin()
    assert scene.lease.view.why_not_ours == "who may act is not known yet"


async def test_a_free_lease_is_taken_and_acted_under(scene: Scene) -> None:
    await scene.keeper.turn()
    assert scene.lease.begin()
    assert scene.lease.may_act()
    assert scene.lease.acting == 1
    assert (scene.lease.view.ours, scene.lease.view.holder) == (True, US)


async def test_a_lease_is_not_acted_under_before_a_beginning(scene: Scene) -> None:
    await scene.keeper.turn()
    assert not scene.lease.may_act()


async def test_another_daemons_lease_is_looked_at_each_second_and_named(scene: Scene) -> None:
    scene.store.give_to(THEM)
    running = asyncio.create_task(scene.keeper.run())
    await scene.clock.advance(4.5 * PACE)
    assert scene.store.calls == 5
    assert not scene.lease.begin()
    assert scene.lease.view.why_not_ours == f"{THEM} acts for this cluster ({URL})"
    running.cancel()


async def test_our_own_is_renewed_long_before_its_end_and_not_more_often(scene: Scene) -> None:
    running = asyncio.create_task(scene.keeper.run())
    await scene.clock.advance(60)
    assert scene.lease.begin()
    assert scene.store.token == 1
    assert 60 / (RENEW_AFTER + PACE) <= scene.store.calls <= 60 / RENEW_AFTER + 1
    running.cancel()


async def test_acting_ends_with_the_margin_where_nothing_is_renewed(scene: Scene) -> None:
    await scene.keeper.turn()
    assert scene.lease.begin()
    lost = asyncio.create_task(scene.lease.lost())
    await scene.clock.advance(LASTING.total_seconds() - MARGIN - 0.1)
    assert not lost.done()
    assert scene.lease.may_act()
    await scene.clock.advance(0.2)
    assert lost.done()
    assert not scene.lease.may_act()
    assert not scene.lease.begin()


async def test_a_lease_counts_from_before_it_was_asked_for(scene: Scene) -> None:
    scene.store.late = 6.0
    turn = asyncio.create_task(scene.keeper.turn())
    await scene.clock.advance(6.0)
    await turn
    assert scene.lease.remaining == LASTING.total_seconds() - 6.0


async def test_what_began_under_a_lease_does_not_go_on_under_the_next(scene: Scene) -> None:
    """Frozen for longer than a lease, and quicker than anybody else to take it again."""
    await scene.keeper.turn()
    assert scene.lease.begin()
    await scene.clock.advance(LASTING.total_seconds() + 1)
    await scene.keeper.turn()
    assert scene.lease.remaining == LASTING.total_seconds()
    assert not scene.lease.may_act()
    assert scene.lease.acting == 1
    await asyncio.wait_for(scene.lease.lost(), 1)
    assert scene.lease.begin()
    assert scene.lease.acting == 2


async def test_a_lease_that_another_has_taken_is_lost_at_once(scene: Scene) -> None:
    await scene.keeper.turn()
    assert scene.lease.begin()
    await scene.clock.advance(RENEW_AFTER)
    scene.store.give_to(THEM)  # what should not happen while it is ours
    await scene.keeper.turn()
    assert not scene.lease.may_act()
    assert scene.lease.view.holder == THEM


async def test_while_the_store_is_away_the_reason_is_told_and_acting_ends(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    running = asyncio.create_task(scene.keeper.run())
    await scene.clock.advance(1)
    assert scene.lease.begin()
    scene.store.away = True
    await scene.clock.advance(20)
    assert not scene.lease.begin()
    assert scene.lease.view.why_not_ours == "the lease cannot be renewed: it cannot be reached"
    assert caplog.text.count("the leases cannot be renewed") == 1
    scene.store.away = False
    await scene.clock.advance(PACE)
    assert scene.lease.begin()
    assert scene.lease.acting == 2
    running.cancel()


async def test_a_loss_is_seen_though_the_machine_was_suspended_meanwhile() -> None:
    """Sleeping stands still then, and the clock that leases are counted by does not."""
    suspended = 0.0
    scene = Scene(elapsed=lambda: clock.monotonic() + suspended)
    clock = scene.clock
    await scene.keeper.turn()
    assert scene.lease.begin()
    lost = asyncio.create_task(scene.lease.lost())
    await clock.advance(1)
    suspended = 60.0
    await clock.advance(LOOK)
    assert lost.done()


async def test_a_renewal_that_fails_is_soon_tried_again(scene: Scene) -> None:
    """Two seconds for an attempt, half a second until the next: three fit in before acting would end."""
    running = asyncio.create_task(scene.keeper.run())
    await scene.clock.advance(RENEW_AFTER - 0.1)
    before = scene.store.calls
    scene.store.away = True
    await scene.clock.advance(0.2 + 4 * RETRY)
    assert scene.store.calls - before == 5
    running.cancel()


async def test_an_earlier_lifes_lease_is_asked_for_until_there_was_one_of_our_own(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    assert scene.keeper.claimant.instance == INSTANCE
    scene.store.give_to(THEM)
    await scene.keeper.turn()
    assert scene.store.resumed == {NAME}
    scene.store.until = scene.clock.monotonic()
    await scene.keeper.turn()
    assert scene.lease.begin()
    await scene.clock.advance(RENEW_AFTER)
    assert "a copy of our state directory" not in caplog.text
    scene.store.give_to(THEM, instance=INSTANCE)  # a copy of our machine that has been started
    await scene.keeper.turn()
    assert scene.store.resumed == set()
    assert not scene.lease.may_act()
    assert "a copy of our state directory (ha2, http://ha2:10053) has taken the lease" in caplog.text


async def test_a_namesake_with_our_token_is_somebody_else(scene: Scene) -> None:
    """As after a database was put back to an older state."""
    await scene.keeper.turn()
    assert scene.lease.begin()
    await scene.clock.advance(RENEW_AFTER)
    scene.store.give_to(US, instance="another")
    scene.store.token = 1
    await scene.keeper.turn()
    assert not scene.lease.may_act()


async def test_a_short_absence_of_the_store_changes_nothing(scene: Scene) -> None:
    running = asyncio.create_task(scene.keeper.run())
    await scene.clock.advance(RENEW_AFTER - 1)
    assert scene.lease.begin()
    scene.store.away = True
    await scene.clock.advance(4)
    scene.store.away = False
    await scene.clock.advance(2 * PACE)
    assert scene.lease.may_act()
    assert scene.store.token == 1
    running.cancel()


async def test_leases_are_given_away_at_the_end(scene: Scene) -> None:
    await scene.keeper.release()
    await scene.keeper.turn()
    await scene.keeper.release()
    scene.store.away = True
    await scene.keeper.release()
    assert scene.store.released == [{NAME: 1}]
