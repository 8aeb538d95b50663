import asyncio
import errno
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest

from rlm_exporter.errors import ProbeError
from rlm_exporter.probe.addresses import Address, SystemResolver
from rlm_exporter.probe.clock import SystemClock
from rlm_exporter.probe.result import FailureReason, TcpResult
from rlm_exporter.probe.tcp import ConnectProbe, classify
from tests.probe.programs import open_files, until
from tests.probe.servers import serving

pytestmark = pytest.mark.row(5)

V4 = Address(family=socket.AF_INET, ip="127.0.0.1")
V6 = Address(family=socket.AF_INET6, ip="::1")
LONG = timedelta(seconds=20)
SHORT = timedelta(seconds=0.3)
SOON = 3.0


@dataclass(frozen=True)
class Fixed:
    """A resolver that knows one answer."""

    addresses: tuple[Address, ...]

    async def resolve(self, host: str) -> tuple[Address, ...]:
        return self.addresses


class Silent:
    """A resolver whose name server never answers."""

    async def resolve(self, host: str) -> tuple[Address, ...]:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")


def probe(*addresses: Address) -> ConnectProbe:
    resolver = Fixed(addresses) if addresses else SystemResolver()
    return ConnectProbe(clock=SystemClock(), resolver=resolver)


def reason(result: TcpResult) -> FailureReason:
    assert result.failure is not None
    return result.failure.reason


@asynccontextmanager
async def listening(address: Address = V4, port: int = 0) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that takes connections, and what each of them sent until its end."""
    heard: list[bytes] = []

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read())

    async with serving(hear, host=address.ip, port=port) as taken:
        yield taken, heard


@pytest.fixture
def refusing() -> Iterator[int]:
    """A port on which nobody listens, and which nobody else can get."""
    with socket.socket() as sock:
        sock.bind((V4.ip, 0))
        yield sock.getsockname()[1]


@pytest.fixture
def hanging() -> Iterator[int]:
    """A port whose queue of connections is full: the kernel drops what comes, as for a stopped machine."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind((V4.ip, 0))
        server.listen(0)
        for _ in range(4):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        yield server.getsockname()[1]


@pytest.mark.parametrize("address", [V4, V6], ids=["v4", "v6"])
async def test_a_port_that_takes_connections_is_good(address: Address) -> None:
    async with listening(address) as (port, _):
        result = await probe(address).probe("rlm1", port, timeout=LONG)
    assert result.ok
    assert result.duration > timedelta(0)


async def test_sends_no_byte_and_hangs_up() -> None:
    async with listening() as (port, heard):
        await probe(V4).probe("rlm1", port, timeout=LONG)
        await until(lambda: bool(heard))
    assert heard == [b""]


async def test_nobody_listening_is_refused(refusing: int) -> None:
    result = await probe().probe(V4.ip, refusing, timeout=LONG)
    assert reason(result) is FailureReason.REFUSED


async def test_no_answer_is_a_timeout(hanging: int) -> None:
    began = time.monotonic()
    result = await probe().probe(V4.ip, hanging, timeout=SHORT)
    assert reason(result) is FailureReason.TIMEOUT
    assert SHORT.total_seconds() <= time.monotonic() - began < SOON


async def test_a_name_without_address_is_unreachable() -> None:
    result = await probe().probe("a..b", 5053, timeout=LONG)
    assert reason(result) is FailureReason.UNREACHABLE


async def test_a_silent_name_server_is_a_timeout() -> None:
    silent = ConnectProbe(clock=SystemClock(), resolver=Silent())
    result = await silent.probe("rlm1", 5053, timeout=SHORT)
    assert reason(result) is FailureReason.TIMEOUT
    assert result.failure is not None
    assert "rlm1 was not looked up" in result.failure.detail


async def test_the_second_family_is_tried_when_the_first_refuses() -> None:
    async with listening(V4) as (port, _):
        assert (await probe(V6, V4).probe("rlm1", port, timeout=LONG)).ok


async def test_the_second_address_does_not_wait_for_one_that_hangs(hanging: int) -> None:
    other = Address(family=socket.AF_INET, ip="127.0.0.2")
    async with listening(other, hanging):
        began = time.monotonic()
        assert (await probe(V4, other).probe("rlm1", hanging, timeout=LONG)).ok
        assert time.monotonic() - began < SOON


async def test_refused_by_every_address_is_refused(refusing: int) -> None:
    result = await probe(V6, V4).probe("rlm1", refusing, timeout=LONG)
    assert reason(result) is FailureReason.REFUSED


async def test_a_connection_to_ourselves_is_no_listener() -> None:
    """A socket bound to the port that it connects to: what the kernel may do with a free local port."""
    with socket.socket() as sock:
        sock.bind((V4.ip, 0))
        sock.connect(sock.getsockname())
        # While that lives the port is taken and nobody listens on it, so ours cannot meet itself there.
        result = await probe(V4).probe("rlm1", sock.getsockname()[1], timeout=LONG)
    assert reason(result) is FailureReason.REFUSED


async def test_leaves_no_socket_open(hanging: int, refusing: int) -> None:
    before = open_files()
    async with listening() as (port, _):
        for each in (port, hanging, refusing):
            await probe(V4).probe("rlm1", each, timeout=SHORT)
    await until(lambda: open_files() == before)


async def test_a_cancelled_probe_leaves_no_socket_open(hanging: int) -> None:
    before = open_files()
    task = asyncio.create_task(probe(V4).probe("rlm1", hanging, timeout=LONG))
    await until(lambda: open_files() > before)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    assert open_files() == before


FAILURES = [
    ([errno.ECONNREFUSED], FailureReason.REFUSED),
    ([errno.ENETUNREACH, errno.ECONNREFUSED], FailureReason.REFUSED),
    ([errno.EADDRNOTAVAIL, errno.ECONNREFUSED], FailureReason.REFUSED),
    ([errno.EHOSTUNREACH], FailureReason.UNREACHABLE),
    ([errno.ENETUNREACH, errno.ETIMEDOUT], FailureReason.TIMEOUT),
    ([errno.EMFILE, errno.EHOSTUNREACH], FailureReason.UNREACHABLE),
]


@pytest.mark.parametrize(("codes", "expected"), FAILURES)
def test_of_several_addresses_the_clearest_failure_is_told(codes: list[int], expected: FailureReason) -> None:
    failure = classify([OSError(code, "why") for code in codes], "rlm1", 5053)
    assert failure is not None
    assert failure.reason is expected


def test_no_socket_to_spare_is_trouble_of_our_own() -> None:
    with pytest.raises(ProbeError, match="cannot connect from here to rlm1:5053: Too many"):
        classify([OSError(errno.EMFILE, "Too many open files")], "rlm1", 5053)
