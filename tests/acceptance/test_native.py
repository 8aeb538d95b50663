"""A cluster in which RLM itself moves the licenses: we follow, and do not fight its give-back."""

import json
from pathlib import Path

import pytest
import yaml

from rlm_exporter.demo.layout import Choices
from rlm_exporter.demo.stage import Stage
from rlm_exporter.simulator.history import split_sessions
from tests.acceptance.conftest import SetStage
from tests.acceptance.seeing import cluster, moves, wait_ready, wait_served

pytestmark = pytest.mark.xdist_group("faults")

POLL = 2
"""Seconds between two looks of the standby at its primary; RLM's own takes minutes."""


def with_rlms_own_failover(stage: Stage, tmp_path: Path) -> None:
    """rlm2 and rlm3 hold failover licenses, rlm2's own poll comes first; the manifest says so."""
    manifest = stage.folder / "cluster.yaml"
    document = yaml.safe_load(manifest.read_text(encoding="utf-8"))
    document["spec"]["highAvailability"]["takeover"] = "native"
    manifest.write_text(yaml.safe_dump(document), encoding="utf-8")
    for server, poll in (("rlm2", POLL), ("rlm3", 1000)):
        scenario = tmp_path / f"{server}.json"
        standby = {"primary": f"{stage.layout.license_port}@{stage.layout.host('rlm1')}", "poll": poll}
        scenario.write_text(json.dumps({"name": server, "standby": standby}), encoding="utf-8")
        stage.kill(server)
        stage.start_server(server, scenario=scenario)


def is_active(stage: Stage, server: str) -> bool:
    seen = cluster(stage)
    told = {each["active"] for each in seen["balancers"]}
    return seen["active"] == server and told == {server} and seen["failover"]["operation"] is None


def test_the_controller_follows_rlms_takeover_and_its_give_back(set_stage: SetStage, tmp_path: Path) -> None:
    stage = set_stage(Choices(triggers=("detector",), cooldown="3s"))
    with_rlms_own_failover(stage, tmp_path)
    stage.start_daemon()
    wait_ready(stage)
    stage.start_clients(holders=5)
    wait_served(stage, holders=5)

    stage.kill("rlm1")
    stage.wait(lambda: is_active(stage, "rlm2"), "rlm2 active", within=40)
    stage.start_server("rlm1")
    stage.wait(lambda: is_active(stage, "rlm1"), "rlm1 active again", within=60)

    done = [(each["kind"], each["rule"], each["to"], each["state"]) for each in moves(stage)]
    assert all(state == "committed" for *_, state in done), done
    assert [to for *_, to, _ in done] == ["rlm2", "rlm1"]
    assert {rule for _, rule, _, _ in done} <= {"adopted", "followed_rlm"}
    assert done[-1][1] == "followed_rlm", "rlm2 has lost its pools: RLM has given them back"
    assert split_sessions(stage.events()) == ()
