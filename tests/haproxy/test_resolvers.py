"""Servers that HAProxy knows by name: a real name server, whose answers change, fail and stop."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from rlm_exporter.haproxy.config import render_config as rendered
from rlm_exporter.haproxy.stats_page import Action
from rlm_exporter.manifest.model import HaproxyEndpoint, Resolvers
from tests.acceptance.name_server import answer
from tests.examples.bind import NameServer
from tests.haproxy.lab import (
    BALANCER_HOST,
    NETWORK,
    SERVER_HOSTS,
    Lab,
    complaints,
    lab,
    make_cluster,
    until,
)
from tests.haproxy.servers import NamedServer, connected, who_answers

NAMES = tuple(f"rlm{number}.example.com" for number in (1, 2, 3))
ENDPOINT = HaproxyEndpoint(name="lb1", url="unix:/run/haproxy/rlm.sock")
NEW_HOST = f"{NETWORK}.4"
NAMED = make_cluster(endpoint=ENDPOINT, hosts=NAMES, resolvers=Resolvers())


def faster(text: str) -> str:
    """Asked each second, and not of whatever name server this machine has."""
    for usual, quick in (
        ("hold valid 10s", "hold valid 1s"),
        ("timeout resolve 1s", "timeout resolve 200ms"),
        ("timeout retry 1s", "timeout retry 200ms"),
        ("init-addr libc,last,none", "init-addr none"),
    ):
        assert usual in text
        text = text.replace(usual, quick)
    return text


@pytest.fixture
async def dns(tmp_path: Path) -> AsyncIterator[NameServer]:
    (tmp_path / "dns").mkdir()
    server = NameServer(tmp_path / "dns")
    await asyncio.to_thread(server.__enter__)
    try:
        server.change(*(f"add {name} 60 A {host}" for name, host in zip(NAMES, SERVER_HOSTS, strict=True)))
        yield server
    finally:
        server.kill()


@contextlib.asynccontextmanager
async def named_lab(
    folder: Path, dns: NameServer, *, change: Callable[[str], str] = faster
) -> AsyncIterator[Lab]:
    """A lab whose servers HAProxy has found by their names."""
    async with lab(folder, change=change, names=NAMES, resolvers=Resolvers(addresses=(dns.address,))) as made:
        await until(lambda: everybody_at(made, SERVER_HOSTS), what="an address for each server")
        yield made


async def everybody_at(made: Lab, hosts: tuple[str, ...]) -> bool:
    view = await made.view()
    found = [line.address for line in view.lines]
    return found == [f"{host}:{port}" for port in (made.port, made.isv_port) for host in hosts]


async def steer(made: Lab) -> None:
    """Have rlm1 active, rlm2 ready and rlm3 pinned."""
    page = made.client()
    await page.command(Action.MAINT, ("rlm2", "rlm3"), epoch=1)
    assert await who_answers(BALANCER_HOST, made.port) == "rlm1"
    await page.command(Action.READY, ("rlm2",), epoch=1)
    view = await made.view()
    assert (view.active, view.pinned) == ("rlm1", frozenset({"rlm3"}))


@dataclass
class Failing(asyncio.DatagramProtocol):
    """What stands at a dead name server's port: it takes every question, and answers as it was told."""

    reply: Callable[[bytes], bytes | None]
    questions: int = 0
    transport: asyncio.DatagramTransport | None = None

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.questions += 1
        told = self.reply(data)
        if told is not None and self.transport is not None:
            self.transport.sendto(told, addr)


def no_such_name(query: bytes) -> bytes:
    return answer(query, "")


def refused(query: bytes) -> bytes:
    return query[:3] + b"\x85" + query[4:]


def silent(_: bytes) -> None:
    return None


@contextlib.asynccontextmanager
async def failing(dns: NameServer, reply: Callable[[bytes], bytes | None]) -> AsyncIterator[Failing]:
    """The name server is dead, or out of its mind."""
    dns.kill()
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(
        lambda: Failing(reply), local_addr=("127.0.0.1", dns.port)
    )
    protocol.transport = transport
    try:
        yield protocol
    finally:
        transport.close()


async def test_a_server_with_a_new_address_is_followed_without_a_reload(
    tmp_path: Path, dns: NameServer
) -> None:
    async with named_lab(tmp_path, dns) as made:
        await steer(made)
        moved = NamedServer(name="moved rlm1", host=NEW_HOST, ports=(made.port, made.isv_port))
        await moved.start()
        before = await made.view()
        async with connected(BALANCER_HOST, made.port) as session:
            assert await session.readline() == b"rlm1\n"
            dns.change(f"delete {NAMES[0]} A", f"add {NAMES[0]} 60 A {NEW_HOST}")
            await until(lambda: everybody_at(made, (NEW_HOST, *SERVER_HOSTS[1:])), what="the new address")

            assert await who_answers(BALANCER_HOST, made.port) == "moved rlm1"
            assert await who_answers(BALANCER_HOST, made.isv_port) == "moved rlm1"
            assert not session.at_eof()
        after = await made.view()
        assert (after.pid, after.epoch, after.active) == (before.pid, before.epoch, "rlm1")
        assert after.pinned == before.pinned == {"rlm3"}
        await moved.die()


async def test_an_address_more_changes_nothing_and_exchanged_addresses_are_followed(
    tmp_path: Path, dns: NameServer
) -> None:
    async with named_lab(tmp_path, dns) as made:
        await steer(made)
        one, two, three = SERVER_HOSTS
        dns.change(
            f"add {NAMES[0]} 60 A {NEW_HOST}", f"delete {NAMES[2]} A", f"add {NAMES[2]} 60 A {NEW_HOST}"
        )
        await until(lambda: everybody_at(made, (one, two, NEW_HOST)), what="the new address of rlm3")
        dns.change(
            *(f"delete {name} A" for name in NAMES),
            *(f"add {name} 60 A {host}" for name, host in zip(NAMES, (two, one, three), strict=True)),
        )
        await until(lambda: everybody_at(made, (two, one, three)), what="both exchanged")
        assert await who_answers(BALANCER_HOST, made.port) == "rlm2"
        assert (await made.view()).active == "rlm1"


FAILURES = [(silent, "timeout"), (no_such_name, "nx"), (refused, "refused")]


@pytest.mark.parametrize(("reply", "hold"), FAILURES)
async def test_whatever_becomes_of_the_name_server_the_last_address_stays(
    tmp_path: Path, dns: NameServer, reply: Callable[[bytes], bytes | None], hold: str
) -> None:
    assert f"hold {hold} 20d\n" in rendered(NAMED, ENDPOINT)
    async with named_lab(tmp_path, dns) as made:
        await steer(made)
        async with failing(dns, reply) as dead:
            await until(lambda: asked(dead, 18), within=20, what="two rounds of questions")
            assert await everybody_at(made, SERVER_HOSTS)
            assert await who_answers(BALANCER_HOST, made.port) == "rlm1"
            assert await who_answers(BALANCER_HOST, made.isv_port) == "rlm1"


@pytest.mark.parametrize(("reply", "hold"), FAILURES)
async def test_it_stays_because_it_is_held(
    tmp_path: Path, dns: NameServer, reply: Callable[[bytes], bytes | None], hold: str
) -> None:
    """The same with a hold that is over at once, as HAProxy's own are after 30 s."""

    def short(text: str) -> str:
        assert f"hold {hold} 20d\n" in text
        return faster(text).replace(f"hold {hold} 20d", f"hold {hold} 100ms")

    async with named_lab(tmp_path, dns, change=short) as made, failing(dns, reply):
        await until(lambda: nobody_found(made), within=20, what="servers without an address")


async def asked(dead: Failing, number: int) -> bool:
    return dead.questions >= number


async def test_names_that_nobody_answers_for_at_a_reload_are_found_later_by_themselves(
    tmp_path: Path, dns: NameServer
) -> None:
    async with named_lab(tmp_path, dns) as made:
        await steer(made)
        async with failing(dns, silent):
            await made.haproxy.reload()
            await until(lambda: nobody_found(made), what="a worker that knows no address")
        await asyncio.to_thread(dns.__enter__)
        await until(lambda: everybody_at(made, SERVER_HOSTS), what="an address for each server")
        assert await who_answers(BALANCER_HOST, made.port) == "rlm1"


async def nobody_found(made: Lab) -> bool:
    return (await made.view()).unresolved == {"rlm1", "rlm2", "rlm3"}


@pytest.mark.parametrize("addresses", [(), ("192.0.2.53:53", "[2001:db8::53]:5353")])
def test_haproxy_takes_the_name_servers_without_a_warning(tmp_path: Path, addresses: tuple[str, ...]) -> None:
    hosts = ("localhost", *SERVER_HOSTS[1:])
    cluster = make_cluster(endpoint=ENDPOINT, hosts=hosts, resolvers=Resolvers(addresses=addresses))
    text = rendered(cluster, ENDPOINT)
    if addresses:
        assert "nameserver dns2 [2001:db8::53]:5353" in text
    else:
        assert "    parse-resolv-conf\n" in text
        # What this machine has there is not what is tried.
        text = text.replace("parse-resolv-conf", "nameserver dns1 192.0.2.53:53")
    config = tmp_path / "haproxy.cfg"
    config.write_text(text)
    assert complaints(config) == ""


def test_servers_with_addresses_need_no_name_servers_and_names_have_none_unless_asked_for() -> None:
    for cluster in (
        make_cluster(endpoint=ENDPOINT, resolvers=Resolvers()),
        make_cluster(endpoint=ENDPOINT, hosts=NAMES),
    ):
        assert "resolv" not in rendered(cluster, ENDPOINT)
