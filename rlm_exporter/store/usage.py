"""The usage log: who used what, from when until when. Everything here runs in a transaction.

Every change can be written again: a session is known by its key, so that what was written before a crash
and is told once more afterwards makes no second row.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import RowMapping

from rlm_exporter.store.tables import usage_log
from rlm_exporter.store.usage_records import (
    Closed,
    Opened,
    Recounted,
    Reopened,
    UsageChange,
    UsageSession,
    UsageSource,
)

_NOT_OVER: dict[str, None] = {"checkin_time": None, "session_duration": None, "end_reason": None}
LONGEST = 255
"""Characters of a name: the guide's columns have no room for more."""


def record_usage(connection: Connection, changes: Iterable[UsageChange]) -> None:
    """Write changes, in their order."""
    for change in changes:
        match change:
            case Opened(session=session):
                _open(connection, session)
            case Closed(key=key, at=at, reason=reason, out=out):
                lasted = None if out is None else max(at - out, timedelta())
                _change(connection, key, checkin_time=at, session_duration=lasted, end_reason=reason)
            case Reopened(key=key):
                _change(connection, key, **_NOT_OVER)
            case Recounted(key=key, count=count):
                _change(connection, key, count=count)


def read_open_sessions(connection: Connection, *, cluster: str, server: str) -> tuple[UsageSession, ...]:
    """The sessions of a server that are not over, oldest first."""
    query = (
        select(usage_log)
        .where(
            usage_log.c.cluster == cluster,
            usage_log.c.server_name == server,
            usage_log.c.checkin_time.is_(None),
        )
        .order_by(usage_log.c.id)
    )
    return tuple(_session(row) for row in connection.execute(query).mappings())


def _open(connection: Connection, session: UsageSession) -> None:
    """One that is open already stays as it is; one that was closed is there all the same."""
    values = {
        "server_name": _short(session.server),
        "feature_name": _short(session.feature),
        "user_name": _short(session.user),
        "hostname": _short(session.host),
        "checkout_time": session.out,
        "cluster": session.cluster,
        "isv": None if session.isv is None else _clean(session.isv),
        "version": None if session.version is None else _clean(session.version),
        "count": session.count,
        "handle": _clean(session.handle),
        "source": session.source,
        "session_key": _clean(session.key),
        "checkout_is_ambiguous": session.out_is_ambiguous,
    }
    key = [usage_log.c.session_key]
    if connection.dialect.name == "postgresql":
        connection.execute(
            postgresql.insert(usage_log)
            .values(values)
            .on_conflict_do_update(index_elements=key, set_=_NOT_OVER)
        )
    else:
        connection.execute(
            sqlite.insert(usage_log).values(values).on_conflict_do_update(index_elements=key, set_=_NOT_OVER)
        )


def _change(connection: Connection, key: str, **values: object) -> None:
    connection.execute(update(usage_log).where(usage_log.c.session_key == _clean(key)).values(**values))


def _session(row: RowMapping) -> UsageSession:
    out: datetime | None = row["checkout_time"]
    return UsageSession(
        key=row["session_key"],
        cluster=row["cluster"],
        server=row["server_name"],
        isv=row["isv"],
        feature=row["feature_name"],
        version=row["version"],
        user=row["user_name"],
        host=row["hostname"],
        count=row["count"],
        handle=row["handle"],
        out=out,
        out_is_ambiguous=row["checkout_is_ambiguous"],
        source=UsageSource(row["source"]),
    )


def _short(name: str | None) -> str | None:
    return None if name is None else _clean(name)[:LONGEST]


def _clean(text: str) -> str:
    """What PostgreSQL takes: no NUL, and nothing that is no character."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
