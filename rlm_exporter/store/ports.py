"""What the store's thread needs of a database."""

from typing import Protocol

from sqlalchemy import Engine


class Database(Protocol):
    """One database: where it is, how to reach it, and what its errors mean to a person."""

    @property
    def engine(self) -> Engine:
        """Transactions on a connection with the option `rlm_ha_writes` take the write lock at once."""
        ...

    @property
    def driver_errors(self) -> tuple[type[Exception], ...]:
        """What the driver raises where SQLAlchemy does not wrap it."""
        ...

    def check_in_place(self) -> None:
        """Raise `JournalError` when what was opened is no longer what stands at its address."""
        ...

    def explain(self, error: BaseException) -> str:
        """What is wrong, where, and what to do."""
        ...
