"""Faults that come at an awkward moment, under load, judged by what the clients saw."""

import shutil
import time
from collections.abc import Callable

import pytest

from rlm_exporter.demo.layout import Choices
from rlm_exporter.demo.processes import StageError
from rlm_exporter.demo.stage import Stage
from rlm_exporter.simulator.control import set_mode
from rlm_exporter.simulator.history import answers_from, sessions, split_sessions
from rlm_exporter.simulator.mode import Mode
from tests.acceptance.conftest import SetStage
from tests.acceptance.evidence import ADOPTION_LAG, SOON
from tests.acceptance.history import Budget, Fault, check_history
from tests.acceptance.limits import HANG
from tests.acceptance.seeing import (
    FAST,
    ask_for,
    cluster,
    moves,
    seconds_until_served_by,
    server,
    settled_on,
    under_load,
    wait_free,
    wait_moved,
    wait_ready,
    watch,
)

# Not with those that measure seconds: what counts here is the order of things.
pytestmark = pytest.mark.xdist_group("faults")

FOLLOWED = 60.0
"""Seconds after which a balancer is followed that has left a healthy server."""

CALM = Choices(triggers=("detector",), detection="normal", interval="6s", timeout="2s", retries=3)


def checked_again(stage: Stage, name: str) -> Callable[[], bool]:
    """Whether the server has had a good check since now."""
    before = server(stage, name)["license"]["checked_at"]

    def claim() -> bool:
        seen = server(stage, name)["license"]
        return bool(seen["checked_at"] > before and seen["state"] == "up")

    return claim


@pytest.mark.case(3)
def test_a_dead_isv_server_is_a_failover_although_rlm_goes_on_answering(set_stage: SetStage) -> None:
    stage = set_stage(FAST)
    under_load(stage)

    died = time.monotonic()
    set_mode(stage.folder / "rlm1.control", Mode.ISV_DEAD)
    operation = wait_moved(stage)
    seconds_until_served_by(stage, "rlm2", after=died, within=10)
    watch(stage, 6)

    assert (operation["rule"], operation["state"], operation["to"]) == ("failed_over", "committed", "rlm2")
    assert "ISV server siemens" in operation["reason"]
    assert server(stage, "rlm1")["license"]["reason"] == "isv_down"
    assert len(moves(stage)) == 1
    check_history(stage, faults=[Fault(part="rlm1", since=died)], budget=HANG)


@pytest.mark.row(5)
@pytest.mark.case(5)
def test_one_slow_attempt_and_a_quick_restart_of_rlm_move_nobody(set_stage: SetStage) -> None:
    stage = set_stage(CALM)
    under_load(stage)

    slow = time.monotonic()
    set_mode(stage.folder / "rlm1.control", Mode.SLOW, seconds=2.5)
    watch(stage, 3)
    set_mode(stage.folder / "rlm1.control", Mode.OK)
    well = time.monotonic()
    stage.wait(checked_again(stage, "rlm1"), "a good check after the slow time", within=20)

    killed = time.monotonic()
    stage.kill("rlm1")
    # HAProxy may have it down four seconds after this, and a slow machine takes two to start it.
    watch(stage, 0.5)
    stage.start_server("rlm1")
    returned = time.monotonic()
    stage.wait(checked_again(stage, "rlm1"), "a good check after the restart", within=20)
    watch(stage, 4)

    assert moves(stage) == []
    assert cluster(stage)["active"] == cluster(stage)["balancers"][0]["active"] == "rlm1"
    late = [event for event in sessions(stage.events()) if event.started > returned + 2]
    assert late
    assert {event.main for event in late} == {"rlm1"}
    # A fault explains a move; none may come of these, so they are not told.
    check_history(stage, faults=(), budgets=[_budget(slow, well, 2), _budget(killed, returned, 3)])


@pytest.mark.row(21)
@pytest.mark.case(7)
def test_a_server_that_is_back_a_second_after_its_crash_changes_hands_once_or_not_at_all(
    set_stage: SetStage,
) -> None:
    stage = set_stage(FAST)
    under_load(stage)
    wait_free(stage)

    killed = time.monotonic()
    stage.kill("rlm1")
    watch(stage, 1)
    stage.start_server("rlm1")
    returned = time.monotonic()
    watch(stage, 8)

    # HAProxy's retries may have reached it again before anybody found it down; then nothing has moved. Or
    # HAProxy found it down, and we found it well again: then it is followed after a minute.
    serving = cluster(stage)["balancers"][0]["active"]
    late = [event for event in sessions(stage.events()) if event.started > returned + 4]
    assert late
    assert {(event.main, event.isv_server) for event in late} == {(serving, serving)}
    stage.wait(lambda: settled_on(stage, serving), "the record of who serves", within=FOLLOWED + SOON)
    assert [operation["to"] for operation in moves(stage)] == ([] if serving == "rlm1" else ["rlm2"])
    assert split_sessions(stage.events()) == ()
    check_history(
        stage,
        faults=[Fault(part="rlm1", since=killed, until=returned)],
        budget=5,
        soon=SOON + FOLLOWED,
        lag=ADOPTION_LAG + FOLLOWED,
    )


@pytest.mark.row(21)
@pytest.mark.case(7)
def test_a_server_that_is_back_when_the_first_client_has_moved_gets_nobody_back(set_stage: SetStage) -> None:
    stage = set_stage(FAST)
    under_load(stage)
    wait_free(stage)

    killed = time.monotonic()
    stage.kill("rlm1")
    seconds_until_served_by(stage, "rlm2", after=killed, within=10)
    moved = time.monotonic()
    stage.start_server("rlm1")
    operation = wait_moved(stage)
    watch(stage, 8)

    assert (operation["state"], operation["to"]) == ("committed", "rlm2")
    assert len(moves(stage)) == 1
    assert answers_from(stage.events(), "rlm1", after=moved) == ()
    assert split_sessions(stage.events()) == ()
    check_history(stage, faults=[Fault(part="rlm1", since=killed, until=moved)], budget=5)


@pytest.mark.row(33)
@pytest.mark.case(8)
def test_a_standby_that_is_dead_when_it_is_wanted_is_passed_over(set_stage: SetStage) -> None:
    stage = set_stage(FAST)
    under_load(stage)

    fault = time.monotonic()
    # A hang: HAProxy itself finds nothing wrong with rlm1, so the choice is ours.
    stage.stop_server("rlm1")
    stage.kill("rlm2")
    operation = wait_moved(stage)
    seconds_until_served_by(stage, "rlm3", after=fault, within=10)
    watch(stage, 6)

    assert (operation["state"], operation["to"]) == ("committed", "rlm3")
    assert len(moves(stage)) == 1
    check_history(stage, faults=[Fault(part=each, since=fault) for each in ("rlm1", "rlm2")], budget=HANG)


@pytest.mark.row(11)
@pytest.mark.case(31)
def test_a_move_by_hand_into_the_retries_of_a_crash_stays_where_it_was_sent(set_stage: SetStage) -> None:
    stage = set_stage(FAST)
    under_load(stage)
    wait_free(stage)

    killed = time.monotonic()
    stage.kill("rlm1")
    watch(stage, 0.5)

    def asked() -> bool:
        try:
            ask_for(stage, "rlm3")
        except StageError:
            return False
        return True

    stage.wait(asked, "a move that is accepted, after an operation that may be open", within=10)
    stage.wait(lambda: settled_on(stage, "rlm3"), "rlm3, at the balancer too", within=20)
    settled = time.monotonic()
    watch(stage, 8)

    late = [event for event in sessions(stage.events()) if event.started > settled]
    assert late
    assert {(event.main, event.isv_server) for event in late} == {("rlm3", "rlm3")}
    assert moves(stage)[-1]["to"] == "rlm3"
    check_history(stage, faults=[Fault(part="rlm1", since=killed)], budget=5)


@pytest.mark.case(32)
def test_a_journal_restored_from_a_backup_goes_above_the_epoch_and_moves_nobody(set_stage: SetStage) -> None:
    stage = set_stage(FAST)
    stage.start_daemon()
    wait_ready(stage)
    stage.kill("rlm-ha")
    backup = stage.folder / "backup"
    shutil.copytree(stage.folder / "state", backup)
    under_load(stage)
    ask_for(stage, "rlm2")
    stage.wait(lambda: settled_on(stage, "rlm2"), "rlm2 after a move by hand", within=20)
    before = cluster(stage)["epoch"]
    lost = [operation for operation in stage.operations() if operation["kind"] != "first_start"]
    stage.kill("rlm-ha")

    shutil.rmtree(stage.folder / "state")
    shutil.copytree(backup, stage.folder / "state")
    restored = time.monotonic()
    stage.start_daemon()
    took = stage.wait(lambda: settled_on(stage, "rlm2"), "rlm2 under an epoch above", within=20)
    watch(stage, 5)

    assert took <= 10
    assert cluster(stage)["epoch"] > before
    assert [operation["kind"] for operation in stage.operations()] == ["first_start", "resync"]
    events = stage.events()
    assert [event for event in events if event.kind == "lost" and event.t > restored] == []
    assert answers_from(events, "rlm1", after=restored) == ()
    check_history(stage, faults=(), budget=2, earlier=lost, restored=[restored])


def _budget(since: float, until: float, more: float) -> Budget:
    """Nobody has to be served from the fault until so long after its end."""
    return Budget(seconds=until - since + more, since=since - 1, until=until + more + 5)
