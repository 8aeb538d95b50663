"""What balancers are to have when nobody in particular is wanted, and for how long."""

from dataclasses import replace

import pytest

from rlm_exporter.failover.desired import committed_desired, is_left_to_balancers
from rlm_exporter.haproxy.view import Desired
from rlm_exporter.store.records import Operation, OperationKind, OperationState, PinKind
from tests.failover.situations import EPOCH, NAMES, NOW, pin, record


def operation(epoch: int, state: OperationState, outcome: str = "") -> Operation:
    """A failover from rlm1 to rlm2."""
    return Operation(
        id=epoch,
        cluster="rlm-ha",
        kind=OperationKind.FAILOVER,
        rule="failed_over",
        state=state,
        outcome=outcome,
        source="rlm1",
        target="rlm2",
        epoch=epoch,
        requested_by="controller",
        reason="rlm1 is down",
        trigger="detector",
        started_at=NOW,
    )


LEFT = operation(EPOCH, OperationState.FAILED, "failed_safe")


@pytest.mark.parametrize("outcome", ["failed_safe", "not_verified"])
def test_an_operation_may_leave_it_to_the_balancers(outcome: str) -> None:
    assert is_left_to_balancers(record(), (replace(LEFT, outcome=outcome),))
    assert not is_left_to_balancers(record(), (replace(LEFT, outcome="rolled_back"),))
    assert not is_left_to_balancers(record(), (replace(LEFT, epoch=EPOCH - 1),))
    assert not is_left_to_balancers(record(), ())


@pytest.mark.parametrize(
    "later",
    [operation(EPOCH + 1, OperationState.ABORTED, "aborted"), operation(EPOCH + 1, OperationState.OPEN)],
    ids=["aborted", "open"],
)
def test_what_came_later_and_changed_nothing_leaves_it_at_that(later: Operation) -> None:
    """Otherwise a restart would lead clients to the recorded server, under an epoch that wanted nobody."""
    assert is_left_to_balancers(record(), (later, LEFT))


def test_where_nobody_is_wanted_the_active_one_is_held_like_any_other() -> None:
    held = record(pins=(pin("rlm1", PinKind.MAINTENANCE), pin("rlm2"), pin("gone")))
    wanted = committed_desired(held, frozenset(NAMES), let_be=True)
    assert wanted == Desired(epoch=EPOCH, active=None, pinned=frozenset({"rlm1", "rlm2"}))
    wanted = committed_desired(held, frozenset(NAMES))
    assert wanted == Desired(epoch=EPOCH, active="rlm1", pinned=frozenset({"rlm2"}))
