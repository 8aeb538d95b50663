"""Somebody else steers the same HAProxy: while ours was frozen, on the same journal, on another one."""

import signal
import time
from typing import Any

import pytest

from rlm_exporter.demo.layout import CLUSTER
from rlm_exporter.demo.stage import Stage
from rlm_exporter.simulator.event import EventKind
from tests.acceptance.conftest import SetStage
from tests.acceptance.history import Fault, check_history
from tests.acceptance.limits import HANG
from tests.acceptance.meddling import command, start_serve
from tests.acceptance.seeing import (
    FAST,
    ask_for,
    cluster,
    halting_under_load,
    moves,
    rule,
    seconds_until_served_by,
    settled_on,
    under_load,
    wait_moved,
    watch,
)

pytestmark = pytest.mark.xdist_group("controllers")

HIGHER = 10
GIVES_WAY = {"epoch_contested", "last_attempt_failed"}
"""The second where our resync overtook the other daemon's own, which then failed as refused."""
FROZEN = 5.0
"""Seconds, longer than a command, a move and every limit on them takes."""


def cut_since(stage: Stage, moment: float) -> list[float]:
    """When sessions were lost."""
    return [event.t for event in stage.events() if event.kind is EventKind.LOST and event.t > moment]


@pytest.mark.case(20)
def test_a_daemon_that_thaws_in_apply_is_refused_and_moves_nobody(set_stage: SetStage) -> None:
    stage = set_stage(FAST)
    gate = halting_under_load(stage, "intended", "apply")
    hung = time.monotonic()
    stage.stop_server("rlm1")
    stage.wait(gate.exists, "an operation in the middle of apply", within=20)
    epoch = moves(stage)[0]["epoch"]

    stage.processes.signal("rlm-ha", signal.SIGSTOP)
    frozen = time.monotonic()
    gate.unlink()
    # Whoever has the lease now goes to the same server, under an epoch of his own.
    assert command(stage, "maint", "rlm1", "rlm3", epoch=epoch + HIGHER) == 303
    seconds_until_served_by(stage, "rlm2", after=frozen, within=5)
    watch(stage, FROZEN)
    thawed = time.monotonic()
    stage.processes.signal("rlm-ha", signal.SIGCONT)
    operation = wait_moved(stage)
    watch(stage, 3)

    first, second = (step for step in operation["steps"] if step["step"] == "apply")
    assert (first["epoch"], first["outcome"]) == (epoch, "failed")
    assert f"refuses epoch {epoch} (409): it has seen {epoch + HIGHER}" in first["detail"]
    assert (second["epoch"], second["outcome"]) == (epoch + HIGHER + 1, "done")
    assert (operation["state"], operation["to"], len(moves(stage))) == ("committed", "rlm2", 1)
    assert cut_since(stage, thawed) == []
    check_history(stage, faults=[Fault(part="rlm1", since=hung)], budget=HANG)


@pytest.mark.case(21)
def test_a_second_daemon_on_the_same_journal_is_refused(set_stage: SetStage) -> None:
    stage = set_stage(FAST)
    under_load(stage)

    start_serve(stage, name="second", port=stage.layout.prometheus_port)
    code = stage.processes.wait_end("second", within=20)
    watch(stage, 2)

    assert code not in {0, None}
    assert "another rlm-ha works on" in stage.processes.log("second")
    assert rule(stage) == "active_healthy"
    assert moves(stage) == []
    check_history(stage, faults=(), budget=1)


@pytest.mark.case(21)
def test_of_two_daemons_with_journals_of_their_own_one_acts(set_stage: SetStage) -> None:
    stage = set_stage(FAST)
    other = f"http://127.0.0.1:{stage.layout.prometheus_port}/api/v1/clusters/{CLUSTER}"
    start_serve(stage, name="other", port=stage.layout.prometheus_port, state="other")
    stage.wait(lambda: steers(stage.get(other)), "another daemon that steers", within=30)
    began = time.monotonic()
    under_load(stage)

    def gives_way() -> bool:
        seen = stage.get(other)
        decision = seen and seen["failover"]["decision"]
        return bool(decision and decision["rule"] in GIVES_WAY)

    stage.wait(gives_way, "the other one giving way", within=15)
    stage.wait(lambda: settled_on(stage, "rlm1"), "rlm1 under our epoch", within=10)
    said = operations_of(stage, other), cluster(stage)["epoch"]
    watch(stage, 4)

    assert (operations_of(stage, other), cluster(stage)["epoch"]) == said
    assert [each["kind"] for each in said[0]] == ["resync", "first_start"]
    assert cut_since(stage, began) == []

    ask_for(stage, "rlm2")
    stage.wait(lambda: settled_on(stage, "rlm2"), "rlm2, by ours", within=10)
    watch(stage, 6)

    assert operations_of(stage, other) == said[0]
    assert settled_on(stage, "rlm2")
    assert [move["kind"] for move in moves(stage)] == ["resync", "switchover"]
    stage.kill("other")
    check_history(stage, faults=(), budget=2)


def steers(document: dict[str, Any] | None) -> bool:
    """Whether a daemon's own epoch is the balancer's."""
    return document is not None and document["epoch"] == document["balancers"][0]["epoch"] is not None


def operations_of(stage: Stage, url: str) -> list[dict[str, Any]]:
    """Another daemon's journal, newest first."""
    found: list[dict[str, Any]] = stage.get(f"{url}/events")["operations"]
    return found
