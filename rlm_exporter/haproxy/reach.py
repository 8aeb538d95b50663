"""A client's bare connect to a balancer: what writes the stick table."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

LIMIT = 2.0
"""Seconds for one connect. A balancer beside us takes under a millisecond."""


@contextlib.asynccontextmanager
async def reach(host: str, port: int) -> AsyncIterator[str | None]:
    """Connect, send nothing, and stay connected while the block runs.

    Gives None when the connection was accepted, else why not, in words.
    """
    opened = await _open(host, port)
    if isinstance(opened, str):
        yield opened
        return
    try:
        yield None
    finally:
        opened.close()
        with contextlib.suppress(OSError):
            await opened.wait_closed()


async def _open(host: str, port: int) -> asyncio.StreamWriter | str:
    try:
        async with asyncio.timeout(LIMIT):
            _, writer = await asyncio.open_connection(host, port)
    except TimeoutError:
        return f"no connection within {LIMIT:g} s"
    except OSError as error:
        return str(error)
    return writer
