"""Which alerts come into the outbox, and for which sinks. Everything here runs in a transaction."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, insert, select, update

from rlm_exporter.store.errors import OutboxFullError
from rlm_exporter.store.outbox import WAITS, deliveries, message_of
from rlm_exporter.store.outbox_records import (
    Acceptance,
    Accepted,
    AlertRequest,
    DeliveryState,
    MessageStatus,
    OutgoingAlert,
)
from rlm_exporter.store.tables import outbox, outbox_delivery

MOST_WAITING = 10_000
"""Deliveries that may wait at once; a script that runs wild must not fill the disk."""

LATEST = timedelta(hours=12)
"""The age up to which a message goes to further sinks. They get a new one where it would end too soon."""

_NOTHING_TO_RESOLVE = Accepted(acceptance=Acceptance.NOTHING_TO_RESOLVE, message=None)


def accept(
    connection: Connection,
    request: AlertRequest,
    *,
    sinks: Sequence[str],
    repeat: timedelta,
    now: datetime,
    most_waiting: int = MOST_WAITING,
) -> Accepted:
    """Put an alert into the outbox, unless its last message says the same: who lacks that gets it."""
    last = _last(connection, request.key)
    is_over = request.status is MessageStatus.RESOLVED
    if last is None and is_over:
        return _NOTHING_TO_RESOLVE
    if last is None or (last.request.status is MessageStatus.RESOLVED and not is_over):
        return _accept_new(connection, request, sinks, starts_at=now, most=most_waiting, now=now)
    if is_over:
        # A sink knows an alert by its words: the end has to have those of the beginning.
        request = replace(last.request, status=request.status, requested_by=request.requested_by)
        if last.request.status is MessageStatus.RESOLVED and not (sinks := _unended(connection, last, sinks)):
            return _NOTHING_TO_RESOLVE
    if _says_the_same(connection, last, request, repeat=repeat, now=now):
        lacking = _lacking(connection, last, sinks)
        if not lacking or now - last.created_at <= LATEST:
            return _accept_again(connection, last, lacking, most=most_waiting, now=now)
    return _accept_new(connection, request, sinks, starts_at=last.starts_at, most=most_waiting, now=now)


def _accept_new(
    connection: Connection,
    request: AlertRequest,
    sinks: Sequence[str],
    *,
    starts_at: datetime,
    most: int,
    now: datetime,
) -> Accepted:
    _leave_room(connection, more=len(sinks), most=most)
    message = _add(connection, request, starts_at=starts_at, now=now)
    _give(connection, message, sinks, now=now)
    return Accepted(acceptance=Acceptance.NEW, message=message, added=tuple(sinks))


def _accept_again(
    connection: Connection, last: OutgoingAlert, lacking: Sequence[str], *, most: int, now: datetime
) -> Accepted:
    """The last message stands for this request too; the sinks that lack it get it now."""
    if lacking:
        _leave_room(connection, more=len(lacking), most=most)
        gone = delete(outbox_delivery).where(outbox_delivery.c.message_id == last.id)
        connection.execute(gone.where(outbox_delivery.c.sink.in_(lacking)))
        _give(connection, last, lacking, now=now)
    connection.execute(
        update(outbox).where(outbox.c.id == last.id).values(asked=outbox.c.asked + 1, last_asked_at=now)
    )
    acceptance = Acceptance.FURTHER_SINKS if lacking else Acceptance.DUPLICATE
    return Accepted(acceptance=acceptance, message=last, added=tuple(lacking))


def _give(connection: Connection, message: OutgoingAlert, sinks: Sequence[str], *, now: datetime) -> None:
    waits = {"state": DeliveryState.WAITING.value, "attempts": 0, "next_attempt_at": now, "detail": ""}
    if sinks:
        rows = [{"message_id": message.id, "sink": sink, **waits} for sink in sinks]
        connection.execute(insert(outbox_delivery), rows)


def _says_the_same(
    connection: Connection, last: OutgoingAlert, request: AlertRequest, *, repeat: timedelta, now: datetime
) -> bool:
    if request.status is not last.request.status or request.severity != last.request.severity:
        return False
    if request.status is MessageStatus.FIRING and now - last.created_at >= repeat:
        return False
    # What no sink has taken or will take was not said.
    return any(each.state is not DeliveryState.GIVEN_UP for each in deliveries(connection, last.id))


def _lacking(connection: Connection, message: OutgoingAlert, sinks: Sequence[str]) -> tuple[str, ...]:
    """Those that neither have the message nor will."""
    have = {
        each.sink for each in deliveries(connection, message.id) if each.state is not DeliveryState.GIVEN_UP
    }
    return tuple(sink for sink in sinks if sink not in have)


def _unended(connection: Connection, ended: OutgoingAlert, sinks: Sequence[str]) -> tuple[str, ...]:
    """Those that were told of the beginning of this alert, and not of its end."""
    query = (
        select(outbox_delivery.c.sink, outbox.c.status)
        .join(outbox, outbox.c.id == outbox_delivery.c.message_id)
        .where(outbox.c.key == ended.request.key, outbox.c.starts_at == ended.starts_at)
        .where(outbox_delivery.c.state != DeliveryState.GIVEN_UP.value)
    )
    told = {(row.sink, row.status) for row in connection.execute(query)}
    begun, over = MessageStatus.FIRING.value, MessageStatus.RESOLVED.value
    return tuple(sink for sink in sinks if (sink, begun) in told and (sink, over) not in told)


def _leave_room(connection: Connection, *, more: int, most: int) -> None:
    waiting = connection.execute(select(func.count()).select_from(outbox_delivery).where(WAITS)).scalar_one()
    if waiting + more > most:
        raise OutboxFullError(
            f"{waiting} deliveries of alerts wait already, and no more than {most} may; "
            "look whether the sinks can be reached"
        )


def _add(
    connection: Connection, request: AlertRequest, *, starts_at: datetime, now: datetime
) -> OutgoingAlert:
    made = insert(outbox).values(
        key=request.key,
        status=request.status.value,
        alertname=request.alertname,
        severity=request.severity,
        component=request.component,
        message=request.message,
        cluster=request.cluster,
        server=request.server,
        requested_by=request.requested_by,
        starts_at=starts_at,
        created_at=now,
        asked=1,
        last_asked_at=now,
    )
    number = connection.execute(made.returning(outbox.c.id)).scalar_one()
    return OutgoingAlert(id=number, request=request, starts_at=starts_at, created_at=now)


def _last(connection: Connection, key: str) -> OutgoingAlert | None:
    query = select(outbox).where(outbox.c.key == key).order_by(outbox.c.id.desc()).limit(1)
    row = connection.execute(query).first()
    return None if row is None else message_of(row)
