"""Reading operations, and decisions that held. Everything here runs in a transaction."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Executable, func, insert, or_, select
from sqlalchemy.engine import RowMapping

from rlm_exporter.errors import JournalError
from rlm_exporter.store.alerts import alerts_of
from rlm_exporter.store.records import (
    FailedAttempts,
    HeldDecision,
    Operation,
    OperationKind,
    OperationState,
    Step,
    StepOutcome,
)
from rlm_exporter.store.tables import cluster as cluster_table
from rlm_exporter.store.tables import decision, operation, operation_step

BY_HAND = "operator"
"""The trigger of a move that somebody asked for. Who asked is free text, and proves nothing."""

# Operations after which somebody else is active.
_MOVES = tuple(
    kind.value for kind in OperationKind if kind not in {OperationKind.FIRST_START, OperationKind.RESYNC}
)


def read_operation(connection: Connection, operation_id: int) -> Operation | None:
    """One operation with its steps and alerts."""
    return _one(connection, select(operation).where(operation.c.id == operation_id))


def known_operation(connection: Connection, operation_id: int) -> Operation:
    """One operation that must be there."""
    found = read_operation(connection, operation_id)
    if found is None:
        raise JournalError(f"there is no operation {operation_id} in the journal")
    return found


def read_open_operation(connection: Connection, cluster: str) -> Operation | None:
    """The operation that is under way, if there is one."""
    return _one(
        connection,
        select(operation).where(
            operation.c.cluster == cluster, operation.c.state == OperationState.OPEN.value
        ),
    )


def read_operation_by_key(connection: Connection, cluster: str, key: str) -> Operation | None:
    """The operation that an earlier request with this idempotency key made."""
    return _one(
        connection,
        select(operation).where(operation.c.cluster == cluster, operation.c.idempotency_key == key),
    )


def read_last_operation(connection: Connection, cluster: str) -> Operation | None:
    """The newest operation, whatever its state."""
    return _one(
        connection,
        select(operation).where(operation.c.cluster == cluster).order_by(operation.c.id.desc()).limit(1),
    )


def read_operations(
    connection: Connection, cluster: str, *, since: datetime | None, limit: int
) -> tuple[Operation, ...]:
    """The newest operations first, those that started at `since` or later."""
    query = select(operation).where(operation.c.cluster == cluster)
    if since is not None:
        query = query.where(operation.c.started_at >= since)
    return _load(connection, query.order_by(operation.c.id.desc()).limit(limit))


def count_moves(connection: Connection, cluster: str, *, since: datetime) -> int:
    """Committed moves, adoptions included; what moved nobody (first start, resync) does not count."""
    query = select(func.count()).where(
        operation.c.cluster == cluster,
        operation.c.committed_at >= since,
        operation.c.kind.in_(_MOVES),
    )
    return connection.execute(query).scalar_one()


def count_failed_attempts(connection: Connection, cluster: str) -> FailedAttempts:
    """What ended without a commit since the active server is the active one.

    Not by epoch: a roll-back and a resync raise the committed epoch, and the incident goes on.
    """
    last_move = (
        select(func.coalesce(func.max(operation.c.id), 0))
        .where(
            operation.c.cluster == cluster,
            operation.c.state == OperationState.COMMITTED.value,
            or_(operation.c.kind != OperationKind.RESYNC.value, operation.c.source != operation.c.target),
        )
        .scalar_subquery()
    )
    seen = select(cluster_table.c.acknowledged_at).where(cluster_table.c.name == cluster).scalar_subquery()
    query = select(func.count().label("count"), func.max(operation.c.ended_at).label("last")).where(
        operation.c.cluster == cluster,
        operation.c.id > last_move,
        or_(seen.is_(None), operation.c.ended_at > seen),
        operation.c.state.in_((OperationState.ABORTED.value, OperationState.FAILED.value)),
    )
    row = connection.execute(query).mappings().one()
    return FailedAttempts(count=row["count"], last_ended_at=row["last"])


def read_automatic_moves(
    connection: Connection, cluster: str, *, since: datetime, limit: int
) -> tuple[datetime, ...]:
    """Commit times of moves that nobody asked for, newest first."""
    query = (
        select(operation.c.committed_at)
        .where(
            operation.c.cluster == cluster,
            operation.c.committed_at >= since,
            operation.c.trigger != BY_HAND,
            operation.c.kind.in_((OperationKind.FAILOVER.value, OperationKind.ADOPT.value)),
        )
        .order_by(operation.c.committed_at.desc())
        .limit(limit)
    )
    return tuple(connection.execute(query).scalars())


def insert_held(
    connection: Connection, *, cluster: str, rule: str, trigger: str, detail: str, now: datetime
) -> None:
    """Write one decision that held."""
    connection.execute(
        insert(decision).values(cluster=cluster, at=now, rule=rule, trigger=trigger, detail=detail)
    )


def read_held(
    connection: Connection, cluster: str, *, since: datetime | None, limit: int
) -> tuple[HeldDecision, ...]:
    """The newest decisions that held first, those at `since` or later."""
    query = select(decision).where(decision.c.cluster == cluster)
    if since is not None:
        query = query.where(decision.c.at >= since)
    rows = connection.execute(query.order_by(decision.c.id.desc()).limit(limit)).mappings()
    return tuple(_held(row) for row in rows)


def _one(connection: Connection, query: Executable) -> Operation | None:
    loaded = _load(connection, query)
    return loaded[0] if loaded else None


def _load(connection: Connection, query: Executable) -> tuple[Operation, ...]:
    """Operations in the query's order: three statements, however many operations there are."""
    rows = connection.execute(query).mappings().all()
    ids = [row["id"] for row in rows]
    steps = _steps(connection, ids)
    alerts = alerts_of(connection, ids)
    return tuple(
        Operation(
            id=row["id"],
            cluster=row["cluster"],
            kind=OperationKind(row["kind"]),
            rule=row["rule"],
            state=OperationState(row["state"]),
            outcome=row["outcome"],
            source=row["source"],
            target=row["target"],
            epoch=row["epoch"],
            requested_by=row["requested_by"],
            reason=row["reason"],
            trigger=row["trigger"],
            started_at=row["started_at"],
            committed_at=row["committed_at"],
            ended_at=row["ended_at"],
            steps=tuple(steps.get(row["id"], ())),
            alerts=tuple(alerts.get(row["id"], ())),
            idempotency_key=row["idempotency_key"],
        )
        for row in rows
    )


def _steps(connection: Connection, operation_ids: Sequence[int]) -> dict[int, list[Step]]:
    steps: dict[int, list[Step]] = {}
    query = (
        select(operation_step)
        .where(operation_step.c.operation_id.in_(operation_ids))
        .order_by(operation_step.c.operation_id, operation_step.c.number)
    )
    for row in connection.execute(query).mappings():
        steps.setdefault(row["operation_id"], []).append(_step(row))
    return steps


def _step(row: RowMapping) -> Step:
    return Step(
        number=row["number"],
        step=row["step"],
        target=row["target"],
        epoch=row["epoch"],
        intent_at=row["intent_at"],
        done_at=row["done_at"],
        outcome=None if row["outcome"] is None else StepOutcome(row["outcome"]),
        detail=row["detail"],
    )


def _held(row: RowMapping) -> HeldDecision:
    return HeldDecision(
        id=row["id"],
        cluster=row["cluster"],
        at=row["at"],
        rule=row["rule"],
        trigger=row["trigger"],
        detail=row["detail"],
    )
