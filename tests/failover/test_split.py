"""Who counts as served by a server that is not the active one, and what is done about it."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from rlm_exporter.failover.split import checkouts_beside, sessions_from_before
from rlm_exporter.failover.split_brain import QUARANTINE, SPLIT_BRAIN, SplitBrain
from rlm_exporter.haproxy.view import BalancerReading, Traffic
from rlm_exporter.manifest.model import Cluster
from rlm_exporter.probe.snapshot import ClusterSnapshot, ServerSnapshot
from rlm_exporter.rlm.status import Checkout, RlmServer, RlmStatus
from rlm_exporter.store.records import ClusterRecord
from tests.clock import START
from tests.failover.acting import FalteringJournal, Lb, NoProber, Stage, World, hook, with_hooks
from tests.failover.situations import ALL_POOLS, CLUSTER, read, snapshot, up

MOVED = datetime(2026, 3, 2, 8, 0, 30, tzinfo=START.tzinfo)
RLM1 = CLUSTER.server("rlm1")


def checkout(at: str, *, handle: str = "1", isv: str = "siemens") -> Checkout:
    return Checkout(
        isv=isv,
        product="STARCCM",
        version="1.0",
        user="alice",
        host="ws1",
        count=1,
        reserved=0,
        handle=handle,
        at=at,
    )


def answer(*checkouts: Checkout, own_moment: datetime | None = None) -> RlmStatus:
    """An answer; `own_moment` is the server's local time as it tells it."""
    server = RlmServer(host="rlm1", port=5053, version="12.2", uptime_seconds=5)
    dated = () if own_moment is None else (own_moment.replace(tzinfo=None),)
    return replace(ALL_POOLS, server=server, checkouts=checkouts, dated=dated)


def seen(name: str, status: RlmStatus, *, seconds: float) -> ServerSnapshot:
    """What a check knows that ended so long after the move."""
    ended = MOVED + timedelta(seconds=seconds)
    part = up(name, answer=status, checked_at=ended)
    return replace(part, check_started_at=ended - timedelta(milliseconds=50))


# ---- which sessions began after the move


@pytest.mark.parametrize(
    ("at", "is_from_before"),
    [("03/02 07:59", True), ("03/02 08:00", True), ("03/02 08:01", False), ("never", True)],
)
def test_sessions_of_the_minute_of_the_move_and_unreadable_ones_count_as_before(
    at: str, is_from_before: bool
) -> None:
    part = seen("rlm1", answer(checkout(at)), seconds=120)
    before = sessions_from_before(part, server=RLM1, active_since=MOVED)
    assert bool(before) is is_from_before


@pytest.mark.parametrize("off", [timedelta(hours=-7), timedelta(minutes=11), timedelta(hours=2)])
def test_a_server_whose_clock_or_time_zone_differs_is_believed_by_its_own_moment(off: timedelta) -> None:
    checked = MOVED + timedelta(seconds=120)
    old, new = MOVED - timedelta(minutes=5) + off, MOVED + timedelta(minutes=1) + off
    lines = [checkout(f"{at:%m/%d %H:%M}", handle=handle) for at, handle in ((old, "1"), (new, "2"))]
    part = seen("rlm1", answer(*lines, own_moment=checked + off), seconds=120)
    before = sessions_from_before(part, server=RLM1, active_since=MOVED)
    beside = checkouts_beside(part, known=before, cluster=CLUSTER)
    assert [each.handle for each in beside] == ["2"]


def test_products_of_other_vendors_on_a_standby_are_no_split() -> None:
    part = seen("rlm1", answer(checkout("03/02 08:05", isv="acme")), seconds=400)
    assert checkouts_beside(part, known=frozenset(), cluster=CLUSTER) == ()


# ---- the watch


@dataclass(kw_only=True)
class Checks(NoProber):
    """Our own checks, as a test tells them."""

    parts: dict[str, ServerSnapshot] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @property
    def snapshot(self) -> ClusterSnapshot:
        named = {name: self.parts.get(name, up(name)) for name in ("rlm1", "rlm2", "rlm3")}
        return snapshot(*named.values())

    def check_now(self, server: str) -> None:
        self.asked.append(server)


@dataclass(kw_only=True)
class Sending(Lb):
    """A balancer that has sent connections to rlm3."""

    def traffic(self, server: str, since: datetime, until: datetime) -> Traffic | None:
        return Traffic(arrived=2 if server == "rlm3" else 0, bytes_out=0, since=since, until=until)


@dataclass(kw_only=True)
class MovedByItself(Lb):
    """A balancer that has gone to rlm1 under our epoch."""

    @property
    def reading(self) -> BalancerReading:
        return read(active="rlm1", balancer=self.name)


@dataclass(kw_only=True)
class Watched:
    """The watch of a cluster whose active server is rlm2."""

    stage: Stage
    checks: Checks
    watch: SplitBrain
    record: ClusterRecord

    async def sees(self, *checkouts: Checkout, seconds: float) -> list[str]:
        """What it says after a check of rlm1."""
        self.checks.parts["rlm1"] = seen("rlm1", answer(*checkouts), seconds=seconds)
        await self.watch.look(self.record, elsewhere=False)
        return [split.server for split in self.watch.splits]

    async def journal(self) -> list[tuple[str, str]]:
        held = await self.stage.journal.held(CLUSTER.name)
        return [(each.rule, each.detail) for each in reversed(held)]


async def watched(
    journal: FalteringJournal, *, cluster: Cluster = CLUSTER, balancers: tuple[Lb, ...] = (), **world: Any
) -> Watched:
    stage = Stage(journal=journal, world=World(**world), cluster=cluster)
    record = replace(await stage.record(), active="rlm2", active_since=MOVED)
    checks = Checks()
    outside = replace(stage.outside, prober=checks, balancers=balancers)
    return Watched(stage=stage, checks=checks, watch=SplitBrain(outside), record=record)


OLD, NEW, NEWER = (
    checkout("03/02 07:00"),
    checkout("03/02 08:02", handle="2"),
    checkout("03/02 08:00", handle="3"),
)


async def test_a_checkout_that_began_after_the_move_is_raised_at_the_next_check_and_ends_with_it(
    journal: FalteringJournal,
) -> None:
    made = await watched(journal)
    assert await made.sees(OLD, seconds=5) == []
    assert await made.sees(OLD, NEW, seconds=130) == ["rlm1"]
    assert await made.sees(OLD, NEW, seconds=140) == ["rlm1"]
    assert made.checks.asked.count("rlm1") == 1, "for a second opinion"
    assert await made.sees(OLD, seconds=150) == []
    told = await made.journal()
    assert [rule for rule, _ in told] == [SPLIT_BRAIN, SPLIT_BRAIN]
    assert "the first of STARCCM by alice@ws1 at 03/02 08:02" in told[0][1]


async def test_a_handle_that_was_not_there_at_the_first_look_needs_no_clock(
    journal: FalteringJournal,
) -> None:
    """It is of the minute of the move by its time, and new by its handle."""
    made = await watched(journal)
    assert await made.sees(OLD, seconds=5) == []
    assert await made.sees(OLD, NEWER, seconds=20) == ["rlm1"]


async def test_a_check_from_before_the_move_says_nothing(journal: FalteringJournal) -> None:
    made = await watched(journal)
    assert await made.sees(NEW, seconds=-3) == []
    assert "rlm1" in made.checks.asked, "a first look is wanted soon"


async def test_another_move_begins_anew(journal: FalteringJournal) -> None:
    made = await watched(journal)
    assert await made.sees(NEW, seconds=200) == ["rlm1"]
    made.record = replace(made.record, active_since=MOVED + timedelta(minutes=10))
    assert await made.sees(NEW, seconds=700) == []


async def test_connections_that_a_balancer_sends_there_are_a_split(journal: FalteringJournal) -> None:
    made = await watched(journal, balancers=(Sending(name="lb1", world=World()),))
    await made.watch.look(made.record, elsewhere=True)
    assert not made.watch.splits, "HAProxy has moved by itself: that is for the rules"
    await made.watch.look(made.record, elsewhere=False)
    assert [(split.server, split.arrived) for split in made.watch.splits] == [("rlm3", 2)]


async def test_sessions_where_haproxy_has_moved_by_itself_are_for_the_rules(
    journal: FalteringJournal,
) -> None:
    made = await watched(journal, balancers=(MovedByItself(name="lb1", world=World()),))
    for name in ("rlm1", "rlm3"):
        made.checks.parts[name] = seen(name, answer(NEW), seconds=130)
    await made.watch.look(made.record, elsewhere=True)
    assert [split.server for split in made.watch.splits] == ["rlm3"]
    await made.watch.look(made.record, elsewhere=False)
    assert [split.server for split in made.watch.splits] == ["rlm1", "rlm3"]


# ---- quarantine

QUARANTINED = with_hooks(fence=hook("fence"), quarantine=True)


async def look_and_wait(made: Watched, *checkouts: Checkout, seconds: float) -> None:
    async with asyncio.TaskGroup() as group:
        made.watch.group = group
        await made.sees(*checkouts, seconds=seconds)


async def test_a_split_that_two_checks_have_seen_is_fenced_once_and_again_after_a_while(
    journal: FalteringJournal,
) -> None:
    made = await watched(journal, cluster=QUARANTINED)
    await look_and_wait(made, OLD, seconds=5)
    await look_and_wait(made, OLD, NEW, seconds=130)
    assert made.stage.world.done == [], "a server that wakes from a hang may answer clients that are gone"
    await look_and_wait(made, OLD, NEW, seconds=131)
    await look_and_wait(made, OLD, NEW, seconds=132)
    assert made.stage.world.done == ["fence"]
    await made.stage.clock.advance(30)
    await look_and_wait(made, OLD, NEW, seconds=160)
    assert made.stage.world.done == ["fence", "fence"]
    event = made.stage.hooks.events[0]
    document = event.document()
    assert (document["event"], document["from"], document["to"], document["phase"]) == (
        QUARANTINE,
        "rlm1",
        "rlm2",
        "fence",
    )
    assert (QUARANTINE, "rlm1 was fenced") in await made.journal()


async def test_a_fence_that_fails_is_told(journal: FalteringJournal) -> None:
    made = await watched(journal, cluster=QUARANTINED, failing_hooks={"fence": "no way to rlm1"})
    for seconds in (130, 131):
        await look_and_wait(made, NEW, seconds=seconds)
    assert (QUARANTINE, "rlm1 cannot be fenced: no way to rlm1") in await made.journal()


async def test_without_quarantine_nobody_is_fenced(journal: FalteringJournal) -> None:
    made = await watched(journal, cluster=with_hooks(fence=hook("fence")))
    for seconds in (130, 131, 132):
        await look_and_wait(made, NEW, seconds=seconds)
    assert made.stage.world.done == []
