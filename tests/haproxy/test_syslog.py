"""What a real HAProxy tells a syslog: who connected and where to, and every command."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.haproxy.lab import BALANCER_HOST, desired, lab, until

pytestmark = pytest.mark.row(19)


@dataclass(kw_only=True)
class Syslog:
    """A syslog server on UDP."""

    address: str
    lines: list[str] = field(default_factory=list)

    def with_word(self, word: str) -> list[str]:
        return [line for line in self.lines if word in line]


class _Reader(asyncio.DatagramProtocol):
    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._lines.append(data.decode())


@asynccontextmanager
async def syslog() -> AsyncIterator[Syslog]:
    taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    taken.setblocking(False)
    taken.bind(("127.0.0.1", 0))
    made = Syslog(address=f"127.0.0.1:{taken.getsockname()[1]}")
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Reader(made.lines), sock=taken
    )
    try:
        yield made
    finally:
        transport.close()


async def test_a_session_and_a_command_are_told_and_reading_and_bare_connects_are_not(tmp_path: Path) -> None:
    async with syslog() as log, lab(tmp_path, syslog=(log.address,)) as made:
        balancer = made.balancer()
        await balancer.move(desired("rlm2"))
        reader, writer = await asyncio.open_connection(BALANCER_HOST, made.port)
        writer.write(b"hello\n")
        assert await reader.readline()
        writer.close()
        await writer.wait_closed()

        async def has_told() -> bool:
            return bool(log.with_word("rlm_license_servers/rlm2"))

        await until(has_told, what="a line about the session")

        [session] = log.with_word("rlm_license_frontend rlm_license_servers/")
        assert re.search(r" rlm_license_frontend rlm_license_servers/rlm2 \d+/\d+/\d+ \d+ ", session)
        assert log.with_word('"POST ')
        assert log.with_word('"GET ') == []
