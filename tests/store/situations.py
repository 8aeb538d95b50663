"""A journal with one cluster in it, and the requests that tests vary one thing of."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rlm_exporter.store.journal import Journal
from rlm_exporter.store.records import (
    AlertStatus,
    ClusterRecord,
    Operation,
    OperationKind,
    OperationState,
    Pin,
    PinKind,
    ReceivedAlert,
    StepOutcome,
)

NOW = datetime(2026, 3, 1, 2, 14, 7, 250_000, tzinfo=UTC)
CLUSTER = "rlm-ha"
ALERT = ReceivedAlert(
    fingerprint="8f3c1b",
    starts_at=NOW,
    status=AlertStatus.FIRING,
    cluster=CLUSTER,
    alertname="RlmActiveServerDown",
    server="rlm1",
)
OLD_ACTIVE_PINNED = (Pin(server="rlm1", kind=PinKind.FAILOVER, since=NOW),)


def later(seconds: float) -> datetime:
    """So many seconds after the story begins."""
    return NOW + timedelta(seconds=seconds)


def url_of(path: Path) -> str:
    """The address of a journal file."""
    return f"sqlite:///{path}"


def alert(**changes: Any) -> ReceivedAlert:
    """The alert of the story, with something changed."""
    return replace(ALERT, **changes)


async def founded(journal: Journal, **changes: Any) -> ClusterRecord:
    """The cluster's first record: rlm1 serves, under epoch 1."""
    first: dict[str, Any] = {
        "cluster": CLUSTER,
        "active": "rlm1",
        "epoch": 1,
        "reason": "the balancer sends to rlm1",
        "now": NOW,
    }
    return await journal.found(**first | changes)


async def claimed(journal: Journal, **changes: Any) -> Operation:
    """A failover from the active server to rlm2, with something changed."""
    record = await journal.cluster(changes.get("cluster", CLUSTER))
    assert record is not None
    request: dict[str, Any] = {
        "cluster": CLUSTER,
        "kind": OperationKind.FAILOVER,
        "rule": "failed_over",
        "source": record.active,
        "target": "rlm2",
        "requested_by": "controller",
        "reason": "rlm1 failed two checks",
        "trigger": "detector",
        "expected_version": record.version,
        "now": later(10),
    }
    return await journal.claim(**request | changes)


async def committed(journal: Journal, operation: Operation, **changes: Any) -> ClusterRecord:
    """The operation ends well, with the old active one pinned."""
    ending: dict[str, Any] = {
        "outcome": "done",
        "pins": OLD_ACTIVE_PINNED,
        "cooldown_until": later(310),
        "now": later(12),
    }
    return await journal.commit(operation.id, **ending | changes)


async def failed(journal: Journal, *, at: datetime, **changes: Any) -> Operation:
    """An attempt that ends without a commit."""
    operation = await claimed(journal, **changes)
    await journal.end(operation.id, state=OperationState.FAILED, outcome="failed_safe", now=at)
    return operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Stepped:
    """An open operation and its first step's number."""

    operation: Operation
    number: int


async def applying(journal: Journal, **changes: Any) -> Stepped:
    """An operation whose step apply has been intended."""
    operation = await claimed(journal, **changes)
    number = await journal.intend(
        operation.id, step="apply", target=operation.target, epoch=operation.epoch, now=later(11)
    )
    return Stepped(operation=operation, number=number)


async def apply_done(journal: Journal, stepped: Stepped) -> None:
    """The step's outcome."""
    await journal.done(
        stepped.operation.id,
        stepped.number,
        outcome=StepOutcome.DONE,
        detail="lb1 sends to rlm2",
        now=later(12),
    )
