"""The usage log: who used what, from when until when. Everything here runs in a transaction.

Every change can be written again: a session is known by its key, so that what was written before a crash
and is told once more afterwards makes no second row.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Connection, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import RowMapping

from rlm_exporter.store.tables import usage_log
from rlm_exporter.store.usage_months import ensure_months, month_of
from rlm_exporter.store.usage_records import (
    Closed,
    EndReason,
    Opened,
    Recounted,
    Reopened,
    UsageChange,
    UsageSession,
    UsageSource,
    storable,
)

_IS_OUT = usage_log.c.checkin_time.is_(None)
_IS_INEXACT = usage_log.c.end_is_exact.is_(False)
"""What a report log has told is not for polling to change."""
_NOT_OVER: dict[str, None] = {"checkin_time": None, "session_duration": None, "end_reason": None}
CUT = timedelta(seconds=10)
"""By so much a failover's moment and the ends of sessions that it cut may differ."""
LONGEST = 255
"""Characters of a name: the guide's columns have no room for more."""


def record_usage(connection: Connection, changes: Iterable[UsageChange], *, late: bool) -> None:
    """Write changes, in their order.

    Those that come `late`, because they had to wait, give way to what was written meanwhile.
    """
    changes = tuple(changes)
    ensure_months(connection, {month_of(each.session.key) for each in changes if isinstance(each, Opened)})
    for kind, some in groupby(changes, key=type):
        if kind is Opened:
            _open(connection, [each.session for each in some if isinstance(each, Opened)], late=late)
            continue
        for change in some:
            _write(connection, change, late=late)


def _write(connection: Connection, change: UsageChange, *, late: bool) -> None:
    match change:
        case Closed(key=key, at=at, reason=reason, out=out):
            lasted = None if out is None else max(at - out, timedelta())
            where = _IS_OUT if late else _IS_INEXACT
            _change(connection, key, where, checkin_time=at, session_duration=lasted, end_reason=reason)
            if reason is EndReason.FAILED_OVER:
                _change(connection, key, *_returned_around(at), end_reason=reason)
        case Reopened(key=key, closed_at=closed_at):
            was_so = usage_log.c.checkin_time == closed_at
            _change(connection, key, was_so, _IS_INEXACT, **_NOT_OVER)
        case Recounted(key=key, count=count):
            _change(connection, key, _IS_OUT, count=count)


def _returned_around(at: datetime) -> tuple[ColumnElement[bool], ...]:
    """A report log was quicker; it does not know that the program's end was not its own doing."""
    c = usage_log.c
    returned = c.end_reason == EndReason.RETURNED
    return c.end_is_exact.is_(True), returned, c.checkin_time >= at - CUT, c.checkin_time <= at + CUT


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


def _open(connection: Connection, sessions: Sequence[UsageSession], *, late: bool) -> None:
    """One that is open already stays as it is; one that was closed is there all the same, unless that is old
    news."""
    key = [usage_log.c.session_key, usage_log.c.month]
    made: postgresql.Insert | sqlite.Insert
    made = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(usage_log)
    if late:
        made = made.on_conflict_do_nothing(index_elements=key)
    else:
        made = made.on_conflict_do_update(index_elements=key, set_=_NOT_OVER, where=_IS_INEXACT)
    connection.execute(made, [columns_of(session) for session in sessions])


def _change(connection: Connection, key: str, *where: ColumnElement[bool], **values: object) -> None:
    named = usage_log.c.session_key == storable(key)
    there = usage_log.c.month == month_of(key)
    connection.execute(update(usage_log).where(named, there, *where).values(**values))


def columns_of(session: UsageSession) -> dict[str, Any]:
    """A session that has not ended, as a row."""
    return {
        "server_name": short(session.server),
        "feature_name": short(session.feature),
        "user_name": short(session.user),
        "hostname": short(session.host),
        "checkout_time": session.out,
        "cluster": session.cluster,
        "isv": None if session.isv is None else storable(session.isv),
        "version": None if session.version is None else storable(session.version),
        "count": session.count,
        "handle": storable(session.handle),
        "source": session.source,
        "session_key": storable(session.key),
        "checkout_is_ambiguous": session.out_is_ambiguous,
        "month": month_of(session.key),
        "project": short(session.project),
    }


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
        project=row["project"],
    )


def short(name: str | None) -> str | None:
    """As much of a name as the guide's columns take."""
    return None if name is None else storable(name)[:LONGEST]
