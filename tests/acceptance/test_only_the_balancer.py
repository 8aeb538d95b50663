"""Clients that can reach the balancer's address and nothing else, in a network namespace of their own."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rlm_exporter.demo.layout import ISV
from rlm_exporter.demo.stage import Stage
from rlm_exporter.simulator.event import Event, EventKind, from_line
from rlm_exporter.simulator.launch import python_command
from tests.acceptance.conftest import SetStage
from tests.acceptance.seeing import FAST, licenses, wait_moved, wait_ready

pytestmark = [
    pytest.mark.xdist_group("faults"),
    pytest.mark.skipif(
        os.geteuid() != 0 or shutil.which("ip") is None, reason="needs root and `ip` for a network namespace"
    ),
]

_WIRE = divmod(4 * os.getpid() % 2**16, 256)
NEAR, FAR = (f"10.201.{_WIRE[0]}.{_WIRE[1] + end}" for end in (1, 2))
"""Ends of the wire between this machine and the clients': of this run's own, as is the wire."""


def run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True, text=True, timeout=20)


@contextmanager
def clients_place(balancer: str) -> Iterator[str]:
    """A network namespace from which there is a way to the balancer's address and to no other."""
    name = f"rlmhan{os.getpid() % 100000}"
    try:
        run("ip", "netns", "add", name)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"this machine makes no network namespaces: {error.stderr.strip()}")
    try:
        _wire(name, balancer)
        yield name
    finally:
        run("ip", "netns", "delete", name)  # and both ends of the wire with it


def _wire(name: str, balancer: str) -> None:
    ours, theirs = (f"rlmha{each}{os.getpid() % 100000}" for each in ("o", "t"))
    run("ip", "link", "add", ours, "type", "veth", "peer", "name", theirs, "netns", name)
    run("ip", "address", "add", f"{NEAR}/30", "dev", ours)
    run("ip", "link", "set", ours, "up")
    try:
        for setting, value in (("route_localnet", "1"), ("rp_filter", "0")):
            Path(f"/proc/sys/net/ipv4/conf/{ours}/{setting}").write_text(value, encoding="ascii")
    except OSError as error:
        pytest.skip(f"this machine's network cannot be set: {error}")
    inside = ("ip", "netns", "exec", name)
    run(*inside, "ip", "address", "add", f"{FAR}/30", "dev", theirs)
    run(*inside, "ip", "link", "set", theirs, "up")
    run(*inside, "sh", "-c", f"echo 1 > /proc/sys/net/ipv4/conf/{theirs}/route_localnet")
    run(*inside, "ip", "route", "add", f"{balancer}/32", "via", NEAR, "dev", theirs)


def reaches(place: str, host: str, port: int) -> bool:
    """Whether a connection from there comes about."""
    code = f"import socket; socket.create_connection(({host!r}, {port}), timeout=2)"
    command = ["ip", "netns", "exec", place, *python_command("server")[:1], "-c", code]
    return subprocess.run(command, capture_output=True, timeout=20, check=False).returncode == 0


def start_clients(stage: Stage, place: str, record: Path) -> None:
    record.touch()
    command = python_command(
        "clients",
        *("--server", f"{stage.layout.license_port}@{stage.layout.balancer_host}"),
        *("--isv", ISV, "--product", "STARCCM", "--version", "2023.1000"),
        *("--record", str(record), "--rate", "10", "--hold", "0.1"),
    )
    stage.processes.start("visitors", ["ip", "netns", "exec", place, *command])


def sessions(record: Path, *, on: str) -> list[Event]:
    """Seats that were given and given back, by that server alone."""
    events = [from_line(line) for line in record.read_text().splitlines(keepends=True) if line.endswith("\n")]
    return [each for each in events if each.kind is EventKind.SESSION and each.main == each.isv_server == on]


@pytest.mark.row(20)
def test_a_client_that_knows_the_balancer_alone_is_served_before_and_after_a_failover(
    set_stage: SetStage, tmp_path: Path
) -> None:
    stage = set_stage(FAST)
    stage.start_daemon()
    wait_ready(stage)
    layout, record = stage.layout, tmp_path / "record"
    with clients_place(layout.balancer_host) as place:
        assert reaches(place, layout.balancer_host, layout.license_port)
        for server in ("rlm1", "rlm2", "rlm3"):
            assert not reaches(place, layout.host(server), layout.license_port)
            assert not reaches(place, layout.host(server), layout.isv_port)
        start_clients(stage, place, record)
        stage.wait(lambda: bool(sessions(record, on="rlm1")), "seats by rlm1", within=20)

        stage.kill("rlm1")
        assert wait_moved(stage)["to"] == "rlm2"
        stage.wait(lambda: bool(sessions(record, on="rlm2")), "seats by rlm2", within=20)

        moved = licenses(stage, "switchover", "--to", "rlm3")
        assert moved.returncode == 0, moved.stderr
        stage.wait(lambda: bool(sessions(record, on="rlm3")), "seats by rlm3", within=20)
        stage.end()
