"""`rlm-ha drill` against a whole cluster with HAProxy: what is well, what is broken, and the real move."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import CompletedProcess
from xml.etree import ElementTree as ET

import pytest

from rlm_exporter.demo.layout import CLUSTER, Choices
from rlm_exporter.demo.stage import Stage
from tests.acceptance.conftest import SetStage
from tests.acceptance.history import check_history
from tests.acceptance.seeing import cluster, moves, rlm_ha, wait_free, wait_ready

pytestmark = pytest.mark.xdist_group("faults")


def drill(stage: Stage, *words: str) -> CompletedProcess[str]:
    return rlm_ha(stage, "drill", CLUSTER, "--rlmutil", str(stage.folder / "rlmutil"), "--json", *words)


@pytest.mark.row(46)
def test_a_drill_moves_the_clients_there_and_back_and_tells_what_they_felt(
    set_stage: SetStage, tmp_path: Path
) -> None:
    stage = set_stage(Choices(triggers=("detector",)))
    stage.start_daemon()
    wait_ready(stage)
    wait_free(stage)
    report = tmp_path / "drill.xml"

    now = datetime.now(UTC)
    closed = f"{now + timedelta(hours=3):%H:%M}-{now + timedelta(hours=4):%H:%M}"
    outside = drill(stage, "--failover", "--window", closed, "--timezone", "UTC")
    assert (outside.returncode, json.loads(outside.stdout)["failed"]) == (4, [])
    assert f"the window {closed} is closed" in outside.stderr
    assert moves(stage) == []

    opened = f"{now - timedelta(hours=1):%H:%M}-{now + timedelta(hours=2):%H:%M}"
    ended = drill(
        stage,
        *("--failover", "--window", opened, "--timezone", "UTC", "--stay", "1s", "--to", "rlm3"),
        *("--junit", str(report)),
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    document = json.loads(ended.stdout)
    kinds = [check["kind"] for check in document["checks"]]
    assert kinds == [
        *["connectivity"] * 3,
        *["web"] * 3,
        "balancer",
        *["capability"] * 2,
        "failover",
        "return",
    ]
    for check in document["checks"][-2:]:
        assert 0 < check["without_service_seconds"] < 10
    assert [(each["from"], each["to"], each["state"]) for each in moves(stage)] == [
        ("rlm1", "rlm3", "committed"),
        ("rlm3", "rlm1", "committed"),
    ]
    assert cluster(stage)["active"] == "rlm1"
    suite = ET.fromstring(report.read_text())  # noqa: S314 - written by us
    assert (suite.get("tests"), suite.get("failures")) == ("11", "0")
    check_history(stage, faults=())


@pytest.mark.row(46)
def test_a_drill_names_what_is_broken_and_moves_nobody(set_stage: SetStage) -> None:
    stage = set_stage(Choices(triggers=("detector",)))
    stage.start_daemon()
    wait_ready(stage)
    stage.kill("rlm3")

    ended = drill(stage, "--failover", "--any-time", "--to", "rlm2")
    assert (ended.returncode, json.loads(ended.stdout)["failed"]) == (1, ["connectivity rlm3", "web rlm3"])
    assert "Clients were not moved: not everything is well before it" in ended.stderr

    stage.kill("haproxy")
    ended = drill(stage)
    failed = json.loads(ended.stdout)["failed"]
    assert ended.returncode == 1
    assert {"balancer lb1", "capability STARCCM (siemens)", "capability NXCAE (siemens)"} < set(failed)
    assert moves(stage) == []
