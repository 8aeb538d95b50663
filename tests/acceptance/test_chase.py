"""Servers that stop themselves one after another: there is an end to running after them."""

import time

import pytest

from rlm_exporter.demo.layout import Choices
from rlm_exporter.demo.stage import Stage
from tests.acceptance.conftest import SetStage
from tests.acceptance.history import Fault, check_history
from tests.acceptance.meddling import send
from tests.acceptance.seeing import (
    cluster,
    moves,
    rule,
    server,
    settled_on,
    under_load,
    watch,
)

pytestmark = pytest.mark.xdist_group("chase")

TURNS = (("rlm1", "rlm2"), ("rlm2", "rlm3"), ("rlm3", "rlm1"))


@pytest.mark.case(30)
def test_servers_that_stop_themselves_in_turn_are_followed_three_times(set_stage: SetStage) -> None:
    stage = set_stage(Choices(triggers=("detector",), detection="fast", cooldown="1s"))
    under_load(stage)
    stage.wait(lambda: settled_on(stage, "rlm1"), "rlm1 under our epoch", within=10)
    faults = []

    for number, (leaves, takes) in enumerate(TURNS, start=1):
        wait_usable(stage, takes)
        stopped = time.monotonic()
        stage.kill(leaves)
        wait_committed(stage, number)
        stage.start_server(leaves)
        faults.append(Fault(part=leaves, since=stopped, until=time.monotonic()))
        assert cluster(stage)["active"] == takes

    wait_usable(stage, "rlm2")
    hung = time.monotonic()
    stage.stop_server("rlm1")
    stage.wait(lambda: rule(stage) == "chasing", "the rule that runs after nobody", within=25)
    watch(stage, 5)
    during = rule(stage), len(moves(stage))
    name = cluster(stage)["name"]
    acknowledged = send(stage, f"/api/v1/clusters/{name}/ack", {"requested_by": "test"})
    wait_committed(stage, len(TURNS) + 1)

    assert during == ("chasing", len(TURNS))
    assert acknowledged.status_code == 200
    counted = f'rlm_ha_decisions_total{{cluster="{name}",rule="chasing"}} 1'
    assert counted in stage.get(f"{stage.layout.daemon_url}/metrics")
    check_history(stage, faults=[*faults, Fault(part="rlm1", since=hung)], budget=30)


def wait_usable(stage: Stage, name: str) -> None:
    """Until a server is no worse a candidate than any other: up, and not held any more."""

    def usable() -> bool:
        seen = server(stage, name)
        states = [line["status"].startswith("UP") for line in seen["balancers"]]
        return all(states) and not seen["pinned"] and seen["license"]["consecutive_successes"] >= 2

    stage.wait(usable, f"{name} as a candidate", within=25)


def wait_committed(stage: Stage, count: int) -> None:
    """Until so many operations have moved clients."""

    def committed() -> bool:
        return [move["state"] for move in moves(stage)] == ["committed"] * count

    stage.wait(committed, f"{count} operations that are committed", within=20)
