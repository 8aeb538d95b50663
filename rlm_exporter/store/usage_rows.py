"""Single rows of the usage log, for reports: sessions, refusals, and the ledger of a feature.

Everything here runs in one reading transaction.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, and_, func, literal, select
from sqlalchemy.engine import RowMapping

from rlm_exporter.store.report_names import Keyring
from rlm_exporter.store.report_records import (
    SECOND,
    DenialLine,
    Denials,
    Dimension,
    Held,
    Ledger,
    PoolSessions,
    Refused,
    Some,
    UsageQuestion,
    Window,
)
from rlm_exporter.store.report_sql import WholeSeconds, begin_report
from rlm_exporter.store.tables import denial, usage_log
from rlm_exporter.store.usage_records import Denied
from rlm_exporter.store.usage_reports import denials_of, epoch_of, overlaps, read_seats


def read_held(
    connection: Connection, *, cluster: str, window: Window, most: int, longer: timedelta | None = None
) -> Some:
    """Sessions with a part inside of a window, the longest first: those alone that lasted `longer` until its
    end, where that is given."""
    begin_report(connection)
    u = usage_log.c
    ended = func.coalesce(WholeSeconds(u.checkin_time), literal(epoch_of(window.end), BigInteger))
    lasted: ColumnElement[int] = ended - WholeSeconds(u.checkout_time)
    where = overlaps(cluster, window)
    if longer is not None:
        where = and_(where, lasted > longer // SECOND)
    count = connection.execute(select(func.count()).select_from(usage_log).where(where)).scalar_one()
    rows = connection.execute(select(usage_log).where(where).order_by(lasted.desc(), u.id).limit(most))
    return Some(first=tuple(_held(row) for row in rows.mappings()), count=int(count))


def read_ledger(connection: Connection, *, cluster: str, feature: str, window: Window, most: int) -> Ledger:
    """All sessions and final refusals of one feature in a window; at most so many of each."""
    begin_report(connection)
    u, d = usage_log.c, denial.c
    refusals_of_all = _denials_within(cluster, window)
    names = _spellings(
        connection,
        feature,
        select(u.feature_name).where(overlaps(cluster, window)),
        select(d.feature_name).where(refusals_of_all),
    )
    sessions = connection.execute(
        select(usage_log)
        .where(overlaps(cluster, window), u.feature_name.in_(names))
        .order_by(u.checkout_time, u.id)
        .limit(most + 1)
    ).mappings()
    held = tuple(_held(row) for row in sessions)
    refused = connection.execute(
        select(denial)
        .where(refusals_of_all, d.feature_name.in_(names), d.is_final.is_(True))
        .order_by(d.denied_at, d.id)
        .limit(most + 1)
    ).mappings()
    refusals = tuple(_refused(row) for row in refused)
    seats = read_seats(connection, cluster=cluster, window=window)
    return Ledger(
        sessions=held[:most],
        refused=refusals[:most],
        seats=tuple(row for row in seats if row.feature.casefold() == feature.casefold()),
        is_whole=len(held) <= most and len(refusals) <= most,
    )


def read_denials(connection: Connection, question: UsageQuestion, *, most: int) -> Denials:
    """Who was refused, and why; of the newest refusals, so many one by one."""
    begin_report(connection)
    rows = tuple(connection.execute(denials_of(question)))
    keyring = Keyring(
        isvs=[(row[0], row[1]) for row in rows],
        feature=question.feature,
        group_of=question.group_of if question.by is Dimension.USER else None,
    )
    return Denials(
        lines=_denial_lines(rows, keyring), newest=_newest_denials(connection, question, most=most)
    )


def read_pool_sessions(connection: Connection, *, cluster: str, window: Window, most: int) -> PoolSessions:
    """Sessions of hosts that had several versions of one product from one server, oldest first."""
    begin_report(connection)
    u = usage_log.c
    keys = (u.server_name, func.coalesce(u.isv, ""), func.lower(u.feature_name), func.lower(u.hostname))
    several = (
        select(*(key.label(f"key{number}") for number, key in enumerate(keys)))
        .where(overlaps(cluster, window), u.hostname.is_not(None))
        .group_by(*keys)
        .having(func.min(u.version) < func.max(u.version))
        .subquery()
    )
    same = and_(*(key == several.c[f"key{number}"] for number, key in enumerate(keys)))
    rows = connection.execute(
        select(usage_log)
        .join_from(usage_log, several, same)
        .where(overlaps(cluster, window))
        .order_by(u.checkout_time, u.id)
        .limit(most + 1)
    ).mappings()
    found = tuple(_held(row) for row in rows)
    return PoolSessions(sessions=found[:most], is_whole=len(found) <= most)


def _denial_lines(rows: Iterable[Any], keyring: Keyring) -> tuple[DenialLine, ...]:
    found: dict[tuple[int, str], DenialLine] = {}
    for isv, feature, who, reason, is_final, count, last in rows:
        number = keyring.number((isv, feature, who))
        if number is None:
            continue
        before = found.get((number, reason))
        names = keyring.lines[number]
        found[number, reason] = DenialLine(
            isv=names.isv,
            feature=names.feature,
            who=names.who,
            reason=reason,
            denied=(before.denied if before else 0) + (count if is_final else 0),
            passed_on=(before.passed_on if before else 0) + (0 if is_final else count),
            last=max(last, before.last) if before else last,
        )
    return tuple(
        sorted(
            found.values(),
            key=lambda each: (-each.denied, -each.passed_on, each.feature.casefold(), each.reason),
        )
    )


def _newest_denials(connection: Connection, question: UsageQuestion, *, most: int) -> tuple[Denied, ...]:
    d = denial.c
    where = _denials_within(question.cluster, question.window)
    if question.feature is not None:
        names = _spellings(connection, question.feature, select(d.feature_name).where(where))
        where = and_(where, d.feature_name.in_(names))
    query = select(denial).where(where).order_by(d.denied_at.desc(), d.id.desc()).limit(most)
    return tuple(
        Denied(
            cluster=row["cluster"],
            server=row["server_name"],
            isv=row["isv"],
            feature=row["feature_name"],
            version=row["version"],
            user=row["user_name"],
            host=row["hostname"],
            count=row["count"],
            code=row["code"],
            is_final=row["is_final"],
            at=row["denied_at"],
            is_ambiguous=row["is_ambiguous"],
        )
        for row in connection.execute(query).mappings()
    )


def _denials_within(cluster: str, window: Window) -> ColumnElement[bool]:
    d = denial.c
    return and_(d.cluster == cluster, d.denied_at >= window.start, d.denied_at < window.end)


def _spellings(connection: Connection, feature: str, *queries: Select[Any]) -> set[str]:
    """How a feature is written in these rows; RLM takes all of it for the same."""
    return {
        row[0]
        for query in queries
        for row in connection.execute(query.distinct())
        if row[0] is not None and row[0].casefold() == feature.casefold()
    }


def _held(row: RowMapping) -> Held:
    return Held(
        server=row["server_name"],
        isv=row["isv"],
        feature=row["feature_name"],
        version=row["version"],
        user=row["user_name"],
        host=row["hostname"],
        seats=row["count"],
        out=row["checkout_time"],
        ended=row["checkin_time"],
    )


def _refused(row: RowMapping) -> Refused:
    return Refused(
        at=row["denied_at"],
        user=row["user_name"],
        host=row["hostname"],
        seats=row["count"],
        reason=row["reason"],
    )
