import asyncio

import pytest

from rlm_exporter.haproxy.reach import reach
from tests.ports import free_port


@pytest.fixture
def port() -> int:
    return free_port()


async def test_the_connection_says_nothing_and_stays_while_the_block_runs(port: int) -> None:
    heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.set_result(await reader.read())
        writer.close()

    async with await asyncio.start_server(listen, "127.0.0.1", port):
        async with reach("127.0.0.1", port) as why:
            assert why is None
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await asyncio.shield(heard)
        async with asyncio.timeout(5):
            assert await heard == b""


async def test_a_port_where_nobody_listens_is_told_in_words(port: int) -> None:
    async with reach("127.0.0.1", port) as why:
        assert why is not None
        assert "Connect call failed" in why
        assert str(port) in why


async def test_a_name_that_cannot_be_a_name_is_told_in_words() -> None:
    async with reach("256.256.256.256.invalid", 9) as why:
        assert why


async def test_what_goes_wrong_inside_the_block_passes(port: int) -> None:
    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(listen, "127.0.0.1", port):
        with pytest.raises(OSError, match="of the block"):
            await _fail_while_connected(port)


async def _fail_while_connected(port: int) -> None:
    async with reach("127.0.0.1", port) as why:
        assert why is None
        raise OSError("of the block")
