"""The committed truth of each cluster: its row and its pins. Everything here runs in a transaction."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.engine import RowMapping

from rlm_exporter.errors import JournalError
from rlm_exporter.store.errors import ConflictError
from rlm_exporter.store.records import ClusterRecord, OperationKind, OperationState, Pin, PinKind
from rlm_exporter.store.tables import cluster, operation, pin


def read_cluster(connection: Connection, name: str) -> ClusterRecord | None:
    """The record of one cluster; None before its first start."""
    row = connection.execute(select(cluster).where(cluster.c.name == name)).mappings().one_or_none()
    if row is None:
        return None
    pins = connection.execute(select(pin).where(pin.c.cluster == name).order_by(pin.c.server)).mappings()
    return _record(row, (_pin(one) for one in pins))


def read_clusters(connection: Connection) -> tuple[ClusterRecord, ...]:
    """The records of all clusters, by name."""
    pins: dict[str, list[Pin]] = {}
    for one in connection.execute(select(pin).order_by(pin.c.server)).mappings():
        pins.setdefault(one["cluster"], []).append(_pin(one))
    rows = connection.execute(select(cluster).order_by(cluster.c.name)).mappings()
    return tuple(_record(row, pins.get(row["name"], ())) for row in rows)


def known_cluster(connection: Connection, name: str) -> ClusterRecord:
    """The record of a cluster that must have one."""
    record = read_cluster(connection, name)
    if record is None:
        raise JournalError(f"cluster {name} has no record yet; its first start must be written before")
    return record


def expected_cluster(connection: Connection, name: str, version: int | None) -> ClusterRecord:
    """The record if it has that version still (None = any); `ConflictError` otherwise."""
    record = known_cluster(connection, name)
    if version not in {None, record.version}:
        raise ConflictError(
            f"cluster {name}: its record has version {record.version}, not {version}: "
            "it was written meanwhile"
        )
    return record


def save_cluster(connection: Connection, record: ClusterRecord, *, now: datetime) -> ClusterRecord:
    """Write a changed record and its pins over the version it was made from; gives the new version."""
    saved = replace(record, version=record.version + 1)
    written = connection.execute(
        update(cluster)
        .where(cluster.c.name == record.cluster, cluster.c.version == record.version)
        .values(_values(saved, now=now))
    )
    if written.rowcount != 1:
        raise ConflictError(f"cluster {record.cluster}: its record was written meanwhile")
    connection.execute(delete(pin).where(pin.c.cluster == record.cluster))
    _insert_pins(connection, saved)
    return known_cluster(connection, record.cluster)


def set_pins(
    connection: Connection, name: str, *, pins: tuple[Pin, ...], expected_version: int | None, now: datetime
) -> ClusterRecord:
    """Replace the pins alone; no expected version = over whatever stands."""
    record = expected_cluster(connection, name, expected_version)
    return save_cluster(connection, replace(record, pins=pins), now=now)


def set_pause(
    connection: Connection,
    name: str,
    *,
    until: datetime | None,
    expected_version: int | None,
    now: datetime,
) -> ClusterRecord:
    """Pause until a moment, or end the pause."""
    record = expected_cluster(connection, name, expected_version)
    return save_cluster(connection, replace(record, paused_until=until), now=now)


def acknowledge(
    connection: Connection, name: str, *, expected_version: int | None, now: datetime
) -> ClusterRecord:
    """What was done until now holds nothing back any more: the cooldown ends too."""
    record = expected_cluster(connection, name, expected_version)
    return save_cluster(connection, replace(record, acknowledged_at=now, cooldown_until=None), now=now)


def found_cluster(
    connection: Connection,
    *,
    name: str,
    active: str,
    epoch: int,
    rule: str,
    trigger: str,
    requested_by: str,
    reason: str,
    pins: tuple[Pin, ...],
    now: datetime,
) -> ClusterRecord:
    """The first record of a cluster, with the operation that says where it came from."""
    if read_cluster(connection, name) is not None:
        raise ConflictError(f"cluster {name} has a record already")
    used = select(func.max(operation.c.epoch)).where(operation.c.cluster == name)
    # A cluster that was deleted and came back must not use an epoch that a balancer has seen.
    epoch = max(epoch, (connection.execute(used).scalar() or 0) + 1)
    record = ClusterRecord(
        cluster=name,
        active=active,
        active_since=now,
        epoch=epoch,
        highest_epoch=epoch,
        pins=pins,
        version=1,
    )
    connection.execute(insert(cluster).values(name=name, **_values(record, now=now)))
    _insert_pins(connection, record)
    connection.execute(
        insert(operation).values(
            cluster=name,
            kind=OperationKind.FIRST_START,
            rule=rule,
            state=OperationState.COMMITTED,
            outcome="done",
            target=active,
            epoch=epoch,
            requested_by=requested_by,
            reason=reason,
            trigger=trigger,
            started_at=now,
            committed_at=now,
            ended_at=now,
        )
    )
    return known_cluster(connection, name)


def _values(record: ClusterRecord, *, now: datetime) -> dict[str, object]:
    return {
        "active": record.active,
        "active_since": record.active_since,
        "epoch": record.epoch,
        "highest_epoch": record.highest_epoch,
        "cooldown_until": record.cooldown_until,
        "paused_until": record.paused_until,
        "acknowledged_at": record.acknowledged_at,
        "version": record.version,
        "updated_at": now,
    }


def _insert_pins(connection: Connection, record: ClusterRecord) -> None:
    for one in record.pins:
        connection.execute(
            insert(pin).values(
                cluster=record.cluster,
                server=one.server,
                kind=one.kind,
                since=one.since,
                until=one.until,
            )
        )


def _record(row: RowMapping, pins: Iterable[Pin]) -> ClusterRecord:
    return ClusterRecord(
        cluster=row["name"],
        active=row["active"],
        active_since=row["active_since"],
        epoch=row["epoch"],
        highest_epoch=row["highest_epoch"],
        pins=tuple(pins),
        cooldown_until=row["cooldown_until"],
        paused_until=row["paused_until"],
        acknowledged_at=row["acknowledged_at"],
        version=row["version"],
    )


def _pin(row: RowMapping) -> Pin:
    return Pin(server=row["server"], kind=PinKind(row["kind"]), since=row["since"], until=row["until"])
