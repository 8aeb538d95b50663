"""The steps of an operation, their order, and where one is taken up again after a crash. Pure.

Every step's intent is written before it runs and its outcome after, and every step can be repeated.
"""

from datetime import datetime
from enum import StrEnum

from rlm_exporter.store.records import Operation, OperationKind, OperationState, Pin, PinKind, StepOutcome


class StepName(StrEnum):
    """The word in the journal and the metric label."""

    BEFORE_HOOKS = "before_hooks"
    FENCE = "fence"
    APPLY = "apply"
    VERIFY = "verify"
    COMMIT = "commit"
    AFTER_HOOKS = "after_hooks"


ORDER = (StepName.BEFORE_HOOKS, StepName.FENCE, StepName.APPLY, StepName.VERIFY, StepName.COMMIT)


def resume_at(operation: Operation) -> StepName | None:
    """The step with which an open operation goes on; None when it has to be aborted.

    One without an outcome is run again. A failed apply or verify is tried again on the same target, and
    if it fails again the next candidate is chosen as it would have been.
    """
    if not operation.steps:
        return StepName.BEFORE_HOOKS
    last = operation.steps[-1]
    name = StepName(last.step)
    if last.outcome is None:
        return name
    if last.outcome is StepOutcome.FAILED:
        return None if name in {StepName.BEFORE_HOOKS, StepName.FENCE} else StepName.APPLY
    return ORDER[min(ORDER.index(name) + 1, len(ORDER) - 1)]


def is_to_be_announced(operation: Operation) -> bool:
    """Whether it was committed and its hooks for afterwards have not run to their end."""
    announced = any(step.step == StepName.AFTER_HOOKS and step.outcome for step in operation.steps)
    return has_moved(operation) and not announced


def announcing_has_begun(operation: Operation) -> bool:
    """Whether its hooks for afterwards were begun, to whatever end."""
    return any(step.step == StepName.AFTER_HOOKS for step in operation.steps)


def has_moved(operation: Operation) -> bool:
    """Whether it was committed and clients are elsewhere since."""
    still = {OperationKind.FIRST_START, OperationKind.RESYNC}
    return operation.state is OperationState.COMMITTED and operation.kind not in still


def has_touched_balancers(operation: Operation) -> bool:
    """Whether a balancer may have been steered for it: then it cannot just be forgotten."""
    return any(step.step == StepName.APPLY for step in operation.steps)


def is_rolling_back(operation: Operation) -> bool:
    """Whether it leads back to where it began, after it had led somewhere else.

    A resync, or a move by hand that calls a balancer back, leads to the active server from the first.
    """
    elsewhere = any(step.target != operation.target for step in operation.steps)
    return operation.target == operation.source and elsewhere


def pinned_after(operation: Operation, before: tuple[Pin, ...]) -> tuple[Pin, ...]:
    """The pins of a committed move: the old active one is held until it has proved itself.

    An adoption pins nobody: the stick table, not the pin, prevents failback. A pin of the target ends.
    """
    kept = tuple(pin for pin in before if pin.kind is not PinKind.SETTLE and pin.server != operation.target)
    if not _pins_source(operation, kept):
        return kept
    return (*kept, Pin(server=str(operation.source), kind=PinKind.FAILOVER, since=operation.started_at))


def _pins_source(operation: Operation, kept: tuple[Pin, ...]) -> bool:
    pinning = {OperationKind.FAILOVER, OperationKind.SWITCHOVER, OperationKind.FAILBACK}
    moved = operation.source is not None and operation.source != operation.target
    return operation.kind in pinning and moved and all(pin.server != operation.source for pin in kept)


def with_maintenance(pins: tuple[Pin, ...], server: str, *, enable: bool, now: datetime) -> tuple[Pin, ...]:
    """The pins with one server in maintenance, or out of it. One pin a server: this outlasts the others."""
    others = tuple(pin for pin in pins if pin.server != server)
    mine = tuple(pin for pin in pins if pin.server == server)
    if enable:
        return (*others, Pin(server=server, kind=PinKind.MAINTENANCE, since=now))
    return (*others, *(pin for pin in mine if pin.kind is not PinKind.MAINTENANCE))
