"""Alerts on their way to the sinks. Everything here runs in a transaction.

A daemon claims a delivery before it tries it: the time of the next attempt is moved to when the claim runs
out. So several daemons send a message once, and one that dies in between leaves it to the others: it is
sent at least once. A message waits while an older one of the same alert waits at the same sink, so that the
end of an alert never overtakes its beginning.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, exists, func, select, update

from rlm_exporter.store.outbox_records import (
    AlertRequest,
    Claimed,
    Delivery,
    DeliveryState,
    MessageStatus,
    OutgoingAlert,
    OutgoingMessage,
    Retrying,
    Swept,
)
from rlm_exporter.store.tables import outbox, outbox_delivery

MOST_AT_ONCE = 500
"""Messages that one sweep deletes."""
MOST_EARLIER = 100
"""Messages of one alert that are looked through for words that it no longer has."""
NOBODY = "no daemon has this sink"

_WHY = func.nullif(outbox_delivery.c.detail, "")
WAITS = outbox_delivery.c.state == DeliveryState.WAITING.value
"""Deliveries that are still to be made."""


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
        .where(WAITS, outbox_delivery.c.sink.in_(sinks))
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
    return tuple(_claimed(connection, row) for row in due)


def record(
    connection: Connection, claimed: Claimed, *, failure: str | None, retrying: Retrying, now: datetime
) -> bool:
    """How an attempt ended. One that another daemon has claimed meanwhile counts only if it went well.

    Returns whether the delivery was given up with it.
    """
    again_at = now + retrying.pause(claimed.attempt)
    values: dict[str, Any] = {"state": DeliveryState.TAKEN.value, "ended_at": now, "detail": ""}
    here = [
        outbox_delivery.c.message_id == claimed.message.id,
        outbox_delivery.c.sink == claimed.sink,
        WAITS,
    ]
    if failure is not None:
        here.append(outbox_delivery.c.attempts == claimed.attempt)
        values = {"next_attempt_at": again_at, "detail": failure}
        if again_at - claimed.message.created_at > retrying.give_up:
            values |= {"state": DeliveryState.GIVEN_UP.value, "ended_at": now}
    changed = connection.execute(update(outbox_delivery).where(*here).values(values)).rowcount
    return bool(changed) and values.get("state") == DeliveryState.GIVEN_UP.value


def waiting(connection: Connection) -> dict[str, int]:
    """How many deliveries wait, by sink; nothing of sinks for which none does."""
    query = select(outbox_delivery.c.sink, func.count().label("number")).where(WAITS)
    query = query.group_by(outbox_delivery.c.sink)
    return {row.sink: row.number for row in connection.execute(query)}


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
        OutgoingMessage(alert=message_of(row), asked=row.asked, deliveries=deliveries(connection, row.id))
        for row in connection.execute(query).all()
    )


def sweep(connection: Connection, *, keep: timedelta, give_up: timedelta, now: datetime) -> Swept:
    """Give up what no sink has taken for so long, and delete what is over and older than it is to be kept.

    A sink that was taken out of the settings is tried by nobody, so its deliveries end here.
    """
    aged = select(outbox.c.id).where(outbox.c.created_at < now - give_up)
    ended = connection.execute(
        update(outbox_delivery)
        .where(WAITS, outbox_delivery.c.message_id.in_(aged), outbox_delivery.c.next_attempt_at < now)
        .values(state=DeliveryState.GIVEN_UP.value, ended_at=now, detail=func.coalesce(_WHY, NOBODY))
        .returning(outbox_delivery.c.sink)
    ).scalars()
    given_up = Counter(ended)
    waits = exists().where(outbox_delivery.c.message_id == outbox.c.id, WAITS)
    old = connection.execute(
        select(outbox.c.id).where(outbox.c.created_at < now - keep, ~waits).limit(MOST_AT_ONCE)
    ).scalars()
    gone = list(old)
    connection.execute(delete(outbox_delivery).where(outbox_delivery.c.message_id.in_(gone)))
    connection.execute(delete(outbox).where(outbox.c.id.in_(gone)))
    return Swept(deleted=len(gone), given_up=given_up)


def _claimed(connection: Connection, row: Row[Any]) -> Claimed:
    """With what the sink was told of the same alert before: its words may have been others."""
    message = message_of(row)
    query = (
        select(outbox)
        .join(outbox_delivery, outbox_delivery.c.message_id == outbox.c.id)
        .where(outbox.c.key == row.key, outbox.c.starts_at == row.starts_at, outbox.c.id < row.id)
        .where(outbox_delivery.c.sink == row.sink)
        .order_by(outbox.c.id.desc())
        .limit(MOST_EARLIER)
    )
    earlier = tuple(map(message_of, connection.execute(query)))
    return Claimed(message=message, sink=row.sink, attempt=row.attempts + 1, earlier=earlier)


def message_of(row: Row[Any]) -> OutgoingAlert:
    """A row of the outbox as a value."""
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
