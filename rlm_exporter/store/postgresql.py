"""A PostgreSQL database: the store of several daemons at once, and of a long history.

Every wait has an end: for a connection, for a lock, for a statement, for an answer that a cut network does
not bring. A daemon that is frozen in the middle of a transaction loses it, so that nobody waits for its
locks.
"""

import contextlib
import os
import socket
from collections.abc import Iterator, Mapping

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from rlm_exporter.errors import JournalError
from rlm_exporter.store.address import shown

try:
    import psycopg
except ImportError as missing:
    raise JournalError("PostgreSQL needs its driver: pip install 'rlm-ha-exporter[postgresql]'") from missing

CONNECT_TIMEOUT_S = 2
LOCK_TIMEOUT_MS = 3000
STATEMENT_TIMEOUT_MS = 4000
IDLE_TIMEOUT_MS = 5000
UNANSWERED_MS = 4000
"""How long sent bytes may stay unacknowledged before the connection counts as lost."""

SCHEMA_LOCK = 0x726C6D6861  # "rlmha"
OLDEST = 140000
"""`server_version_num`; what we are tried on begins here."""

# By PostgreSQL's SQLSTATE; the first five characters, or the class of two. (Appendix A of its manual.)
_ADVICE: Mapping[str, str] = {
    "28": "it refuses this user; look at the name, the password (~/.pgpass) and pg_hba.conf",
    "3D000": "there is no such database; create it: createdb",
    "42501": "this user may not do that; let him own the database or its tables",
    "42P01": "a table of ours is missing; run: rlm-ha db upgrade",
    "53100": "its disk is full; free some space there, the daemon goes on by itself",
    "53300": "it has no connection left; raise max_connections, or stop what holds them",
    "25006": "it is read-only, a standby; give the address of the primary",
    "57P": "it is shutting down or starting up; the daemon goes on once it is there",
    "57014": "a statement took too long there",
    "55P03": "another transaction holds a lock for too long there",
    "08": "the connection was lost; the daemon goes on once it is there",
}
_LOST = "it cannot be reached; is it running, and does the network lead there?"
_REPEATED = frozenset({"40001", "40P01", "23505"})
"""Serialization failure, deadlock, and a row that another transaction has just made."""


class PostgresqlDatabase:
    """One PostgreSQL database as the store's. Writing transactions are serializable."""

    def __init__(self, *, url: URL) -> None:
        self.name = shown(url.set(drivername="postgresql"))
        self.driver_errors: tuple[type[Exception], ...] = (psycopg.Error,)
        self.is_shared = True
        self._connection: object = None
        self.engine: Engine = _engine(url)
        # First of all: what prepares a new connection, and what tries an old one, may wait for ever.
        event.listen(self.engine, "connect", self._remember, insert=True)

    @classmethod
    def at(cls, url: URL) -> "PostgresqlDatabase":
        """The database that a URL `postgresql://USER@HOST/NAME` names; nothing is connected to yet."""
        if not url.database:
            raise JournalError(
                f"journal {shown(url)}: no database is named; give postgresql://USER@HOST/DATABASE"
            )
        return cls(url=url.set(drivername="postgresql+psycopg"))

    def check_in_place(self) -> None:
        """Nothing to find out: a server keeps its databases where they are."""

    def remember_identity(self) -> None:
        """A server keeps its databases where they are."""

    @contextlib.contextmanager
    def upgrading(self) -> Iterator[Connection]:
        """One upgrade at a time, of however many replicas; it may take as long as it needs."""
        with self.engine.connect() as connection:
            # A serializable one would look at the schema as it was before the wait.
            connection.execution_options(rlm_ha_writes=True, isolation_level="READ COMMITTED")
            with connection.begin():
                for limit in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"):
                    connection.exec_driver_sql(f"SET LOCAL {limit} = 0")
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": SCHEMA_LOCK})
                yield connection

    def keep_copy(self, revision: str) -> None:
        """Not ours to do: whoever runs a PostgreSQL has his own way of keeping copies."""

    def is_worth_repeating(self, error: BaseException) -> bool:
        """Another transaction was in its way, and has ended by now."""
        return _sqlstate(error) in _REPEATED

    def interrupt(self) -> None:
        """Shut the connection's socket, which wakes whoever waits on it; the next call connects anew."""
        connection = self._connection
        if not isinstance(connection, psycopg.Connection):
            return
        # It may be closed or given back meanwhile: then nobody waits.
        with (
            contextlib.suppress(OSError, psycopg.Error),
            socket.socket(fileno=os.dup(connection.fileno())) as doubled,
        ):
            doubled.shutdown(socket.SHUT_RDWR)

    def explain(self, error: BaseException) -> str:
        """Put PostgreSQL's error into words, with what to do."""
        cause = error.__cause__ if isinstance(error, SQLAlchemyError) and error.__cause__ else error
        told = " ".join(str(cause).split())
        state = _sqlstate(cause)
        advice = next((_ADVICE[key] for key in (state, state[:3], state[:2]) if key in _ADVICE), None)
        if advice is None and not state and isinstance(cause, psycopg.OperationalError):
            advice = _advice_by_words(told)
        if advice is None:
            return f"journal {self.name}: {told}"
        return f"journal {self.name}: {advice} ({told})"

    def _remember(self, connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
        """There is only this one; that nobody waits on it does no harm."""
        self._connection = connection


def _advice_by_words(told: str) -> str:
    """A connection that was never made has no SQLSTATE: the words alone tell."""
    if "does not exist" in told and "database" in told:
        return _ADVICE["3D000"]
    if "authentication failed" in told or "no password supplied" in told or "pg_hba.conf" in told:
        return _ADVICE["28"]
    if "too many" in told or "remaining connection slots" in told:
        return _ADVICE["53300"]
    if "starting up" in told or "shutting down" in told:
        return _ADVICE["57P"]
    return _LOST


def _sqlstate(error: BaseException) -> str:
    cause = error.__cause__ if isinstance(error, SQLAlchemyError) and error.__cause__ else error
    return getattr(cause, "sqlstate", None) or ""


def _engine(url: URL) -> Engine:
    """One connection, tried before each use: a server that was restarted in between is no error."""
    engine = create_engine(
        url,
        pool_size=1,
        max_overflow=0,
        pool_pre_ping=True,
        isolation_level="SERIALIZABLE",
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_S,
            "application_name": "rlm-ha",
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "tcp_user_timeout": UNANSWERED_MS,
            # Behind a pooler that gives connections away between transactions these would be lost.
            "prepare_threshold": None,
        }
        | {key: value for key, value in url.query.items() if isinstance(value, str)},
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
    """Bounded waits, and a server that we are made for."""
    cursor = connection.cursor()
    cursor.execute("SHOW server_version_num")
    row = cursor.fetchone()
    if row is not None and int(row[0]) < OLDEST:
        raise JournalError(f"PostgreSQL 14 or newer is needed, this is {int(row[0]) // 10000}")
    for name, milliseconds in (
        ("lock_timeout", LOCK_TIMEOUT_MS),
        ("statement_timeout", STATEMENT_TIMEOUT_MS),
        ("idle_in_transaction_session_timeout", IDLE_TIMEOUT_MS),
    ):
        cursor.execute(f"SET SESSION {name} = {milliseconds}")
    cursor.close()
    connection.commit()


def _begin(connection: Connection) -> None:
    """Readers say so: a serializable one that only reads holds up nobody."""
    if not connection.get_execution_options().get("rlm_ha_writes", False):
        connection.exec_driver_sql("SET TRANSACTION READ ONLY")
