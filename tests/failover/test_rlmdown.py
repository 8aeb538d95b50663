"""A fence by RLM itself, against simulated servers and their rlmutil."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from rlm_exporter.errors import ProbeError
from rlm_exporter.failover import rlmdown
from rlm_exporter.failover.calls import Called
from rlm_exporter.failover.ports import TcpProbe
from rlm_exporter.failover.rlmdown import STAYS_AWAY, Rlmdown
from rlm_exporter.manifest.model import Server
from rlm_exporter.probe.addresses import SystemResolver
from rlm_exporter.probe.clock import SystemClock
from rlm_exporter.probe.result import Failure, FailureReason, ProbeKind, ProbeResult, TcpResult
from rlm_exporter.probe.rlmutil_program import MISSING, RlmutilProgram
from rlm_exporter.probe.tcp import ConnectProbe
from rlm_exporter.simulator.launch import python_command
from rlm_exporter.simulator.mode import Mode
from tests.clock import START
from tests.probe.programs import shell
from tests.simulated import PRODUCTS, SimulatedServer, wait_until

pytestmark = pytest.mark.row(11)

LIMIT = 10.0
MACHINE = 2.0
"""Seconds that a busy machine may add to a limit."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SimulatedServer]:
    with SimulatedServer(tmp_path) as running:
        yield running


def described(server: SimulatedServer) -> Server:
    isv_ports = (("siemens", server.isv_port),)
    return Server(name="rlm1", role="primary", host=server.host, port=server.port, isv_ports=isv_ports)


async def stop(
    server: Server, rlmutil: Path | None, *, limit: float = LIMIT, tcp_probe: TcpProbe | None = None
) -> Called:
    """Fence it, and see that this ends in time."""
    clock = SystemClock()
    connect = tcp_probe or ConnectProbe(clock=clock, resolver=SystemResolver())
    with RlmutilProgram(rlmutil) as program:
        began = time.monotonic()
        called = await Rlmdown(rlmutil=program, tcp_probe=connect, clock=clock)(
            server, limit=timedelta(seconds=limit)
        )
        assert time.monotonic() - began <= limit + MACHINE
        return called


async def test_a_server_that_is_told_ends_and_is_seen_to_be_gone(
    server: SimulatedServer, rlmutil: Path
) -> None:
    called = await stop(described(server), rlmutil)
    assert called.went_well
    told = re.fullmatch(r"rlm1 was told to stop; nothing has listened for (\d\.\d) s", called.detail)
    assert told is not None, called.detail
    assert float(told[1]) >= STAYS_AWAY
    assert server.wait() == 0
    assert "Shutdown request by" in server.dlog.read_text(encoding="utf-8")


def refuses(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) != 0


async def test_one_that_is_dead_could_not_be_told(server: SimulatedServer, rlmutil: Path) -> None:
    server.kill()
    # Its ISV server notices and ends a moment later.
    wait_until(lambda: refuses(server.host, server.isv_port), what="the end of the ISV server")
    began = time.monotonic()
    called = await stop(described(server), rlmutil)
    assert called == Called(
        went_well=False,
        detail=f"rlm1 could not be told to stop: nothing listens on {server.host}:{server.port}",
    )
    assert time.monotonic() - began < 2, "rlmutil would have tried for seconds"


@pytest.mark.parametrize("how", ["stopped", "silent"])
async def test_one_that_hangs_is_left_at_the_limit(how: str, server: SimulatedServer, rlmutil: Path) -> None:
    if how == "stopped":
        server.stop()
    else:
        server.set_mode(Mode.HANG)
    called = await stop(described(server), rlmutil, limit=4)
    assert not called.went_well
    assert called.detail.startswith("rlm1 did not stop: ")
    assert "connections as before (rlmutil did not end within " in called.detail


@pytest.fixture
def restarted(tmp_path: Path) -> Iterator[SimulatedServer]:
    """A server under somebody who starts it again, as systemd does with `Restart=always`."""
    server = SimulatedServer(tmp_path)
    command = python_command(
        "server",
        *("--name", "rlm1", "--host", server.host, "--port", str(server.port), "--tethered"),
        *("--isv", f"siemens:{server.isv_port}={PRODUCTS}", "--dlog", str(server.dlog)),
    )
    forever = ["/bin/sh", "-c", 'while :; do "$@"; sleep 0.1; done', "sh", *command]
    with subprocess.Popen(forever, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as keeper:
        try:
            wait_until(lambda: is_listening(server), within=30, what="the server")
            yield server
        finally:
            keeper.kill()  # the server itself ends with its standard input


def is_listening(server: SimulatedServer) -> bool:
    with contextlib.suppress(OSError):
        asyncio.run(_connect(server))
        return True
    return False


async def _connect(server: SimulatedServer) -> None:
    _, writer = await asyncio.open_connection(server.host, server.isv_port)
    writer.close()
    await writer.wait_closed()


async def test_one_that_is_started_again_at_once_is_not_fenced(
    restarted: SimulatedServer, rlmutil: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A real rlm listens sooner than this one, which is a Python program that has to begin first.
    monkeypatch.setattr(rlmdown, "STAYS_AWAY", 20.0)
    called = await stop(described(restarted), rlmutil, limit=40)
    assert not called.went_well
    assert called.detail.startswith("rlm1 stopped, and ")
    assert "connections again: something starts it anew (systemd's Restart=)" in called.detail


# ---- rlmutil that does otherwise


async def test_rlmutil_is_told_the_servers_own_address_and_nothing_else(
    server: SimulatedServer, tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    program = shell(tmp_path / "noting", f"printf '%s\\n' \"$@\" > '{seen}'; exec true")
    await stop(described(server), program, limit=3)
    assert seen.read_text().split() == ["rlmdown", "RLM", "-q", "-c", f"{server.port}@{server.host}"]


async def test_one_that_refuses_to_stop_is_told_with_what_rlmutil_said(
    server: SimulatedServer, tmp_path: Path
) -> None:
    program = shell(tmp_path / "refused", "echo 'rlmutil v12.2'; echo 'Not authorized'; exit 1")
    called = await stop(described(server), program, limit=3)
    address = f"{server.host}:{server.port} and {server.host}:{server.isv_port}"
    why = f"{address} take connections as before (rlmutil ended with 1: Not authorized)"
    assert called == Called(went_well=False, detail=f"rlm1 did not stop: {why}")


async def test_without_an_rlmutil_it_could_not_be_told(server: SimulatedServer) -> None:
    began = time.monotonic()
    called = await stop(described(server), None)
    assert called == Called(went_well=False, detail=f"rlm1 could not be told to stop: {MISSING}")
    assert time.monotonic() - began < 2


async def test_a_cancelled_fence_leaves_no_rlmutil_behind(server: SimulatedServer, tmp_path: Path) -> None:
    told = tmp_path / "pid"
    program = shell(tmp_path / "slow", f"echo $$ > '{told}'; exec sleep 600")
    task = asyncio.create_task(stop(described(server), program))
    async with asyncio.timeout(20):
        while not (told.exists() and told.read_text().endswith("\n")):  # noqa: ASYNC110 - a file sets no event
            await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ProcessLookupError):
        os.kill(int(told.read_text()), signal.SIG_DFL)


# ---- what can be seen of the ports


@dataclass(kw_only=True)
class Ports:
    """Answers of ports, by number: each in its turn, and the last one for ever."""

    answers: dict[int, list[FailureReason | None]]
    broken: bool = False
    asked: list[tuple[str, int]] = field(default_factory=list)

    async def probe(self, host: str, port: int, *, timeout: timedelta) -> TcpResult:
        self.asked.append((host, port))
        if self.broken:
            raise ProbeError("no more sockets")
        turns = self.answers[port]
        reason = turns.pop(0) if len(turns) > 1 else turns[0]
        failure = None if reason is None else Failure(reason=reason, detail=f"{host}:{port} {reason}")
        return ProbeResult(kind=ProbeKind.TCP, started_at=START, duration=timedelta(0), failure=failure)


RLM1 = Server(name="rlm1", role="primary", host="192.0.2.1", isv_ports=(("siemens", 5060),))
REFUSED, TIMEOUT = FailureReason.REFUSED, FailureReason.TIMEOUT


async def test_a_machine_that_is_gone_could_not_be_told(rlmutil: Path) -> None:
    ports = Ports(answers={5053: [TIMEOUT], 5060: [TIMEOUT]})
    called = await stop(RLM1, rlmutil, tcp_probe=ports)
    assert called == Called(went_well=False, detail="rlm1 could not be told to stop: 192.0.2.1:5053 timeout")


async def test_an_isv_server_that_outlives_rlm_is_named(rlmutil: Path) -> None:
    ports = Ports(answers={5053: [REFUSED], 5060: [None]})
    called = await stop(RLM1, rlmutil, tcp_probe=ports)
    assert called.detail.endswith("192.0.2.1:5053 refused, yet 192.0.2.1:5060 takes connections")


async def test_an_isv_server_that_stays_is_a_server_that_stays(tmp_path: Path) -> None:
    ports = Ports(answers={5053: [None, REFUSED], 5060: [None]})
    called = await stop(RLM1, shell(tmp_path / "ok", "exit 0"), tcp_probe=ports, limit=3)
    assert not called.went_well
    assert "192.0.2.1:5060 takes connections as before" in called.detail


async def test_a_machine_that_vanishes_meanwhile_is_not_known_to_be_gone(tmp_path: Path) -> None:
    ports = Ports(answers={5053: [None, TIMEOUT], 5060: [REFUSED]})
    called = await stop(RLM1, shell(tmp_path / "ok", "exit 0"), tcp_probe=ports, limit=3)
    assert not called.went_well
    assert "it is not known to be gone: 192.0.2.1:5053 timeout" in called.detail


async def test_what_keeps_us_from_looking_is_said(rlmutil: Path) -> None:
    called = await stop(RLM1, rlmutil, tcp_probe=Ports(answers={}, broken=True))
    assert called == Called(went_well=False, detail="rlm1 could not be told to stop: no more sockets")


async def test_only_the_server_itself_is_asked(tmp_path: Path) -> None:
    ports = Ports(answers={5053: [None, REFUSED], 5060: [REFUSED]})
    assert (await stop(RLM1, shell(tmp_path / "ok", "exit 0"), tcp_probe=ports)).went_well
    assert set(ports.asked) == {("192.0.2.1", 5053), ("192.0.2.1", 5060)}
