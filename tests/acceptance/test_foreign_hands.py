"""Somebody else works at HAProxy itself: it is seen, left alone for a time, and then followed or put right.

The product leaves it alone for a minute; here that is some seconds, and what counts is the order.
"""

import socket
import time

import pytest

from rlm_exporter.demo.stage import Stage
from rlm_exporter.simulator.history import answers_from
from tests.acceptance.conftest import SetStage
from tests.acceptance.history import Fault, check_history
from tests.acceptance.meddling import edit_config, runtime, with_runtime_socket
from tests.acceptance.seeing import (
    FAST,
    HOLDERS,
    cluster,
    held,
    moves,
    rule,
    seconds_until_served_by,
    settled_on,
    start_daemon_with_seam,
    wait_moved,
    wait_ready,
    wait_served,
    watch,
)

pytestmark = pytest.mark.xdist_group("foreign_hands")

MINUTE = 6.0
SLOW = 15.0
"""Seconds for what takes one to five on a quiet machine: what counts is the order."""


def hasty_under_load(stage: Stage) -> None:
    """A daemon for which a minute is short, clients that are served, and all standbys free for them."""
    start_daemon_with_seam(stage, "hasty_daemon.py", f"{MINUTE:g}")
    wait_ready(stage)
    stage.start_clients(holders=HOLDERS)
    wait_served(stage, holders=HOLDERS)
    stage.wait(lambda: free(stage), "standbys that nobody holds", within=SLOW)


@pytest.mark.case(28)
def test_maint_by_somebody_elses_hand_is_written_down_followed_and_put_right(set_stage: SetStage) -> None:
    stage = set_stage(FAST)
    with_runtime_socket(stage)
    hasty_under_load(stage)

    began = time.monotonic()
    assert runtime(stage, "set server rlm_license_servers/rlm1 state maint") == ""
    seconds_until_served_by(stage, "rlm2", after=began, within=SLOW)
    moved = time.monotonic()
    stage.wait(lambda: rule(stage) == "balancer_differs", "the rule that waits", within=SLOW)
    watch(stage, MINUTE / 2)
    during = held(stage), moves(stage), cluster(stage)["active"]
    operation = wait_moved(stage, within=MINUTE + SLOW)
    stage.wait(lambda: settled_on(stage, "rlm2"), "rlm2 under our epoch", within=SLOW)
    stage.wait(lambda: held(stage) == set(), "nobody held", within=MINUTE + SLOW)
    watch(stage, 3)

    assert during == ({"rlm1"}, [], "rlm1")
    assert (operation["kind"], operation["rule"], operation["to"]) == ("adopt", "adopted", "rlm2")
    assert "although rlm1 is healthy" in operation["reason"]
    assert len(moves(stage)) == 1
    assert (
        written(stage)[0] == "lb1: somebody else has changed who is held: rlm1 maint, rlm2 ready, rlm3 ready"
    )
    assert answers_from(stage.events(), "rlm1", after=moved) == ()
    check_history(
        stage,
        faults=[Fault(part="rlm1", since=began, until=moved)],
        budget=2,
        soon=3 * MINUTE,
        lag=3 * MINUTE,
    )


@pytest.mark.case(28)
def test_a_pin_that_somebody_else_takes_off_is_put_back(set_stage: SetStage) -> None:
    stage = set_stage(FAST)
    with_runtime_socket(stage)
    hasty_under_load(stage)
    stage.post(f"{api(stage)}/maintenance", {"server": "rlm3", "enable": True, "requested_by": "test"})
    stage.wait(lambda: held(stage) == {"rlm3"}, "rlm3 in maintenance", within=SLOW)

    began = time.monotonic()
    assert runtime(stage, "set server rlm_license_servers/rlm3 state ready") == ""
    stage.wait(lambda: held(stage) == set(), "rlm3 taken out of it by hand", within=SLOW)
    took = stage.wait(lambda: held(stage) == {"rlm3"}, "rlm3 in maintenance again", within=MINUTE + SLOW)

    assert took >= MINUTE - 2
    assert written(stage) == [
        "lb1: somebody else has changed who is held: rlm1 ready, rlm2 ready, rlm3 ready"
    ]
    assert moves(stage) == []
    check_history(stage, faults=[Fault(part="lb1", since=began)], budget=1, soon=3 * MINUTE)


@pytest.mark.case(25)
def test_of_two_balancers_that_do_not_agree_one_is_brought_back(set_stage: SetStage) -> None:
    stage = set_stage(FAST, balancers=2)
    # The balancers do not reach each other, so they share no table.
    away = f"{stage.layout.network}.98"
    for mine, his in (("lb1", 1), ("lb2", 0)):
        host = stage.layout.balancer_hosts[his]
        port = stage.layout.peer_port
        edit_config(stage, f"{host}:{port}", f"{away}:{port}", balancer=mine)
        with_runtime_socket(stage, mine)
    hasty_under_load(stage)

    began = time.monotonic()
    assert runtime(stage, "set server rlm_license_servers/rlm1 state maint", "lb2") == ""
    # A table changes with a connection, not with a command; one that is gone too soon changes nothing.
    host = stage.layout.balancer_hosts[1]
    with socket.create_connection((host, stage.layout.license_port), timeout=5):
        stage.wait(lambda: balancer_active(stage, "lb2") == "rlm2", "lb2 with another server", within=SLOW)
    assert runtime(stage, "set server rlm_license_servers/rlm1 state ready", "lb2") == ""
    assert balancer_active(stage, "lb1") == "rlm1"
    stage.wait(lambda: rule(stage) == "balancer_differs", "the rule that waits", within=SLOW)
    operation = wait_moved(stage, within=MINUTE + SLOW)
    stage.wait(lambda: balancer_active(stage, "lb2") == "rlm1", "lb2 with rlm1", within=SLOW)
    watch(stage, 3)

    assert (operation["kind"], operation["rule"], operation["to"]) == ("resync", "balancer_wrong", "rlm1")
    assert "the balancers do not agree" in operation["reason"]
    assert operation["outcome"] == "done"
    assert len(moves(stage)) == 1
    assert cluster(stage)["active"] == "rlm1"
    check_history(stage, faults=[Fault(part="lb2", since=began)], budget=1, soon=3 * MINUTE)


def written(stage: Stage) -> list[str]:
    """What the journal says of it, oldest first."""
    decisions = reversed(stage.get(f"{api(stage)}/events")["decisions"])
    return [each["detail"] for each in decisions if each["rule"] == "foreign_hand"]


def free(stage: Stage) -> bool:
    """Whether every server is in use at every balancer, after we have steered it."""
    seen = cluster(stage)
    states = [line["status"] for each in seen["servers"] for line in each["balancers"]]
    steered = all(each["epoch"] == seen["epoch"] for each in seen["balancers"])
    return steered and all(state.startswith("UP") for state in states)


def balancer_active(stage: Stage, balancer: str) -> str | None:
    """Whom a balancer has active, as the daemon sees it."""
    found = next(each for each in cluster(stage)["balancers"] if each["name"] == balancer)
    active: str | None = found["active"]
    return active


def api(stage: Stage) -> str:
    """The cluster's address."""
    return f"{stage.layout.daemon_url}/api/v1/clusters/{cluster(stage)['name']}"
