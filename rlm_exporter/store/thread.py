"""The one thread in which the store talks to its database, beside the event loop."""

import asyncio
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from rlm_exporter.errors import JournalError, JournalSlowError
from rlm_exporter.store.ports import Database

T = TypeVar("T")

ATTEMPTS = 8
"""Of one transaction that others are in the way of."""

PAUSE = 0.01
"""Seconds at the most before the second attempt, and so much more before each further one."""


class _AbandonedError(Exception):
    """Nobody waits any more; raised inside the thread so that the transaction is rolled back."""


class StoreThread:
    """Runs callables one after the other, each in a transaction of its own.

    What they raise is translated once: everything of the database becomes `JournalError`, their own
    `JournalError` passes. Work whose caller was cancelled or ran out of time is rolled back, unless its
    commit had already begun; so after either the caller does not know, and must read again.
    """

    def __init__(self, *, database: Database, limit: timedelta) -> None:
        self._database = database
        self._errors: tuple[type[Exception], ...] = (SQLAlchemyError, *database.driver_errors)
        self._limit = limit
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="rlm-ha-store")
        self._closed = False
        self._lock = threading.Lock()
        self._under_way: threading.Event | None = None
        """What is set when nobody waits any more for the work that is done now."""

    async def read(self, work: Callable[[Connection], T]) -> T:
        """One consistent look at the database."""
        return await self._run(lambda abandoned: self._transact(work, writes=False, abandoned=abandoned))

    async def write(self, work: Callable[[Connection], T]) -> T:
        """All of it is on disk when this returns, or none of it."""
        return await self._run(lambda abandoned: self._transact(work, writes=True, abandoned=abandoned))

    async def call(self, work: Callable[[], T], *, limit: timedelta) -> T:
        """Work that makes its own transactions; it cannot be abandoned midway."""
        return await self._run(lambda abandoned: self._translated(work), limit=limit)

    async def close(self) -> None:
        """Let the work under way end, then let go of the database. May be called twice."""
        if self._closed:
            return
        try:
            await self._run(lambda abandoned: self._database.engine.dispose())
        finally:
            self._closed = True
            self._executor.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[threading.Event], T], *, limit: timedelta | None = None) -> T:
        if self._closed:
            raise JournalError("the journal is closed")
        seconds = (limit or self._limit).total_seconds()
        abandoned = threading.Event()
        try:
            async with asyncio.timeout(seconds):
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self._executor, self._do, work, abandoned)
        except TimeoutError as error:
            abandoned.set()
            self._interrupt()
            raise JournalSlowError(
                f"the journal did not answer within {seconds:g} s; look at {self._database.name}, and read "
                "it again before you rely on what was asked"
            ) from error
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and not task.cancelling():
                # Nobody cancelled the caller: its work still waited when the journal was closed.
                raise JournalError("the journal is closed") from error
            raise
        finally:
            abandoned.set()

    def _do(self, work: Callable[[threading.Event], T], abandoned: threading.Event) -> T:
        with self._lock:
            self._under_way = abandoned
        try:
            return work(abandoned)
        finally:
            with self._lock:
                self._under_way = None

    def _interrupt(self) -> None:
        """What somebody still waits for goes on: it may be what the one who gave up was behind."""
        with self._lock:
            if self._under_way is not None and self._under_way.is_set():
                self._database.interrupt()

    def _transact(self, work: Callable[[Connection], T], *, writes: bool, abandoned: threading.Event) -> T:
        return self._translated(lambda: self._repeated(work, writes=writes, abandoned=abandoned))

    def _repeated(self, work: Callable[[Connection], T], *, writes: bool, abandoned: threading.Event) -> T:
        """Once more where another daemon's transaction was in the way; the work then sees what that did."""
        if abandoned.is_set():
            # Behind a server that does not answer those who gave up would be waited for one after the other.
            raise _AbandonedError
        for attempt in range(1, ATTEMPTS):
            try:
                return self._in_transaction(work, writes=writes, abandoned=abandoned)
            except self._errors as error:
                if not self._database.is_worth_repeating(error):
                    raise
            abandoned.wait(random.uniform(0, attempt * PAUSE))  # noqa: S311 - spreads two who met
        return self._in_transaction(work, writes=writes, abandoned=abandoned)

    def _in_transaction(
        self, work: Callable[[Connection], T], *, writes: bool, abandoned: threading.Event
    ) -> T:
        if writes:
            self._database.check_in_place()
        with self._database.engine.connect() as connection:
            connection.execution_options(rlm_ha_writes=writes)
            with connection.begin():
                result = work(connection)
                if abandoned.is_set():
                    raise _AbandonedError
        return result

    def _translated(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except self._errors as error:
            raise JournalError(self._database.explain(error)) from error
