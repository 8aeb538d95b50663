"""What `licenses config` and `optimize` change at a real HAProxy."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from rlm_exporter.haproxy.config import render_config
from rlm_exporter.manifest.model import Tuning
from tests.haproxy.lab import BALANCER_HOST, desired, lab, make_cluster
from tests.haproxy.servers import connected
from tests.haproxy.test_config import LOCAL

LONG = 3.0
"""Seconds in which a connection that need not wait has its answer for sure."""


@pytest.mark.row(38)
@pytest.mark.parametrize("kind", ["license", "isv"])
async def test_one_connection_too_many_waits_for_room_and_goes_to_nobody_else(
    tmp_path: Path, kind: str
) -> None:
    async with lab(tmp_path, tuning=Tuning(max_connections=2)) as made:
        balancer = made.balancer()
        await balancer.move(desired("rlm1", "rlm2", "rlm3"))
        port = made.cluster.servers[0].port if kind == "license" else made.cluster.isv_ports[0][1]
        async with connected(BALANCER_HOST, port) as first, connected(BALANCER_HOST, port) as second:
            assert {await first.readline(), await second.readline()} == {b"rlm1\n"}
            async with connected(BALANCER_HOST, port) as third:
                waiting = asyncio.create_task(third.readline())
                done, _ = await asyncio.wait({waiting}, timeout=LONG)
                assert not done
                first.feed_eof()  # only so that leaving the block ends it first
                await close(first)
                async with asyncio.timeout(LONG):
                    assert await waiting == b"rlm1\n"


async def close(reader: asyncio.StreamReader) -> None:
    """End the connection behind a reader."""
    transport = reader._transport  # type: ignore[attr-defined]
    transport.abort()


@pytest.mark.row(37)
def test_affinity_is_a_table_for_browsers_and_the_rest_stays() -> None:
    cluster = make_cluster(endpoint=LOCAL, web_port=5054)
    without = replace(cluster, tuning=Tuning(session_affinity=False))

    with_it, without_it = (render_config(each, LOCAL).splitlines() for each in (cluster, without))

    gone = [line.strip() for line in with_it if line not in without_it]
    assert [line for line in gone if not line.startswith("#")] == [
        "stick-table type ipv6 size 10k expire 12h peers rlm",
        "stick on src",
    ]
    assert [line for line in without_it if "stick on int(1)" in line]
