"""Alerts that come late, often, twice, or end in the middle: what Alertmanager really does, and worse."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rlm_exporter.demo.layout import CLUSTER, Choices
from rlm_exporter.demo.scenarios import ALERT
from rlm_exporter.demo.stage import Stage
from rlm_exporter.simulator.history import answers_from
from tests.acceptance.conftest import SetStage
from tests.acceptance.history import Fault, check_history
from tests.acceptance.limits import HANG
from tests.acceptance.seeing import (
    cluster,
    halting_under_load,
    moves,
    rule,
    under_load,
    wait_moved,
    watch,
)

pytestmark = pytest.mark.xdist_group("alerts")

ALERTS_ALONE = Choices(triggers=("alerts",), detection="fast", cooldown="3s")
NEVER = "0001-01-01T00:00:00Z"


def deliver(
    stage: Stage,
    *,
    starts: datetime,
    ends: datetime | None = None,
    sender: str = "am1",
    server: str = "rlm1",
    daemon: str | None = None,
) -> None:
    """One delivery as Alertmanager 0.25 makes it; with `ends` the alert is resolved."""
    status = "firing" if ends is None else "resolved"
    labels = {
        "alertname": ALERT,
        "severity": "critical",
        "rlm_action": "failover",
        "cluster": CLUSTER,
        "server": server,
    }
    alert: dict[str, Any] = {
        "status": status,
        "labels": labels,
        "annotations": {},
        "startsAt": told(starts),
        "endsAt": NEVER if ends is None else told(ends),
        "generatorURL": "http://prometheus.example/graph",
        "fingerprint": f"c0ffee00{server}",
    }
    stage.post(
        f"{daemon or stage.layout.daemon_url}/webhooks/alertmanager",
        {
            "version": "4",
            "groupKey": f'{{}}:{{alertname="{ALERT}", cluster="{CLUSTER}"}}',
            "truncatedAlerts": 0,
            "status": status,
            "receiver": "rlm-ha",
            "groupLabels": {"alertname": ALERT},
            "commonLabels": labels,
            "commonAnnotations": {},
            "externalURL": f"http://{sender}.example:9093",
            "alerts": [alert],
        },
    )


def told(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def firing(stage: Stage) -> list[Any]:
    fires: list[Any] = cluster(stage)["failover"]["alerts_firing"]
    return fires


@pytest.mark.case(12)
def test_the_same_alert_twenty_one_times_from_a_pair_is_one_operation(set_stage: SetStage) -> None:
    stage = set_stage(ALERTS_ALONE)
    under_load(stage)
    hung = time.monotonic()
    stage.stop_server("rlm1")
    stage.wait(lambda: rule(stage) == "nobody_asked", "rlm1 down, and nobody who asks", within=20)
    assert moves(stage) == []

    # Two replicas of Prometheus see the incident begin 15 s apart; each Alertmanager delivers both.
    begin = datetime.now(UTC)
    starts = (begin - timedelta(seconds=15), begin)
    for number in range(21):
        deliver(stage, starts=starts[number % 2], sender=f"am{1 + number % 2}")
    operation = wait_moved(stage)
    for number in range(4):
        deliver(stage, starts=starts[number % 2], sender=f"am{1 + number % 2}")
    ended = datetime.now(UTC)
    deliver(stage, starts=starts[1], ends=ended)
    deliver(stage, starts=starts[1], ends=ended, sender="am2")
    for number in range(4):
        deliver(stage, starts=starts[number % 2], sender=f"am{1 + number % 2}")
    # The first look after the last delivery, and all that come later.
    stage.wait(lambda: firing(stage) == [], "the end of the alert", within=10)
    # Beyond the cooldown: what asks must have gone, and not only be held.
    watch(stage, 5)

    assert firing(stage) == []
    assert (operation["rule"], operation["to"], operation["trigger"]) == ("failed_over", "rlm2", "alert")
    assert len(moves(stage)) == 1
    assert rule(stage) == "active_healthy"
    check_history(stage, faults=[Fault(part="rlm1", since=hung)], budget=HANG)


@pytest.mark.case(13)
def test_an_alert_that_never_resolves_sees_a_second_incident(set_stage: SetStage) -> None:
    stage = set_stage(ALERTS_ALONE)
    under_load(stage)
    first = time.monotonic()
    stage.stop_server("rlm1")
    deliver(stage, starts=datetime.now(UTC))
    wait_moved(stage)

    def over() -> bool:
        return bool(cluster(stage)["failover"]["cooldown_remaining_seconds"] == 0)

    stage.wait(over, "the end of the cooldown", within=10)
    second = time.monotonic()
    stage.stop_server("rlm2")
    stage.wait(lambda: len(moves(stage)) == 2 and bool(moves(stage)[1]["ended_at"]), "two", within=20)

    assert [(move["from"], move["to"], move["state"]) for move in moves(stage)] == [
        ("rlm1", "rlm2", "committed"),
        ("rlm2", "rlm3", "committed"),
    ]
    assert [len(move["alerts"]) for move in moves(stage)] == [1, 1]
    ill = [Fault(part="rlm1", since=first), Fault(part="rlm2", since=second)]
    check_history(stage, faults=ill, budget=HANG)


@pytest.mark.case(14)
def test_an_alert_that_resolves_in_the_middle_changes_nothing(set_stage: SetStage) -> None:
    stage = set_stage(ALERTS_ALONE)
    gate = halting_under_load(stage, "ran", "apply")

    hung = time.monotonic()
    stage.stop_server("rlm1")
    begin = datetime.now(UTC)
    deliver(stage, starts=begin)
    stage.wait(gate.exists, "an operation in the middle of apply", within=20)
    stage.continue_server("rlm1")
    well = time.monotonic()
    deliver(stage, starts=begin, ends=datetime.now(UTC))
    gate.unlink()
    operation = wait_moved(stage)
    watch(stage, 6)

    assert (operation["state"], operation["to"]) == ("committed", "rlm2")
    assert [alert["status"] for alert in operation["alerts"]] == ["resolved"]
    assert len(moves(stage)) == 1
    assert cluster(stage)["active"] == "rlm2"
    assert answers_from(stage.events(), "rlm1", after=well) == ()
    check_history(stage, faults=[Fault(part="rlm1", since=hung, until=well)], budget=HANG)
