"""The web interface as RLM up to 15.0 has it: no login unless there is an rlm.pw."""

import asyncio
import html
from collections.abc import Awaitable, Callable

from rlm_exporter.simulator.mode import Gate

REQUEST_LIMIT_SECONDS = 10

Status = Callable[[], Awaitable[str]]


class Web:
    """Answers HTTP requests; `status` gives the text of the status page."""

    def __init__(self, *, status: Status, gate: Gate) -> None:
        self._status = status
        self._gate = gate

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request, one answer, and the connection ends."""
        try:
            async with asyncio.timeout(REQUEST_LIMIT_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return
        await self._gate.passage()
        method, _, rest = head.decode("latin-1").partition(" ")
        path = rest.partition(" ")[0].partition("?")[0]
        writer.write(_response(*await self._page(path), with_body=method != "HEAD"))
        async with asyncio.timeout(REQUEST_LIMIT_SECONDS):
            await writer.drain()

    async def _page(self, path: str) -> tuple[str, str]:
        match path:
            case "/" | "/goforms/menu":
                return "200 OK", '<h1>RLM Administration Commands</h1><a href="/goforms/rlmstat">Status</a>'
            case "/goforms/rlmstat" | "/goform/rlmstat_isv":
                return "200 OK", f"<h1>Status</h1><pre>{html.escape(await self._status())}</pre>"
            case _:
                return "404 Not Found", "<h1>Not found</h1>"


def _response(status: str, body: str, *, with_body: bool) -> bytes:
    content = f"<html><head><title>RLM</title></head><body>{body}</body></html>\n".encode()
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {len(content)}\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + (content if with_body else b"")
