"""Nothing that rlm would complain of reaches its main port: not from HAProxy's checks, nor from our probes.

A real server logs every byte that is not its protocol's and cannot be kept from it, so that a check with a
payload fills its log. The simulated one does the same.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

from rlm_exporter.probe.addresses import SystemResolver
from rlm_exporter.probe.clock import SystemClock
from rlm_exporter.probe.rlmutil import RlmutilProbe
from rlm_exporter.probe.tcp import ConnectProbe
from rlm_exporter.simulator.launch import write_rlmutil
from tests.haproxy.lab import Lab, lab, until
from tests.simulated import SimulatedServer

LIMIT = timedelta(seconds=5)
WATCHED_SECONDS = 7
"""HAProxy checks every two."""


def same(config: str) -> str:
    return config


def asking_for_status(config: str) -> str:
    """A check that sends a word and waits for another, which no rlm speaks."""
    head = "backend rlm_license_servers\n"
    assert head in config
    check = '    option tcp-check\n    tcp-check send "STATUS\\r\\n"\n    tcp-check expect string RLM\n'
    return config.replace(head, head + check)


@contextlib.asynccontextmanager
async def checked_server(
    folder: Path, change: Callable[[str], str]
) -> AsyncIterator[tuple[Lab, SimulatedServer]]:
    """HAProxy with its checks before rlm1, the only one that runs."""
    async with lab(folder, change=change, with_servers=False) as made:
        host = made.cluster.server("rlm1").host
        server = SimulatedServer(folder, name="rlm1", host=host, port=made.port, isv_port=made.isv_port)
        await asyncio.to_thread(server.start)
        try:
            yield made, server
        finally:
            server.kill()


async def until_haproxy_says(made: Lab, word: str) -> None:
    async def says() -> bool:
        line = (await made.view()).license_line("rlm1")
        return line is not None and line.status.startswith(word)

    await until(says, within=30, what=f"HAProxy's check to end with {word}")


def complaints(server: SimulatedServer) -> list[str]:
    return [line for line in server.dlog.read_text(encoding="utf-8").splitlines() if "ERROR" in line]


async def test_haproxys_checks_and_our_probes_leave_rlms_log_clean(tmp_path: Path) -> None:
    clock, rlmutil = SystemClock(), tmp_path / "rlmutil"
    write_rlmutil(rlmutil)
    async with checked_server(tmp_path, same) as (made, server):
        await until_haproxy_says(made, "UP")
        with RlmutilProbe(rlmutil=rlmutil, clock=clock) as license_probe:
            connect = ConnectProbe(clock=clock, resolver=SystemResolver())
            for port in (server.port, server.isv_port):
                assert (await connect.probe(server.host, port, timeout=LIMIT)).ok
            assert (await license_probe.probe(server.host, server.port, timeout=LIMIT)).ok
        await asyncio.sleep(WATCHED_SECONDS)
        assert complaints(server) == []
        server.kill()
        await until_haproxy_says(made, "DOWN")


async def test_a_check_that_sends_something_fills_rlms_log(tmp_path: Path) -> None:
    async with checked_server(tmp_path, asking_for_status) as (_, server):

        async def complained() -> bool:
            return len(complaints(server)) > 1

        await until(complained, within=30, what="complaints of rlm")
        assert "ERROR: Bad request from IP [::ffff:127." in complaints(server)[0]
        assert "Request: 53 54 41 54 55 53 0d 0a" in server.dlog.read_text(encoding="utf-8")
