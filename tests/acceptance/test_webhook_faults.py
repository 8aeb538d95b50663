"""Deliveries that are too many, too old, not for us, not readable, or come while the journal is away."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from rlm_exporter.alerts.webhook import LARGEST
from rlm_exporter.demo.layout import CLUSTER, Choices
from rlm_exporter.demo.scenarios import ALERT
from rlm_exporter.demo.stage import Stage
from tests.acceptance.conftest import SetStage
from tests.acceptance.history import Fault, check_history
from tests.acceptance.meddling import journal_away, send, start_serve, wait_healthy
from tests.acceptance.seeing import (
    HOLDERS,
    cluster,
    moves,
    rule,
    seconds_until_served_by,
    under_load,
    wait_moved,
    wait_ready,
    wait_served,
    watch,
)

pytestmark = pytest.mark.xdist_group("webhook")

WEBHOOK = "/webhooks/alertmanager"
ALERTS_ALONE = Choices(triggers=("alerts",), detection="fast")
OTHER = "rlm-ha-other"
SECRET = "only-alertmanager-knows"


def delivery(*alerts: dict[str, Any], truncated: int = 0) -> dict[str, Any]:
    """What Alertmanager sends."""
    return {
        "version": "4",
        "groupKey": f'{{}}:{{alertname="{ALERT}"}}',
        "truncatedAlerts": truncated,
        "status": "firing",
        "receiver": "rlm-ha",
        "groupLabels": {"alertname": ALERT},
        "commonLabels": {"alertname": ALERT},
        "commonAnnotations": {},
        "externalURL": "http://am.example:9093",
        "alerts": list(alerts),
    }


def fires(of: str, server: str, *, starts: datetime | None = None) -> dict[str, Any]:
    """An alert that asks for a failover of a cluster."""
    return {
        "status": "firing",
        "labels": {"alertname": ALERT, "rlm_action": "failover", "cluster": of, "server": server},
        "annotations": {},
        "startsAt": (starts or datetime.now(UTC)).isoformat(),
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example/graph",
        "fingerprint": f"{of}-{server}",
    }


def firing(stage: Stage, of: str = CLUSTER) -> set[str]:
    """The servers about which alerts are stored as firing."""
    document = stage.get(f"{stage.layout.daemon_url}/api/v1/clusters/{of}")
    return {alert["server"] for alert in document["failover"]["alerts_firing"]}


def counted(stage: Stage, result: str) -> float:
    """How many alerts the daemon has counted so."""
    text: str = stage.get(f"{stage.layout.daemon_url}/metrics") or ""
    line = f'rlm_ha_webhook_alerts_total{{result="{result}"}} '
    found = (float(each.removeprefix(line)) for each in text.splitlines() if each.startswith(line))
    return next(found, 0.0)


def another_cluster(stage: Stage) -> Path:
    """A manifest of a second cluster, of the same servers in another order and without a balancer."""
    document = yaml.safe_load((stage.folder / "cluster.yaml").read_text(encoding="utf-8"))
    document["metadata"]["name"] = OTHER
    servers = document["spec"]["highAvailability"]
    servers["primary"], servers["secondary"] = servers["secondary"], servers["primary"]
    del document["spec"]["loadBalancer"]
    path = stage.folder / "other.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return path


@pytest.mark.case(15)
def test_200_alerts_reach_each_its_own_cluster_and_nothing_across(set_stage: SetStage) -> None:
    stage = set_stage(ALERTS_ALONE)
    start_serve(stage, manifests=(stage.folder / "cluster.yaml", another_cluster(stage)))
    wait_healthy(stage)
    wait_ready(stage)
    stage.start_clients(holders=HOLDERS)
    wait_served(stage, holders=HOLDERS)
    hung = time.monotonic()
    stage.stop_server("rlm1")
    stage.wait(lambda: rule(stage) == "nobody_asked", "rlm1 down, and nobody who asks", within=20)

    foreign = [fires(f"elsewhere-{number}", "rlm1") for number in range(150)]
    theirs = [fires(OTHER, f"rlm{number}") for number in range(50)]
    taken = send(stage, WEBHOOK, delivery(*foreign, *theirs, truncated=300))
    watch(stage, 2)

    assert (taken.status_code, taken.json()["accepted"]) == (202, {"unknown_cluster": 150, "new": 50})
    assert (firing(stage), len(firing(stage, OTHER))) == (set(), 50)
    assert moves(stage) == []
    assert rule(stage) == "nobody_asked"

    assert send(stage, WEBHOOK, delivery(*foreign[:199], fires(CLUSTER, "rlm1"))).status_code == 202
    operation = wait_moved(stage)
    watch(stage, 2)

    assert (operation["to"], [alert["server"] for alert in operation["alerts"]]) == ("rlm2", ["rlm1"])
    assert len(moves(stage)) == 1
    other = stage.get(f"{stage.layout.daemon_url}/api/v1/clusters/{OTHER}/events")["operations"]
    assert [each["kind"] for each in other] == ["first_start"]
    check_history(stage, faults=[Fault(part="rlm1", since=hung)], budget=25)


@pytest.mark.case(16)
def test_an_alert_that_is_two_hours_old_is_kept_and_moves_nobody(set_stage: SetStage) -> None:
    stage = set_stage(ALERTS_ALONE)
    under_load(stage)

    old = fires(CLUSTER, "rlm1", starts=datetime.now(UTC) - timedelta(hours=2))
    taken = send(stage, WEBHOOK, delivery(old))
    watch(stage, 6)

    assert (taken.status_code, taken.json()["accepted"]) == (202, {"new": 1})
    assert firing(stage) == {"rlm1"}
    assert moves(stage) == []
    assert rule(stage) == "active_healthy"
    check_history(stage, faults=(), budget=1)


@pytest.mark.case(17)
def test_what_is_no_delivery_of_ours_is_refused_and_nothing_is_kept(set_stage: SetStage) -> None:
    stage = set_stage(ALERTS_ALONE)
    start_serve(stage, environment={"RLM_HA_WEBHOOK_TOKEN": SECRET})
    wait_healthy(stage)

    good = delivery(fires(CLUSTER, "rlm1"))
    half = delivery(fires(CLUSTER, "rlm1"), {**fires(CLUSTER, "rlm2"), "startsAt": "yesterday"})
    answers = {
        "malformed": send(stage, WEBHOOK, body=b'{"version": "4", "alerts": [', token=SECRET),
        "one of two": send(stage, WEBHOOK, half, token=SECRET),
        "version 3": send(stage, WEBHOOK, {**good, "version": "3"}, token=SECRET),
        "too big": send(stage, WEBHOOK, {**good, "padding": "x" * LARGEST}, token=SECRET),
        "unauthenticated": send(stage, WEBHOOK, good),
        "another's": send(stage, WEBHOOK, good, token="a-guess"),
    }

    assert {what: answer.status_code for what, answer in answers.items()} == {
        "malformed": 400,
        "one of two": 400,
        "version 3": 400,
        "too big": 413,
        "unauthenticated": 401,
        "another's": 401,
    }
    # What it has kept is read by one that lets everybody read.
    stage.kill("rlm-ha")
    stage.start_daemon()
    wait_ready(stage)
    watch(stage, 2)
    assert firing(stage) == set()
    assert moves(stage) == []
    check_history(stage, faults=())


@pytest.mark.case(18)
def test_alertmanager_comes_back_when_the_journal_was_away(set_stage: SetStage) -> None:
    stage = set_stage(ALERTS_ALONE)
    stage.start_alertmanager()
    under_load(stage)
    hung = time.monotonic()
    stage.stop_server("rlm1")
    stage.wait(lambda: rule(stage) == "nobody_asked", "rlm1 down, and nobody who asks", within=20)

    with journal_away(stage):
        refused = send(stage, WEBHOOK, delivery(fires(CLUSTER, "rlm1")))
        alert = {key: fires(CLUSTER, "rlm1")[key] for key in ("labels", "startsAt")}
        stage.post(f"{stage.layout.alertmanager_url}/api/v2/alerts", [alert])
        stage.wait(lambda: counted(stage, "unavailable") >= 3, "Alertmanager refused twice", within=20)
        assert firing(stage) == set()
        assert moves(stage) == []
    operation = wait_moved(stage)
    seconds_until_served_by(stage, "rlm2", after=hung, within=10)
    watch(stage, 3)

    assert (refused.status_code, refused.json()["kind"]) == (503, "store_unavailable")
    assert (operation["trigger"], operation["to"], operation["state"]) == ("alert", "rlm2", "committed")
    assert [alert["server"] for alert in operation["alerts"]] == ["rlm1"]
    assert len(moves(stage)) == 1
    assert cluster(stage)["active"] == "rlm2"
    check_history(stage, faults=[Fault(part="rlm1", since=hung)], budget=45)
