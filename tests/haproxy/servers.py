"""Servers behind the balancer that say who they are, and clients that note whom they reached."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

CLIENT_LIMIT = 10.0


@dataclass(kw_only=True)
class NamedServer:
    """Says its name to whoever connects, then keeps the connection until either end lets go."""

    name: str
    host: str
    ports: tuple[int, ...]
    accepted: int = 0
    _servers: list[asyncio.Server] = field(default_factory=list)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    async def start(self) -> None:
        for port in self.ports:
            await self.open(port)

    async def open(self, port: int) -> None:
        """Listen on one port."""
        self._servers.append(await asyncio.start_server(self._serve, self.host, port, backlog=512))

    async def close(self, port: int) -> None:
        """Listen no longer on one port; connections stay."""
        for server in [each for each in self._servers if each.sockets[0].getsockname()[1] == port]:
            self._servers.remove(server)
            server.close()

    async def die(self) -> None:
        """A crash: every listener and every connection is gone, at once."""
        for server in self._servers:
            server.close()
        self._servers.clear()
        for writer in tuple(self._writers):
            writer.transport.abort()
        while self._writers:  # noqa: ASYNC110 - connections end one by one, in a turn or two
            await asyncio.sleep(0.005)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self._writers.add(writer)
        try:
            writer.write(f"{self.name}\n".encode())
            await writer.drain()
            await reader.read()
        except OSError:
            pass
        finally:
            self._writers.discard(writer)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def who_answers(host: str, port: int) -> str:
    """The name of the server that a new connection reaches; "" where it is closed without a word."""
    async with connected(host, port) as reader:
        return await _name(reader)


@contextlib.asynccontextmanager
async def connected(host: str, port: int) -> AsyncIterator[asyncio.StreamReader]:
    """A connection of a client."""
    async with asyncio.timeout(CLIENT_LIMIT):
        reader, writer = await asyncio.open_connection(host, port)
    try:
        yield reader
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _name(reader: asyncio.StreamReader) -> str:
    try:
        async with asyncio.timeout(CLIENT_LIMIT):
            return (await reader.readline()).decode().strip()
    except OSError:
        return ""


@dataclass(kw_only=True)
class Load:
    """New connections at a steady rate, and whom each of them reached."""

    host: str
    ports: tuple[int, ...]
    rate: float = 50.0
    reached: list[str] = field(default_factory=list)
    refused: int = 0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Connect while the block runs; at its end every connection that was begun has its answer."""
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._run(group, stop))
            try:
                yield
            finally:
                stop.set()

    async def _run(self, group: asyncio.TaskGroup, stop: asyncio.Event) -> None:
        number = 0
        while not stop.is_set():
            group.create_task(self._once(self.ports[number % len(self.ports)]))
            number += 1
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1 / self.rate):
                    await stop.wait()

    async def _once(self, port: int) -> None:
        try:
            self.reached.append(await who_answers(self.host, port))
        except (ConnectionRefusedError, ConnectionResetError):
            # HAProxy was killed between the kernel's accept and its own.
            self.refused += 1
