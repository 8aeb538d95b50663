"""What the store needs of a database."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from sqlalchemy import Connection, Engine


class Database(Protocol):
    """One database: where it is, how to reach it, and what its errors mean to a person."""

    @property
    def name(self) -> str:
        """Its address as messages show it, without any secret."""
        ...

    @property
    def engine(self) -> Engine:
        """Transactions on a connection with the option `rlm_ha_writes` may write; others may not."""
        ...

    @property
    def driver_errors(self) -> tuple[type[Exception], ...]:
        """What the driver raises where SQLAlchemy does not wrap it."""
        ...

    @property
    def is_shared(self) -> bool:
        """Whether several daemons may use it at once; then its schema is changed by command alone."""
        ...

    def check_in_place(self) -> None:
        """Raise `JournalError` when what was opened is no longer what stands at its address."""
        ...

    def remember_identity(self) -> None:
        """Note what stands at its address now, for `check_in_place`."""
        ...

    def upgrading(self) -> AbstractContextManager[Connection]:
        """A transaction in which the schema may be changed, and in which nobody else changes it."""
        ...

    def keep_copy(self, revision: str) -> None:
        """Keep what is there before an upgrade from that revision, where that is ours to do."""
        ...

    def is_worth_repeating(self, error: BaseException) -> bool:
        """Whether the same transaction may well succeed at once: another one was in its way."""
        ...

    def interrupt(self) -> None:
        """End what is under way; called from another thread than the one in which it is."""
        ...

    def explain(self, error: BaseException) -> str:
        """What is wrong, where, and what to do."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OldSessions:
    """Sessions that ended before some moment."""

    sessions: int
    months: tuple[date, ...] = ()
    """Those of which no other ones are there: their tables go as a whole."""
    size: int | None = None
    """Bytes of these tables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Bytes on disk."""

    size: int
    free: int
    """Of them, those that hold nothing and wait for new rows."""


class UsageTables(Protocol):
    """The usage log as it lies on disk."""

    def count(self, before: datetime) -> OldSessions:
        """Those that `delete` would delete."""
        ...

    def delete(self, before: datetime, stopped: Callable[[], bool]) -> OldSessions:
        """Delete sessions that ended before a moment, until `stopped` says so."""
        ...

    def give_back(self, stopped: Callable[[], bool]) -> None:
        """Give room that deleted rows have left back to the disk, as far as that holds up nobody."""
        ...

    def room(self) -> Room:
        """What there is now."""
        ...
