"""A writer whose lease comes and goes, and whose journal falters in between. On a real journal."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

from rlm_exporter.failover.by_hand import Done
from rlm_exporter.failover.controller import ClusterController
from rlm_exporter.failover.trigger import FailoverRequest, PauseRequest, Refusal, RefusalKind
from rlm_exporter.haproxy.plan import Need
from rlm_exporter.haproxy.view import BalancerView, Desired
from rlm_exporter.manifest.model import Cluster
from rlm_exporter.probe.snapshot import ClusterSnapshot
from rlm_exporter.store.records import OperationKind, OperationState
from tests.failover.acting import FalteringJournal, Lb, Reign, Stage, World, hook, with_hooks
from tests.failover.situations import CLUSTER, NAMES, snapshot, up


@dataclass(kw_only=True)
class Steered(Lb):
    """A balancer that does at once what is wanted, and remembers what that was in this stretch."""

    wanted: list[Desired] = field(default_factory=list)
    times_forgotten: int = 0

    def forget(self) -> None:
        self.times_forgotten += 1
        self.wanted.clear()

    async def observe(self) -> BalancerView:
        view = self.reading.view
        assert view is not None
        return view

    async def converge(self, desired: Desired) -> Need | None:
        self.wanted.append(desired)
        return None


@dataclass(kw_only=True)
class AllWell:
    """A prober that finds everybody well, for ever."""

    snapshot: ClusterSnapshot = field(default_factory=lambda: snapshot(*(up(name) for name in NAMES)))

    async def changed(self, after: ClusterSnapshot) -> ClusterSnapshot:
        await asyncio.Event().wait()
        return after

    def check_now(self, server: str) -> None:
        pass

    def set_active(self, server: str | None) -> None:
        pass


@dataclass(kw_only=True)
class Scene:
    """A writer that runs, with what is around it."""

    stage: Stage
    balancer: Steered
    reign: Reign
    controller: ClusterController

    async def until(self, claim: Callable[[], bool]) -> None:
        """Return once that is so; looks and balancers' turns come as quickly as they can."""
        async with asyncio.timeout(10):
            while not claim():
                self.controller.wake()
                await self.stage.clock.advance(1)
                await asyncio.sleep(0.005)

    def wants(self, active: str) -> bool:
        """Whether the balancer was told so in this stretch."""
        return bool(self.balancer.wanted) and self.balancer.wanted[-1].active == active


class Observer:
    """Counts nothing."""

    def decided(self, cluster: str, rule: str) -> None:
        pass

    def stepped(self, cluster: str, step: str, seconds: float) -> None:
        pass

    def ended(self, operation: object) -> None:
        pass

    def stumbled(self, cluster: str, error: Exception) -> None:
        raise AssertionError(f"no defect of ours is expected: {error!r}")


@asynccontextmanager
async def acting(journal: FalteringJournal, *, cluster: Cluster = CLUSTER) -> AsyncIterator[Scene]:
    """A writer that acts, and wants rlm1."""
    world, reign = World(), Reign()
    balancer = Steered(name="lb1", world=world)
    stage = Stage(journal=journal, world=world, cluster=cluster, leadership=reign)
    outside = replace(stage.outside, prober=AllWell(), balancers=(balancer,), observer=Observer())
    controller = ClusterController(outside)
    scene = Scene(stage=stage, balancer=balancer, reign=reign, controller=controller)
    running = asyncio.create_task(controller.run())
    try:
        await scene.until(lambda: scene.wants("rlm1"))
        yield scene
    finally:
        running.cancel()
        await asyncio.wait({running})


async def elsewhere(journal: FalteringJournal, target: str) -> None:
    """Another daemon moves everybody."""
    record = await journal.cluster(CLUSTER.name)
    assert record is not None
    operation = await journal.claim(
        cluster=CLUSTER.name, kind=OperationKind.FAILOVER, rule="failed_over", source=record.active,
        target=target, requested_by="controller", reason="there", trigger="detector",
        expected_version=record.version, alerts=(), idempotency_key=None, now=record.active_since,
    )  # fmt: skip
    await journal.commit(operation.id, outcome="done", pins=(), cooldown_until=None, now=record.active_since)


async def test_a_stretch_begins_with_nothing_from_the_one_before(journal: FalteringJournal) -> None:
    """Also where no look of ours fell into the time in which another daemon acted."""
    async with acting(journal) as scene:
        forgotten = scene.balancer.times_forgotten
        await elsewhere(journal, "rlm2")
        scene.reign.become(2)
        await scene.until(lambda: scene.wants("rlm2"))
        assert scene.balancer.times_forgotten > forgotten
        assert {desired.active for desired in scene.balancer.wanted} == {"rlm2"}


async def test_an_old_truth_is_not_steered_by_while_the_journal_is_away(journal: FalteringJournal) -> None:
    async with acting(journal) as scene:
        await elsewhere(journal, "rlm2")
        journal.away = True
        scene.reign.become(2)
        await scene.until(lambda: not scene.controller.standing.store_writable)
        for _ in range(5):
            scene.controller.wake()
            await scene.stage.clock.advance(1)
            await asyncio.sleep(0.02)
        assert scene.balancer.wanted == []
        journal.away = False
        await scene.until(lambda: scene.wants("rlm2"))


async def test_in_one_stretch_balancers_are_kept_while_the_journal_is_away(journal: FalteringJournal) -> None:
    async with acting(journal) as scene:
        journal.away = True
        await scene.until(lambda: not scene.controller.standing.store_writable)
        scene.balancer.wanted.clear()
        await scene.until(lambda: scene.wants("rlm1"))


async def test_hooks_are_not_lost_where_the_journal_falters_behind_the_commit(
    journal: FalteringJournal,
) -> None:
    async with acting(journal, cluster=with_hooks(after=(hook("after"),))) as scene:
        journal.ends_to_hide = 2  # for the instruments, and for the writer itself
        wish = FailoverRequest(kind=OperationKind.SWITCHOVER, target="rlm2", requested_by="test", reason="")
        asking = asyncio.create_task(scene.controller.request(wish))
        await scene.until(lambda: "after" in scene.stage.world.done)
        assert journal.ends_to_hide == 0
        assert scene.stage.world.done.count("after") == 1
        await asyncio.wait({asking})
        [moved, _] = await journal.operations(CLUSTER.name)
        assert (moved.state, moved.target) == (OperationState.COMMITTED, "rlm2")
        await scene.until(lambda: scene.wants("rlm2"))


async def test_whoever_asks_a_writer_that_ends_or_has_ended_is_told_at_once(
    journal: FalteringJournal,
) -> None:
    """As one does whose cluster gets another manifest: nobody serves his wish any more."""
    async with acting(journal) as scene:
        asked = PauseRequest(lasting=timedelta(hours=1), requested_by="ada")
        waiting = asyncio.create_task(scene.controller.request(asked))
        await asyncio.sleep(0)
    async with asyncio.timeout(5):
        answers = (await waiting, await scene.controller.request(asked))
    assert isinstance(answers[1], Refusal)
    assert answers[1].kind is RefusalKind.NOT_READY
    assert isinstance(answers[0], Refusal | Done)
