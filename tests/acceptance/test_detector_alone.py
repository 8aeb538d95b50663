"""Without Alertmanager: our own detector, HAProxy, and nobody else."""

import time

import pytest

from rlm_exporter.demo.layout import Choices
from rlm_exporter.demo.stage import Stage
from rlm_exporter.simulator.event import ClientKind, Event, EventKind
from rlm_exporter.simulator.history import answers_from, split_sessions
from tests.acceptance.conftest import SetStage
from tests.acceptance.history import Budget, Fault, check_history
from tests.acceptance.seeing import (
    HOLDERS,
    moves,
    seconds_until_served_by,
    under_load,
    wait_free,
    wait_moved,
    wait_ready,
    wait_served,
    watch,
)

pytestmark = pytest.mark.xdist_group("acceptance")

DETECTOR = Choices(triggers=("detector",), detection="fast")
CRASH = 3.5
"""Seconds: HAProxy's own checks take that at the worst, whatever else happens."""
BUSY = 1.5
"""Seconds more where all else on the machine runs too."""


@pytest.mark.row(6)
@pytest.mark.row(21)
@pytest.mark.row(33)
@pytest.mark.case(1)
def test_a_crash_is_over_as_soon_as_haproxy_sees_it_and_the_returning_server_gets_nobody(
    set_stage: SetStage,
) -> None:
    stage = set_stage(DETECTOR)
    under_load(stage)
    wait_free(stage)

    killed = time.monotonic()
    stage.kill("rlm1")
    took = seconds_until_served_by(stage, "rlm2", after=killed, within=10)
    operation = wait_moved(stage)
    stage.start_server("rlm1")
    returned = time.monotonic()
    watch(stage, 8)

    assert took <= CRASH + BUSY
    assert operation["state"] == "committed"
    assert operation["rule"] in {"adopted", "failed_over"}
    assert len(moves(stage)) == 1
    assert answers_from(stage.events(), "rlm1", after=returned) == ()
    assert split_sessions(stage.events()) == ()
    crash = Fault(part="rlm1", since=killed, until=returned)
    check_history(stage, faults=[crash], budget=CRASH + BUSY)
    # It is this history that was judged: told of no fault and of less patience, the same one is wrong.
    with pytest.raises(AssertionError, match=r"I2: .*rlm1 had no fault\nI6: nobody was served"):
        check_history(stage, faults=(), budget=0.5)


@pytest.mark.case(2)
def test_a_hang_is_over_within_fifteen_seconds_and_its_stuck_sessions_are_cut(set_stage: SetStage) -> None:
    stage = set_stage(DETECTOR)
    under_load(stage)

    hung = time.monotonic()
    stage.stop_server("rlm1")
    took = seconds_until_served_by(stage, "rlm2", after=hung, within=25)
    operation = wait_moved(stage)
    stage.wait(lambda: len(cut(stage, after=hung)) == HOLDERS, "every stuck session cut", within=5)
    stage.continue_server("rlm1")
    continued = time.monotonic()
    watch(stage, 6)

    assert took <= 15
    assert (operation["kind"], operation["rule"]) == ("failover", "failed_over")
    assert len(moves(stage)) == 1
    assert answers_from(stage.events(), "rlm1", after=continued) == ()
    check_history(stage, faults=[Fault(part="rlm1", since=hung, until=continued)], budget=15)


def cut(stage: Stage, *, after: float) -> list[Event]:
    """Seats on rlm1 that were ended from outside."""
    return [
        event
        for event in stage.events()
        if event.kind is EventKind.LOST and event.client is ClientKind.HOLDER and event.t > after
    ]


@pytest.mark.case(32)
def test_a_first_start_beside_a_balancer_that_serves_from_rlm2_moves_nobody(set_stage: SetStage) -> None:
    stage = set_stage(DETECTOR)
    stage.kill("rlm1")
    stage.start_clients(holders=5)
    seconds_until_served_by(stage, "rlm2", after=0, within=20)
    wait_served(stage, holders=5)
    stage.start_server("rlm1")

    started = time.monotonic()
    stage.start_daemon()
    wait_ready(stage)
    watch(stage, 5)

    cluster = stage.cluster()
    assert cluster is not None
    assert cluster["active"] == "rlm2"
    assert [operation["kind"] for operation in stage.operations()] == ["first_start"]
    events = stage.events()
    assert [event for event in events if event.kind == "lost" and event.t > started] == []
    assert answers_from(events, "rlm1", after=started) == ()
    check_history(stage, faults=(), budgets=[Budget(seconds=1, since=started, until=time.monotonic())])
