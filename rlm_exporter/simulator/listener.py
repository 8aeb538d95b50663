"""A listening port that can be closed and opened again, and the lines that come through it."""

import asyncio
import contextlib
import errno
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rlm_exporter.errors import RlmExporterError
from rlm_exporter.simulator.protocol import Message, encode

if TYPE_CHECKING:
    from ssl import SSLContext

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

TAKEN_LIMIT_SECONDS = 1
"""A predecessor that was killed a moment ago may still be on its way out."""
SEND_LIMIT_SECONDS = 30
"""A client that takes nothing for so long is dropped."""


class Listener:
    """One port; `serve` is called for each connection, which is closed when it returns.

    With a `certificate`, a PEM file that has its key too, connections are TLS.
    """

    def __init__(self, *, host: str, port: int, serve: Serve, certificate: Path | None = None) -> None:
        self._host = host
        self._port = port
        self._serve = serve
        self._certificate = certificate
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    @property
    def port(self) -> int:
        """Where it listens; with port 0 the one that the system gave, from the first opening on."""
        return self._port

    async def open(self) -> None:
        """Listen, even while a predecessor's connections linger; OSError if the port stays taken."""
        tls = None if self._certificate is None else _tls(self._certificate)
        deadline = time.monotonic() + TAKEN_LIMIT_SECONDS
        while self._server is None:
            try:
                self._server = await asyncio.start_server(
                    self._connected, self._host, self._port, reuse_address=True, backlog=1024, ssl=tls
                )
            except OSError as error:
                if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.02)
        self._port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Refuse new connections and cut those that are open."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.cut()

    def cut(self) -> None:
        """Reset every open connection."""
        for writer in tuple(self._open):
            writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            with contextlib.suppress(ConnectionError, TimeoutError):
                await self._serve(reader, writer)
        finally:
            self._open.discard(writer)
            writer.close()


def _tls(certificate: Path) -> "SSLContext":
    import ssl  # noqa: PLC0415 - it takes a while, and few have a certificate

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate)
    except OSError as error:
        raise RlmExporterError(
            f"{certificate}: a PEM file with a certificate and its key expected"
        ) from error
    return context


async def read_line(reader: asyncio.StreamReader) -> bytes:
    """The next line without a limit in time, since seats are held by silent connections; b"" at the end."""
    try:
        return await reader.readline()
    except ValueError:  # a line beyond the stream's limit of 64 KiB is nobody's request
        return b""


async def send(writer: asyncio.StreamWriter, message: Message) -> None:
    """Send one reply; TimeoutError if the client does not take it."""
    writer.write(encode(message))
    async with asyncio.timeout(SEND_LIMIT_SECONDS):
        await writer.drain()
