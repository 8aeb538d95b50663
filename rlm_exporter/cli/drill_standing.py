"""What the daemon's status means for a drill: who is active, who could be, what speaks against it (pure)."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from rlm_exporter.cli.answers import ClusterStatus, OperationView
from rlm_exporter.cli.phrases import between
from rlm_exporter.drill.ports import Standing
from rlm_exporter.drill.trip import THERE

UNRETURNED = timedelta(hours=1)
"""For so long after a drill's move, if no other followed, somebody may still mean to return."""


def standing_of(status: ClusterStatus, *, now: datetime) -> Standing:
    """By what the daemon says."""
    operation = status.failover.operation
    return Standing(
        active=status.active,
        ready=status.ready,
        because=status.not_ready_because,
        standbys=tuple(
            server.name
            for server in status.servers
            if not server.active and server.license.state == "up" and not server.license.degraded
            if "maintenance" not in server.pinned
        ),
        held=tuple(_held(status, now)),
        moving=None if operation is None else _running(operation),
    )


def _held(status: ClusterStatus, now: datetime) -> Iterator[str]:
    failover = status.failover
    if failover.operation is not None:
        yield _running(failover.operation)
    if failover.paused_until is not None:
        until = failover.paused_until.isoformat(timespec="minutes")
        yield f"failovers are paused until {until} (to end that: rlm-ha licenses resume {status.name})"
    if failover.cooldown_remaining_seconds > 0:
        yield (
            f"clients were moved by a failover just now, and the cooldown runs for "
            f"{failover.cooldown_remaining_seconds:.0f} s more (to end it: rlm-ha licenses ack {status.name})"
        )
    last = failover.last_operation
    if last is not None and _is_away(last, now):
        ago = between(last.committed_at or last.started_at, now)
        yield (
            f"the last move was a drill's (operation {last.id} of {last.requested_by}, {ago} ago), which has "
            f"not returned: wait for it, or return by hand: rlm-ha licenses switchover {status.name} "
            f"--to {last.source}"
        )


def _is_away(operation: OperationView, now: datetime) -> bool:
    """Whether a drill has moved clients with it, and not back."""
    begun = operation.committed_at
    return operation.reason == THERE and begun is not None and now - begun < UNRETURNED


def _running(operation: OperationView) -> str:
    return f"operation {operation.id} ({operation.kind} to {operation.target}) is under way"
