"""Servers that stop themselves one after another: there is an end to running after them."""

import time
from typing import Any

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
    settled_on,
    under_load,
    watch,
)

pytestmark = pytest.mark.xdist_group("chase")

TURNS = 3


@pytest.mark.case(30)
def test_servers_that_stop_themselves_in_turn_are_followed_three_times(set_stage: SetStage) -> None:
    stage = set_stage(Choices(triggers=("detector",), detection="fast", cooldown="1s"))
    under_load(stage)
    stage.wait(lambda: settled_on(stage, "rlm1"), "rlm1 under our epoch", within=10)
    faults = []

    for number in range(1, TURNS + 1):
        wait_usable(stage)
        # Who takes over is up to whoever is first, we or HAProxy, and to which of the others is back by then.
        leaves = cluster(stage)["active"]
        stopped = time.monotonic()
        stage.kill(leaves)
        wait_committed(stage, number)
        stage.start_server(leaves)
        faults.append(Fault(part=leaves, since=stopped, until=time.monotonic()))
        assert cluster(stage)["active"] != leaves

    wait_usable(stage)
    last = cluster(stage)["active"]
    hung = time.monotonic()
    stage.stop_server(last)
    stage.wait(lambda: rule(stage) == "chasing", "the rule that runs after nobody", within=25)
    watch(stage, 5)
    during = rule(stage), len(moves(stage))
    wait_usable(stage)
    name = cluster(stage)["name"]
    acknowledged = send(stage, f"/api/v1/clusters/{name}/ack", {"requested_by": "test"})
    wait_committed(stage, TURNS + 1)

    assert during == ("chasing", TURNS)
    assert acknowledged.status_code == 200
    counted = f'rlm_ha_decisions_total{{cluster="{name}",rule="chasing"}} 1'
    assert counted in stage.get(f"{stage.layout.daemon_url}/metrics")
    check_history(stage, faults=[*faults, Fault(part=last, since=hung)], budget=30)


def wait_usable(stage: Stage) -> None:
    """Until a standby is a good candidate: up, and not held any more."""

    def usable(seen: dict[str, Any]) -> bool:
        states = [line["status"].startswith("UP") for line in seen["balancers"]]
        return all(states) and not seen["pinned"] and seen["license"]["consecutive_successes"] >= 2

    def some() -> bool:
        seen = cluster(stage)
        return any(usable(each) for each in seen["servers"] if each["name"] != seen["active"])

    stage.wait(some, "a candidate", within=25)


def wait_committed(stage: Stage, count: int) -> None:
    """Until so many operations have moved clients."""

    def committed() -> bool:
        return [move["state"] for move in moves(stage)] == ["committed"] * count

    stage.wait(committed, f"{count} operations that are committed", within=20)
