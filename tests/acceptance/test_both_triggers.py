"""With Prometheus and Alertmanager beside our own detector: whoever is first, there is one operation."""

import time

import pytest

from rlm_exporter.demo.layout import Choices
from rlm_exporter.demo.scenarios import ALERT
from tests.acceptance.conftest import SetStage
from tests.acceptance.history import Fault, check_history
from tests.acceptance.limits import HANG
from tests.acceptance.seeing import moves, wait_moved, wait_ready, wait_served, watch

pytestmark = pytest.mark.xdist_group("acceptance")


def test_detector_and_alert_together_make_one_operation(set_stage: SetStage) -> None:
    stage = set_stage(Choices(triggers=("detector", "alerts"), detection="fast"))
    stage.start_daemon()
    stage.start_alertmanager()
    stage.start_prometheus()
    wait_ready(stage)
    stage.start_clients(holders=5)
    wait_served(stage, holders=5)

    hung = time.monotonic()
    stage.stop_server("rlm1")
    wait_moved(stage)
    # The alert about the old server may still come and go; none of it is a new incident.
    watch(stage, 10)
    stage.continue_server("rlm1")
    continued = time.monotonic()
    watch(stage, 5)

    assert [operation["state"] for operation in moves(stage)] == ["committed"]
    check_history(stage, faults=[Fault(part="rlm1", since=hung, until=continued)], budget=HANG)


def test_an_alert_that_fires_while_all_is_well_moves_nobody(set_stage: SetStage) -> None:
    stage = set_stage(Choices(triggers=("alerts",), detection="fast"))
    stage.start_daemon()
    stage.start_alertmanager()
    wait_ready(stage)
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    labels = {"alertname": ALERT, "rlm_action": "failover", "cluster": "rlm-ha-demo", "server": "rlm1"}
    stage.post(f"{stage.layout.alertmanager_url}/api/v2/alerts", [{"labels": labels, "startsAt": now}])

    def known() -> bool:
        return bool((stage.cluster() or {"failover": {"alerts_firing": []}})["failover"]["alerts_firing"])

    stage.wait(known, "the alert in the daemon", within=15)
    watch(stage, 3)

    cluster = stage.cluster()
    assert cluster is not None
    assert cluster["active"] == "rlm1"
    assert cluster["failover"]["decision"]["rule"] == "active_healthy"
    assert moves(stage) == []
    check_history(stage, faults=())
