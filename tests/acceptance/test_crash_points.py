"""Our own process killed at every point of an operation: whoever comes next brings it to one end."""

from functools import partial

import pytest

from rlm_exporter.demo.layout import Choices
from tests.acceptance.conftest import SetStage
from tests.acceptance.history import check_history
from tests.acceptance.seeing import (
    ask_for,
    moves,
    settled_on,
    start_daemon_with_seam,
    wait_all_up,
    wait_ready,
    wait_served,
    watch,
)

pytestmark = pytest.mark.xdist_group("acceptance")

MOMENTS = ("before", "intended", "ran", "after")
NEXT = {"rlm1": "rlm2", "rlm2": "rlm3", "rlm3": "rlm1"}


@pytest.mark.case(19)
@pytest.mark.parametrize("step", ["apply", "verify", "commit"])
def test_a_kill_at_any_moment_of_a_step_is_survived_with_one_commit(step: str, set_stage: SetStage) -> None:
    stage = set_stage(Choices(detection="fast", cooldown="1s"))
    stage.start_clients(holders=3)
    active = "rlm1"

    for count, moment in enumerate(MOMENTS, start=1):
        start_daemon_with_seam(stage, "dying_daemon.py", moment, step)
        wait_ready(stage)
        wait_all_up(stage)
        if count == 1:
            wait_served(stage, holders=3)
        target = NEXT[active]
        ask_for(stage, target)
        stage.processes.wait_end("rlm-ha", within=20)
        watch(stage, 0.3)
        stage.start_daemon()

        took = stage.wait(partial(settled_on, stage, target), f"{target} after {moment} {step}", within=20)

        assert took <= 10
        assert len(moves(stage)) == count
        assert moves(stage)[-1]["state"] == "committed"
        assert [s["outcome"] for s in moves(stage)[-1]["steps"] if s["step"] == "commit"].count("done") <= 1
        stage.kill("rlm-ha")
        active = target

    stage.start_daemon()
    wait_ready(stage)
    watch(stage, 2)
    check_history(stage, faults=(), budget=2)
