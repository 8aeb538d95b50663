"""`rlm-ha licenses failover` with HAProxy and clients behind it."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import requests

from rlm_exporter.demo.layout import CLUSTER, Choices
from rlm_exporter.simulator.history import sessions, split_sessions
from tests.acceptance.conftest import SetStage
from tests.acceptance.history import Fault, check_history
from tests.acceptance.seeing import (
    cluster,
    licenses,
    moves,
    rule,
    start_daemon_with_seam,
    wait_moved,
    wait_ready,
    wait_served,
    watch,
)

pytestmark = pytest.mark.xdist_group("faults")


@pytest.mark.row(10)
@pytest.mark.row(11)
@pytest.mark.row(34)
def test_a_move_by_hand_is_verified_shown_and_followed_by_every_client(set_stage: SetStage) -> None:
    stage = set_stage(Choices(triggers=("detector",)))
    stage.start_daemon()
    wait_ready(stage)
    stage.start_clients(holders=5)
    wait_served(stage, holders=5)

    plan = licenses(stage, "failover", "--to", "rlm3", "--dry-run")
    assert (plan.returncode, moves(stage), cluster(stage)["active"]) == (0, [], "rlm1")
    assert "rlm1 -> rlm3; nothing was changed" in plan.stdout
    assert "apply on lb1" in plan.stdout

    moved = licenses(stage, "failover", "--to", stage.layout.host("rlm3"), "--reason", "new disk")
    done = time.monotonic()
    assert moved.returncode == 0, moved.stderr
    watch(stage, 2)
    late = [event for event in sessions(stage.events()) if event.started > done]
    assert late
    assert {(event.main, event.isv_server) for event in late} == {("rlm3", "rlm3")}
    assert licenses(stage, "primary").stdout == f"{stage.layout.host('rlm3')}\n"

    again = licenses(stage, "failover", "--to", "rlm3")
    assert (again.returncode, "active already" in again.stdout) == (0, True)
    journal = json.loads(licenses(stage, "events", "--json").stdout)["operations"]
    assert [(each["kind"], each["to"], each["state"]) for each in journal] == [
        ("switchover", "rlm3", "committed"),
        ("first_start", "rlm1", "committed"),
    ]
    assert [(step["step"], step["outcome"]) for step in journal[0]["steps"]] == [
        (name, "done") for name in ("apply", "verify", "commit")
    ]
    assert journal[0]["reason"] == "new disk"
    assert split_sessions(stage.events()) == ()
    check_history(stage, faults=(), budget=2)


@pytest.mark.row(11)
@pytest.mark.case(11)
@pytest.mark.case(26)
def test_what_cannot_be_done_by_hand_changes_nothing(set_stage: SetStage) -> None:
    stage = set_stage(Choices(triggers=("detector",)))
    stage.start_daemon()
    wait_ready(stage)
    died = time.monotonic()
    stage.kill("rlm2")

    def known_as_down() -> bool:
        return bool(cluster(stage)["servers"][1]["license"]["state"] == "down")

    stage.wait(known_as_down, "rlm2 known as down", within=20)

    unhealthy = licenses(stage, "failover", "--to", "rlm2")
    forced = licenses(stage, "failover", "--to", "rlm2", "--force")
    unknown = licenses(stage, "failover", "--to", "rlm9")
    older = licenses(stage, "failover", "--to", "rlm3", "--from", "rlm2")

    assert (unhealthy.returncode, "rlm2 is down" in unhealthy.stderr) == (4, True)
    # Forced it is tried, and the target refuses: nothing was touched.
    assert (forced.returncode, "aborted before anything was changed" in forced.stderr) == (1, True)
    assert (unknown.returncode, older.returncode) == (3, 4)
    assert [(each["to"], each["state"]) for each in moves(stage)] == [("rlm2", "aborted")]
    seen = cluster(stage)
    assert (seen["name"], seen["active"], seen["balancers"][0]["active"]) == (CLUSTER, "rlm1", "rlm1")
    assert rule(stage) == "active_healthy"
    check_history(stage, faults=[Fault(part="rlm2", since=died)])


@pytest.mark.case(26)
def test_of_two_moves_at_once_one_is_done_and_one_refused(set_stage: SetStage) -> None:
    stage = set_stage(Choices(triggers=("detector",)))
    # A move takes a tenth of a second: the first one halts, or it may be over before the second is asked for.
    gate = stage.folder / "gate"
    start_daemon_with_seam(stage, "halting_daemon.py", "intended", "apply", str(gate))
    wait_ready(stage)

    together = Barrier(2)

    def ask(to: str) -> int:
        with requests.Session() as session:
            session.trust_env = False
            together.wait(timeout=10)
            url = f"{stage.layout.daemon_url}/api/v1/clusters/{CLUSTER}/failover"
            return session.post(url, json={"to": to}, timeout=30).status_code

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(ask, ("rlm2", "rlm3")))
    stage.wait(gate.exists, "the one that is done", within=10)
    gate.unlink()

    assert sorted(answers) == [202, 409]
    wait_moved(stage)
    assert [move["state"] for move in moves(stage)] == ["committed"]
    check_history(stage, faults=())
