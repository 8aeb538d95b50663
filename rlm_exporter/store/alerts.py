"""Alerts as they were delivered, and the operations they led to. Everything here runs in a transaction.

Alertmanager delivers at least once, may give one incident two `startsAt` (two Prometheus replicas), and may
repeat *firing* after it said *resolved*. So a key recognises a repeat, and what is over stays over.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.engine import RowMapping

from rlm_exporter.store.records import AlertRecord, AlertResult, AlertStatus, ReceivedAlert
from rlm_exporter.store.tables import alert, operation_alert

_NEWEST_OPERATION = (
    select(func.max(operation_alert.c.operation_id))
    .where(operation_alert.c.alert_id == alert.c.id)
    .correlate(alert)
    .scalar_subquery()
    .label("newest_operation_id")
)


def record_alerts(
    connection: Connection, received: Iterable[ReceivedAlert], *, now: datetime
) -> tuple[AlertResult, ...]:
    """Take a delivery in, in its order; one answer for each alert."""
    return tuple(_record(connection, one, now=now) for one in received)


def read_firing(connection: Connection, cluster: str) -> tuple[AlertRecord, ...]:
    """What fires as far as we were told, oldest first."""
    query = (
        select(alert, _NEWEST_OPERATION)
        .where(alert.c.cluster == cluster, alert.c.status == AlertStatus.FIRING)
        .order_by(alert.c.starts_at, alert.c.id)
    )
    return tuple(_alert(row) for row in connection.execute(query).mappings())


def alerts_of(connection: Connection, operation_ids: Sequence[int]) -> dict[int, list[AlertRecord]]:
    """The alerts of each of these operations, oldest first, in one statement."""
    query = (
        select(operation_alert.c.operation_id, alert, _NEWEST_OPERATION)
        .join_from(operation_alert, alert)
        .where(operation_alert.c.operation_id.in_(operation_ids))
        .order_by(operation_alert.c.operation_id, alert.c.starts_at, alert.c.id)
    )
    found: dict[int, list[AlertRecord]] = {}
    for row in connection.execute(query).mappings():
        found.setdefault(row["operation_id"], []).append(_alert(row))
    return found


def link_alerts(
    connection: Connection, *, operation_id: int, cluster: str, fingerprints: Iterable[str]
) -> None:
    """Say that these alerts were part of an operation; one that is linked already stays so.

    Of each fingerprint all that fire are meant, or the newest when it was resolved in the meantime.
    """
    linked = set(
        connection.execute(
            select(operation_alert.c.alert_id).where(operation_alert.c.operation_id == operation_id)
        ).scalars()
    )
    missing = sorted(_meant(connection, cluster, sorted(set(fingerprints))) - linked)
    if missing:
        rows = [{"operation_id": operation_id, "alert_id": alert_id} for alert_id in missing]
        connection.execute(insert(operation_alert), rows)


def _meant(connection: Connection, cluster: str, fingerprints: Sequence[str]) -> set[int]:
    query = (
        select(alert.c.id, alert.c.fingerprint, alert.c.status)
        .where(alert.c.cluster == cluster, alert.c.fingerprint.in_(fingerprints))
        .order_by(alert.c.starts_at)
    )
    firing: dict[str, set[int]] = {}
    newest: dict[str, set[int]] = {}
    for row in connection.execute(query).mappings():
        newest[row["fingerprint"]] = {row["id"]}
        if row["status"] == AlertStatus.FIRING:
            firing.setdefault(row["fingerprint"], set()).add(row["id"])
    return set().union(*(newest | firing).values())


def _record(connection: Connection, one: ReceivedAlert, *, now: datetime) -> AlertResult:
    if AlertStatus(one.status) is AlertStatus.RESOLVED:
        return _resolve(connection, one, now=now)
    known = _this_and_later(connection, one)
    same = known.get(one.starts_at)
    if same is None:
        is_over = AlertStatus.RESOLVED in known.values()
        _insert(connection, one, status=AlertStatus.RESOLVED if is_over else AlertStatus.FIRING, now=now)
        return AlertResult.STALE if is_over else AlertResult.NEW
    _count_delivery(connection, one, now=now)
    return AlertResult.REPEAT if same is AlertStatus.FIRING else AlertResult.STALE


def _resolve(connection: Connection, one: ReceivedAlert, *, now: datetime) -> AlertResult:
    """Every start of the alert up to its end is over; *resolved* may carry any one of them."""
    ended = max(one.starts_at, one.ends_at or one.starts_at)
    closed = connection.execute(
        update(alert)
        .where(
            alert.c.fingerprint == one.fingerprint,
            alert.c.starts_at <= ended,
            alert.c.status == AlertStatus.FIRING,
        )
        .values(status=AlertStatus.RESOLVED, resolved_at=now)
    )
    if one.starts_at not in _this_and_later(connection, one):
        _insert(connection, one, status=AlertStatus.RESOLVED, now=now)
        return AlertResult.RESOLVED
    _count_delivery(connection, one, now=now)
    return AlertResult.RESOLVED if closed.rowcount else AlertResult.REPEAT


def _this_and_later(connection: Connection, one: ReceivedAlert) -> dict[datetime, AlertStatus]:
    """The status by start, of this alert at this start and later ones."""
    query = select(alert.c.starts_at, alert.c.status).where(
        alert.c.fingerprint == one.fingerprint, alert.c.starts_at >= one.starts_at
    )
    return {row["starts_at"]: AlertStatus(row["status"]) for row in connection.execute(query).mappings()}


def _insert(connection: Connection, one: ReceivedAlert, *, status: AlertStatus, now: datetime) -> None:
    connection.execute(
        insert(alert).values(
            fingerprint=one.fingerprint,
            starts_at=one.starts_at,
            status=status,
            cluster=one.cluster,
            alertname=one.alertname,
            server=one.server,
            first_seen=now,
            last_seen=now,
            resolved_at=now if status is AlertStatus.RESOLVED else None,
            deliveries=1,
        )
    )


def _count_delivery(connection: Connection, one: ReceivedAlert, *, now: datetime) -> None:
    connection.execute(
        update(alert)
        .where(alert.c.fingerprint == one.fingerprint, alert.c.starts_at == one.starts_at)
        .values(deliveries=alert.c.deliveries + 1, last_seen=now)
    )


def _alert(row: RowMapping) -> AlertRecord:
    return AlertRecord(
        fingerprint=row["fingerprint"],
        starts_at=row["starts_at"],
        status=AlertStatus(row["status"]),
        cluster=row["cluster"],
        alertname=row["alertname"],
        server=row["server"],
        first_seen=row["first_seen"],
        last_seen=row["last_seen"],
        deliveries=row["deliveries"],
        operation_id=row["newest_operation_id"],
    )
