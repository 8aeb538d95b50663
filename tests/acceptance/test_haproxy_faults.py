"""HAProxy reloaded in the middle of a move, killed, or with other servers in its file than we know."""

import sys
import time
from pathlib import Path
from typing import Any

import pytest

from rlm_exporter.demo.layout import CLUSTER, ISV, PRODUCTS
from rlm_exporter.demo.stage import Stage
from rlm_exporter.simulator.event import Event, EventKind
from rlm_exporter.simulator.history import answers_from, split_sessions
from rlm_exporter.simulator.launch import python_command
from tests.acceptance.conftest import SetStage
from tests.acceptance.history import Fault, check_history
from tests.acceptance.meddling import (
    edit_config,
    reload_haproxy,
    render_again,
    send,
    start_cold,
    with_a_record,
)
from tests.acceptance.seeing import (
    FAST,
    ask_for,
    cluster,
    halting_under_load,
    held,
    moves,
    seconds_until_served_by,
    server,
    settled_on,
    under_load,
    wait_moved,
    wait_ready,
    watch,
)

pytestmark = pytest.mark.xdist_group("haproxy")

HARD_STOP = 12.0
"""Seconds; a standby is checked every five, and its end has to be seen before that of the old worker."""
HELD = 2.0
"""Seconds for which a worker that nobody steers holds a connection."""


def steps(operation: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """The journal's rows of one step."""
    return [step for step in operation["steps"] if step["step"] == name]


def cut(stage: Stage, *, begun_before: float) -> list[Event]:
    """Sessions from before that moment that were lost after it."""
    lost = [event for event in stage.events() if event.kind is EventKind.LOST]
    return [event for event in lost if event.started < begun_before < event.t]


@pytest.mark.case(23)
@pytest.mark.parametrize("moment", ["intended", "ran"])
def test_a_reload_in_the_middle_of_a_move_is_repaired_and_told(moment: str, set_stage: SetStage) -> None:
    stage = set_stage(FAST)
    gate = halting_under_load(stage, moment, "apply")

    ask_for(stage, "rlm2")
    stage.wait(gate.exists, "an operation in the middle of apply", within=20)
    reloading = time.monotonic()
    reload_haproxy(stage)
    gate.unlink()
    operation = wait_moved(stage)
    moved = time.monotonic()
    seconds_until_served_by(stage, "rlm2", after=moved, within=5)
    stage.wait(lambda: held(stage) == {"rlm1"}, "nobody held but rlm1", within=20)
    watch(stage, 3)

    assert (operation["state"], operation["outcome"], len(moves(stage))) == ("committed", "done", 1)
    assert "lb1 was reloaded at" in steps(operation, "verify")[-1]["detail"]
    assert "in its old worker, where nothing cuts them" in steps(operation, "verify")[-1]["detail"]
    assert settled_on(stage, "rlm2")
    assert held(stage) == {"rlm1"}
    if moment == "intended":
        # No command reaches what began before the reload, which is what the journal tells.
        assert cut(stage, begun_before=reloading) == []
    assert answers_from(stage.events(), "rlm1", after=moved) == ()
    check_history(stage, faults=(), budget=4)


@pytest.mark.case(23)
def test_a_commit_waits_for_the_old_workers_end_and_the_target_is_watched(set_stage: SetStage) -> None:
    stage = set_stage(FAST)

    def ends(document: dict[str, Any]) -> None:
        document["spec"]["loadBalancer"]["haproxy"][0]["hardStopAfter"] = f"{HARD_STOP:g}s"

    render_again(stage, ends)
    balancer = f"{stage.layout.license_port}@{stage.layout.balancer_host}"
    asked = with_a_record(stage)
    gate = halting_under_load(stage, "intended", "apply")

    hung = time.monotonic()
    stage.stop_server("rlm1")
    stage.wait(gate.exists, "an operation in the middle of apply", within=20)
    reload_haproxy(stage)
    reloaded = time.monotonic()
    gate.unlink()
    seconds_until_served_by(stage, "rlm2", after=reloaded, within=5)
    stage.wait(lambda: balancer in asked(), "the end of the probe through the balancer", within=9)
    assert steps(moves(stage)[0], "verify")[-1]["done_at"] is None, "it waits for the old worker alone"
    died = time.monotonic()
    stage.kill("rlm2")
    operation = wait_moved(stage)
    took = time.monotonic() - reloaded
    seconds_until_served_by(stage, "rlm3", after=died, within=10)

    assert (operation["state"], operation["to"], len(moves(stage))) == ("committed", "rlm3", 1)
    first, last = steps(operation, "verify")[0], steps(operation, "verify")[-1]
    assert "rlm2 failed while the old worker of lb1 was waited for" in first["detail"]
    assert "waited for the end of the worker from before its reload" in last["detail"]
    assert took >= HARD_STOP - 1
    ill = [Fault(part="rlm1", since=hung), Fault(part="rlm2", since=died)]
    check_history(stage, faults=ill, budget=20)


@pytest.mark.case(24)
def test_an_haproxy_that_starts_cold_sends_nobody_to_a_wrong_server(set_stage: SetStage) -> None:
    stage = set_stage(FAST)
    under_load(stage)
    ask_for(stage, "rlm2")
    stage.wait(lambda: settled_on(stage, "rlm2"), "rlm2 after a move by hand", within=10)
    moved = time.monotonic()

    for _ in range(3):
        start_cold(stage)
        back = time.monotonic()
        took = seconds_until_served_by(stage, "rlm2", after=back, within=5)
        assert took <= 2
        stage.wait(lambda: settled_on(stage, "rlm2"), "rlm2 under our epoch", within=5)

    watch(stage, 3)
    assert [move["to"] for move in moves(stage)] == ["rlm2"]
    assert answers_from(stage.events(), "rlm1", after=moved) == ()
    assert split_sessions(stage.events()) == ()
    check_history(stage, faults=(), budget=4)


@pytest.mark.case(29)
def test_a_server_that_haproxy_calls_otherwise_is_told_and_nothing_is_commanded(set_stage: SetStage) -> None:
    stage = set_stage(FAST)
    under_load(stage)
    epoch = cluster(stage)["epoch"]

    edit_config(stage, "rlm3", "old3")
    renamed = time.monotonic()
    reload_haproxy(stage)
    stage.wait(lambda: not cluster(stage)["ready"], "a cluster that is not ready", within=5)
    refused = send(stage, f"/api/v1/clusters/{CLUSTER}/failover", {"to": "rlm2"})
    watch(stage, 3)

    seen = cluster(stage)
    assert "balancer lb1 does not know rlm3 in every backend" in seen["not_ready_because"]
    assert (refused.status_code, refused.json()["kind"]) == (503, "balancer_unknown")
    assert "lb1: HAProxy does not know rlm3 in every backend" in refused.json()["detail"]
    # A worker that was told nothing has no epoch.
    assert seen["balancers"][0]["epoch"] is None
    assert answers_from(stage.events(), "rlm1", after=renamed) != ()

    edit_config(stage, "old3", "rlm3")
    reload_haproxy(stage)
    put_right = time.monotonic()
    wait_ready(stage)
    stage.wait(lambda: settled_on(stage, "rlm1"), "rlm1 under our epoch", within=5)
    assert cluster(stage)["epoch"] == epoch
    assert moves(stage) == []
    # A worker that nobody steers holds a client for 2 s on each of his two ports, and has to start before.
    check_history(stage, faults=[Fault(part="lb1", since=renamed, until=put_right)], budget=2 * HELD + 1)


@pytest.mark.case(29)
def test_a_name_that_does_not_resolve_is_told_apart_from_a_pin(set_stage: SetStage) -> None:
    stage = set_stage(FAST)
    name = call_rlm3_by_name(stage)
    under_load(stage)

    ask_for(stage, "rlm2")
    stage.wait(lambda: settled_on(stage, "rlm2"), "rlm2 after a move by hand", within=10)
    seen = server(stage, "rlm3")
    refused = send(stage, f"/api/v1/clusters/{CLUSTER}/failover", {"to": "rlm3"})
    stage.wait(lambda: moves(stage)[-1]["state"] == "failed", "an operation that has failed", within=20)
    watch(stage, 6)

    assert seen["balancers"][0]["status"] == "MAINT (resolution)"
    assert seen["pinned"] == []
    assert refused.status_code == 202
    assert [(move["to"], move["outcome"]) for move in moves(stage)[1:]] == [("rlm2", "rolled_back")]
    assert "HAProxy finds it MAINT (resolution)" in steps(moves(stage)[-1], "apply")[0]["detail"]
    assert settled_on(stage, "rlm2")
    assert held(stage) == {"rlm1", "rlm3"}

    name.write_text(stage.layout.host("rlm3"), encoding="utf-8")
    stage.wait(lambda: held(stage) == {"rlm1"}, "rlm3 in use", within=10)
    check_history(stage, faults=(), budget=4)


@pytest.mark.case(29)
def test_a_name_with_a_new_address_leads_nobody_to_the_old_one(set_stage: SetStage) -> None:
    stage = set_stage(FAST)
    name = call_rlm3_by_name(stage)
    name.write_text(stage.layout.host("rlm3"), encoding="utf-8")
    new_host = f"{stage.layout.network}.4"
    start_another_rlm3(stage, new_host)
    under_load(stage)
    stage.wait(lambda: held(stage) == set(), "a name that resolves", within=10)
    ask_for(stage, "rlm3")
    stage.wait(lambda: settled_on(stage, "rlm3"), "rlm3 after a move by hand", within=10)
    assert checkouts(stage, "rlm3") > 0

    name.write_text(new_host, encoding="utf-8")
    stage.wait(lambda: checkouts(stage, "another") > 0, "clients at the new address", within=10)
    watch(stage, 0.5)
    before = checkouts(stage, "rlm3")
    watch(stage, 6)

    assert checkouts(stage, "rlm3") == before
    assert settled_on(stage, "rlm3")
    assert len(moves(stage)) == 1
    check_history(stage, faults=(), budget=4)


def call_rlm3_by_name(stage: Stage) -> Path:
    """Have HAProxy find rlm3 by a name; the file holds its address, and is empty while it has none."""
    name, host = stage.folder / "rlm3.name", stage.layout.host("rlm3")
    name.touch()
    address, port = f"{stage.layout.network}.53", stage.layout.license_port
    program = str(Path(__file__).with_name("name_server.py"))
    stage.processes.start("names", [sys.executable, program, address, str(port), str(name)])
    found = (
        f"\nresolvers names\n    nameserver one {address}:{port}\n    timeout resolve 1s\n    hold valid 1s\n"
        "    hold nx 1s\n\npeers rlm\n"
    )
    edit_config(stage, "\npeers rlm\n", found)
    for each in (stage.layout.license_port, stage.layout.isv_port):
        line = f"server rlm3 rlm3.test:{each} resolvers names resolve-prefer ipv4 init-addr none"
        edit_config(stage, f"server rlm3 {host}:{each}", line)
    start_cold(stage)
    return name


def start_another_rlm3(stage: Stage, host: str) -> None:
    """A machine in its place, at another address and with a ledger of its own."""
    command = python_command(
        "server",
        *("--name", "rlm3", "--host", host, "--port", str(stage.layout.license_port)),
        *("--isv", f"{ISV}:{stage.layout.isv_port}={PRODUCTS}"),
        *("--ledger", str(stage.folder / "another.ledger")),
    )
    stage.processes.start("another", command)


def checkouts(stage: Stage, ledger: str) -> int:
    """How many seats a server has given so far."""
    return (stage.folder / f"{ledger}.ledger").read_text(encoding="utf-8").count("checkout")
