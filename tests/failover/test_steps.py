"""Where an operation goes on after a crash, and which pins a move leaves."""

from typing import Any

import pytest

from rlm_exporter.failover.steps import (
    StepName,
    has_touched_balancers,
    is_rolling_back,
    pinned_after,
    resume_at,
)
from rlm_exporter.store.records import (
    Operation,
    OperationKind,
    OperationState,
    Pin,
    PinKind,
    Step,
    StepOutcome,
)
from tests.failover.situations import CLUSTER, NOW, pin

DONE, PARTIAL, FAILED = StepOutcome.DONE, StepOutcome.PARTIAL, StepOutcome.FAILED


def step(
    name: StepName, outcome: StepOutcome | None = DONE, *, target: str = "rlm2", number: int = 1
) -> Step:
    return Step(
        number=number,
        step=name,
        target=target,
        epoch=8,
        intent_at=NOW,
        done_at=None if outcome is None else NOW,
        outcome=outcome,
    )


def operation(*steps: Step, **changes: Any) -> Operation:
    usual: dict[str, Any] = {
        "id": 1,
        "cluster": CLUSTER.name,
        "kind": OperationKind.FAILOVER,
        "rule": "failed_over",
        "state": OperationState.OPEN,
        "outcome": "",
        "source": "rlm1",
        "target": "rlm2",
        "epoch": 8,
        "requested_by": "controller",
        "reason": "",
        "trigger": "detector",
        "started_at": NOW,
        "steps": steps,
    }
    return Operation(**usual | changes)


def test_an_operation_without_a_step_begins_at_the_beginning() -> None:
    assert resume_at(operation()) is StepName.BEFORE_HOOKS


@pytest.mark.parametrize("name", [name for name in StepName if name is not StepName.AFTER_HOOKS])
def test_a_step_without_an_outcome_is_run_again(name: StepName) -> None:
    assert resume_at(operation(step(name, None))) is name


@pytest.mark.parametrize("outcome", [DONE, PARTIAL, StepOutcome.SKIPPED])
@pytest.mark.parametrize(
    ("name", "then"),
    [
        (StepName.BEFORE_HOOKS, StepName.FENCE),
        (StepName.FENCE, StepName.APPLY),
        (StepName.APPLY, StepName.VERIFY),
        (StepName.VERIFY, StepName.COMMIT),
        (StepName.COMMIT, StepName.COMMIT),
    ],
)
def test_after_a_step_that_went_well_comes_the_next(
    name: StepName, then: StepName, outcome: StepOutcome
) -> None:
    assert resume_at(operation(step(name, outcome))) is then


@pytest.mark.parametrize("name", [StepName.BEFORE_HOOKS, StepName.FENCE])
def test_a_failed_preparation_ends_it(name: StepName) -> None:
    assert resume_at(operation(step(name, FAILED))) is None


@pytest.mark.parametrize("name", [StepName.APPLY, StepName.VERIFY])
def test_a_failed_move_is_tried_again(name: StepName) -> None:
    assert resume_at(operation(step(name, FAILED))) is StepName.APPLY


def test_the_last_step_counts() -> None:
    steps = (
        step(StepName.FENCE),
        step(StepName.APPLY, FAILED, number=2),
        step(StepName.APPLY, None, number=3, target="rlm3"),
    )
    assert resume_at(operation(*steps)) is StepName.APPLY


def test_balancers_are_touched_from_the_intent_to_apply_on() -> None:
    assert not has_touched_balancers(operation(step(StepName.FENCE)))
    assert has_touched_balancers(operation(step(StepName.FENCE), step(StepName.APPLY, None, number=2)))


def test_an_operation_that_had_led_elsewhere_and_leads_back_is_rolling_back() -> None:
    failed = step(StepName.APPLY, FAILED, target="rlm2")
    assert is_rolling_back(operation(failed, target="rlm1"))
    assert not is_rolling_back(operation(failed, target="rlm3"))


@pytest.mark.parametrize("kind", [OperationKind.RESYNC, OperationKind.SWITCHOVER])
def test_an_operation_that_leads_to_the_active_server_from_the_first_is_not(kind: OperationKind) -> None:
    """A balancer that had moved by itself is called back: that is a move, and no failure."""
    called_back = operation(step(StepName.APPLY, None, target="rlm1"), kind=kind, target="rlm1")
    assert not is_rolling_back(called_back)
    assert not is_rolling_back(operation(kind=kind, target="rlm1"))


# ---- pins


def pins(of: Operation, *, before: tuple[Pin, ...] = ()) -> dict[str, PinKind]:
    after = pinned_after(of, before)
    assert len({each.server for each in after}) == len(after)
    return {each.server: each.kind for each in after}


@pytest.mark.parametrize("kind", [OperationKind.FAILOVER, OperationKind.SWITCHOVER, OperationKind.FAILBACK])
def test_a_move_pins_the_old_active_one(kind: OperationKind) -> None:
    assert pins(operation(kind=kind)) == {"rlm1": PinKind.FAILOVER}


@pytest.mark.parametrize("kind", [OperationKind.ADOPT, OperationKind.RESYNC])
def test_what_only_follows_pins_nobody(kind: OperationKind) -> None:
    assert pins(operation(kind=kind)) == {}


def test_the_target_loses_its_pin() -> None:
    assert "rlm2" not in pins(operation(), before=(pin("rlm2"),))


def test_longer_pins_of_others_stay() -> None:
    before = (pin("rlm3", PinKind.MAINTENANCE),)
    assert pins(operation(), before=before)["rlm3"] is PinKind.MAINTENANCE


def test_the_old_active_one_keeps_a_pin_that_it_had() -> None:
    before = (pin("rlm1", PinKind.MAINTENANCE),)
    assert pins(operation(), before=before)["rlm1"] is PinKind.MAINTENANCE


def test_what_an_older_version_left_to_settle_is_forgotten() -> None:
    assert pins(operation(), before=(pin("rlm3", PinKind.SETTLE),)) == {"rlm1": PinKind.FAILOVER}


def test_a_first_start_pins_nobody() -> None:
    assert pins(operation(kind=OperationKind.FIRST_START, source=None)) == {}
