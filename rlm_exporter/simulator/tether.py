"""Standard input as a tether: when the other end is gone, so are we."""

import asyncio
import sys
from collections.abc import AsyncIterator

LONGEST_LINE = 64 * 1024 * 1024
"""A plan of thousands of pools is one line."""


async def tether_lines() -> AsyncIterator[bytes]:
    """The lines that come down the tether, until its other end is closed or its owner dies."""
    reader = asyncio.StreamReader(limit=LONGEST_LINE)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    while line := await reader.readline():
        yield line


async def tether_cut() -> None:
    """Return when the other end of the tether is gone."""
    async for _line in tether_lines():
        pass
