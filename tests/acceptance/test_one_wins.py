"""Operators beside the controller and beside each other: one operation at a time, and each is told why."""

import time
from typing import Any

import pytest

from rlm_exporter.demo.layout import CLUSTER
from rlm_exporter.demo.stage import Stage
from tests.acceptance.conftest import SetStage
from tests.acceptance.history import Fault, check_history
from tests.acceptance.limits import HANG
from tests.acceptance.meddling import send
from tests.acceptance.seeing import (
    FAST,
    cluster,
    halting_under_load,
    moves,
    settled_on,
    under_load,
    wait_moved,
)

pytestmark = pytest.mark.xdist_group("controllers")


def ask(stage: Stage, verb: str, **fields: Any) -> tuple[int, str]:
    """The status of an answer, and its word."""
    answer = send(stage, f"/api/v1/clusters/{CLUSTER}/{verb}", {"requested_by": "test", **fields})
    document = answer.json()
    return answer.status_code, document.get("kind") or document["result"]


@pytest.mark.case(26)
def test_a_move_by_hand_beside_an_automatic_one_is_refused(set_stage: SetStage) -> None:
    stage = set_stage(FAST)
    gate = halting_under_load(stage, "intended", "apply")
    hung = time.monotonic()
    stage.stop_server("rlm1")
    stage.wait(gate.exists, "an automatic operation in the middle of apply", within=20)

    answers = [ask(stage, verb, to="rlm3") for verb in ("failover", "switchover", "failover")]
    forced = ask(stage, "failover", to="rlm3", force=True)
    gate.unlink()
    operation = wait_moved(stage)

    assert {*answers, forced} == {(409, "operation_open")}
    assert (operation["rule"], operation["to"], operation["state"]) == ("failed_over", "rlm2", "committed")
    assert len(moves(stage)) == 1
    check_history(stage, faults=[Fault(part="rlm1", since=hung)], budget=HANG + 5)


@pytest.mark.case(26)
def test_wishes_from_an_older_picture_of_unknown_servers_or_of_what_is_so_change_nothing(
    set_stage: SetStage,
) -> None:
    stage = set_stage(FAST)
    under_load(stage)
    stage.wait(lambda: settled_on(stage, "rlm1"), "rlm1 under our epoch", within=10)
    epoch = cluster(stage)["epoch"]

    answers = {
        "older": ask(stage, "failover", to="rlm2", **{"from": "rlm3"}),
        "older, forced": ask(stage, "failover", to="rlm2", force=True, **{"from": "rlm3"}),
        "unknown": ask(stage, "failover", to="rlm9"),
        "unknown source": ask(stage, "switchover", to="rlm2", **{"from": "rlm9"}),
        "as it is": ask(stage, "switchover", to="rlm1"),
        "as it is, at its address": ask(stage, "failover", to=stage.layout.host("rlm1")),
    }

    assert answers == {
        "older": (412, "expectation_failed"),
        "older, forced": (412, "expectation_failed"),
        "unknown": (422, "unknown_server"),
        "unknown source": (422, "unknown_server"),
        "as it is": (200, "already_active"),
        "as it is, at its address": (200, "already_active"),
    }
    assert moves(stage) == []
    assert (cluster(stage)["active"], cluster(stage)["epoch"]) == ("rlm1", epoch)
    check_history(stage, faults=(), budget=1)
