"""What balancers are to have, from the record or from an operation. Pure.

A server is pinned until a failover's fault is over or an operator says so. That every other one is held for
some seconds after a move is the balancer's own business.
"""

from rlm_exporter.failover.steps import pinned_after
from rlm_exporter.haproxy.view import Desired
from rlm_exporter.store.records import ClusterRecord, Operation, OperationState, Pin, PinKind

FAILED_SAFE = "failed_safe"
NOT_VERIFIED = "not_verified"
LEFT_TO_BALANCERS = frozenset({FAILED_SAFE, NOT_VERIFIED})
"""Outcomes after which nobody in particular is wanted: balancers choose, and the rules follow."""


def committed_desired(record: ClusterRecord, members: frozenset[str], *, let_be: bool = False) -> Desired:
    """The committed state; with `let_be` nobody is wanted. A pinned server may have left the manifest."""
    active = None if let_be else record.active
    spared = frozenset() if active is None else frozenset({active})
    return Desired(epoch=record.epoch, active=active, pinned=_long(record.pins) & members - spared)


def operation_desired(operation: Operation, pins: tuple[Pin, ...], members: frozenset[str]) -> Desired:
    """An open operation's target under its epoch, with the pins that its commit will write.

    An operation can stay open for long, while the journal is away: another standby must then be free to
    serve if the target dies.
    """
    pinned = _long(pinned_after(operation, pins)) & members - {operation.target}
    return Desired(epoch=operation.epoch, active=operation.target, pinned=pinned)


def is_left_to_balancers(record: ClusterRecord, operations: tuple[Operation, ...]) -> bool:
    """Whether the operation of the record's epoch has left it to the balancers whom they send clients to.

    Later ones that changed nothing, or that have only begun, leave it at that.
    """
    return any(
        each.epoch == record.epoch
        and each.state is not OperationState.OPEN
        and each.outcome in LEFT_TO_BALANCERS
        for each in operations
    )


def _long(pins: tuple[Pin, ...]) -> frozenset[str]:
    return frozenset(pin.server for pin in pins if pin.kind is not PinKind.SETTLE)
