"""Our sections in a real HAProxy that serves other things too: both parts work, and we steer only our own."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from rlm_exporter.errors import CommandRefusedError
from rlm_exporter.haproxy.applied import SETTLE
from rlm_exporter.haproxy.stats_page import Action, command_body
from rlm_exporter.haproxy.view import BalancerNames
from tests.haproxy.lab import BALANCER_HOST, SERVER_HOSTS, Lab, desired, lab, until
from tests.haproxy.servers import Load, connected, who_answers
from tests.ports import free_port

SHOP = """\
global
    stats socket {folder}/shop.sock level admin
    localpeer somebody-else
defaults
    mode http
    option forwardfor
    timeout connect 1s
    timeout client 700ms
    timeout server 1s
    default-server inter 1s
frontend shop
    bind {host}:{port}
    default_backend shop_servers
backend shop_servers
    balance roundrobin
    server rlm1 {first}:{server_port} check
    server rlm2 {second}:{server_port} check
"""
"""Its servers are called like ours, which must make no difference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """Something else that the same HAProxy serves."""

    folder: Path
    port: int

    async def answers(self) -> set[str]:
        """Who answers two requests, and on whose behalf they were told that it was."""
        found = set()
        async with aiohttp.ClientSession() as session:
            for _ in range(2):
                async with session.get(f"http://{BALANCER_HOST}:{self.port}/") as response:
                    found.add(await response.text())
        return found

    async def ask(self, command: str) -> str:
        """What HAProxy answers at its own socket."""
        reader, writer = await asyncio.open_unix_connection(self.folder / "shop.sock")
        writer.write(f"{command}\n".encode())
        async with asyncio.timeout(5):
            text = (await reader.read()).decode()
        writer.close()
        await writer.wait_closed()
        return text

    async def states(self) -> list[str]:
        """The administrative state of each of its servers."""
        text = await self.ask("show servers state shop_servers")
        rows = [line.split() for line in text.splitlines() if line and line[0].isdigit() and " " in line]
        return [row[6] for row in rows]


async def answer_http(name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One request, answered with the server's name and what HAProxy says of the client."""
    with contextlib.suppress(asyncio.IncompleteReadError, OSError):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        client = re.search(r"x-forwarded-for: (\S+)", head, re.IGNORECASE)
        body = f"{name} for {client[1] if client else 'nobody'}"
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        await writer.drain()
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


@contextlib.asynccontextmanager
async def shop_servers(port: int) -> AsyncIterator[None]:
    async with contextlib.AsyncExitStack() as stack:
        for name, host in (("shop1", SERVER_HOSTS[0]), ("shop2", SERVER_HOSTS[1])):

            async def serve(
                reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str = name
            ) -> None:
                await answer_http(name, reader, writer)

            await stack.enter_async_context(await asyncio.start_server(serve, host, port))
        yield


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[tuple[Lab, Shop]]:
    shop = Shop(folder=tmp_path, port=free_port((BALANCER_HOST,)))
    server_port = free_port(SERVER_HOSTS)
    theirs = tmp_path / "haproxy.cfg"
    theirs.write_text(
        SHOP.format(
            folder=tmp_path,
            host=BALANCER_HOST,
            port=shop.port,
            server_port=server_port,
            first=SERVER_HOSTS[0],
            second=SERVER_HOSTS[1],
        ),
        encoding="utf-8",
    )
    async with shop_servers(server_port), lab(tmp_path, beside=theirs) as made:
        yield made, shop


SERVED = {"shop1 for 127.0.0.1", "shop2 for 127.0.0.1"}


async def test_clients_are_moved_and_the_other_part_goes_on_as_before(both: tuple[Lab, Shop]) -> None:
    made, shop = both
    balancer = made.balancer()
    load = Load(host=BALANCER_HOST, ports=(made.port, made.isv_port))
    for epoch, active in enumerate(("rlm1", "rlm3", "rlm2"), start=1):
        wanted = desired(active, epoch=epoch)
        await balancer.move(wanted)
        load.reached.clear()
        async with load.running():
            assert await shop.answers() == SERVED
            assert await shop.states() == ["0", "0"]
            made.clock.pass_time(SETTLE.total_seconds())
            await balancer.converge(wanted)
        assert set(load.reached) == {active}
        assert (await made.view()).pinned == frozenset()
    assert await shop.states() == ["0", "0"]


async def test_after_a_reload_the_table_still_leads_to_the_active_server_although_nobody_steers(
    both: tuple[Lab, Shop],
) -> None:
    made, shop = both
    balancer = made.balancer()
    await balancer.move(desired("rlm2", epoch=2))
    made.clock.pass_time(SETTLE.total_seconds())
    await balancer.converge(desired("rlm2", epoch=2))

    async def can_teach() -> bool:
        return "resync_timeout=<PAST>" in await shop.ask("show peers")

    await until(can_teach, within=30, what="a HAProxy that gave up learning from a worker before it")
    before = (await made.view()).pid
    await made.haproxy.reload()

    async def has_reloaded() -> bool:
        return (await made.view()).pid != before

    await until(has_reloaded, what="a new worker")
    assert await who_answers(BALANCER_HOST, made.port) == "rlm2"
    assert await shop.answers() == SERVED


async def test_each_part_keeps_its_own_timeouts(both: tuple[Lab, Shop]) -> None:
    made, shop = both
    async with connected(BALANCER_HOST, made.port) as licensed, connected(BALANCER_HOST, shop.port) as idle:
        assert await licensed.readline() == b"rlm1\n"
        async with asyncio.timeout(5):
            assert (await idle.read())[:12] in {b"", b"HTTP/1.1 408", b"HTTP/1.0 408"}
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5):
                await licensed.read()


async def test_the_stats_page_takes_no_command_for_anything_else(both: tuple[Lab, Shop]) -> None:
    made, shop = both
    other = made.client(names=BalancerNames(license_backend="shop_servers"))
    with pytest.raises(CommandRefusedError, match="403"):
        await other.command(Action.MAINT, ("rlm1",), epoch=1)
    ours = command_body(made.endpoint.backend, Action.MAINT, ["rlm2"])
    theirs = command_body("shop_servers", Action.MAINT, ["rlm2"])
    for body in (theirs, f"{ours}&{theirs}", f"{theirs}&{ours}", ours.replace("maint", "shutdown")):
        assert await post(made, body) == 403
    assert await shop.states() == ["0", "0"]
    assert (await made.view()).epoch is None, "a refused command must not raise the epoch"
    assert await post(made, ours) == 303
    assert (await made.view()).pinned == {"rlm2"}
    assert await shop.states() == ["0", "0"]


async def test_the_stats_page_shows_nothing_else(both: tuple[Lab, Shop]) -> None:
    made, _ = both
    text = await made.page("/stats;csv")
    names = {line.partition(",")[0] for line in text.splitlines()[1:] if line}
    assert names == {"rlm_license_servers", "rlm_isv_siemens"}


async def post(made: Lab, body: str) -> int:
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Epoch": "1"}
    path = made.endpoint.url.removeprefix("unix:")
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(path=path)) as session,
        session.post("http://lb/stats", data=body, headers=headers, allow_redirects=False) as response,
    ):
        return response.status
