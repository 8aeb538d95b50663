"""How an operation comes about, goes on and ends. Everything here runs in a transaction."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, update

from rlm_exporter.errors import JournalError
from rlm_exporter.store.alerts import link_alerts
from rlm_exporter.store.clusters import expected_cluster, known_cluster, save_cluster
from rlm_exporter.store.errors import ConflictError
from rlm_exporter.store.history import known_operation, read_open_operation, read_operation_by_key
from rlm_exporter.store.records import (
    ClusterRecord,
    Operation,
    OperationKind,
    OperationState,
    Pin,
    StepOutcome,
)
from rlm_exporter.store.tables import operation, operation_step


def claim_operation(
    connection: Connection,
    *,
    cluster: str,
    kind: OperationKind,
    rule: str,
    source: str | None,
    target: str,
    requested_by: str,
    reason: str,
    trigger: str,
    expected_version: int,
    fingerprints: Iterable[str],
    idempotency_key: str | None,
    minimum_epoch: int,
    now: datetime,
) -> Operation:
    """Open an operation with an epoch that nobody has used, if nothing is in the way."""
    _refuse_if_in_the_way(connection, cluster, idempotency_key)
    record = expected_cluster(connection, cluster, expected_version)
    epoch = max(record.highest_epoch + 1, minimum_epoch)
    save_cluster(connection, replace(record, highest_epoch=epoch), now=now)
    written = connection.execute(
        insert(operation)
        .values(
            cluster=cluster,
            kind=kind,
            rule=rule,
            state=OperationState.OPEN,
            outcome="",
            source=source,
            target=target,
            epoch=epoch,
            requested_by=requested_by,
            reason=reason,
            trigger=trigger,
            started_at=now,
            idempotency_key=idempotency_key,
        )
        .returning(operation.c.id)
    )
    operation_id = written.scalar_one()
    link_alerts(connection, operation_id=operation_id, cluster=cluster, fingerprints=fingerprints)
    return known_operation(connection, operation_id)


def link_operation_alerts(
    connection: Connection, *, operation_id: int, fingerprints: Iterable[str]
) -> Operation:
    """Alerts that came while the operation was under way, or after it."""
    cluster = known_operation(connection, operation_id).cluster
    link_alerts(connection, operation_id=operation_id, cluster=cluster, fingerprints=fingerprints)
    return known_operation(connection, operation_id)


def write_intent(
    connection: Connection, *, operation_id: int, step: str, target: str, epoch: int, now: datetime
) -> int:
    """What is about to be done; its number. After a commit too: hooks and notices follow it."""
    current = known_operation(connection, operation_id)
    if current.state is not OperationState.COMMITTED:
        _refuse_ended(current)
    newest = select(func.coalesce(func.max(operation_step.c.number), 0)).where(
        operation_step.c.operation_id == operation_id
    )
    number = int(connection.execute(newest).scalar_one()) + 1
    connection.execute(
        insert(operation_step).values(
            operation_id=operation_id,
            number=number,
            step=step,
            target=target,
            epoch=epoch,
            intent_at=now,
            detail="",
        )
    )
    return number


def write_outcome(
    connection: Connection,
    *,
    operation_id: int,
    number: int,
    outcome: StepOutcome,
    detail: str,
    now: datetime,
) -> None:
    """What came of it, once; the same again changes nothing, another is refused."""
    written = connection.execute(
        update(operation_step)
        .where(
            operation_step.c.operation_id == operation_id,
            operation_step.c.number == number,
            operation_step.c.done_at.is_(None),
        )
        .values(outcome=outcome, detail=detail, done_at=now)
    )
    if written.rowcount == 1:
        return
    for step in known_operation(connection, operation_id).steps:
        if step.number == number:
            if (step.outcome, step.detail) == (outcome, detail):
                return
            raise JournalError(
                f"operation {operation_id}, step {number} ({step.step}): its outcome stands already "
                f"({step.outcome})"
            )
    raise JournalError(f"operation {operation_id} has no step {number}")


def retarget_operation(
    connection: Connection, *, operation_id: int, target: str, minimum_epoch: int, now: datetime
) -> Operation:
    """Lead an open operation to another server, under an epoch of its own."""
    current = known_operation(connection, operation_id)
    _refuse_ended(current)
    record = known_cluster(connection, current.cluster)
    epoch = max(record.highest_epoch + 1, minimum_epoch)
    save_cluster(connection, replace(record, highest_epoch=epoch), now=now)
    connection.execute(
        update(operation).where(operation.c.id == operation_id).values(target=target, epoch=epoch)
    )
    return known_operation(connection, operation_id)


def commit_operation(
    connection: Connection,
    *,
    operation_id: int,
    outcome: str,
    pins: tuple[Pin, ...],
    cooldown_until: datetime | None,
    now: datetime,
) -> ClusterRecord:
    """Make the operation's target the cluster's truth; a commit made already stays as it is."""
    current = known_operation(connection, operation_id)
    record = known_cluster(connection, current.cluster)
    if current.state is OperationState.COMMITTED:
        return record
    _refuse_ended(current)
    moved = replace(
        record,
        active=current.target,
        active_since=record.active_since if record.active == current.target else now,
        epoch=current.epoch,
        pins=pins,
        cooldown_until=cooldown_until or record.cooldown_until,
    )
    _close(connection, current, OperationState.COMMITTED, outcome, now=now)
    return save_cluster(connection, moved, now=now)


def end_operation(
    connection: Connection, *, operation_id: int, state: OperationState, outcome: str, now: datetime
) -> None:
    """Close an operation that changed nothing which lasts; the same again changes nothing."""
    if state not in {OperationState.ABORTED, OperationState.FAILED}:
        raise ValueError(f"an operation cannot be ended as {state}")
    current = known_operation(connection, operation_id)
    if current.state is state:
        return
    _refuse_ended(current)
    _close(connection, current, state, outcome, now=now)


def roll_back_operation(
    connection: Connection,
    *,
    operation_id: int,
    pins: tuple[Pin, ...],
    outcome: str,
    now: datetime,
) -> ClusterRecord:
    """Close an operation as failed that the balancers have seen: active stays, its epoch is now ours."""
    current = known_operation(connection, operation_id)
    record = known_cluster(connection, current.cluster)
    if current.state is OperationState.FAILED:
        return record
    _refuse_ended(current)
    _close(connection, current, OperationState.FAILED, outcome, now=now)
    return save_cluster(connection, replace(record, epoch=current.epoch, pins=pins), now=now)


def _refuse_if_in_the_way(connection: Connection, cluster: str, key: str | None) -> None:
    same = None if key is None else read_operation_by_key(connection, cluster, key)
    if same is not None:
        raise ConflictError(
            f"cluster {cluster}: operation {same.id} was made with this idempotency key already",
            operation_id=same.id,
        )
    current = read_open_operation(connection, cluster)
    if current is not None:
        raise ConflictError(
            f"cluster {cluster}: operation {current.id} ({current.kind} to {current.target}) is under way",
            operation_id=current.id,
        )


def _refuse_ended(current: Operation) -> None:
    if current.state is not OperationState.OPEN:
        raise JournalError(f"operation {current.id} ended already: {current.state}, {current.outcome}")


def _close(
    connection: Connection, current: Operation, state: OperationState, outcome: str, *, now: datetime
) -> None:
    connection.execute(
        update(operation)
        .where(operation.c.id == current.id)
        .values(
            state=state,
            outcome=outcome,
            committed_at=now if state is OperationState.COMMITTED else None,
            ended_at=now,
        )
    )
