"""What is ill is on our side: the way to a server, the clock, the disk, or those who send alerts."""

import time
from pathlib import Path

import pytest

from rlm_exporter.demo.layout import Choices
from rlm_exporter.demo.stage import Stage
from rlm_exporter.simulator.history import answers_from
from tests.acceptance.conftest import SetStage
from tests.acceptance.history import Fault, check_history
from tests.acceptance.limits import HANG, MACHINE
from tests.acceptance.meddling import journal_away, with_a_block
from tests.acceptance.seeing import (
    FAST,
    HOLDERS,
    cluster,
    moves,
    rule,
    seconds_until_served_by,
    server,
    settled_on,
    start_daemon_with_seam,
    under_load,
    wait_moved,
    wait_ready,
    wait_served,
    watch,
)

pytestmark = pytest.mark.xdist_group("our_own")

HOUR = 3600.0


@pytest.mark.case(22)
def test_a_server_that_only_we_do_not_reach_keeps_its_clients(set_stage: SetStage) -> None:
    stage = set_stage(FAST)
    block = with_a_block(stage, stage.layout.host("rlm1"))
    under_load(stage)

    block.touch()
    began = time.monotonic()
    stage.wait(lambda: rule(stage) == "monitor_disagrees", "the rule that believes clients", within=20)
    watch(stage, 6)
    during = server(stage, "rlm1")["license"], rule(stage), moves(stage)
    block.unlink()
    stage.wait(lambda: rule(stage) == "active_healthy", "rlm1 as healthy", within=10)

    assert (during[0]["state"], during[0]["reason"]) == ("down", "timeout")
    assert during[1:] == ("monitor_disagrees", [])
    assert answers_from(stage.events(), "rlm1", after=began) != ()
    assert moves(stage) == []
    check_history(stage, faults=(), budget=1)


@pytest.mark.case(27)
def test_a_clock_that_jumps_an_hour_moves_nobody_and_makes_no_long_cooldown(set_stage: SetStage) -> None:
    stage = set_stage(FAST)
    off = stage.folder / "off"
    set_clock(off, 0)
    start_daemon_with_seam(stage, "jumping_daemon.py", str(off))
    wait_ready(stage)
    stage.start_clients(holders=HOLDERS)
    wait_served(stage, holders=HOLDERS)

    for seconds in (HOUR, -HOUR, 0):
        set_clock(off, seconds)
        watch(stage, 3)
        stage.wait(lambda: rule(stage) == "active_healthy", "a check on the new time", within=10)
        assert moves(stage) == []

    hung = time.monotonic()
    stage.stop_server("rlm1")
    wait_moved(stage)
    before = cooldown(stage)
    set_clock(off, -HOUR)
    stage.wait(lambda: cooldown(stage) == 0, "no cooldown that has an hour to run", within=5)
    set_clock(off, HOUR)
    watch(stage, 3)

    assert 40 < before <= 60
    assert "the clock was set" in stage.processes.log("rlm-ha")
    assert [(move["to"], move["state"]) for move in moves(stage)] == [("rlm2", "committed")]
    set_clock(off, 0)
    stage.wait(lambda: settled_on(stage, "rlm2"), "rlm2 as before", within=10)
    check_history(stage, faults=[Fault(part="rlm1", since=hung)], budget=HANG)


@pytest.mark.case(27)
def test_a_full_disk_is_told_and_haproxy_goes_on_by_itself(set_stage: SetStage) -> None:
    stage = set_stage(FAST)
    under_load(stage)

    with journal_away(stage):
        full = time.monotonic()
        told = stage.wait(lambda: not cluster(stage)["ready"], "a cluster that is not ready", within=40)
        reasons = cluster(stage)["not_ready_because"]
        killed = time.monotonic()
        stage.kill("rlm1")
        took = seconds_until_served_by(stage, "rlm2", after=killed, within=10)
        # A disk that is free before we have read HAProxy's own move would see a failover to rlm2 instead.
        stage.wait(
            lambda: cluster(stage)["balancers"][0]["active"] == "rlm2",
            "HAProxy's move, as we read it",
            within=5,
        )
        assert rule(stage) == "store_unavailable"
        assert moves(stage) == []
    free = time.monotonic()
    operation = wait_moved(stage, within=20)
    watch(stage, 3)

    assert told <= 30 + MACHINE, "a write is tried each 30 s"
    assert "the journal cannot be written" in reasons
    assert "the disk reports an error" in stage.processes.log("rlm-ha")
    assert took <= 5
    assert (operation["kind"], operation["to"], operation["state"]) == ("adopt", "rlm2", "committed")
    assert len(moves(stage)) == 1
    assert cluster(stage)["ready"]
    ill = [Fault(part="rlm1", since=killed), Fault(part="disk", since=full, until=free)]
    check_history(stage, faults=ill, budget=5, lag=20)


@pytest.mark.case(27)
def test_our_own_detector_needs_neither_prometheus_nor_alertmanager(set_stage: SetStage) -> None:
    stage = set_stage(Choices(triggers=("detector", "alerts"), detection="fast"))
    stage.start_alertmanager()
    stage.start_prometheus()
    under_load(stage)
    stage.kill("prometheus")
    stage.kill("alertmanager")

    hung = time.monotonic()
    stage.stop_server("rlm1")
    operation = wait_moved(stage)
    seconds_until_served_by(stage, "rlm2", after=hung, within=10)

    assert (operation["rule"], operation["trigger"], operation["to"]) == ("failed_over", "detector", "rlm2")
    check_history(stage, faults=[Fault(part="rlm1", since=hung)], budget=HANG)


def set_clock(off: Path, seconds: float) -> None:
    """In one piece: the daemon may read the file at any moment, and an empty one is no number."""
    whole = off.with_suffix(".new")
    whole.write_text(str(seconds), encoding="utf-8")
    whole.replace(off)


def cooldown(stage: Stage) -> float:
    """Seconds that are left of it."""
    return float(cluster(stage)["failover"]["cooldown_remaining_seconds"])
