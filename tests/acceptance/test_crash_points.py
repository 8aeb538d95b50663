"""Our own process killed at every point of an operation: whoever comes next brings it to one end."""

import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from rlm_exporter.demo.layout import CLUSTER, Choices
from rlm_exporter.demo.stage import Stage
from tests.acceptance.conftest import SetStage
from tests.acceptance.seeing import moves, unlawful_returns, wait_ready, wait_served, watch

pytestmark = pytest.mark.xdist_group("acceptance")

MOMENTS = ("before", "intended", "ran", "after")
NEXT = {"rlm1": "rlm2", "rlm2": "rlm3", "rlm3": "rlm1"}


def start_dying_daemon(stage: Stage, moment: str, step: str) -> None:
    state = stage.folder / "state"
    state.mkdir(exist_ok=True)
    command = [
        *(sys.executable, str(Path(__file__).with_name("dying_daemon.py"))),
        *(str(stage.folder / "cluster.yaml"), str(stage.layout.daemon_port)),
        *(f"sqlite:///{state / 'journal.db'}", str(stage.folder / "rlmutil"), moment, step),
    ]
    stage.processes.start("rlm-ha", command)
    stage.wait(lambda: stage.get(f"{stage.layout.daemon_url}/-/healthy") is not None, "a daemon", within=20)


def ask_for(stage: Stage, target: str) -> None:
    url = f"{stage.layout.daemon_url}/api/v1/clusters/{CLUSTER}/failover"
    stage.post(url, {"to": target, "requested_by": "test"})


def all_up(stage: Stage) -> bool:
    cluster = stage.cluster()
    return cluster is not None and all(s["license"]["state"] == "up" for s in cluster["servers"])


def settled(stage: Stage, target: str) -> bool:
    """Whether no operation is open and the balancer has whom the journal has."""
    cluster: dict[str, Any] | None = stage.cluster()
    if cluster is None or cluster["failover"]["operation"] is not None:
        return False
    balancer = cluster["balancers"][0]
    return bool(
        cluster["active"] == target and balancer["active"] == target and balancer["epoch"] == cluster["epoch"]
    )


@pytest.mark.parametrize("step", ["apply", "verify", "commit"])
def test_a_kill_at_any_moment_of_a_step_is_survived_with_one_commit(step: str, set_stage: SetStage) -> None:
    stage = set_stage(Choices(detection="fast", cooldown="1s"))
    stage.start_clients(holders=3)
    active = "rlm1"

    for count, moment in enumerate(MOMENTS, start=1):
        start_dying_daemon(stage, moment, step)
        wait_ready(stage)
        stage.wait(partial(all_up, stage), "every server checked and up", within=20)
        if count == 1:
            wait_served(stage, holders=3)
        target = NEXT[active]
        ask_for(stage, target)
        stage.processes.wait_end("rlm-ha", within=20)
        watch(stage, 0.3)
        stage.start_daemon()

        took = stage.wait(partial(settled, stage, target), f"{target} after {moment} {step}", within=20)

        assert took <= 10
        assert len(moves(stage)) == count
        assert moves(stage)[-1]["state"] == "committed"
        assert [s["outcome"] for s in moves(stage)[-1]["steps"] if s["step"] == "commit"].count("done") <= 1
        stage.kill("rlm-ha")
        active = target

    stage.start_daemon()
    wait_ready(stage)
    watch(stage, 2)
    epochs = [operation["epoch"] for operation in stage.operations()]
    assert epochs == sorted(set(epochs))
    assert unlawful_returns(stage) == ()
