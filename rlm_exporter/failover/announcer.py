"""Runs the hooks after a commit, beside the writer: at least once, also where a crash came between.

One operation's after the other's, in the order of the moves: whoever writes into DNS where clients are sent
must not be overtaken by an older move.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta

from rlm_exporter.errors import JournalError
from rlm_exporter.failover.ports import Outside
from rlm_exporter.failover.procedure import Procedure
from rlm_exporter.failover.steps import announcing_has_begun, has_moved, is_to_be_announced
from rlm_exporter.failover.stretch import unless_lost
from rlm_exporter.failover.task_root import surviving
from rlm_exporter.store.records import Operation

log = logging.getLogger(__name__)

LATEST_ANNOUNCEMENT = timedelta(minutes=10)
"""A move that is older and whose hooks never began: they are rather new to the manifest than lost."""


class Announcer:
    """Announces moves in tasks of the group it is given; without one, nothing is announced."""

    def __init__(self, *, outside: Outside, procedure: Procedure) -> None:
        self._outside = outside
        self._procedure = procedure
        self._turn = asyncio.Lock()
        self.group: asyncio.TaskGroup | None = None

    def announce(self, operation_id: int) -> None:
        """Begin the hooks after that operation, if there are any."""
        if self.group is not None and self._outside.cluster.failover.after:
            self.group.create_task(self._announced(operation_id))

    def catch_up(self, newest_first: Sequence[Operation]) -> None:
        """Begin the hooks of the last move that an earlier life of ours did not bring to their end."""
        last = next(filter(has_moved, newest_first), None)
        if last is None or not is_to_be_announced(last):
            return
        since = self._outside.clock.now() - LATEST_ANNOUNCEMENT
        if announcing_has_begun(last) or last.started_at > since:
            self.announce(last.id)

    async def _announced(self, operation_id: int) -> None:
        what = f"announcing operation {operation_id}"
        with surviving(self._outside.cluster.name, what, observer=self._outside.observer):
            try:
                async with self._turn:
                    operation = await self._outside.journal.operation(operation_id)
                    if operation is not None and is_to_be_announced(operation):
                        await unless_lost(self._outside.leadership, self._procedure.announce(operation))
            except JournalError as error:
                log.warning("operation %d cannot be announced: %s", operation_id, error)
