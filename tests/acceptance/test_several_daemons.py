"""Two daemons on one PostgreSQL: one acts, whatever becomes of it, and the other takes up what is left."""

import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from rlm_exporter.demo.layout import CLUSTER
from rlm_exporter.demo.stage import Stage
from rlm_exporter.simulator.event import EventKind
from tests.acceptance.conftest import SetStage
from tests.acceptance.history import Fault, check_history
from tests.acceptance.limits import HANG, MACHINE
from tests.acceptance.meddling import command
from tests.acceptance.replicas import (
    FIRST,
    SECOND,
    TAKEOVER,
    acts,
    first_url,
    lease_of,
    load,
    shared_store,
    start_first,
    start_first_with_gate,
    start_second,
    wait_acts,
    wire,
)
from tests.acceptance.seeing import (
    FAST,
    cluster,
    licenses,
    moves,
    rlm_ha,
    rule,
    seconds_until_served_by,
    settled_on,
    wait_moved,
    watch,
)
from tests.acceptance.test_alerts_as_hints import ALERTS_ALONE, deliver
from tests.postgresql import PostgresqlServer

pytestmark = pytest.mark.xdist_group("daemons")

FROZEN = 30.0
"""Seconds: two leases."""


@pytest.fixture
def store(postgresql: PostgresqlServer) -> Iterator[str]:
    with shared_store(postgresql) as url:
        yield url


def lost_since(stage: Stage, moment: float) -> list[float]:
    """When sessions ended that nobody had given back."""
    return [event.t for event in stage.events() if event.kind is EventKind.LOST and event.t > moment]


def status_of(url: str) -> dict[str, Any]:
    """What a daemon that is cut off says, which takes as long as it waits for its database."""
    answer = requests.get(f"{url}/api/v1/clusters/{CLUSTER}", timeout=15)
    found: dict[str, Any] = answer.json()["failover"]
    return found


def test_a_daemon_that_ends_hands_over_and_clients_notice_nothing(set_stage: SetStage, store: str) -> None:
    stage = set_stage(FAST)
    start_first(stage, store)
    start_second(stage, store)
    load(stage)
    began = time.monotonic()

    assert rule(stage) == "not_leader"
    assert lease_of(stage, stage.layout.daemon_url) == {
        "ours": False,
        "holder": "ha1",
        "url": first_url(stage),
        "remaining_seconds": 0.0,
        "trouble": None,
    }
    stage.processes.signal(FIRST, signal.SIGTERM)
    stage.processes.wait_end(FIRST, within=10)
    took = wait_acts(stage, stage.layout.daemon_url, within=10)
    watch(stage, 3)

    assert took <= 2 + MACHINE, "a lease that was given away is found within two seconds"
    assert (rule(stage), moves(stage)) == ("active_healthy", [])
    assert lost_since(stage, began) == []
    check_history(stage, faults=(), budget=1)


@pytest.mark.case(19)
@pytest.mark.parametrize(("moment", "step"), [("intended", "apply"), ("before", "commit")])
def test_the_operation_of_a_killed_daemon_is_taken_up_by_the_other(
    set_stage: SetStage, store: str, moment: str, step: str
) -> None:
    stage = set_stage(FAST)
    gate = start_first_with_gate(stage, store, moment, step)
    start_second(stage, store)
    load(stage)
    killed_server = time.monotonic()
    stage.stop_server("rlm1")
    stage.wait(gate.exists, f"an operation {moment} {step}", within=20)
    opened = moves(stage)[0]
    stage.kill(FIRST)
    killed = time.monotonic()
    operation = wait_moved(stage, within=TAKEOVER + 10)
    took = time.monotonic() - killed
    watch(stage, 2)

    assert took <= TAKEOVER + MACHINE
    assert (operation["id"], operation["epoch"]) == (opened["id"], opened["epoch"])
    assert (operation["state"], operation["to"], len(moves(stage))) == ("committed", "rlm2", 1)
    assert settled_on(stage, "rlm2")
    faults = [Fault(part="rlm1", since=killed_server)]
    check_history(stage, faults=faults, budget=HANG + TAKEOVER + MACHINE, soon=TAKEOVER + 10)


@pytest.mark.case(20)
def test_a_daemon_that_was_frozen_in_apply_does_nothing_when_it_thaws(
    set_stage: SetStage, store: str
) -> None:
    stage = set_stage(FAST)
    gate = start_first_with_gate(stage, store, "intended", "apply")
    start_second(stage, store)
    load(stage)
    hung = time.monotonic()
    stage.stop_server("rlm1")
    stage.wait(gate.exists, "an operation in the middle of apply", within=20)
    opened = moves(stage)[0]
    stage.processes.signal(FIRST, signal.SIGSTOP)
    frozen = time.monotonic()
    gate.unlink()

    operation = wait_moved(stage, within=TAKEOVER + 10)
    assert (operation["id"], operation["epoch"]) == (opened["id"], opened["epoch"])
    assert licenses(stage, "switchover", "--to", "rlm3").returncode == 0
    stage.wait(lambda: settled_on(stage, "rlm3"), "rlm3, by the daemon that acts", within=15)
    watch(stage, max(0.0, frozen + FROZEN - time.monotonic()))
    # A command that had left it before: the balancer knows a higher epoch.
    assert command(stage, "maint", "rlm1", "rlm3", epoch=opened["epoch"]) == 409
    thawed = time.monotonic()
    stage.processes.signal(FIRST, signal.SIGCONT)
    watch(stage, 5)

    assert [(move["to"], move["state"]) for move in moves(stage)] == [
        ("rlm2", "committed"),
        ("rlm3", "committed"),
    ]
    assert [move["epoch"] for move in moves(stage)] == [opened["epoch"], opened["epoch"] + 1]
    assert settled_on(stage, "rlm3")
    assert lost_since(stage, thawed) == []
    assert not acts(stage, first_url(stage))
    assert acts(stage, stage.layout.daemon_url)
    assert "this daemon acts for it no more" in stage.processes.log(FIRST)
    faults = [Fault(part="rlm1", since=hung)]
    check_history(stage, faults=faults, budget=HANG + TAKEOVER + MACHINE, soon=TAKEOVER + 10)


@pytest.mark.case(21)
def test_a_daemon_cut_off_from_the_database_stops_and_the_other_goes_on(
    set_stage: SetStage, store: str, postgresql: PostgresqlServer
) -> None:
    stage = set_stage(FAST)
    with wire(stage, postgresql.port) as near:
        gate = start_first_with_gate(
            stage, store.replace(f":{postgresql.port}/", f":{near}/"), "intended", "verify"
        )
        start_second(stage, store)
        load(stage)
        hung = time.monotonic()
        stage.stop_server("rlm1")
        stage.wait(gate.exists, "an operation in the middle of verify", within=20)
        opened = moves(stage)[0]
        stage.processes.signal("wire", signal.SIGSTOP)
        cut = time.monotonic()
        gate.unlink()
        operation = wait_moved(stage, within=TAKEOVER + 10)
        taken = time.monotonic() - cut
        # It takes as long as that one waits for its database, which is none of the takeover.
        cut_off = status_of(first_url(stage))
        stage.processes.signal("wire", signal.SIGCONT)
        watch(stage, 5)

        assert taken <= TAKEOVER + MACHINE
        assert cut_off["decision"]["rule"] == "not_leader"
        assert "did not answer" in cut_off["lease"]["trouble"]
        assert (operation["id"], operation["epoch"]) == (opened["id"], opened["epoch"])
        assert (operation["state"], operation["to"], len(moves(stage))) == ("committed", "rlm2", 1)
        assert acts(stage, stage.layout.daemon_url)
        assert not acts(stage, first_url(stage))
        check_history(stage, faults=[Fault(part="rlm1", since=hung)], budget=HANG, soon=TAKEOVER + 10)


@pytest.mark.case(12)
def test_alerts_to_both_daemons_are_one_operation(set_stage: SetStage, store: str) -> None:
    stage = set_stage(ALERTS_ALONE)
    start_first(stage, store)
    start_second(stage, store)
    load(stage)
    down = time.monotonic()
    stage.kill("rlm1")
    starts = datetime.now(UTC)
    for _ in range(10):
        for url in (first_url(stage), stage.layout.daemon_url):
            deliver(stage, starts=starts, daemon=url)
    wait_moved(stage)
    watch(stage, 4)
    for url in (first_url(stage), stage.layout.daemon_url):
        deliver(stage, starts=starts, ends=datetime.now(UTC), daemon=url)
    watch(stage, 2)

    assert [(move["to"], move["state"]) for move in moves(stage)] == [("rlm2", "committed")]
    assert sum(alert["deliveries"] for alert in moves(stage)[0]["alerts"]) in {20, 22}
    check_history(stage, faults=[Fault(part="rlm1", since=down)], budget=8)


@pytest.mark.case(26)
def test_a_wish_at_either_daemon_reaches_the_one_that_acts(set_stage: SetStage, store: str) -> None:
    stage = set_stage(FAST)
    start_first(stage, store)
    start_second(stage, store)
    load(stage)
    said = licenses(stage, "switchover", "--to", "rlm2")
    stage.wait(lambda: settled_on(stage, "rlm2"), "rlm2", within=10)
    shown = rlm_ha(stage, "license-servers", "status", CLUSTER, "--show-ha")
    seats = f"{stage.layout.daemon_url}/api/v1/clusters/{CLUSTER}/release"
    no_release = requests.post(seats, json={"handle": "fff"}, timeout=5)
    nobodys = licenses(stage, "release", "--handle", "fff", "--yes")
    refused = requests.post(
        f"{stage.layout.daemon_url}/api/v1/clusters/{CLUSTER}/failover", json={"to": "rlm1"}, timeout=5
    )

    assert said.returncode == 0
    assert f"ha1 acts for this cluster ({first_url(stage)})" in shown.stdout
    assert (refused.status_code, refused.json()["kind"]) == (409, "not_leader")
    assert refused.json()["leader_url"] == first_url(stage)
    assert (no_release.status_code, no_release.json()["leader_url"]) == (409, first_url(stage))
    assert (nobodys.returncode, "nobody has handle fff on rlm2" in nobodys.stderr) == (3, True)
    assert [(move["kind"], move["to"]) for move in moves(stage)] == [("switchover", "rlm2")]
    check_history(stage, faults=(), budget=2)


@pytest.mark.case(18)
def test_a_database_that_is_away_stops_everybody_and_nobody_is_sent_wrong(set_stage: SetStage) -> None:
    stage = set_stage(FAST)
    server = PostgresqlServer()
    try:
        with shared_store(server) as store:
            start_first(stage, store)
            start_second(stage, store)
            load(stage)
            server.stop()
            stage.wait(lambda: not acts(stage, first_url(stage)), "nobody who acts", within=15)
            refused = requests.post(
                f"{stage.layout.daemon_url}/webhooks/alertmanager",
                json=DELIVERY,
                timeout=15,
            )
            killed = time.monotonic()
            stage.kill("rlm1")
            took = seconds_until_served_by(stage, "rlm2", after=killed, within=10)
            watch(stage, 2)
            away = cluster(stage)["failover"]
            server.start()
            operation = wait_moved(stage, within=40)
            stage.wait(lambda: settled_on(stage, "rlm2"), "rlm2 on record", within=10)
            watch(stage, 2)

            assert refused.status_code == 503
            assert took <= 5
            assert "it cannot be reached; is it running" in away["lease"]["trouble"]
            assert away["decision"]["rule"] == "not_leader"
            assert (operation["kind"], operation["to"], operation["state"]) == ("adopt", "rlm2", "committed")
            assert len(moves(stage)) == 1
            check_history(stage, faults=[Fault(part="rlm1", since=killed)], budget=6, lag=60)
            for name in (FIRST, SECOND):
                stage.processes.signal(name, signal.SIGTERM)
                stage.processes.wait_end(name, within=10)
    finally:
        server.close()


DELIVERY = {
    "version": "4",
    "groupKey": "{}",
    "truncatedAlerts": 0,
    "status": "firing",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "RLMFailoverWanted", "cluster": CLUSTER, "rlm_action": "failover"},
            "annotations": {},
            "startsAt": "2026-03-02T08:00:00Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "",
            "fingerprint": "c0ffee",
        }
    ],
}
