"""What an operator does in a day, by the installed command: pause, ack, maintenance, failback."""

import json

import pytest

from rlm_exporter.demo.layout import Choices
from tests.acceptance.conftest import SetStage
from tests.acceptance.seeing import cluster, held, licenses, moves, rule, wait_moved, wait_ready, watch

pytestmark = pytest.mark.xdist_group("acceptance")


@pytest.mark.row(6)
def test_a_pause_holds_what_is_automatic_until_it_ends_and_an_ack_ends_the_cooldown(
    set_stage: SetStage,
) -> None:
    stage = set_stage(Choices(triggers=("detector",), cooldown="300s"))
    stage.start_daemon()
    wait_ready(stage)

    paused = licenses(stage, "pause", "--for", "2h", "--reason", "works on the network")
    stage.kill("rlm1")
    # Nobody connects, so HAProxy has no reason to move, and there is nothing to adopt.
    stage.wait(lambda: rule(stage) == "paused", "the rule that holds in a pause", within=20)
    watch(stage, 2)
    during = moves(stage)
    resumed = licenses(stage, "resume")
    operation = wait_moved(stage)

    assert (paused.returncode, during) == (0, [])
    assert resumed.returncode == 0
    assert (operation["rule"], operation["to"]) == ("failed_over", "rlm2")
    before = cluster(stage)["failover"]
    acknowledged = licenses(stage, "ack", "--reason", "seen")
    after = cluster(stage)["failover"]
    assert acknowledged.returncode == 0
    assert before["cooldown_remaining_seconds"] > 200
    assert (before["unacknowledged"], after["unacknowledged"]) == (1, 0)
    assert after["cooldown_remaining_seconds"] == 0
    told = json.loads(licenses(stage, "events", "-j").stdout)["decisions"]
    by_hand = [(each["rule"], each["detail"]) for each in told if each["trigger"] == "operator"]
    assert [word for word, _ in by_hand] == ["ack", "resume", "pause"]
    assert by_hand[-1][1].endswith(": works on the network")


@pytest.mark.row(10)
@pytest.mark.row(11)
def test_maintenance_takes_a_server_out_and_failback_leads_home(set_stage: SetStage) -> None:
    stage = set_stage(Choices(triggers=("detector",)))
    stage.start_daemon()
    wait_ready(stage)

    refused = licenses(stage, "maintenance", "--server", "rlm1", "--enable")
    assert refused.returncode == 4
    assert "serves clients now" in refused.stderr
    assert moves(stage) == []

    moved = licenses(stage, "maintenance", "--server", "rlm1", "--enable", "--switchover")
    assert moved.returncode == 0, moved.stderr
    assert cluster(stage)["active"] == "rlm2"
    assert [m["kind"] for m in moves(stage)] == ["switchover"]
    stage.wait(lambda: held(stage) == {"rlm1"}, "rlm1 held and rlm3 released", within=15)

    home = licenses(stage, "failback", "--dry-run")
    assert "rlm2 is active already" in home.stdout
    to_rlm1 = licenses(stage, "switchover", "--to", "rlm1")
    assert (to_rlm1.returncode, "in maintenance" in to_rlm1.stderr) == (4, True)

    given_back = licenses(stage, "maintenance", "--server", "rlm1", "--disable")
    assert given_back.returncode == 0, given_back.stderr
    stage.wait(lambda: held(stage) == set(), "nobody held", within=15)
    home = licenses(stage, "failback", "--reason", "works are over")
    assert home.returncode == 0, home.stderr
    assert cluster(stage)["active"] == "rlm1"
    assert licenses(stage, "primary").stdout.strip() == stage.layout.host("rlm1")
    assert [m["kind"] for m in moves(stage)] == ["switchover", "failback"]


def test_a_planned_move_needs_a_healthy_active_server(set_stage: SetStage) -> None:
    stage = set_stage(Choices(triggers=("alerts",)))
    stage.start_daemon()
    wait_ready(stage)
    stage.kill("rlm1")
    stage.wait(lambda: rule(stage) == "nobody_asked", "rlm1 down, and nobody who asks", within=20)

    planned = licenses(stage, "switchover", "--to", "rlm2")
    unplanned = licenses(stage, "failover", "--to", "rlm2")

    assert (planned.returncode, "use failover" in planned.stderr) == (4, True)
    assert unplanned.returncode == 0
    assert [m["kind"] for m in moves(stage)] == ["failover"]
