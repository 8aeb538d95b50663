"""The loop that writes what one report log tells into the usage log.

The log is on disk already: while the database is away it simply waits. What was found in some lines is
written together with the place after them, so nothing is lost and nothing comes twice, whoever is killed.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from rlm_exporter.errors import FormatError, JournalError
from rlm_exporter.manifest.model import ReportLog, Server
from rlm_exporter.probe.aside import Aside
from rlm_exporter.store.errors import StalePlaceError
from rlm_exporter.store.usage_records import LogPlace
from rlm_exporter.usage.ports import LogStore, WallClock
from rlm_exporter.usage.privacy import Veil
from rlm_exporter.usage.report_log_follower import ReportLogFollower, Step
from rlm_exporter.usage.report_log_usage import LogUsage, ReportLogUsage
from rlm_exporter.usage.report_log_wire import read_place, written_place

logger = logging.getLogger(__name__)

EVERY = timedelta(seconds=2)
LIMIT = timedelta(seconds=10)
"""How long one reading may take; one that goes on longer is waited for again, so that nothing is lost."""


@dataclass(slots=True, kw_only=True)
class _Found:
    """What some lines are for the usage log; what was written of it is taken off."""

    parts: deque[LogUsage]
    position: str
    lost: bool


def _read(follower: ReportLogFollower, usage: ReportLogUsage, now: datetime) -> list[_Found]:
    """What there is to read, made ready to be written: in a thread, for it may be megabytes."""
    return [_found(step, usage, now) for step in follower.steps()]


def _found(step: Step, usage: ReportLogUsage, now: datetime) -> _Found:
    taken = usage.take(step.events, minutes_west=step.minutes_west, now=now)
    return _Found(parts=deque(taken.parts()), position=written_place(step.position), lost=step.lost)


class ReportLogRecorder:
    """Of the log of one ISV server. Only the daemon that acts reads: two would want to write the same."""

    def __init__(
        self,
        *,
        cluster: str,
        server: Server,
        log: ReportLog,
        store: LogStore,
        acts: Callable[[], bool],
        veil: Veil,
        stumbled: Callable[[Exception], None],
        turn: asyncio.Semaphore,
        clock: WallClock,
    ) -> None:
        """`acts` is whether this daemon, of several, acts for the cluster; `stumbled` is told of defects.

        `turn` is had by one of all logs at a time: a log that is read anew takes a processor, and what runs
        beside it must go on.
        """
        self._cluster = cluster
        self._server = server.name
        self._log = log
        self._store = store
        self._acts = acts
        self._stumbled = stumbled
        self._reading = turn
        self._clock = clock
        self._usage = ReportLogUsage(
            cluster=cluster, server=server.name, isv=log.isv, tz=server.zone, veil=veil
        )
        self._aside = Aside[list[_Found]]("report log of usage")
        self._follower: ReportLogFollower | None = None
        self._place: LogPlace | None = None
        self._pending: deque[_Found] = deque()
        """Read, and not written yet."""
        self._again = False
        """Whether the log is read from its beginning for want of a place, and its denials are known."""
        self._trouble = ""

    async def run(self) -> None:
        """Record until cancelled."""
        try:
            while True:
                if not await self.turn():
                    await self._clock.sleep(EVERY.total_seconds())
        finally:
            self._let_go()

    async def turn(self) -> bool:
        """Read on, and write; whether there may be more at once."""
        try:
            if not self._acts():
                self._let_go()
                return False
            async with self._reading:
                return await self._read_on()
        except StalePlaceError as error:
            logger.info("%s: %s", self._what, error)
            self._let_go()
        except JournalError as error:
            self._say(f"what it tells waits for the database: {error}")
        except TimeoutError:
            self._say(f"it was not read within {LIMIT.total_seconds():g} s; is it on a dead NFS?")
        except OSError as error:
            self._say(f"it cannot be read: {error.filename or self._log.path}: {error.strerror or error}")
        except Exception as error:
            # Usage is worth less than what runs beside it. From the last place that was written it goes on.
            logger.exception("%s", self._what)
            self._stumbled(error)
            self._let_go()
        return False

    async def _read_on(self) -> bool:
        if self._follower is None:
            await self._open()
        if not self._pending and self._follower is not None:
            read = partial(_read, self._follower, self._usage, self._clock.now())
            self._pending.extend(await self._aside.run(read, limit=LIMIT))
        found = bool(self._pending)
        while self._pending:
            await self._write(self._pending[0])
            self._pending.popleft()
        if not found and self._again:
            await self._end_again()
        self._say(self._missing())
        return found

    async def _open(self) -> None:
        if not self._aside.discard():
            raise TimeoutError  # a thread still reads for what was let go
        place = await self._store.log_place(
            cluster=self._cluster, server=self._server, isv=self._log.isv.casefold()
        )
        since = None
        try:
            since = read_place(place.position) if place.position else None
        except FormatError as error:
            # Every session is known by its key, and is not doubled. Nothing tells denials apart.
            logger.warning(
                "%s: %s; it is read from its beginning, without the requests that were refused until now",
                self._what,
                error,
            )
            self._again = True
        self._place, self._pending = place, deque()
        self._follower = ReportLogFollower(Path(self._log.path), since=since)

    async def _write(self, found: "_Found") -> None:
        if found.lost:
            found.lost = False
            logger.warning("%s: lines may have gone unread, because it was cut or taken away", self._what)
        # The place alone is not worth a write: its lines say nothing when they are read again.
        while found.parts and self._place is not None:
            part = found.parts[0]
            # While it is read again the place stays: whoever is killed meanwhile has to begin anew as well.
            moves = part.is_whole and not self._again
            self._place = await self._store.record_log(
                after=self._place,
                position=found.position if moves else self._place.position,
                tellings=part.tellings,
                denials=() if self._again else part.denials,
                now=self._clock.now(),
            )
            found.parts.popleft()

    async def _end_again(self) -> None:
        """All that there is has been read again; from here on it is as ever."""
        position = None if self._follower is None else self._follower.position
        if position is not None and self._place is not None:
            self._place = await self._store.record_log(
                after=self._place,
                position=written_place(position),
                tellings=(),
                denials=(),
                now=self._clock.now(),
            )
            self._again = False

    def _missing(self) -> str:
        """What to say of a log that is nowhere; nothing if it is there."""
        if self._follower is None or not self._follower.is_missing:
            return ""
        position = self._follower.position
        if position is None:
            return f"there is no such file yet: {self._log.path}"
        return (
            f"no file here holds what was read of it as {position.name}, and none at {self._log.path} begins "
            "later; nothing is recorded until one does"
        )

    def close(self) -> None:
        """Let go of the file."""
        self._let_go()

    def _let_go(self) -> None:
        if self._follower is not None and self._aside.is_idle:  # else a thread still reads there
            self._follower.close()
        self._follower, self._place, self._pending = None, None, deque()
        self._again = False

    @property
    def _what(self) -> str:
        return f"report log of {self._log.isv} on {self._server} in cluster {self._cluster}"

    def _say(self, trouble: str) -> None:
        if trouble and trouble != self._trouble:
            logger.warning("%s: %s", self._what, trouble)
        elif self._trouble and not trouble:
            logger.info("%s is read again", self._what)
        self._trouble = trouble
