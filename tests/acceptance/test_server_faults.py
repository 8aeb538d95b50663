"""Faults of license servers that are not a plain crash or hang under load."""

import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rlm_exporter.demo.layout import ISV, SERVERS, Choices
from rlm_exporter.demo.stage import Stage
from rlm_exporter.haproxy.applied import SETTLE
from rlm_exporter.simulator.control import set_mode
from rlm_exporter.simulator.history import answers_from
from rlm_exporter.simulator.mode import Mode
from tests.acceptance.conftest import SetStage
from tests.acceptance.history import Budget, Fault, check_history
from tests.acceptance.limits import HANG, MACHINE
from tests.acceptance.seeing import (
    FAST,
    HOLDERS,
    ask_for,
    halting_under_load,
    held,
    moves,
    rule,
    seconds_until_served_by,
    server,
    settled_on,
    under_load,
    wait_moved,
    wait_ready,
    wait_served,
    watch,
)

pytestmark = pytest.mark.xdist_group("server-faults")


@pytest.mark.case(1)
def test_a_crash_that_no_client_notices_is_a_failover_of_ours(set_stage: SetStage) -> None:
    stage = set_stage(FAST)
    stage.start_daemon()
    wait_ready(stage)

    killed = time.monotonic()
    stage.kill("rlm1")
    operation = wait_moved(stage)
    took = time.monotonic() - killed
    stage.start_server("rlm1")
    returned = time.monotonic()
    stage.start_clients(holders=HOLDERS)
    wait_served(stage, holders=HOLDERS)
    watch(stage, 3)

    assert took <= 10
    assert (operation["kind"], operation["rule"], operation["to"]) == ("failover", "failed_over", "rlm2")
    assert len(moves(stage)) == 1
    assert answers_from(stage.events(), "rlm1", after=0) == ()
    check_history(stage, faults=[Fault(part="rlm1", since=killed, until=returned)], budget=1)


@pytest.mark.case(2)
def test_a_hang_is_found_where_no_client_connects(set_stage: SetStage) -> None:
    stage = set_stage(FAST)
    stage.start_daemon()
    wait_ready(stage)

    hung = time.monotonic()
    stage.stop_server("rlm1")
    operation = wait_moved(stage)
    took = time.monotonic() - hung

    assert took <= HANG
    assert (operation["rule"], operation["to"]) == ("failed_over", "rlm2")
    check_history(stage, faults=[Fault(part="rlm1", since=hung)])


@pytest.mark.case(3)
def test_an_isv_server_that_is_back_on_another_port_is_a_failover(set_stage: SetStage) -> None:
    stage = set_stage(FAST)
    under_load(stage)

    # rlm is restarted, and gives its ISV server a port that no balancer knows.
    changed = time.monotonic()
    with unseen(stage):
        stage.kill("rlm1")
        stage.start_server("rlm1", isv=f"{ISV}:0=STARCCM:2023.1000:400,NXCAE:2023.1000:10")
    operation = wait_moved(stage)
    seconds_until_served_by(stage, "rlm2", after=changed, within=10)
    known = server(stage, "rlm1")["license"]
    watch(stage, 6)

    assert (operation["rule"], operation["state"], operation["to"]) == ("failed_over", "committed", "rlm2")
    assert known["reason"] == "isv_port_changed"
    assert f"the manifest plans {stage.layout.isv_port}" in operation["reason"]
    assert len(moves(stage)) == 1
    check_history(stage, faults=[Fault(part="rlm1", since=changed)], budget=15)


@contextmanager
def unseen(stage: Stage) -> Iterator[None]:
    """However long the block takes, neither HAProxy nor the daemon sees what is so in the middle of it."""
    for name in ("haproxy", "rlm-ha"):
        stage.processes.signal(name, signal.SIGSTOP)
    yield
    for name in ("haproxy", "rlm-ha"):
        stage.processes.signal(name, signal.SIGCONT)


@pytest.mark.case(4)
@pytest.mark.parametrize("policy", ["warn", "move"])
def test_a_server_without_pools_is_degraded_and_left_where_the_policy_says_so(
    policy: str, set_stage: SetStage
) -> None:
    choices = Choices(triggers=("detector",), more_failover={"poolsMissing": policy})
    stage = set_stage(choices)
    under_load(stage)

    gone = time.monotonic()
    set_mode(stage.folder / "rlm1.control", Mode.NO_POOLS)

    if policy == "move":
        operation = wait_moved(stage)
        seconds_until_served_by(stage, "rlm2", after=gone, within=10)
        watch(stage, 3)
        assert (operation["rule"], operation["to"]) == ("failed_over", "rlm2")
        assert server(stage, "rlm1")["license"]["reason"] == "pools_missing"
        assert len(moves(stage)) == 1
        check_history(stage, faults=[Fault(part="rlm1", since=gone)], budget=15)
    else:
        stays_and_is_named(stage)


@pytest.mark.case(4)
def test_expired_pools_are_as_good_as_none(set_stage: SetStage, tmp_path: Path) -> None:
    stage = set_stage(FAST)
    # Its clock stands in 2021, so it goes on serving what has been over for years.
    scenario = tmp_path / "rlm1.json"
    scenario.write_text(json.dumps({"name": "rlm1", "begins": "2021-01-10 12:00:00"}), encoding="utf-8")
    expired = ",".join(f"{name}:2023.1000:10:31-jan-2021" for name in ("STARCCM", "NXCAE"))
    stage.kill("rlm1")
    stage.start_server("rlm1", isv=f"{ISV}:{stage.layout.isv_port}={expired}", scenario=scenario)
    stage.start_daemon()
    wait_ready(stage)

    stays_and_is_named(stage)
    assert {pool["expires"] for pool in server(stage, "rlm1")["pools"]} == {"2021-01-31"}


def stays_and_is_named(stage: Stage) -> None:
    """Clients are not moved away from rlm1, and everybody is told what it lacks."""
    stage.wait(lambda: rule(stage) == "pools_missing", "the rule that warns", within=15)
    watch(stage, 8)
    seen = server(stage, "rlm1")["license"]
    assert seen["state"] == "up"
    assert all(product in seen["degraded"] for product in ("STARCCM", "NXCAE"))
    assert moves(stage) == []
    assert rule(stage) == "pools_missing"
    check_history(stage, faults=())


@pytest.mark.case(6)
def test_a_server_that_goes_up_and_down_is_left_once(set_stage: SetStage) -> None:
    stage = set_stage(Choices(triggers=("detector",), detection="fast", cooldown="3s"))
    under_load(stage)

    faults: list[Fault] = []
    for _ in range(3):
        killed = time.monotonic()
        stage.kill("rlm1")
        if not faults:
            # It is left while it is down the first time, or this is another story.
            seconds_until_served_by(stage, "rlm2", after=killed, within=10)
            wait_moved(stage)
        watch(stage, max(0.0, killed + 3.5 - time.monotonic()))
        stage.start_server("rlm1")
        faults.append(Fault(part="rlm1", since=killed, until=time.monotonic()))
        watch(stage, 2)

    assert [(move["to"], move["state"]) for move in moves(stage)] == [("rlm2", "committed")]
    assert answers_from(stage.events(), "rlm1", after=faults[0].until) == ()
    check_history(stage, faults=faults, budget=5)


@pytest.mark.case(9)
def test_a_standby_that_dies_between_apply_and_verify_is_passed_over(set_stage: SetStage) -> None:
    stage = set_stage(FAST)
    gate = halting_under_load(stage, "after", "apply")

    hung = time.monotonic()
    stage.stop_server("rlm1")
    stage.wait(gate.exists, "an operation that has been applied", within=20)
    stage.kill("rlm2")
    died = time.monotonic()
    gate.unlink()
    operation = wait_moved(stage)
    took = seconds_until_served_by(stage, "rlm3", after=died, within=10)
    watch(stage, 5)

    assert took <= 5
    assert (operation["state"], operation["to"]) == ("committed", "rlm3")
    applied = [(step["target"], step["epoch"]) for step in operation["steps"] if step["step"] == "apply"]
    assert [target for target, _ in applied] == ["rlm2", "rlm3"]
    assert applied[0][1] < applied[1][1] == operation["epoch"]
    assert len(moves(stage)) == 1
    ill = [Fault(part="rlm1", since=hung), Fault(part="rlm2", since=died)]
    check_history(stage, faults=ill, budget=HANG + 5)


def is_down(stage: Stage, name: str) -> bool:
    """Whether our own checks have found it down."""
    return bool(server(stage, name)["license"]["state"] == "down")


@pytest.mark.case(10)
def test_the_pinned_server_that_is_back_first_when_all_were_down_serves(set_stage: SetStage) -> None:
    stage = set_stage(FAST)
    under_load(stage)
    ask_for(stage, "rlm2")
    stage.wait(lambda: settled_on(stage, "rlm2"), "rlm2 after a move by hand", within=10)
    assert held(stage) >= {"rlm1"}

    down = time.monotonic()
    standbys = ("rlm1", "rlm3")
    for each in standbys:
        stage.kill(each)
    # Else one that is dead already might be tried first, and the next attempt waits for its time.
    stage.wait(lambda: all(is_down(stage, each) for each in standbys), "dead standbys", within=15)
    stage.kill("rlm2")
    stage.wait(lambda: rule(stage) == "no_candidate", "the rule that finds nobody", within=20)
    assert "failover" in server(stage, "rlm1")["pinned"]
    stage.start_server("rlm1")
    back = time.monotonic()
    seconds_until_served_by(stage, "rlm1", after=back, within=20)
    stage.wait(lambda: settled_on(stage, "rlm1"), "rlm1 in the journal too", within=10)

    assert "rlm1" not in held(stage)
    assert [(move["rule"], move["to"]) for move in moves(stage)] == [
        ("operator", "rlm2"),
        ("only_pinned_left", "rlm1"),
    ]
    ill = [Fault(part="rlm1", since=down, until=back), *(Fault(part=s, since=down) for s in SERVERS[1:])]
    # Two good checks up to 5.5 s apart, and HAProxy is told at once.
    found = Budget(seconds=2 * 5.5 + MACHINE, since=back, until=time.monotonic())
    check_history(stage, faults=ill, budgets=[found])


@pytest.mark.case(11)
def test_a_dead_server_is_not_made_ready_when_its_time_to_settle_is_over(set_stage: SetStage) -> None:
    stage = set_stage(FAST)
    under_load(stage)
    died = time.monotonic()
    stage.kill("rlm3")
    ask_for(stage, "rlm2")
    stage.wait(lambda: settled_on(stage, "rlm2"), "rlm2 after a move by hand", within=10)
    watch(stage, SETTLE.total_seconds() + 3)
    during = held(stage)
    stage.start_server("rlm3")
    back = time.monotonic()
    stage.wait(lambda: "rlm3" not in held(stage), "rlm3 ready", within=10)

    assert "rlm3" in during
    assert [move["to"] for move in moves(stage)] == ["rlm2"]
    check_history(stage, faults=[Fault(part="rlm3", since=died, until=back)], budget=2)
