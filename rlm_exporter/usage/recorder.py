"""The loop that writes one cluster's usage log from what the prober sees.

It asks no server anything. While the database is away, changes wait on disk. What a crash of ours cut off is
found again by the next answers: they are compared with what the log has open.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from rlm_exporter.errors import JournalError
from rlm_exporter.manifest.model import Cluster
from rlm_exporter.probe.snapshot import ClusterSnapshot, ServerSnapshot
from rlm_exporter.rlm.status import RlmStatus
from rlm_exporter.store.usage_records import Seats, UsageChange
from rlm_exporter.usage.book import Book
from rlm_exporter.usage.ports import Prober, SteadyClock, UsageStore
from rlm_exporter.usage.seats import SeatBook
from rlm_exporter.usage.spool import AT_ONCE, Spool

log = logging.getLogger(__name__)

PACE = 1.0
"""Seconds between two looks, where nothing new is seen."""

LONGEST_PAUSE = 15.0
"""Between two tries to write what waits on disk; the first come sooner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """What the controller knows that bears on usage."""

    active: str | None
    """The server that clients are sent to; None while nobody knows."""
    since: datetime | None
    acts: bool | None
    """Whether this daemon, of several, acts for the cluster; None while nobody can tell."""


class UsageRecorder:
    """One cluster's. Only the daemon that acts writes, and the last one that did while nobody can tell."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        prober: Prober,
        store: UsageStore,
        serving: Callable[[], Serving],
        spool: Spool,
        veil: Callable[[UsageChange], UsageChange],
        stumbled: Callable[[Exception], None],
        clock: SteadyClock,
    ) -> None:
        """`veil` is what becomes of names before they are stored; `stumbled` is told of defects of ours."""
        self._cluster = cluster
        self._prober = prober
        self._store = store
        self._serving = serving
        self._spool = spool
        self._veil = veil
        self._stumbled = stumbled
        self._clock = clock
        self._books: dict[str, Book] | None = None
        """None until it is known what the log has open."""
        self._seen: dict[str, ServerSnapshot] = {}
        self._active: str | None = None
        self._seats = SeatBook(cluster.name)
        self._seats_to_write: list[Seats] = []
        """What waits for the database; what a kill loses of it the next answer has again."""
        self._trouble = ""
        self._lost = 0
        self._pause = 0.0
        self._next_try = clock.monotonic()

    async def run(self) -> None:
        """Record until cancelled."""
        snapshot = self._prober.snapshot
        while True:
            try:
                await self.turn(snapshot)
            except Exception as error:
                # Usage is worth less than what runs beside it; what is open is compared anew.
                log.exception("cluster=%s recording usage failed", self._cluster.name)
                self._stumbled(error)
                self._books = None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PACE):
                    snapshot = await self._prober.changed(snapshot)

    async def turn(self, snapshot: ClusterSnapshot) -> None:
        """Write what this snapshot changes."""
        serving = self._serving()
        drained = serving.acts is None or await self._drained()
        if serving.acts is False or (serving.acts is None and self._books is None):
            self._books, self._active = None, None
            return
        if not drained and self._books is None:
            return
        if self._books is None and not await self._begin():
            return
        changes = [self._veil(change) for change in self._changes(snapshot, serving)]
        if changes:
            await self._write(changes)
        await self._write_seats()

    async def _write_seats(self) -> None:
        if not self._seats_to_write or not self._spool.is_empty():
            return
        try:
            await self._store.record_seats(self._seats_to_write)
        except JournalError as error:
            self._say(str(error))
        else:
            self._seats_to_write = []

    async def _begin(self) -> bool:
        """Compare from now on with what the log has open."""
        books = {}
        try:
            for server in self._cluster.servers:
                book = Book(cluster=self._cluster.name, server=server.name, tz=server.zone)
                book.restore(await self._store.open_sessions(cluster=self._cluster.name, server=server.name))
                books[server.name] = book
            self._seats.restore(await self._store.known_seats(cluster=self._cluster.name))
        except JournalError as error:
            self._say(str(error))
            return False
        self._books, self._seen, self._seats_to_write = books, {}, []
        return True

    def _changes(self, snapshot: ClusterSnapshot, serving: Serving) -> list[UsageChange]:
        books = self._books or {}
        changes: list[UsageChange] = []
        if serving.active is not None and serving.active != self._active:
            if self._active in books and serving.since is not None:
                changes += books[self._active].cut(at=serving.since)
            self._active = serving.active
        for part in snapshot.servers:
            if self._seen.get(part.server) is not part:
                self._seen[part.server] = part
                changes += _changes_of(books[part.server], part)
                answer = _answer_of(part)
                if part.server == serving.active and answer is not None:
                    self._seats_to_write += self._seats.seen(answer[0], server=part.server, at=answer[1])
        return changes

    async def _write(self, changes: list[UsageChange]) -> None:
        rest = changes
        if self._spool.is_empty():
            try:
                while rest:
                    await self._store.record_usage(rest[:AT_ONCE])
                    rest = rest[AT_ONCE:]
            except JournalError as error:
                self._say(str(error))
            else:
                return
        try:
            await _to_its_end(lambda: self._spool.append(rest))
        except OSError as error:
            # The books go on from here; when the log is read again, they are compared with it.
            self._books = None
            log.error("cluster=%s usage cannot be kept, %s: %s", self._cluster.name, self._spool.path, error)

    async def _drained(self) -> bool:
        """Whether nothing waits on disk any more."""
        if self._spool.is_empty():
            return True
        if self._clock.monotonic() < self._next_try:
            return False
        try:
            await self._drain()
        except (JournalError, OSError) as error:
            self._say(str(error))
            self._pause = min(max(2 * self._pause, PACE), LONGEST_PAUSE)
            self._next_try = self._clock.monotonic() + self._pause
            return False
        self._pause = 0.0
        if self._spool.damaged > self._lost:
            self._lost = self._spool.damaged
            log.error("cluster=%s damaged lines of usage in %s", self._cluster.name, self._spool.path)
        self._say("")
        log.info("cluster=%s usage that waited on disk is in the log", self._cluster.name)
        return True

    async def _drain(self) -> None:
        """No more is read than the database takes: while it is away, all that waits would be read in vain."""
        batches = self._spool.batches()
        while (batch := await asyncio.to_thread(next, batches, None)) is not None:
            for start in range(0, len(batch), AT_ONCE):
                await self._store.record_usage(batch[start : start + AT_ONCE], late=True)
        await _to_its_end(self._spool.clear)

    def _say(self, trouble: str) -> None:
        if trouble and not self._trouble:
            log.warning("cluster=%s usage waits on disk: %s", self._cluster.name, trouble)
        self._trouble = trouble


async def _to_its_end(work: Callable[[], None]) -> None:
    """In a thread, and waited for also when cancelled: who comes after us has the same file."""
    writing = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        await asyncio.shield(writing)
    except asyncio.CancelledError:
        await asyncio.wait({writing})
        raise


def _answer_of(part: ServerSnapshot) -> tuple[RlmStatus, datetime] | None:
    """What the server said, and when."""
    if part.status is None or not part.status.reachable or part.checked_at is None:
        return None
    return part.status, part.checked_at


def _changes_of(book: Book, part: ServerSnapshot) -> list[UsageChange]:
    answer = _answer_of(part)
    if answer is not None:
        return book.seen(answer[0], at=answer[1])
    health = part.health
    if health.failures and health.failing_since is not None:
        return book.unanswered(since=health.failing_since)
    return []
