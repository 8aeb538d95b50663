"""The loop that writes a cluster's usage: real journal, real disk, snapshots as the prober gives them."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import pytest

from rlm_exporter.errors import JournalError
from rlm_exporter.manifest.model import Privacy
from rlm_exporter.probe.result import Failure, FailureReason
from rlm_exporter.probe.snapshot import ClusterSnapshot, Health, ServerSnapshot
from rlm_exporter.rlm.status import RlmStatus
from rlm_exporter.store.journal import Journal
from rlm_exporter.store.usage_records import Seats, UsageChange, UsageSession
from rlm_exporter.usage.privacy import Veil
from rlm_exporter.usage.recorder import Serving, UsageRecorder
from rlm_exporter.usage.spool import AT_ONCE, Spool
from tests.clock import FakeClock
from tests.probe.parts import cluster
from tests.usage.statuses import NOON, answer, later, line, pool

NAME = cluster().name
FIRST, SECOND = (server.name for server in cluster().servers[:2])
UP = Health(successes=1)


@dataclass
class Store:
    """A journal that can be away."""

    journal: Journal
    away: bool = False
    batches: int = 0
    batches_to_take: int | None = None
    """After so many it goes away."""

    async def record_usage(self, changes: Sequence[UsageChange], *, late: bool = False) -> None:
        if self.away:
            raise JournalError("it cannot be reached")
        self.batches += 1
        if self.batches_to_take is not None and self.batches > self.batches_to_take:
            raise JournalError("it cannot be reached")
        await self.journal.record_usage(changes, late=late)

    async def record_seats(self, changes: Sequence[Seats]) -> None:
        if self.away:
            raise JournalError("it cannot be reached")
        await self.journal.record_seats(changes)

    async def known_seats(self, *, cluster: str) -> tuple[Seats, ...]:
        if self.away:
            raise JournalError("it cannot be reached")
        return await self.journal.known_seats(cluster=cluster)

    async def open_sessions(self, *, cluster: str, server: str) -> tuple[UsageSession, ...]:
        if self.away:
            raise JournalError("it cannot be reached")
        return await self.journal.open_sessions(cluster=cluster, server=server)


class NoProber:
    """Snapshots are given by the test."""

    snapshot = ClusterSnapshot(cluster=NAME, taken_at=NOON, servers=())

    async def changed(self, after: ClusterSnapshot) -> ClusterSnapshot:
        raise AssertionError("the test turns the loop by itself")


@dataclass
class Scene:
    """One daemon after another on one journal."""

    store: Store
    spool: Spool
    serving: Serving = field(default_factory=lambda: Serving(active=FIRST, since=NOON, acts=True))

    defects: list[Exception] = field(default_factory=list)
    veil: Veil = field(default_factory=lambda: Veil(Privacy.NONE))

    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self, spool: Spool | None = None) -> None:
        """A new life of the daemon."""
        self.recorder = UsageRecorder(
            cluster=cluster(),
            prober=NoProber(),
            store=self.store,
            serving=lambda: self.serving,
            spool=spool or Spool(self.spool.path),
            veil=self.veil,
            stumbled=self.defects.append,
            clock=self.clock,
        )

    async def see(self, *lines: str, at: datetime, server: str = FIRST) -> None:
        """The server answers with these handles."""
        await self.turn(answered(answer(*(line(each) for each in lines)), at=at, server=server))

    async def turn(self, *parts: ServerSnapshot, after: float = 30) -> None:
        """One look, so many seconds after the one before."""
        await self.clock.advance(after)
        await self.recorder.turn(ClusterSnapshot(cluster=NAME, taken_at=NOON, servers=parts))

    async def open(self, server: str = FIRST) -> list[str]:
        """The handles that the log has open."""
        found = await self.store.journal.open_sessions(cluster=NAME, server=server)
        return [session.handle for session in found]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with await Journal.open(url=f"sqlite:///{tmp_path / 'journal.db'}") as journal:
        yield Scene(store=Store(journal), spool=Spool(tmp_path / "usage.spool"))


def answered(status: RlmStatus, *, at: datetime, server: str = FIRST) -> ServerSnapshot:
    return ServerSnapshot(server=server, health=UP, status=status, checked_at=at)


def silent(since: datetime, *, server: str = FIRST) -> ServerSnapshot:
    failure = Failure(reason=FailureReason.TIMEOUT, detail="no answer")
    health = Health(failures=1, failure=failure, failing_since=since)
    return ServerSnapshot(server=server, health=health, checked_at=since)


async def test_sessions_are_written_as_they_come_and_go(scene: Scene) -> None:
    await scene.see("1", "2", at=later(10))
    assert await scene.open() == ["1", "2"]
    await scene.see("2", "3", at=later(40))
    assert await scene.open() == ["2", "3"]


async def test_an_answer_that_was_seen_is_not_written_again(scene: Scene) -> None:
    part = answered(answer(line("1")), at=later(10))
    await scene.turn(part)
    await scene.turn(part)
    assert scene.store.batches == 1


async def test_a_server_that_does_not_answer_ends_its_sessions(scene: Scene) -> None:
    await scene.see("1", at=later(10))
    await scene.turn(silent(later(20)))
    assert await scene.open() == []


async def test_our_own_trouble_ends_nothing(scene: Scene) -> None:
    await scene.see("1", at=later(10))
    await scene.turn(ServerSnapshot(server=FIRST))
    assert await scene.open() == ["1"]


async def test_a_failover_ends_the_sessions_on_the_old_server(scene: Scene) -> None:
    await scene.see("1", at=later(10))
    await scene.see("7", at=later(10), server=SECOND)
    scene.serving = replace(scene.serving, active=SECOND, since=later(20))
    await scene.turn()
    assert (await scene.open(), await scene.open(SECOND)) == ([], ["7"])


async def test_a_new_life_compares_answers_with_the_log(scene: Scene) -> None:
    await scene.see("1", "2", at=later(10))
    scene.restart()
    await scene.see("2", at=later(100))
    assert await scene.open() == ["2"]


async def test_while_the_database_is_away_changes_wait_on_disk_and_are_caught_up(scene: Scene) -> None:
    await scene.see("1", at=later(10))
    scene.store.away = True
    await scene.see("1", "2", at=later(40))
    await scene.see("2", at=later(70))
    assert await scene.open() == ["1"]
    scene.store.away = False
    await scene.see("2", "3", at=later(100))
    assert await scene.open() == ["2", "3"]
    assert scene.spool.is_empty()


class CountingSpool(Spool):
    """Counts what is read of it."""

    read = 0

    def batches(self) -> Iterator[tuple[UsageChange, ...]]:
        for batch in super().batches():
            self.read += 1
            yield batch


async def test_while_the_database_is_away_no_more_of_what_waits_is_read_than_one_try_takes(
    scene: Scene,
) -> None:
    spool = CountingSpool(scene.spool.path)
    scene.restart(spool)
    await scene.see("1", at=later(10))
    scene.store.away = True
    for number in range(2, 12):
        await scene.see(*(str(each) for each in range(1, number + 1)), at=later(10 * number))
    assert spool.read == 9, "one try a look, and one batch a try; the first look found nothing to try"

    scene.store.away = False
    await scene.turn()
    assert spool.read == 9 + 10
    assert len(await scene.open()) == 11


async def test_tries_to_write_what_waits_become_rarer_but_never_rare(scene: Scene) -> None:
    spool = CountingSpool(scene.spool.path)
    scene.restart(spool)
    await scene.see("1", at=later(10))
    scene.store.away = True
    await scene.see("1", "2", at=later(40))
    tried = []
    for second in range(60):
        before = spool.read
        await scene.turn(after=1)
        tried += [second] if spool.read > before else []
    assert tried == [0, 1, 3, 7, 15, 30, 45]

    scene.store.away = False
    for _ in range(15):
        await scene.turn(after=1)
    assert (await scene.open(), scene.spool.is_empty()) == (["1", "2"], True)


async def test_what_waits_outlives_a_kill(scene: Scene) -> None:
    await scene.see("1", at=later(10))
    scene.store.away = True
    await scene.see("1", "2", at=later(40))
    await scene.see("1", at=later(70))
    scene.restart()
    await scene.see("1", at=later(100))  # it cannot know what is open, and waits
    scene.store.away = False
    await scene.see("1", at=later(130))
    assert await scene.open() == ["1"]
    assert scene.store.batches == 3  # the first one, and both that waited


class SlowDisk(Spool):
    """Takes as long as the test wants."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.begun = threading.Event()
        self.gate = threading.Event()

    def append(self, changes: Sequence[UsageChange]) -> None:
        self.begun.set()
        assert self.gate.wait(20)
        super().append(changes)


async def test_a_recorder_that_is_ended_writes_to_its_end_before_the_next_one_has_the_file(
    scene: Scene,
) -> None:
    """As when its cluster is deployed anew: two writers of one file would lose what one takes off."""
    await scene.see("1", at=later(10))
    disk = SlowDisk(scene.spool.path)
    scene.restart(disk)
    await scene.see("1", at=later(40))
    scene.store.away = True
    writing = asyncio.create_task(scene.see("1", "2", at=later(70)))
    await asyncio.to_thread(disk.begun.wait, 20)
    writing.cancel()
    done, _ = await asyncio.wait({writing}, timeout=0.2)
    assert not done, "it was given up while a thread still wrote"

    disk.gate.set()
    await asyncio.wait({writing}, timeout=20)
    assert writing.cancelled()
    scene.store.away = False
    scene.restart()
    await scene.see("1", "2", at=later(100))
    assert (await scene.open(), scene.spool.is_empty()) == (["1", "2"], True)


async def test_order_is_kept_when_the_database_comes_back_for_a_moment(scene: Scene) -> None:
    await scene.see(at=later(10))
    scene.store.away = True
    await scene.see("1", at=later(40))
    scene.store.away = False
    # Its end must not come before its beginning, which still waits.
    await scene.see(at=later(70))
    assert await scene.open() == []


async def test_only_the_daemon_that_acts_writes(scene: Scene) -> None:
    scene.serving = replace(scene.serving, acts=False)
    await scene.see("1", at=later(10))
    assert (await scene.open(), scene.store.batches) == ([], 0)
    scene.serving = replace(scene.serving, acts=True)
    await scene.see("1", at=later(40))
    assert await scene.open() == ["1"]


async def test_while_nobody_can_tell_who_acts_the_last_one_goes_on(scene: Scene) -> None:
    scene.serving = replace(scene.serving, acts=None)
    await scene.see("1", at=later(10))
    assert scene.store.batches == 0
    scene.serving = replace(scene.serving, acts=True)
    await scene.see("1", at=later(20))
    scene.serving = replace(scene.serving, acts=None)
    scene.store.away = True
    await scene.see("1", "2", at=later(40))
    assert not scene.spool.is_empty()
    scene.serving, scene.store.away = replace(scene.serving, acts=True), False
    await scene.see("1", "2", at=later(70))
    assert await scene.open() == ["1", "2"]


async def test_a_daemon_that_acts_again_compares_with_what_another_wrote(scene: Scene) -> None:
    await scene.see("1", at=later(10))
    scene.serving = replace(scene.serving, acts=False)
    await scene.see("1", at=later(40))
    other = Scene(store=scene.store, spool=Spool(scene.spool.path.with_name("other.spool")))
    await other.see("5", at=later(70))
    scene.serving = replace(scene.serving, acts=True)
    await scene.see("5", "6", at=later(100))
    assert await scene.open() == ["5", "6"]


async def test_names_are_veiled_before_anything_is_stored_or_waits(scene: Scene) -> None:
    scene.veil = Veil(Privacy.HASH, key=b"a secret of some length")
    scene.restart()
    scene.store.away = True
    await scene.see("1", at=later(10))  # not known yet what is open
    scene.store.away = False
    await scene.see("1", at=later(40))
    scene.store.away = True
    await scene.see("1", "2", at=later(70))
    waiting = scene.spool.path.read_text()
    scene.store.away = False
    await scene.see("1", "2", at=later(100))
    found = await scene.store.journal.open_sessions(cluster=NAME, server=FIRST)
    assert "alice" not in waiting
    assert {session.user for session in found} == {"user-" + str(found[0].user).removeprefix("user-")}
    assert len(found) == 2
    assert "alice" not in str(found)


async def test_a_name_that_is_no_text_waits_on_disk_like_any_other(scene: Scene) -> None:
    strange = line("2", user="m\udcfcller", product="sol\udcffver")
    await scene.see("1", at=later(10))
    scene.store.away = True
    await scene.turn(answered(answer(line("1"), strange), at=later(40)))
    scene.store.away = False
    await scene.turn(answered(answer(line("1"), strange), at=later(70)))
    assert await scene.open() == ["1", "2"]
    scene.restart()
    await scene.turn(answered(answer(line("1"), strange), at=later(100)))
    assert await scene.open() == ["1", "2"]


async def test_what_waits_at_a_follower_changes_nothing_that_another_wrote_since(scene: Scene) -> None:
    await scene.see("1", at=later(10))
    scene.store.away, scene.serving = True, replace(scene.serving, acts=None)
    await scene.see("1", "2", at=later(40))
    scene.store.away, scene.serving = False, replace(scene.serving, acts=False)
    other = Scene(store=scene.store, spool=Spool(scene.spool.path.with_name("other.spool")))
    await other.see("1", "2", at=later(40))
    await other.see("1", at=later(100))
    await scene.see("1", at=later(130))
    assert scene.spool.is_empty()
    assert await scene.open() == ["1"]


async def test_a_defect_ends_one_turn_and_what_is_open_is_compared_anew(scene: Scene) -> None:
    class Broken(NoProber):
        turns = 0

        async def changed(self, after: ClusterSnapshot) -> ClusterSnapshot:
            self.turns += 1
            if self.turns > 2:
                raise asyncio.CancelledError
            part = answered(answer(line("1")), at=later(10 * self.turns))
            return ClusterSnapshot(cluster=NAME, taken_at=NOON, servers=(part,))

    def fails_once(change: UsageChange) -> UsageChange:
        if not scene.defects:
            raise KeyError("a defect")
        return change

    recorder = UsageRecorder(
        cluster=cluster(),
        prober=Broken(),
        store=scene.store,
        serving=lambda: scene.serving,
        spool=scene.spool,
        veil=fails_once,
        stumbled=scene.defects.append,
        clock=FakeClock(),
    )
    with pytest.raises(asyncio.CancelledError):
        await recorder.run()
    assert [type(error) for error in scene.defects] == [KeyError]
    assert await scene.open() == ["1"]


async def test_a_disk_that_takes_nothing_is_told_and_the_log_is_compared_later(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    await scene.see("1", at=later(10))
    scene.store.away = True
    scene.spool.path.mkdir()
    await scene.see("2", at=later(40))
    assert "usage cannot be kept" in caplog.text
    scene.spool.path.rmdir()
    scene.store.away = False
    await scene.see("2", at=later(70))
    assert await scene.open() == ["2"]


async def seats(scene: Scene) -> list[tuple[str, int | None, datetime]]:
    known = await scene.store.journal.known_seats(cluster=NAME)
    return [(each.feature, each.seats, each.since) for each in known]


async def test_the_seats_of_the_active_server_are_written_when_they_change(scene: Scene) -> None:
    await scene.see("1", at=later(10))
    await scene.see("2", at=later(40))
    await scene.turn(answered(answer(pools=(pool(count=9),)), at=later(50), server=SECOND))
    assert await seats(scene) == [("solver", 4, later(10))]
    await scene.turn(answered(answer(pools=(pool(count=6),)), at=later(70)))
    assert await seats(scene) == [("solver", 6, later(70))]


async def test_seats_that_changed_while_the_database_was_away_are_written_afterwards(scene: Scene) -> None:
    await scene.see("1", at=later(10))
    scene.store.away = True
    await scene.turn(answered(answer(pools=(pool(count=6),)), at=later(70)))
    await scene.turn()
    assert await seats(scene) == [("solver", 4, later(10))]
    scene.store.away = False
    await scene.turn()
    await scene.turn()
    assert await seats(scene) == [("solver", 6, later(70))]


async def test_a_new_life_writes_no_seats_that_are_known(scene: Scene) -> None:
    await scene.see("1", at=later(10))
    scene.restart()
    await scene.see("1", at=later(40))
    assert await seats(scene) == [("solver", 4, later(10))]


async def test_more_holders_than_one_transaction_takes_are_written_in_parts(scene: Scene) -> None:
    """And what the database does not take any more waits on disk."""
    handles = [f"{number:x}" for number in range(1, 2 * AT_ONCE + 101)]
    scene.store.batches_to_take = 1
    await scene.see(*handles, at=later(10))
    assert len(await scene.open()) == AT_ONCE
    scene.store.batches_to_take = None
    await scene.see(*handles, at=later(40))
    assert sorted(await scene.open()) == sorted(handles)
    assert scene.spool.is_empty()
