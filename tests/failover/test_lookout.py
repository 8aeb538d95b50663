"""What is read out of snapshots and balancers before a decision."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from rlm_exporter.failover.external import Component, HealthReport
from rlm_exporter.failover.lookout import SILENCE, Lookout, evidence, is_silent, looks_wrong
from rlm_exporter.failover.reporters import Reporters
from rlm_exporter.haproxy.traffic import COUNT_LAG
from rlm_exporter.haproxy.view import Traffic
from rlm_exporter.manifest.model import Cluster, Failback
from rlm_exporter.probe.snapshot import ClusterSnapshot, ServerSnapshot
from tests.clock import START, FakeClock
from tests.failover.acting import FalteringJournal, Lb, Stage, World
from tests.failover.situations import CLUSTER, NOW, ago, down, snapshot, up, view


@dataclass(kw_only=True)
class Watching(Lb):
    """A balancer that says what a server did, and remembers for which times it was asked."""

    world: World = field(default_factory=World)
    arrived: int = 0
    bytes_out: int = 0
    tells: bool = True
    asked: list[tuple[datetime, datetime]] = field(default_factory=list)

    def traffic(self, server: str, since: datetime, until: datetime) -> Traffic | None:
        assert server == "rlm1"
        self.asked.append((since, until))
        if not self.tells:
            return None
        return Traffic(arrived=self.arrived, bytes_out=self.bytes_out, since=since, until=until)


@dataclass(kw_only=True)
class Checks:
    """A prober whose newest snapshot is as a test says."""

    snapshot: ClusterSnapshot

    async def changed(self, after: ClusterSnapshot) -> ClusterSnapshot:
        raise AssertionError("a look waits for nothing")

    def check_now(self, server: str) -> None:
        raise AssertionError("these looks start no check")

    def set_active(self, server: str | None) -> None:
        raise AssertionError("a look changes nothing")


def looking(
    journal: FalteringJournal, *parts: ServerSnapshot, cluster: Cluster = CLUSTER
) -> tuple[Lookout, Reporters]:
    """A lookout over these servers, and the reports that it knows."""
    clock, checks = FakeClock(), Checks(snapshot=snapshot(*parts))
    reporters = Reporters(cluster=cluster.name, prober=checks, journal=journal, clock=clock)
    stage = Stage(journal=journal, world=World(), cluster=cluster, balancers=(), clock=clock)
    outside = replace(stage.outside, prober=checks)
    lookout = Lookout(outside=outside, reporters=reporters, seen_epoch=lambda: 0)
    return lookout, reporters


def lb1(*, arrived: int = 0, bytes_out: int = 0) -> Watching:
    return Watching(name="lb1", arrived=arrived, bytes_out=bytes_out)


def lb2(*, arrived: int = 0, tells: bool = True) -> Watching:
    return Watching(name="lb2", arrived=arrived, tells=tells)


def failing(*, since: float, last_start: float, last_end: float) -> ServerSnapshot:
    """rlm1 down, with these times in seconds ago."""
    part = down("rlm1")
    health = replace(
        part.health,
        failing_since=ago(since),
        last_failed_start=ago(last_start),
        last_failed_end=ago(last_end),
    )
    return replace(part, health=health)


def seen(part: ServerSnapshot, *balancers: Watching) -> tuple[Traffic | None, Traffic | None]:
    found = evidence(active="rlm1", snapshot=snapshot(part), balancers=balancers, now=NOW)
    return found.since_check, found.while_failing


def test_a_server_that_is_up_needs_no_evidence() -> None:
    balancer = lb1()
    assert seen(up("rlm1"), balancer) == (None, None)
    assert balancer.asked == []


def test_arrivals_count_only_when_their_answer_would_be_counted_by_now() -> None:
    balancer = lb1(arrived=3)
    silent, while_failing = seen(failing(since=60, last_start=14, last_end=4), balancer)
    assert silent is not None
    assert balancer.asked[:2] == [(ago(60), NOW - COUNT_LAG), (ago(60), NOW)]
    assert (silent.since, silent.until) == (ago(60), NOW)
    assert while_failing is not None
    assert (while_failing.since, while_failing.until) == (ago(14), NOW)


def test_bytes_that_may_be_older_than_the_failing_prove_nothing() -> None:
    """They are counted up to some seconds late, so the first seconds of a failing are left out."""
    balancer = lb1(bytes_out=100)
    seen(failing(since=6, last_start=6, last_end=2), balancer)
    assert balancer.asked[-1] == (ago(6) + COUNT_LAG, NOW)


def test_what_several_balancers_saw_is_added_up() -> None:
    during, _ = seen(
        failing(since=60, last_start=14, last_end=4), lb1(arrived=1, bytes_out=5), lb2(arrived=2)
    )
    assert during is not None
    assert (during.arrived, during.bytes_out) == (3, 5)


def test_a_balancer_that_does_not_tell_may_have_seen_the_bytes() -> None:
    assert seen(failing(since=60, last_start=14, last_end=4), lb1(arrived=1), lb2(tells=False)) == (
        None,
        None,
    )


def test_without_a_balancer_nothing_was_seen() -> None:
    assert seen(failing(since=60, last_start=14, last_end=4)) == (None, None)


@pytest.mark.parametrize(
    ("arrived", "bytes_out", "tells", "silent"),
    [(1, 0, True, True), (0, 0, True, False), (1, 1, True, False), (1, 0, False, False)],
)
def test_silence_is_connections_without_a_byte(
    arrived: int, bytes_out: int, *, tells: bool, silent: bool
) -> None:
    balancer = Watching(name="lb1", arrived=arrived, bytes_out=bytes_out, tells=tells)
    assert is_silent(active="rlm1", balancers=(balancer,), now=NOW) is silent
    assert balancer.asked == [(NOW - SILENCE, NOW)]
    assert SILENCE > COUNT_LAG
    assert timedelta(seconds=10) > SILENCE


def test_a_balancer_looks_wrong_that_finds_the_server_down_or_has_another() -> None:
    assert looks_wrong(view("rlm1", downs=("rlm1",)), "rlm1")
    assert looks_wrong(view("rlm2"), "rlm1")
    assert not looks_wrong(view("rlm1", downs=("rlm2",)), "rlm1")
    assert not looks_wrong(view(None), "rlm1")


# ---- the whole situation


async def test_the_moves_of_the_past_are_known_where_a_decision_may_need_them(
    journal: FalteringJournal,
) -> None:
    """A failing server may be moved from, and an automatic failback may move from a healthy one."""
    stage = Stage(journal=journal, world=World())
    await stage.fail_over()
    record = await stage.record()
    automatic = replace(CLUSTER, failback=Failback.AUTOMATIC)
    for part, cluster, known in (
        (up("rlm2"), CLUSTER, 0),
        (down("rlm2"), CLUSTER, 1),
        (up("rlm2"), automatic, 1),
    ):
        lookout, _ = looking(journal, up("rlm1"), part, up("rlm3"), cluster=cluster)
        assert len((await lookout.situation(record, None)).automatic_moves) == known


async def test_what_other_monitors_report_is_part_of_the_situation(journal: FalteringJournal) -> None:
    record = await Stage(journal=journal, world=World()).record()
    lookout, reporters = looking(journal, down("rlm1"), up("rlm2"), up("rlm3"))
    report = HealthReport(server="rlm1", component=Component.LICENSE, healthy=True, reporter="mon1", at=START)
    assert lookout.glance(record).reports == ()
    assert await reporters.hear((report,)) != ()
    assert lookout.glance(record).reports == (report,)
