"""The loop that writes what a report log tells: a real file that grows, a real journal, ends of all kinds."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from rlm_exporter.errors import JournalError
from rlm_exporter.manifest.model import Privacy, ReportLog
from rlm_exporter.store.database import database_at
from rlm_exporter.store.journal import Journal
from rlm_exporter.store.tables import denial, usage_log
from rlm_exporter.store.usage_records import Denied, LogPlace, Told
from rlm_exporter.usage.privacy import Veil
from rlm_exporter.usage.report_log_recorder import EVERY, ReportLogRecorder
from tests.clock import FakeClock
from tests.probe.parts import cluster
from tests.usage.growing_log import LogOfSessions

SERVER = cluster().servers[0]


@dataclass
class Store:
    """A journal that can be away, and whose answers can be lost."""

    journal: Journal
    away: bool = False
    answers_to_lose: int = 0
    batches_to_take: int | None = None
    """After so many it goes away."""

    async def log_place(self, *, cluster: str, server: str, isv: str) -> LogPlace:
        self._answer()
        return await self.journal.log_place(cluster=cluster, server=server, isv=isv)

    async def record_log(
        self,
        *,
        after: LogPlace,
        position: str,
        tellings: Sequence[Told],
        denials: Sequence[Denied],
        now: datetime,
    ) -> LogPlace:
        self._answer()
        if self.batches_to_take is not None:
            self.batches_to_take -= 1
            if self.batches_to_take < 0:
                raise JournalError("it cannot be reached")
        place = await self.journal.record_log(
            after=after, position=position, tellings=tellings, denials=denials, now=now
        )
        if self.answers_to_lose:
            self.answers_to_lose -= 1
            raise JournalError("the connection broke off")
        return place

    def _answer(self) -> None:
        if self.away:
            raise JournalError("it cannot be reached")


@dataclass
class Scene:
    """One daemon after another, on one log and one journal."""

    store: Store
    log: LogOfSessions
    url: str
    clock: FakeClock = field(default_factory=FakeClock)
    defects: list[Exception] = field(default_factory=list)
    acts: bool = True
    veil: Veil = field(default_factory=lambda: Veil(Privacy.NONE))
    task: asyncio.Task[None] | None = None

    def start(self) -> asyncio.Task[None]:
        """A new life of the daemon."""
        self.recorder = ReportLogRecorder(
            cluster=cluster().name,
            server=SERVER,
            log=ReportLog(isv="acme", path=str(self.log.path)),
            store=self.store,
            acts=lambda: self.acts,
            veil=self.veil,
            stumbled=self.defects.append,
            turn=asyncio.Semaphore(1),
            clock=self.clock,
        )
        self.task = asyncio.create_task(self.recorder.run())
        return self.task

    async def restart(self) -> None:
        """As by a kill: nothing is kept but what is written."""
        assert self.task is not None
        self.task.cancel()
        await asyncio.wait({self.task})
        self.start()

    async def turns(self, times: int = 3) -> None:
        """Let it read so many times; reading and writing are done in threads."""
        for _ in range(times):
            async with asyncio.timeout(10):
                while not self.clock.sleepers:  # noqa: ASYNC110 - threads set no event
                    await asyncio.sleep(0.002)
            await self.clock.advance(EVERY.total_seconds())
            await asyncio.sleep(0.02)
        async with asyncio.timeout(10):
            while not self.clock.sleepers:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.002)

    def users(self) -> list[str]:
        """Of the sessions that are written."""
        return [row[0] for row in self._all(select(usage_log.c.user_name).order_by(usage_log.c.id))]

    def denials(self) -> int:
        return len(self._all(select(denial.c.id)))

    def _all(self, query: object) -> list[tuple[str, ...]]:
        database = database_at(self.url)
        try:
            with database.engine.connect() as connection:
                return [tuple(row) for row in connection.execute(query)]  # type: ignore[call-overload]  # a select
        finally:
            database.engine.dispose()


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    url = f"sqlite:///{tmp_path / 'journal.db'}"
    log = LogOfSessions(tmp_path / "acme.rl")
    log.start()
    async with await Journal.open(url=url) as journal:
        scene = Scene(store=Store(journal), log=log, url=url)
        scene.start()
        yield scene
        assert scene.task is not None
        scene.task.cancel()
        await asyncio.wait({scene.task})
    log.stop()
    assert scene.defects == []


def numbered(*numbers: int) -> list[str]:
    return [f"user{number}" for number in numbers]


async def test_sessions_and_denials_are_written_as_the_log_grows(scene: Scene) -> None:
    scene.log.session()
    scene.log.deny(3)
    await scene.turns()
    assert (scene.users(), scene.denials()) == (numbered(1), 3)
    scene.log.session()
    scene.log.deny()
    await scene.turns()
    assert (scene.users(), scene.denials()) == (numbered(1, 2), 4)


async def test_a_session_that_goes_on_over_a_kill_of_ours_is_whole(scene: Scene) -> None:
    scene.log.session()
    scene.log.deny()
    scene.log.checkout()
    await scene.turns()
    await scene.restart()
    scene.log.checkin()
    scene.log.deny()
    await scene.turns()
    assert (scene.users(), scene.denials()) == (numbered(1, 2), 2)


async def test_while_the_database_is_away_the_log_waits(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    await scene.turns()
    scene.store.away = True
    for _ in range(5):
        scene.log.session()
        scene.log.deny()
        await scene.turns(1)
    assert scene.users() == []
    await scene.restart()
    await scene.turns(1)
    scene.store.away = False
    await scene.turns()
    assert (scene.users(), scene.denials()) == (numbered(1, 2, 3, 4, 5), 5)
    assert caplog.text.count("waits for the database: it cannot be reached") == 2  # once a life


async def test_an_answer_that_is_lost_doubles_nothing(scene: Scene) -> None:
    scene.store.answers_to_lose = 1
    scene.log.session()
    scene.log.deny()
    await scene.turns(4)
    scene.log.deny()
    await scene.turns()
    assert (scene.users(), scene.denials()) == (numbered(1), 2)


async def test_another_daemon_goes_on_where_this_one_ended(scene: Scene) -> None:
    scene.log.session()
    scene.log.deny()
    await scene.turns()
    scene.acts = False
    scene.log.session()
    await scene.turns()
    assert (scene.users(), scene.denials()) == (numbered(1), 1)
    scene.acts = True
    await scene.turns()
    assert (scene.users(), scene.denials()) == (numbered(1, 2), 1)


async def test_nothing_is_lost_or_doubled_over_a_rotation(scene: Scene) -> None:
    scene.log.session()
    scene.log.deny()
    await scene.turns()
    scene.log.deny()
    scene.log.rename("acme.rl.1")
    scene.log.session()
    scene.log.start()
    scene.log.deny()
    scene.log.session()
    await scene.turns(5)
    await scene.restart()
    await scene.turns(5)
    assert (scene.users(), scene.denials()) == (numbered(1, 2, 3), 3)


async def test_names_are_veiled_before_they_are_stored(scene: Scene) -> None:
    scene.veil = Veil(Privacy.FULL)
    await scene.restart()
    scene.log.session()
    await scene.turns()
    assert scene.users() == [None]


async def test_a_log_that_is_not_there_yet_is_read_when_it_comes(scene: Scene) -> None:
    away = scene.log.rename("elsewhere")
    await scene.turns()
    away.rename(scene.log.path)
    scene.log.session()
    await scene.turns()
    assert scene.users() == numbered(1)


async def test_a_place_that_cannot_be_read_is_begun_anew(scene: Scene) -> None:
    await scene.turns(1)
    place = await scene.store.log_place(cluster=cluster().name, server=SERVER.name, isv="acme")
    await scene.store.record_log(after=place, position="{}", tellings=[], denials=[], now=scene.clock.now())
    scene.log.session()
    await scene.turns()
    await scene.restart()
    scene.log.session()
    await scene.turns()
    assert scene.users() == numbered(1, 2)


async def test_denials_are_not_doubled_where_a_place_cannot_be_read(scene: Scene) -> None:
    """Not even if the reader is killed while it reads again."""
    scene.log.session()
    scene.log.deny(3)
    await scene.turns()
    place = await scene.store.log_place(cluster=cluster().name, server=SERVER.name, isv="acme")
    await scene.store.record_log(after=place, position="{}", tellings=[], denials=[], now=scene.clock.now())
    scene.log.session()
    scene.store.batches_to_take = 1
    await scene.restart()
    await scene.turns()
    assert (scene.users(), scene.denials()) == (numbered(1, 2), 3)
    scene.store.batches_to_take = None
    await scene.restart()
    await scene.turns()
    scene.log.deny()
    await scene.turns()
    await scene.restart()
    scene.log.deny()
    await scene.turns()
    assert (scene.users(), scene.denials()) == (numbered(1, 2), 5)


async def test_a_file_that_is_not_there_is_said_once(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    scene.log.session()
    await scene.turns()
    away = scene.log.rename("elsewhere")
    await scene.restart()
    await scene.turns()
    assert caplog.text.count(f"no file here holds what was read of it as {scene.log.path}") == 1
    away.rename(scene.log.path)
    await scene.turns()
    assert caplog.text.count("is read again") == 1


async def test_a_log_that_never_was_is_said_once(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.log.rename("elsewhere")
    await scene.restart()
    await scene.turns()
    assert caplog.text.count(f"there is no such file yet: {scene.log.path}") == 1


async def test_more_sessions_than_one_transaction_takes_end_at_once(scene: Scene) -> None:
    """And the database goes away between two of the parts."""
    scene.acts = False
    for _ in range(2100):
        scene.log.checkout()
    scene.log.deny()
    scene.log.lines(f"SHUTDOWN root rlm1 {scene.log.at()}")
    scene.store.batches_to_take = 2
    scene.acts = True
    await scene.turns()
    assert len(scene.users()) == 2000
    await scene.restart()
    scene.store.batches_to_take = None
    await scene.turns()
    assert sorted(scene.users(), key=lambda user: int(user[4:])) == numbered(*range(1, 2101))
    assert scene.denials() == 1


async def test_a_reading_that_took_too_long_stops_nothing_for_good(scene: Scene) -> None:
    """It was given up, the lease was lost meanwhile, and the thread ended when nobody waited."""
    await scene.turns()
    made = scene.recorder
    release = threading.Event()

    def hang() -> list[Any]:
        release.wait(10)
        return []

    with pytest.raises(TimeoutError):
        await made._aside.run(hang, limit=timedelta(milliseconds=10))
    scene.acts = False
    await scene.turns(2)
    release.set()
    async with asyncio.timeout(10):
        while not made._aside.is_idle:  # noqa: ASYNC110 - a thread that nobody waits for sets no event
            await asyncio.sleep(0.001)
    scene.acts = True
    scene.log.session()
    await scene.turns()
    assert scene.users() == numbered(1)
