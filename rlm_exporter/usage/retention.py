"""Deletes usage that is older than it is to be kept, once a day, while this daemon acts for some cluster."""

import asyncio
import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from rlm_exporter.errors import JournalError
from rlm_exporter.usage.ports import Prune, WallClock

logger = logging.getLogger(__name__)

EVERY = timedelta(days=1)
AGAIN = timedelta(hours=1)
"""After a failure."""
LOOK = timedelta(seconds=10)
"""How often it is looked whether we act."""


class Retention:
    """Works in a thread and on a connection of its own, in short steps: nobody waits for it."""

    def __init__(
        self,
        *,
        keep: timedelta,
        prune: Prune,
        acts: Callable[[], bool],
        stumbled: Callable[[Exception], None],
        clock: WallClock,
    ) -> None:
        """Several that act for different clusters may do it at once: it is safe, and finds less to do."""
        self._keep = keep
        self._prune = prune
        self._acts = acts
        self._stumbled = stumbled
        self._clock = clock

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._clock.sleep(LOOK.total_seconds())
            if self._acts():
                pause = await self._turn(self._clock.now() - self._keep)
                await self._clock.sleep(pause.total_seconds())

    async def _turn(self, before: datetime) -> timedelta:
        """How long to wait for the next one."""
        stopped = threading.Event()
        try:
            pruned = await asyncio.to_thread(self._prune, before=before, stopped=stopped.is_set)
        except JournalError as error:
            logger.warning("usage older than %s was not deleted, will be tried again: %s", self._keep, error)
            return AGAIN
        except Exception as error:
            # As in other loops: a defect of ours must not end anything but this turn.
            logger.exception("usage older than %s was not deleted", self._keep)
            self._stumbled(error)
            return AGAIN
        finally:
            stopped.set()  # also for a thread whose caller was cancelled
        if pruned.sessions or pruned.denials or pruned.seats:
            logger.info(
                "usage from before %s deleted: %d sessions, %d denials, %d numbers of seats",
                before.isoformat(timespec="seconds"),
                pruned.sessions,
                pruned.denials,
                pruned.seats,
            )
        return EVERY
