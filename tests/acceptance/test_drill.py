"""`rlm-ha drill` against a whole cluster with HAProxy: what is well, what is broken, and the real move."""

import json
import math
import signal
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import PIPE, CompletedProcess, Popen
from xml.etree import ElementTree as ET

import pytest
import yaml

from rlm_exporter.demo.layout import CLUSTER, Choices
from rlm_exporter.demo.stage import Stage
from rlm_exporter.simulator.event import ClientKind, Event, EventKind
from tests.acceptance.conftest import SetStage
from tests.acceptance.evidence import Fault
from tests.acceptance.history import check_history
from tests.acceptance.seeing import cluster, moves, rlm_ha, wait_all_up, wait_moved, wait_ready
from tests.simulated import ask_rlmutil

pytestmark = pytest.mark.xdist_group("faults")


def drill(stage: Stage, *words: str) -> CompletedProcess[str]:
    return rlm_ha(stage, "drill", CLUSTER, "--rlmutil", str(stage.folder / "rlmutil"), "--json", *words)


def begin_drill(stage: Stage, *words: str) -> Popen[str]:
    """A real move, at any time; what it says can be read while it runs."""
    ours = (
        "drill",
        CLUSTER,
        "--rlmutil",
        str(stage.folder / "rlmutil"),
        "--json",
        "--failover",
        "--any-time",
    )
    command = [sys.executable, "-m", "rlm_exporter.cli", *ours, "--url", stage.layout.daemon_url, *words]
    return Popen(command, stdout=PIPE, stderr=PIPE, text=True)


def wait_for_line(process: Popen[str], words: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return
    raise AssertionError(f"it never said: {words}")


def seconds_of_a_probe(stage: Stage) -> float:
    began = time.monotonic()
    asked = ask_rlmutil("rlmstat", "-a", "-c", f"{stage.layout.license_port}@{stage.layout.balancer_host}")
    assert asked.returncode == 0, asked.stdout
    return time.monotonic() - began


def longest_wait(events: Sequence[Event]) -> float:
    """Of visitors, who come fifty times a second, each until one that came no earlier has its seat."""
    visits = sorted((e for e in events if e.client is ClientKind.VISIT), key=lambda e: e.started)
    longest, answered = 0.0, math.inf
    for event in reversed(visits):
        answered = min(answered, event.ended) if event.kind is EventKind.SESSION else answered
        longest = max(longest, answered - event.started) if answered < math.inf else longest
    return longest


@pytest.mark.row(46)
def test_a_drill_moves_the_clients_there_and_back_and_tells_what_they_felt(
    set_stage: SetStage, tmp_path: Path
) -> None:
    stage = set_stage(Choices(triggers=("detector",)))
    stage.start_daemon()
    wait_ready(stage)
    wait_all_up(stage)
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


@pytest.mark.row(46)
def test_a_drill_stops_no_server_by_a_fence_unless_that_is_asked_for(
    set_stage: SetStage, tmp_path: Path
) -> None:
    stage = set_stage(Choices(triggers=("detector",), more_failover={"fence": {"rlmdown": True}}))
    stage.start_daemon()
    wait_ready(stage)
    wait_all_up(stage)

    refused = drill(stage, "--failover", "--any-time", "--to", "rlm2")
    assert (refused.returncode, json.loads(refused.stdout)["failed"]) == (4, [])
    assert "its manifest has a fence, which stops the server that clients leave" in refused.stderr
    # What counts is the daemon's manifest: that of a file may be another one.
    older = tmp_path / "site.yaml"
    manifest = rlm_ha(stage, "licenses", "export", CLUSTER).stdout
    older.write_text(without_fence(manifest))
    refused = drill(stage, "--failover", "--any-time", "--to", "rlm2", "--manifest", str(older))
    assert "its manifest has a fence" in refused.stderr
    assert moves(stage) == []

    process = begin_drill(stage, "--to", "rlm2", "--stay", "1s", "--with-fence")
    assert stage.processes.wait_end("rlm1", within=40) == 0
    # Not before: the fence sees whether it stays away. It is wanted again 4 s after this.
    wait_moved(stage)
    stage.start_server("rlm1")
    out, err = process.communicate(timeout=90)
    assert process.returncode == 0, out + err
    assert [(each["from"], each["to"], each["state"]) for each in moves(stage)] == [
        ("rlm1", "rlm2", "committed"),
        ("rlm2", "rlm1", "committed"),
    ]
    assert stage.processes.wait_end("rlm2", within=20) == 0


def without_fence(text: str) -> str:
    documents = list(yaml.safe_load_all(text))
    for document in documents:
        document.get("spec", {}).get("monitoring", {}).get("failover", {}).pop("fence", None)
    return yaml.safe_dump_all(documents)


@pytest.mark.row(46)
def test_what_a_drill_says_of_waiting_is_what_clients_waited_and_a_dead_daemon_is_waited_for(
    set_stage: SetStage,
) -> None:
    stage = set_stage(Choices(triggers=("detector",)))
    stage.start_daemon()
    wait_ready(stage)
    wait_all_up(stage)
    stage.start_clients(holders=3)
    began = time.monotonic()
    process = begin_drill(stage, "--stay", "1s")
    wait_for_line(process, "Moving clients from rlm1 to rlm2")
    # A balancer that stands still for a second: a break that everybody can feel.
    stage.processes.signal("haproxy", signal.SIGSTOP)
    time.sleep(1.0)
    stage.processes.signal("haproxy", signal.SIGCONT)
    wait_for_line(process, "They stay on rlm2")
    stage.kill("rlm-ha")
    wait_for_line(process, "Moving clients back")
    time.sleep(1.0)
    stage.start_daemon()
    out, told = process.communicate(timeout=90)
    assert process.returncode == 0, out + told
    said = max(check["without_service_seconds"] for check in json.loads(out)["checks"][-2:])
    felt = longest_wait([event for event in stage.events() if event.started > began])
    assert felt > 0.9
    # A probe client comes twice a second, and is a program: how long it takes is up to the machine.
    program = max(seconds_of_a_probe(stage) for _ in range(3))
    assert -0.8 < said - felt < 0.3 + 2 * program, (said, felt, program)
    assert cluster(stage)["active"] == "rlm1"


@pytest.mark.row(46)
def test_a_drill_that_is_stopped_brings_clients_home_and_a_second_one_waits_for_it(
    set_stage: SetStage,
) -> None:
    stage = set_stage(Choices(triggers=("detector",)))
    stage.start_daemon()
    wait_ready(stage)
    wait_all_up(stage)
    process = begin_drill(stage, "--stay", "5m")
    wait_for_line(process, "They stay on rlm2")

    other = drill(stage, "--failover", "--any-time")
    assert (other.returncode, json.loads(other.stdout)["failed"]) == (4, [])
    assert "the last move was a drill's" in other.stderr
    assert cluster(stage)["active"] == "rlm2"

    # Nobody is left to press Ctrl-C where the terminal is lost.
    process.send_signal(signal.SIGHUP)
    out, told = process.communicate(timeout=60)
    assert process.returncode == 130, told
    document = json.loads(out)
    assert (document["passed"], document["failed"]) == (False, [])
    assert document["stopped"] == "by a signal: clients were brought back early"
    assert cluster(stage)["active"] == "rlm1"

    process = begin_drill(stage, "--stay", "5m")
    wait_for_line(process, "They stay on rlm2")
    process.send_signal(signal.SIGINT)
    wait_for_line(process, "Once more leaves them where they are")
    process.send_signal(signal.SIGINT)
    out, told = process.communicate(timeout=60)
    assert process.returncode == 130, told
    assert f"rlm-ha licenses switchover {CLUSTER} --to rlm1" in told
    check_history(stage, faults=())


@pytest.mark.row(46)
def test_clients_are_brought_home_from_a_standby_that_hangs(set_stage: SetStage) -> None:
    # Nothing moves them but the drill: it is what many have while they try a cluster.
    stage = set_stage(Choices(triggers=("detector",), more_failover={"automatic": False}))
    stage.start_daemon()
    wait_ready(stage)
    wait_all_up(stage)
    process = begin_drill(stage, "--stay", "5m")
    wait_for_line(process, "They stay on rlm2")
    hung = time.monotonic()
    stage.stop_server("rlm2")
    stage.wait(lambda: not (stage.cluster() or {"healthy": True})["healthy"], "rlm2 to be down", within=40)
    process.send_signal(signal.SIGINT)
    out, told = process.communicate(timeout=90)
    assert process.returncode == 130, out + told
    assert [check["passed"] for check in json.loads(out)["checks"][-2:]] == [True, True]
    assert cluster(stage)["active"] == "rlm1"
    stage.continue_server("rlm2")
    check_history(stage, faults=[Fault(part="rlm2", since=hung)])
