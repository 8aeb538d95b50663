"""Old sessions out of an SQLite file, and the room that they took back to the disk, a little at a time.

The daemon has to write while this goes on, and SQLite lets in one writer at a time: so every transaction is
short. `VACUUM` would hold the file for as long as it takes to write it anew.
"""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime

from rlm_exporter.store.ports import OldSessions, Room
from rlm_exporter.store.prune_rows import PAUSE, count_rows, delete_rows, reading
from rlm_exporter.store.sqlite import BUSY_TIMEOUT_MS, SqliteFile
from rlm_exporter.store.tables import usage_log

PAGES = 500
"""Given back in one transaction."""


class UsageFile:
    """The usage log in one file."""

    def __init__(self, database: SqliteFile) -> None:
        self._database = database

    def count(self, before: datetime) -> OldSessions:
        """How many are to go; what that frees only doing it shows."""
        return OldSessions(sessions=count_rows(self._database, usage_log, usage_log.c.checkin_time < before))

    def delete(self, before: datetime, stopped: Callable[[], bool]) -> OldSessions:
        """Batch by batch."""
        old = usage_log.c.checkin_time < before
        return OldSessions(sessions=delete_rows(self._database, usage_log, old, stopped=stopped))

    def give_back(self, stopped: Callable[[], bool]) -> None:
        """Free pages to the disk, where the file was made for that; an older one keeps them for new rows."""
        left = self.room().free
        before = left + 1
        while 0 < left < before and not stopped():
            self._database.check_in_place()
            with closing(sqlite3.connect(self._database.path, timeout=BUSY_TIMEOUT_MS / 1000)) as connection:
                # A transaction of its own. Each page is a row without columns: only a script takes them all.
                connection.executescript(f"PRAGMA incremental_vacuum({PAGES})")
            before, left = left, self.room().free
            time.sleep(PAUSE)

    def room(self) -> Room:
        """Of the whole file: nothing in it has a place of its own."""
        with reading(self._database) as connection:
            page, pages, free = (
                int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())
                for name in ("page_size", "page_count", "freelist_count")
            )
        return Room(size=page * pages, free=page * free)
