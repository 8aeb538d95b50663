"""One server of metrics for bench.exposition: our whole application, or prometheus_client's page on aiohttp.

    python -m bench.exposition_server ours|generate_latest SERIES

Prints its port. Every second one server of one cluster is seen to change. `/stall` is the longest time, in
milliseconds, for which the event loop did not come round since it was last asked for.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, cast

from aiohttp import web
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from rlm_exporter.metrics.facts import ClusterFacts
from rlm_exporter.metrics.instruments import Instruments
from rlm_exporter.metrics.negotiation import Encoding, Negotiated
from rlm_exporter.metrics.page import MetricsPage
from rlm_exporter.metrics.text import Format
from rlm_exporter.probe.clock import SystemClock
from rlm_exporter.server.app import build_app
from rlm_exporter.server.pauses import keep_pauses_short
from rlm_exporter.server.services import Services
from tests.metrics.situations import facts  # a cluster as it may be found

PLAIN = Negotiated(format=Format.TEXT, encoding=Encoding.IDENTITY)
TICK = 0.002


class Stall:
    """How late the event loop came round at the worst."""

    def __init__(self) -> None:
        self._worst = 0.0

    async def watch(self) -> None:
        """Until cancelled."""
        while True:
            began = time.perf_counter()
            await asyncio.sleep(TICK)
            self._worst = max(self._worst, time.perf_counter() - began - TICK)

    async def told(self, _: web.Request) -> web.Response:
        """GET /stall."""
        worst, self._worst = self._worst, 0.0
        return web.Response(text=f"{worst * 1000:.1f}\n")


def named(number: int) -> ClusterFacts:
    """One of many clusters that are alike."""
    one = facts()
    return replace(one, cluster=replace(one.cluster, name=f"cluster{number}"))


def changed(one: ClusterFacts) -> ClusterFacts:
    """The same with one server seen anew."""
    first, *rest = one.snapshot.servers
    seen = replace(first, health=replace(first.health, successes=first.health.successes + 1))
    return replace(one, snapshot=replace(one.snapshot, servers=(seen, *rest)))


async def ours(series: int) -> tuple[web.Application, list[Callable[[], Awaitable[None]]]]:
    """The daemon's application with a page of so many series, which it makes anew as the daemon does."""
    instruments = Instruments()
    page = MetricsPage(instruments=instruments)
    clusters: list[ClusterFacts] = []
    count = 0
    while count < series:
        number = len(clusters) + 1
        clusters += [named(each) for each in range(number, number + max(1, len(clusters) // 4))]
        page.update(tuple(clusters))
        await page.refresh()
        count = len([line for line in (await page.body(PLAIN)).splitlines() if not line.startswith(b"#")])

    async def change() -> None:
        turn = 0
        while True:
            clusters[turn % len(clusters)] = changed(clusters[turn % len(clusters)])
            page.update(tuple(clusters))
            turn += 1
            await asyncio.sleep(1)

    nobody = cast("Any", None)  # /metrics asks for no store
    services = Services(
        controllers={},
        releasers={},
        client_desks={},
        drifts={},
        journal=nobody,
        reports=nobody,
        page=page,
        instruments=instruments,
        clock=SystemClock(),
    )
    return build_app(services), [change, page.run, partial(keep_pauses_short, SystemClock())]


async def of_prometheus_client(series: int) -> tuple[web.Application, list[Callable[[], Awaitable[None]]]]:
    """The plainest exporter: the page is made for each scrape."""
    registry = CollectorRegistry()
    gauge = Gauge("rlm_license_in_use", "Seats.", ("cluster", "server", "isv", "feature"), registry=registry)
    for number in range(series):
        gauge.labels(f"cluster{number % 10}", f"rlm{number % 3}", "acme", f"feature{number}").set(number)

    async def page(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), content_type="text/plain")

    app = web.Application()
    app.router.add_get("/metrics", page)
    return app, []


async def main() -> None:
    """Serve until killed."""
    kind, series = sys.argv[1], int(sys.argv[2])
    app, lives = await (ours if kind == "ours" else of_prometheus_client)(series)
    stall = Stall()
    app.router.add_get("/stall", stall.told)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    async with asyncio.TaskGroup() as group:
        for life in (*lives, stall.watch):
            group.create_task(life())  # type: ignore[arg-type]  # a coroutine, by its shape


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main())
