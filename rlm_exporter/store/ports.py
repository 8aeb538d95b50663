"""What the store needs of a database."""

from contextlib import AbstractContextManager
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
        """End a wait for an answer that does not come; called from another thread than the waiting one."""
        ...

    def explain(self, error: BaseException) -> str:
        """What is wrong, where, and what to do."""
        ...
