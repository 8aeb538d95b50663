"""Checkouts of simulated clients that know the balancer's address alone, by a real HAProxy."""

import asyncio
import contextlib
import csv
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from rlm_exporter.simulator.event import EventKind
from tests.haproxy.lab import BALANCER_HOST, Lab, lab, until
from tests.simulated import SimulatedClients, SimulatedServer

pytestmark = pytest.mark.row(20)


def same(config: str) -> str:
    return config


def without_isv_port(config: str) -> str:
    """The front end of the ISV's port is left out, as where only rlm's own port is balanced."""
    changed = re.sub(r"^frontend rlm_isv_siemens_frontend\n(?:    .*\n)+", "", config, flags=re.MULTILINE)
    assert changed != config
    return changed


@contextlib.asynccontextmanager
async def site(
    folder: Path, *, host_line: str | None = None, change: Callable[[str], str] = same
) -> AsyncIterator[tuple[Lab, SimulatedClients]]:
    """One license server behind the balancer, and clients before it."""
    async with lab(folder, change=change, with_servers=False) as made:
        host = made.cluster.server("rlm1").host
        server = SimulatedServer(
            folder,
            host=host,
            port=made.port,
            isv_port=made.isv_port,
            more=() if host_line is None else ("--host-line", host_line or host),
        )
        clients = SimulatedClients(folder / "record", f"{made.port}@{BALANCER_HOST}", holders=0)
        try:
            await asyncio.to_thread(server.start)
            await asyncio.to_thread(clients.start)
            yield made, clients
        finally:
            clients.kill()
            server.kill()


async def until_told(clients: SimulatedClients, kind: EventKind) -> None:
    """Until a client that came to rlm tells what became of its seat."""

    async def told() -> bool:
        return any(event.kind is kind and event.main == "rlm1" for event in clients.events())

    await until(told, within=30, what=f"a {kind} of a client")


async def isv_connections(made: Lab) -> int:
    """How many clients came to the ISV's port of the balancer."""
    rows = csv.DictReader((await made.page("/stats;csv")).removeprefix("# ").splitlines())
    return sum(int(row["stot"]) for row in rows if row["pxname"] == "rlm_isv_siemens_frontend")


async def test_a_checkout_goes_through_the_balancer_on_both_ports(tmp_path: Path) -> None:
    async with site(tmp_path, host_line=BALANCER_HOST) as (made, clients):
        await until_told(clients, EventKind.SESSION)
        assert await isv_connections(made) > 0


async def test_a_license_file_that_names_the_server_sends_clients_past_the_balancer(tmp_path: Path) -> None:
    async with site(tmp_path, host_line="") as (made, clients):
        await until_told(clients, EventKind.SESSION)
        assert await isv_connections(made) == 0


async def test_without_the_isvs_port_nobody_gets_a_seat(tmp_path: Path) -> None:
    async with site(tmp_path, change=without_isv_port) as (_, clients):
        await until_told(clients, EventKind.FAILED)
        assert all(event.isv_server is None for event in clients.events())
