"""Two balancers that share the stick table: both are steered, and one that is away is no reason to wait."""

import time
from typing import Any

import pytest

from rlm_exporter.demo.layout import Choices
from rlm_exporter.demo.stage import Stage, haproxy_process
from rlm_exporter.simulator.history import split_sessions
from tests.acceptance.conftest import SetStage
from tests.acceptance.history import Fault, check_history
from tests.acceptance.seeing import cluster, licenses, moves, wait_moved, wait_ready, wait_served, watch

pytestmark = pytest.mark.xdist_group("faults")


def balancers(stage: Stage) -> dict[str, dict[str, Any]]:
    return {balancer["name"]: balancer for balancer in cluster(stage)["balancers"]}


def as_wanted(stage: Stage, active: str) -> bool:
    epoch = cluster(stage)["epoch"]
    told = [(each["active"], each["epoch"]) for each in balancers(stage).values()]
    return told == [(active, epoch)] * 2


def test_both_balancers_move_together(set_stage: SetStage) -> None:
    stage = set_stage(Choices(triggers=("detector",)), balancers=2)
    stage.start_daemon()
    wait_ready(stage)
    stage.start_clients(holders=5)
    wait_served(stage, holders=5)

    moved = licenses(stage, "switchover", "--to", "rlm3")

    assert moved.returncode == 0, moved.stderr
    assert as_wanted(stage, "rlm3")
    watch(stage, 7)
    assert as_wanted(stage, "rlm3")
    assert split_sessions(stage.events()) == ()
    check_history(stage, faults=(), budget=2)


@pytest.mark.case(25)
def test_a_balancer_that_is_away_at_the_move_has_it_when_it_returns(set_stage: SetStage) -> None:
    stage = set_stage(Choices(triggers=("detector",)), balancers=2)
    stage.start_daemon()
    wait_ready(stage)
    stage.start_clients(holders=5)
    wait_served(stage, holders=5)
    stage.kill(haproxy_process("lb2"))
    stage.wait(lambda: not balancers(stage)["lb2"]["reachable"], "lb2 away", within=10)

    planned = licenses(stage, "switchover", "--to", "rlm3")
    assert (planned.returncode, moves(stage)) == (5, [])
    assert "not every balancer can be steered" in planned.stderr

    killed = time.monotonic()
    stage.kill("rlm1")
    operation = wait_moved(stage)
    assert (operation["to"], operation["state"], operation["outcome"]) == ("rlm2", "committed", "partial")
    assert cluster(stage)["ready"] is False

    stage.start_haproxy("lb2")
    took = stage.wait(lambda: as_wanted(stage, "rlm2"), "lb2 as wanted", within=20)
    assert took <= 10
    assert len(moves(stage)) == 1
    check_history(stage, faults=[Fault(part="rlm1", since=killed)])
