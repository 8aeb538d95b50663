"""One thing after the other breaks, and people are told: of the right things, of nothing else, in time."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from rlm_exporter.demo.layout import ISV, SERVERS, Choices
from rlm_exporter.demo.stage import Stage
from rlm_exporter.simulator.control import set_mode
from rlm_exporter.simulator.launch import python_command
from rlm_exporter.simulator.mode import Mode
from tests.acceptance.conftest import SetStage
from tests.acceptance.people import People, hurried_rules, people
from tests.acceptance.seeing import licenses, server, wait_free, wait_ready
from tests.simulated import SimulatedClient

SEATS = 10
"""Of NXCAE."""
AFTERWARDS = 2.0
"""Seconds for which nothing else may come, once the right ones are there."""
CLEARED = 40.0

# Nothing moves before the alert about the active server has come, so that it is seen for sure.
CHOICES = Choices(triggers=("alerts",), detection="fast", interval="3s", timeout="2s", cooldown="5s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What breaks, who is told of what within how many seconds, and how it is mended."""

    name: str
    breaks: Callable[[Stage, ExitStack], None]
    mends: Callable[[Stage], None]
    told: Mapping[str, str]
    """Alerts by name and whom they are about, with their severity."""
    within: float
    restarts: str = ""
    """A server that is started anew for it, and so is away for as long as that takes."""


def scenario(stage: Stage, name: str, *, expires: str = "permanent") -> None:
    """A server with two products and a report log."""
    pools = [
        {"product": "STARCCM", "version": "2023.1000", "count": 400},
        {"product": "NXCAE", "version": "2023.1000", "count": SEATS, "expires": expires},
    ]
    log = {"path": str(stage.folder / f"{name}.rl"), "append": True}
    isv = {"name": ISV, "port": stage.layout.isv_port, "pools": pools, "report_log": log}
    path = stage.folder / f"{name}.json"
    path.write_text(json.dumps({"name": name, "isvs": [isv]}), encoding="utf-8")


def start(stage: Stage, name: str) -> None:
    stage.start_server(name, isv="-", scenario=stage.folder / f"{name}.json")


def restart(stage: Stage, name: str, *, expires: str = "permanent") -> None:
    scenario(stage, name, expires=expires)
    stage.kill(name)
    start(stage, name)


def reread(stage: Stage, name: str, *, expires: str = "permanent") -> None:
    """Another license file, as rlmreread has it read: the server does not go away for it."""
    scenario(stage, name, expires=expires)
    where = f"{stage.layout.license_port}@{stage.layout.host(name)}"
    command = [str(stage.folder / "rlmutil"), "rlmreread", "-q", "-c", where]
    subprocess.run(command, check=True, capture_output=True, timeout=20)


def start_without_web(stage: Stage, name: str) -> None:
    command = python_command(
        "server",
        *("--name", name, "--host", stage.layout.host(name), "--port", str(stage.layout.license_port)),
        *("--scenario", str(stage.folder / f"{name}.json")),
        *("--control", str(stage.folder / f"{name}.control")),
    )
    stage.kill(name)
    stage.processes.start(name, command)


def client(stage: Stage, faults: ExitStack, name: str) -> SimulatedClient:
    """Somebody who keeps what he gets until the fault is mended."""
    return faults.enter_context(SimulatedClient(stage.layout.host(name), stage.layout.isv_port))


def take_all_seats(stage: Stage, faults: ExitStack) -> SimulatedClient:
    holder = client(stage, faults, "rlm1")
    for number in range(SEATS):
        assert "handle" in holder.check_out("NXCAE", host=f"ws{number}")
    return holder


def be_refused(stage: Stage, _: ExitStack) -> None:
    with ExitStack() as briefly:
        assert "handle" not in take_all_seats(stage, briefly).check_out("NXCAE", host="late")


def check_out_past_the_balancer(stage: Stage, faults: ExitStack) -> None:
    assert "handle" in client(stage, faults, "rlm2").check_out("STARCCM")


def is_down(stage: Stage, name: str) -> bool:
    return bool(server(stage, name)["license"]["state"] == "down")


def kill_all(stage: Stage, _: ExitStack) -> None:
    """The active one last: nobody is left to move to when it goes."""
    for name in ("rlm1", "rlm3"):
        stage.kill(name)
    stage.wait(lambda: is_down(stage, "rlm1") and is_down(stage, "rlm3"), "both down", within=10)
    stage.kill("rlm2")


def end_of_the_hang(stage: Stage) -> None:
    stage.continue_server("rlm1")
    assert licenses(stage, "ack").returncode == 0


def start_all(stage: Stage) -> None:
    for name in SERVERS:
        start(stage, name)


def start_balancer(stage: Stage) -> None:
    (stage.folder / "lb1.sock").unlink(missing_ok=True)
    stage.start_haproxy()


SOON = (datetime.now(UTC) + timedelta(days=5)).strftime("%d-%b-%Y").lower()

NOBODY_IS_MOVED = (
    Fault(
        name="a standby dies",
        breaks=lambda stage, _: stage.kill("rlm3"),
        mends=lambda stage: start(stage, "rlm3"),
        told={"RLMServerDown rlm3": "warning"},
        within=25,
    ),
    Fault(
        name="an ISV server ends",
        breaks=lambda stage, _: set_mode(stage.folder / "rlm3.control", Mode.ISV_DEAD),
        mends=lambda stage: set_mode(stage.folder / "rlm3.control", Mode.OK),
        told={"RLMISVServerDown rlm3": "warning"},
        within=20,
    ),
    Fault(
        name="a web interface is gone",
        breaks=lambda stage, _: start_without_web(stage, "rlm3"),
        mends=lambda stage: restart(stage, "rlm3"),
        told={"RLMWebInterfaceDown rlm3": "warning"},
        restarts="rlm3",
        within=30,
    ),
    Fault(
        name="a license ends in five days",
        breaks=lambda stage, _: reread(stage, "rlm3", expires=SOON),
        mends=lambda stage: reread(stage, "rlm3"),
        told={"RLMLicenseExpiring NXCAE": "warning"},
        within=25,
    ),
    Fault(
        name="somebody goes around the balancer",
        breaks=check_out_past_the_balancer,
        mends=lambda _: None,
        told={"RLMSplitBrain rlm2": "critical"},
        within=15,
    ),
    Fault(
        name="somebody is refused",
        breaks=be_refused,
        mends=lambda _: None,
        told={"RLMLicenseDenied NXCAE": "warning"},
        within=15,
    ),
    Fault(
        name="all seats stay taken",
        breaks=lambda stage, faults: (take_all_seats(stage, faults), None)[1],
        mends=lambda _: None,
        told={"RLMLicensesUsedUp NXCAE": "warning"},
        within=35,
    ),
)
SOMETHING_STOPS = (
    Fault(
        name="the active server hangs",
        breaks=lambda stage, _: stage.stop_server("rlm1"),
        mends=end_of_the_hang,
        told={
            "RLMFailoverWanted rlm1": "critical",
            "RLMFailoverHappened": "info",
            "RLMServerDown rlm1": "warning",
        },
        within=30,
    ),
    Fault(
        name="the balancer dies",
        breaks=lambda stage, _: stage.kill("haproxy"),
        mends=start_balancer,
        told={"RLMLoadBalancerDown lb1": "critical"},
        within=15,
    ),
    Fault(
        name="the exporter dies",
        breaks=lambda stage, _: stage.kill("rlm-ha"),
        mends=lambda stage: stage.start_daemon(),
        told={"RLMExporterAbsent": "critical"},
        within=20,
    ),
    Fault(
        name="all servers die",
        breaks=kill_all,
        mends=start_all,
        told={"RLMNoHealthyServer": "critical", "RLMFailoverWanted rlm2": "critical"},
        within=25,
    ),
)


@contextmanager
def watched(stage: Stage) -> Iterator[People]:
    """The daemon, Prometheus and Alertmanager as they are shipped, with rules that come sooner."""
    for name in SERVERS:
        restart(stage, name)
    manifest = stage.folder / "cluster.yaml"
    document = yaml.safe_load(manifest.read_text(encoding="utf-8"))
    for role, name in zip(("primary", "secondary", "backup"), SERVERS, strict=True):
        logs = [{"isv": ISV, "path": str(stage.folder / f"{name}.rl")}]
        document["spec"]["highAvailability"][role]["reportLogs"] = logs
    manifest.write_text(yaml.safe_dump(document), encoding="utf-8")
    with people() as told:
        stage.start_daemon()
        wait_ready(stage)
        wait_free(stage)
        stage.start_alertmanager(told.as_receiver)
        stage.start_prometheus(hurried_rules(stage.folder / "rules"))
        stage.wait(lambda: stage.alert_fires("Watchdog"), "the Watchdog", within=20)
        yield told


def wait(stage: Stage, claim: Callable[[], bool], *, within: float) -> None:
    """Until the claim holds, or for so long: what is so then is for the caller to say."""
    until = time.monotonic() + within
    while not claim() and time.monotonic() < until:
        stage.processes.check()
        time.sleep(0.05)


def break_and_mend(stage: Stage, told: People, fault: Fault) -> None:
    """Fails where somebody is told of too little, of too much, too late, or not of the end."""
    began = time.monotonic()
    with ExitStack() as faults:
        fault.breaks(stage, faults)
        wait(stage, lambda: set(fault.told) <= set(told.fired(began)), within=fault.within)
        wait(stage, lambda: False, within=AFTERWARDS)
        fired = told.fired(began)
        fired.pop(f"RLMServerDown {fault.restarts}", None)  # on a slow machine it is away for longer
        assert fired == fault.told, fault.name
        fault.mends(stage)
    wait(stage, lambda: not told.firing(), within=CLEARED)
    assert told.firing() == frozenset(), f"after: {fault.name}"


@pytest.mark.row(41)
@pytest.mark.row(42)
@pytest.mark.parametrize(
    "faults",
    [
        pytest.param(NOBODY_IS_MOVED, id="nobody is moved", marks=pytest.mark.xdist_group("alerts-1")),
        pytest.param(SOMETHING_STOPS, id="something stops", marks=pytest.mark.xdist_group("alerts-2")),
    ],
)
def test_people_are_told_of_each_fault_once_of_nothing_else_and_of_its_end(
    faults: tuple[Fault, ...], set_stage: SetStage
) -> None:
    stage = set_stage(CHOICES)
    with watched(stage) as told:
        assert told.firing() == frozenset()
        for fault in faults:
            break_and_mend(stage, told, fault)
