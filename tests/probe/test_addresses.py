import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest

from rlm_exporter.probe.addresses import Address, SystemResolver


@pytest.mark.parametrize("host", ["::1", "[::1]"])
async def test_an_address_is_its_own_answer(host: str) -> None:
    assert await SystemResolver().resolve(host) == (Address(family=socket.AF_INET6, ip="::1"),)


async def test_a_name_is_looked_up() -> None:
    assert Address(family=socket.AF_INET, ip="127.0.0.1") in await SystemResolver().resolve("localhost")


@pytest.mark.parametrize("host", ["a..b", "x" * 70])
async def test_what_is_no_name_raises_as_a_name_without_address(host: str) -> None:
    with pytest.raises(OSError, match="not a host name"):
        await SystemResolver().resolve(host)


async def test_an_error_is_told_to_everybody_who_waits_and_the_next_asks_again() -> None:
    resolver = SystemResolver()
    both = await asyncio.gather(resolver.resolve("a..b"), resolver.resolve("a..b"), return_exceptions=True)
    assert [type(each) for each in both] == [OSError, OSError]
    with pytest.raises(OSError, match="not a host name"):
        await resolver.resolve("a..b")


LOCALHOST = (Address(family=socket.AF_INET, ip="127.0.0.1"),)


class NameServer:
    """Answers when it is let; counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.free = threading.Event()

    def look_up(self, host: str) -> tuple[Address, ...]:
        self.asked.append(host)
        self.free.wait(10)
        return LOCALHOST


@pytest.fixture
def name_server() -> Iterator[NameServer]:
    server = NameServer()
    yield server
    server.free.set()


async def test_a_dead_name_server_is_asked_once_at_a_time_whoever_gives_up(name_server: NameServer) -> None:
    resolver = SystemResolver(look_up=name_server.look_up)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(resolver.resolve("rlm1"), 0.02)
    assert name_server.asked == ["rlm1"]

    waiting = asyncio.create_task(resolver.resolve("rlm1"))
    name_server.free.set()
    assert await waiting == LOCALHOST


async def test_a_dead_name_server_holds_no_thread_that_others_need(name_server: NameServer) -> None:
    resolver = SystemResolver(look_up=name_server.look_up)
    lookups = [asyncio.create_task(resolver.resolve(f"rlm{number}")) for number in range(40)]
    async with asyncio.timeout(5):
        assert await asyncio.to_thread(lambda: "free") == "free"
    name_server.free.set()
    assert await asyncio.gather(*lookups) == [LOCALHOST] * 40
