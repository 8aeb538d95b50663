"""Servers on loopback that end with all their connections."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from tests.probe.programs import DEADLINE

TLS = Path(__file__).parents[1] / "data" / "tls"

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def certificate() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "rlm-cert.pem", TLS / "rlm-key.pem")
    return context


@asynccontextmanager
async def serving(
    talk: Talk, *, tls: bool = False, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[int]:
    """The port of a server that has this talk with everybody; its end waits for the end of each."""
    talks: set[asyncio.Task[None]] = set()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            await talk(reader, writer)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.add(asyncio.ensure_future(converse(reader, writer)))

    async with await asyncio.start_server(accept, host, port, ssl=certificate() if tls else None) as server:
        yield server.sockets[0].getsockname()[1]
    async with asyncio.timeout(DEADLINE):
        await asyncio.gather(*talks)
