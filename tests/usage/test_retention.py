"""Old usage goes by itself, once a day, and only by a daemon that acts."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from rlm_exporter.errors import JournalError
from rlm_exporter.store.journal import Journal
from rlm_exporter.store.prune import prune_at
from rlm_exporter.store.usage_records import Pruned
from rlm_exporter.usage.retention import AGAIN, EVERY, LOOK, Retention
from tests.clock import FakeClock
from tests.store.ledgers import held

KEEP = timedelta(days=400)
LOOK_S = LOOK.total_seconds()


class Prunings:
    """Prunes a real file, or fails as it is told to, and remembers the limits."""

    def __init__(self, url: str) -> None:
        self._prune = partial(prune_at, url)
        self.limits: list[datetime] = []
        self.fails_with: Exception | None = None

    def __call__(self, *, before: datetime, stopped: Callable[[], bool]) -> Pruned:
        self.limits.append(before)
        if self.fails_with is not None:
            raise self.fails_with
        return self._prune(before=before, stopped=stopped)

    async def until(self, count: int) -> None:
        """So many have begun, and the last one has ended: its thread is not the clock's."""
        async with asyncio.timeout(10):
            while len(self.limits) < count:  # noqa: ASYNC110 - it is another thread
                await asyncio.sleep(0.001)


class Daemon:
    """What the retention has of the daemon."""

    def __init__(self, prunings: Prunings) -> None:
        self.clock = FakeClock()
        self.acts = True
        self.errors: list[Exception] = []
        self.retention = Retention(
            keep=KEEP,
            prune=prunings,
            acts=lambda: self.acts,
            stumbled=self.errors.append,
            clock=self.clock,
        )

    async def rest(self) -> None:
        """It sleeps again."""
        async with asyncio.timeout(10):
            while not self.clock.sleepers:  # noqa: ASYNC110 - the clock has no event
                await asyncio.sleep(0.001)

    async def advance(self, seconds: float) -> None:
        await self.rest()
        await self.clock.advance(seconds)


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    async with await Journal.open(url=f"sqlite:///{tmp_path / 'journal.db'}") as opened:
        yield opened


@pytest.fixture
def prunings(tmp_path: Path) -> Prunings:
    return Prunings(f"sqlite:///{tmp_path / 'journal.db'}")


@pytest.fixture
async def daemon(prunings: Prunings) -> AsyncIterator[Daemon]:
    made = Daemon(prunings)
    task = asyncio.create_task(made.retention.run())
    yield made
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_is_older_goes_and_the_log_says_so(
    journal: Journal, prunings: Prunings, daemon: Daemon, caplog: pytest.LogCaptureFixture
) -> None:
    now = daemon.clock.now()
    await journal.record_usage(
        [
            *held("old", now - KEEP - timedelta(days=1), now - KEEP),
            *held("new", now - KEEP, now - KEEP + timedelta(hours=1)),
            *held("out", now - 2 * KEEP, None),
        ]
    )
    with caplog.at_level(logging.INFO, "rlm_exporter.usage.retention"):
        await daemon.advance(LOOK_S)
        await daemon.rest()
    assert prunings.limits == [now + LOOK - KEEP]
    assert "deleted: 1 sessions, 0 denials, 0 numbers of seats" in caplog.text
    assert [each.user for each in await journal.open_sessions(cluster="prod", server="rlm1")] == ["out"]


@pytest.mark.usefixtures("journal")
async def test_once_a_day(prunings: Prunings, daemon: Daemon) -> None:
    await daemon.advance(LOOK_S)
    await daemon.advance(EVERY.total_seconds())
    assert len(prunings.limits) == 1
    await daemon.advance(LOOK_S)
    await prunings.until(2)
    assert prunings.limits[1] - prunings.limits[0] == EVERY + LOOK


@pytest.mark.usefixtures("journal")
async def test_a_daemon_that_does_not_act_deletes_nothing_until_it_does(
    prunings: Prunings, daemon: Daemon
) -> None:
    daemon.acts = False
    for _ in range(3):
        await daemon.advance(LOOK_S)
    assert prunings.limits == []
    daemon.acts = True
    await daemon.advance(LOOK_S)
    await prunings.until(1)


@pytest.mark.usefixtures("journal")
@pytest.mark.parametrize("error", [JournalError("the database is away"), RuntimeError("a defect")])
async def test_a_failure_is_told_and_tried_again_within_the_hour(
    prunings: Prunings, daemon: Daemon, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    prunings.fails_with = error
    await daemon.advance(LOOK_S)
    await prunings.until(1)
    await daemon.rest()
    assert str(error) in caplog.text
    assert daemon.errors == ([] if isinstance(error, JournalError) else [error])
    prunings.fails_with = None
    await daemon.advance(AGAIN.total_seconds())
    await daemon.advance(LOOK_S)
    await prunings.until(2)
