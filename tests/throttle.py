"""A slow line between two ports of this machine."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

ADDRESS = "127.0.0.1"
PIECE = 0.02
"""Seconds for which each piece that is passed on lasts."""


@contextlib.asynccontextmanager
async def slow_line(listen: int, to: int, *, bytes_a_second: int) -> AsyncIterator[None]:
    """Pass on what comes in at one port to the other, and back, no faster than that each way."""
    piece = int(bytes_a_second * PIECE)

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(piece):
                writer.write(data)
                await writer.drain()
                await asyncio.sleep(PIECE * len(data) / piece)
        writer.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        their_reader, their_writer = await asyncio.open_connection(ADDRESS, to, limit=2 * piece)
        lines.add(line := asyncio.gather(pass_on(reader, their_writer), pass_on(their_reader, writer)))
        try:
            await line
        finally:
            lines.discard(line)
            for each in (writer, their_writer):
                each.transport.abort()

    lines: set[asyncio.Future[tuple[None, None]]] = set()
    server = await asyncio.start_server(connected, ADDRESS, listen, limit=2 * piece)
    async with server:
        yield
    for line in lines:
        line.cancel()
    await asyncio.gather(*lines, return_exceptions=True)
    await asyncio.sleep(PIECE)  # what was aborted is closed in the loop's next turns
