"""A wire between two ports of this machine, to be cut: arguments LISTEN and TO.

SIGSTOP makes it swallow everything, as a network does that is partitioned; SIGKILL resets what is open.
"""

import asyncio
import contextlib
import sys

ADDRESS = "127.0.0.1"


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One direction of one connection, to its end."""
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def main() -> None:
    """Relay until ended."""
    listen, to = map(int, sys.argv[1:])

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            their_reader, their_writer = await asyncio.open_connection(ADDRESS, to)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pass_on(reader, their_writer), pass_on(their_reader, writer))

    server = await asyncio.start_server(connected, ADDRESS, listen)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
