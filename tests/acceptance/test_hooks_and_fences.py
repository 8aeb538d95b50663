"""Calls outside around a move, with real programs, HAProxy and clients: fences, and hooks of both kinds."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from rlm_exporter.demo.layout import Choices
from rlm_exporter.demo.stage import Stage
from rlm_exporter.simulator.control import set_mode
from rlm_exporter.simulator.mode import Mode
from tests.acceptance.conftest import SetStage
from tests.acceptance.history import Fault, check_history
from tests.acceptance.limits import HANG
from tests.acceptance.seeing import (
    HOLDERS,
    ask_for,
    cluster,
    licenses,
    moves,
    rule,
    seconds_until_served_by,
    server,
    settled_on,
    start_daemon_with_seam,
    under_load,
    wait_moved,
    wait_ready,
    wait_served,
    watch,
)
from tests.simulated import SimulatedClient

pytestmark = pytest.mark.xdist_group("hooks")

FENCE = 3.0
"""Seconds for a fence that does not come to its end."""

# Writes down when it was called and with what; goes well from the call on whose number it is given.
PROGRAM = """\
import json, sys, time
notes, good_from = sys.argv[1:]
with open(notes, "a+", encoding="utf-8") as file:
    file.write(json.dumps({"t": time.monotonic(), "event": json.load(sys.stdin)}) + "\\n")
    file.flush()
    file.seek(0)
    calls = len(file.readlines())
if calls < int(good_from):
    print("the power switch does not answer")
    sys.exit(1)
"""


class Outside:
    """One program that a manifest names, and the calls it got."""

    def __init__(self, folder: Path, name: str, *, good_from: int = 1) -> None:
        self._notes = folder / f"{name}.calls"
        program = folder / f"{name}.py"
        program.write_text(PROGRAM, encoding="utf-8")
        self.command = ["python3", str(program), str(self._notes), str(good_from)]

    @property
    def calls(self) -> list[dict[str, Any]]:
        """When, by `time.monotonic()`, and the event."""
        if not self._notes.exists():
            return []
        text = self._notes.read_text(encoding="utf-8")
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def steps(stage: Stage, name: str) -> list[tuple[str | None, str]]:
    """Outcome and detail of each such step of the last move."""
    return [(s["outcome"], s["detail"]) for s in moves(stage)[-1]["steps"] if s["step"] == name]


@pytest.mark.row(6)
@pytest.mark.row(11)
@pytest.mark.case(33)
def test_a_required_fence_that_fails_every_time_is_tried_at_a_growing_distance(
    set_stage: SetStage, tmp_path: Path
) -> None:
    fence = Outside(tmp_path, "fence", good_from=3)
    choices = Choices(triggers=("detector",), more_failover={"fence": {"exec": fence.command}})
    stage = set_stage(choices)
    under_load(stage)
    stage.start_prometheus()

    # It goes on accepting: one that is stopped has its queue full in time, and HAProxy moves by itself.
    hung = time.monotonic()
    set_mode(stage.folder / "rlm1.control", Mode.HANG)
    stage.wait(lambda: rule(stage) == "last_attempt_failed", "the rule that spaces attempts", within=25)
    assert steps(stage, "fence") == [("failed", "python3 ended with 1: the power switch does not answer")]
    stage.wait(lambda: stage.alert_fires("RLMFailoverWanted"), "the alert", within=15)
    assert (cluster(stage)["active"], cluster(stage)["balancers"][0]["active"]) == ("rlm1", "rlm1")

    stage.wait(lambda: len(fence.calls) == 2, "the second attempt", within=40)
    first, second = (call["t"] for call in fence.calls)
    assert 30 <= second - first <= 40
    stage.wait(lambda: rule(stage) == "last_attempt_failed", "the rule again", within=10)
    held = cluster(stage)["failover"]["decision"]["detail"]
    told = re.fullmatch(r"2 operations of this incident failed; the next in (\d+) s", held)
    assert told is not None, held
    assert 50 <= int(told[1]) <= 60

    watch(stage, 8)
    assert len(fence.calls) == 2, "no storm"
    assert [(move["state"], move["to"]) for move in moves(stage)] == [("aborted", "rlm2")] * 2
    assert {step["step"] for move in moves(stage) for step in move["steps"]} == {"fence"}
    assert (cluster(stage)["active"], cluster(stage)["balancers"][0]["active"]) == ("rlm1", "rlm1")
    page = str(stage.get(f"{stage.layout.daemon_url}/metrics"))
    assert 'rlm_ha_decisions_total{cluster="rlm-ha-demo",rule="last_attempt_failed"} 2' in page
    assert stage.alert_fires("RLMFailoverWanted")

    acknowledged = time.monotonic()
    assert licenses(stage, "ack", "--reason", "the power switch is mended").returncode == 0
    stage.wait(lambda: settled_on(stage, "rlm2"), "rlm2 after the fence went well", within=10)
    assert fence.calls[2]["t"] - acknowledged < 5
    assert steps(stage, "fence") == [("done", "")]
    seconds_until_served_by(stage, "rlm2", after=acknowledged, within=10)
    assert [call["event"]["from"] for call in fence.calls] == ["rlm1"] * 3
    check_history(stage, faults=[Fault(part="rlm1", since=hung)])


@pytest.mark.row(11)
def test_rlmdown_ends_the_old_server_of_a_move_by_hand(set_stage: SetStage) -> None:
    stage = set_stage(Choices(triggers=("detector",), more_failover={"fence": {"rlmdown": True}}))
    under_load(stage)

    began = time.monotonic()
    moved = licenses(stage, "switchover", "--to", "rlm2", "--reason", "new disk")
    assert moved.returncode == 0, moved.stderr
    assert stage.processes.wait_end("rlm1", within=5) == 0
    [(outcome, detail)] = steps(stage, "fence")
    assert outcome == "done"
    told = re.fullmatch(r"rlm1 was told to stop; nothing has listened for (\d+\.\d) s", detail)
    assert told is not None, detail
    assert float(told[1]) >= 1.5
    seconds_until_served_by(stage, "rlm2", after=began, within=5)
    watch(stage, 3)
    check_history(stage, faults=[Fault(part="rlm1", since=began)], budget=6)


@pytest.mark.row(11)
def test_a_server_that_hangs_is_left_although_rlmdown_cannot_stop_it(set_stage: SetStage) -> None:
    fence = {"rlmdown": True, "timeout": f"{FENCE:g}s"}
    stage = set_stage(Choices(triggers=("detector",), more_failover={"fence": fence}))
    under_load(stage)

    hung = time.monotonic()
    stage.stop_server("rlm1")
    operation = wait_moved(stage)
    assert (operation["state"], operation["to"]) == ("committed", "rlm2")
    [(outcome, detail)] = steps(stage, "fence")
    assert outcome == "partial"
    assert detail.startswith("rlm1 did not stop: ")
    seconds_until_served_by(stage, "rlm2", after=hung, within=10)
    check_history(stage, faults=[Fault(part="rlm1", since=hung)], budget=HANG + FENCE)


@pytest.mark.row(3)
@pytest.mark.row(11)
def test_rlmdown_ends_a_server_that_serves_beside_the_active_one(set_stage: SetStage) -> None:
    policy = {"fence": {"rlmdown": True}, "quarantine": True}
    stage = set_stage(Choices(triggers=("detector",), more_failover=policy))
    stage.start_daemon()
    wait_ready(stage)
    stage.wait(lambda: has_been_looked_at(stage, "rlm2"), "a check of rlm2 since the beginning", within=10)

    with SimulatedClient(stage.layout.host("rlm2"), stage.layout.isv_port) as client:
        assert "handle" in client.check_out("STARCCM")
        assert stage.processes.wait_end("rlm2", within=30) == 0

    def quarantines() -> list[str]:
        journal = json.loads(licenses(stage, "events", "--json").stdout)
        return [each["detail"] for each in journal["decisions"] if each["rule"] == "quarantine"]

    stage.wait(lambda: len(quarantines()) == 1, "the quarantine in the journal", within=10)
    assert quarantines()[0].startswith("rlm2 was fenced: rlm2 was told to stop; nothing has listened for ")
    assert moves(stage) == []


def has_been_looked_at(stage: Stage, name: str) -> bool:
    """Whether what it lists is known from before anybody came there."""
    checked = server(stage, name)["license"]["checked_at"]
    return bool(checked is not None and checked > cluster(stage)["active_since"])


@pytest.mark.row(35)
def test_hooks_hear_of_a_move_again_when_a_crash_cut_them_short(set_stage: SetStage, tmp_path: Path) -> None:
    before, after = Outside(tmp_path, "before", good_from=2), Outside(tmp_path, "after")
    hooks = {"before": [{"exec": before.command, "retries": 1}], "after": [{"exec": after.command}]}
    stage = set_stage(Choices(triggers=("detector",), more_failover={"hooks": hooks}))
    start_daemon_with_seam(stage, "dying_daemon.py", "ran", "after_hooks")
    wait_ready(stage)
    stage.start_clients(holders=HOLDERS)
    wait_served(stage, holders=HOLDERS)

    ask_for(stage, "rlm2")
    stage.processes.wait_end("rlm-ha", within=20)
    assert len(after.calls) == 1
    stage.start_daemon()
    stage.wait(lambda: steps(stage, "after_hooks")[-1:] == [("done", "")], "the hooks again", within=20)
    watch(stage, 2)

    [(outcome, detail)] = steps(stage, "before_hooks")
    failed = "python3 ended with 1: the power switch does not answer"
    assert (outcome, detail) == ("done", f"attempt 1 of 2: {failed}; attempt 2 of 2: went well")
    assert steps(stage, "after_hooks") == [(None, ""), ("done", "")]
    # A second between them, and a program's end and another one's start.
    assert 1 <= before.calls[1]["t"] - before.calls[0]["t"] <= 5
    first, second = (call["event"] for call in after.calls)
    assert first == second, "whoever is told twice can see that it is the same"
    operation = moves(stage)[-1]
    assert first == {
        "event": "switchover",
        "phase": "after",
        "cluster": "rlm-ha-demo",
        "operation": operation["id"],
        "epoch": operation["epoch"],
        "from": "rlm1",
        "from_host": stage.layout.host("rlm1"),
        "from_port": stage.layout.license_port,
        "to": "rlm2",
        "to_host": stage.layout.host("rlm2"),
        "to_port": stage.layout.license_port,
        "rule": "operator",
        "reason": "",
        "requested_by": "test",
    }
    check_history(stage, faults=())
