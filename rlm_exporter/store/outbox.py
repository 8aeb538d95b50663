"""Alerts on their way to the sinks. Everything here runs in a transaction.

A daemon claims a delivery before it tries it: the time of the next attempt is moved to when the claim runs
out. So several daemons send a message once, and one that dies in between leaves it to the others: it is
sent at least once. A message waits while an older one of the same alert waits at the same sink, so that the
end of an alert never overtakes its beginning.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, exists, func, insert, select, update

from rlm_exporter.store.errors import OutboxFullError
from rlm_exporter.store.outbox_records import (
    Acceptance,
    Accepted,
    AlertRequest,
    Claimed,
    Delivery,
    DeliveryState,
    MessageStatus,
    OutgoingAlert,
    OutgoingMessage,
    Retrying,
)
from rlm_exporter.store.tables import outbox, outbox_delivery

MOST_WAITING = 10_000
"""Deliveries that may wait at once; a script that runs wild must not fill the disk."""

MOST_AT_ONCE = 500
"""Messages that one sweep deletes."""
NOBODY = "no daemon has this sink"

_WHY = func.nullif(outbox_delivery.c.detail, "")
_WAITS = outbox_delivery.c.state == DeliveryState.WAITING.value


def accept(
    connection: Connection,
    request: AlertRequest,
    *,
    sinks: Sequence[str],
    repeat: timedelta,
    now: datetime,
    most_waiting: int = MOST_WAITING,
) -> Accepted:
    """Put an alert into the outbox, unless its last message says the same and is not too old."""
    last = _last(connection, request.key)
    firing = last if last is not None and last.request.status is MessageStatus.FIRING else None
    if request.status is MessageStatus.RESOLVED and firing is None:
        return Accepted(acceptance=Acceptance.NOTHING_TO_RESOLVE, message=None)
    if firing is not None and _says_the_same(connection, firing, request, repeat=repeat, now=now):
        connection.execute(
            update(outbox).where(outbox.c.id == firing.id).values(asked=outbox.c.asked + 1, last_asked_at=now)
        )
        return Accepted(acceptance=Acceptance.DUPLICATE, message=firing)
    if request.status is MessageStatus.RESOLVED and firing is not None:
        # A sink knows an alert by its words: the end has to have those of the beginning.
        request = replace(firing.request, status=request.status, requested_by=request.requested_by)
    _leave_room(connection, more=len(sinks), most=most_waiting)
    message = _add(connection, request, starts_at=now if firing is None else firing.starts_at, now=now)
    waiting = {"state": DeliveryState.WAITING.value, "attempts": 0, "next_attempt_at": now, "detail": ""}
    if sinks:
        rows = [{"message_id": message.id, "sink": sink, **waiting} for sink in sinks]
        connection.execute(insert(outbox_delivery), rows)
    return Accepted(acceptance=Acceptance.NEW, message=message)


def claim(
    connection: Connection, *, sinks: Sequence[str], lasting: timedelta, most: int, now: datetime
) -> tuple[Claimed, ...]:
    """What is due at these sinks, oldest first; nobody else gets it until `lasting` is over."""
    older, older_delivery = outbox.alias(), outbox_delivery.alias()
    one_before = exists().where(
        older_delivery.c.message_id == older.c.id,
        older.c.key == outbox.c.key,
        older.c.id < outbox.c.id,
        older_delivery.c.sink == outbox_delivery.c.sink,
        older_delivery.c.state == DeliveryState.WAITING.value,
    )
    query = (
        select(outbox, outbox_delivery.c.sink, outbox_delivery.c.attempts)
        .join(outbox_delivery, outbox_delivery.c.message_id == outbox.c.id)
        .where(_WAITS, outbox_delivery.c.sink.in_(sinks))
        .where(outbox_delivery.c.next_attempt_at <= now, ~one_before)
        .order_by(outbox.c.id, outbox_delivery.c.sink)
        .limit(most)
    )
    due = connection.execute(query).all()
    for row in due:
        connection.execute(
            update(outbox_delivery)
            .where(outbox_delivery.c.message_id == row.id, outbox_delivery.c.sink == row.sink)
            .values(attempts=row.attempts + 1, next_attempt_at=now + lasting)
        )
    return tuple(Claimed(message=_message(row), sink=row.sink, attempt=row.attempts + 1) for row in due)


def record(
    connection: Connection, claimed: Claimed, *, failure: str | None, retrying: Retrying, now: datetime
) -> None:
    """How an attempt ended. One that another daemon has claimed meanwhile counts only if it went well."""
    again_at = now + retrying.pause(claimed.attempt)
    values: dict[str, Any] = {"state": DeliveryState.TAKEN.value, "ended_at": now, "detail": ""}
    here = [
        outbox_delivery.c.message_id == claimed.message.id,
        outbox_delivery.c.sink == claimed.sink,
        _WAITS,
    ]
    if failure is not None:
        here.append(outbox_delivery.c.attempts == claimed.attempt)
        values = {"next_attempt_at": again_at, "detail": failure}
        if again_at - claimed.message.created_at > retrying.give_up:
            values |= {"state": DeliveryState.GIVEN_UP.value, "ended_at": now}
    connection.execute(update(outbox_delivery).where(*here).values(values))


def deliveries(connection: Connection, message: int) -> tuple[Delivery, ...]:
    """What has become of a message, by sink."""
    query = select(outbox_delivery).where(outbox_delivery.c.message_id == message)
    return tuple(
        Delivery(sink=row.sink, state=DeliveryState(row.state), attempts=row.attempts, detail=row.detail)
        for row in connection.execute(query.order_by(outbox_delivery.c.sink))
    )


def read_messages(connection: Connection, *, since: datetime, limit: int) -> tuple[OutgoingMessage, ...]:
    """Messages that were put here at `since` or later, newest first, with what became of them."""
    query = select(outbox).where(outbox.c.created_at >= since).order_by(outbox.c.id.desc()).limit(limit)
    return tuple(
        OutgoingMessage(alert=_message(row), asked=row.asked, deliveries=deliveries(connection, row.id))
        for row in connection.execute(query).all()
    )


def sweep(connection: Connection, *, keep: timedelta, give_up: timedelta, now: datetime) -> int:
    """Give up what no sink has taken for so long, and delete what is over and older than it is to be kept.

    A sink that was taken out of the settings is tried by nobody, so its deliveries end here. Returns how many
    messages were deleted.
    """
    aged = select(outbox.c.id).where(outbox.c.created_at < now - give_up)
    connection.execute(
        update(outbox_delivery)
        .where(_WAITS, outbox_delivery.c.message_id.in_(aged), outbox_delivery.c.next_attempt_at < now)
        .values(state=DeliveryState.GIVEN_UP.value, ended_at=now, detail=func.coalesce(_WHY, NOBODY))
    )
    waits = exists().where(outbox_delivery.c.message_id == outbox.c.id, _WAITS)
    old = connection.execute(
        select(outbox.c.id).where(outbox.c.created_at < now - keep, ~waits).limit(MOST_AT_ONCE)
    ).scalars()
    gone = list(old)
    connection.execute(delete(outbox_delivery).where(outbox_delivery.c.message_id.in_(gone)))
    connection.execute(delete(outbox).where(outbox.c.id.in_(gone)))
    return len(gone)


def _says_the_same(
    connection: Connection, last: OutgoingAlert, request: AlertRequest, *, repeat: timedelta, now: datetime
) -> bool:
    if request.status is not MessageStatus.FIRING or request.severity != last.request.severity:
        return False
    if now - last.created_at >= repeat:
        return False
    # What no sink has taken or will take was not said.
    return any(each.state is not DeliveryState.GIVEN_UP for each in deliveries(connection, last.id))


def _leave_room(connection: Connection, *, more: int, most: int) -> None:
    waiting = connection.execute(select(func.count()).select_from(outbox_delivery).where(_WAITS)).scalar_one()
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
    return None if row is None else _message(row)


def _message(row: Row[Any]) -> OutgoingAlert:
    request = AlertRequest(
        key=row.key,
        status=MessageStatus(row.status),
        alertname=row.alertname,
        severity=row.severity,
        component=row.component,
        message=row.message,
        cluster=row.cluster,
        server=row.server,
        requested_by=row.requested_by,
    )
    return OutgoingAlert(id=row.id, request=request, starts_at=row.starts_at, created_at=row.created_at)
