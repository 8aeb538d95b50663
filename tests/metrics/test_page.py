"""The page is whole bytes that stand ready, made again after a change and not more often than allowed."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from rlm_exporter.manifest.model import Cluster
from rlm_exporter.metrics.exposition import Exposition, RenderedCluster
from rlm_exporter.metrics.facts import ClusterFacts
from rlm_exporter.metrics.instruments import Instruments
from rlm_exporter.metrics.negotiation import negotiate
from rlm_exporter.metrics.page import MetricsPage, NoPageError
from rlm_exporter.metrics.server_lines import server_lines
from rlm_exporter.probe.snapshot import ServerSnapshot
from tests.metrics import situations

TEXT = negotiate("", "")
PACKED = negotiate("application/openmetrics-text", "gzip")
DEADLINE = 10


@asynccontextmanager
async def running(page: MetricsPage) -> AsyncIterator[None]:
    task = asyncio.create_task(page.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()


async def shows(page: MetricsPage, text: bytes, *, absent: bool = False) -> bytes:
    """Wait until the page has a text, or no longer has it."""
    async with asyncio.timeout(DEADLINE):
        while (text in (body := await page.body(TEXT))) is absent:  # noqa: ASYNC110  # see below
            await asyncio.sleep(0.005)  # the page tells nobody when it is made: scrapes do not wait for it
    return body


def quick_page() -> MetricsPage:
    """A page that follows changes at once and, without one, is not made again within a test."""
    return MetricsPage(
        instruments=Instruments(), shortest=timedelta(milliseconds=10), longest=timedelta(seconds=60)
    )


async def test_is_whole_before_there_is_a_snapshot() -> None:
    body = await quick_page().body(TEXT)

    assert b"rlm_exporter_build_info{" in body
    assert b"rlm_server_up" not in body


async def test_shows_a_snapshot_soon_after_it_came() -> None:
    page = quick_page()
    async with running(page):
        page.update((situations.facts(),))
        body = await shows(page, b'rlm_server_up{cluster="rlm-ha-cluster",server="rlm1"} 1')

    assert body.endswith(b"\n")


async def test_shows_nothing_of_a_cluster_that_vanished() -> None:
    page = quick_page()
    async with running(page):
        page.update((situations.facts(),))
        await shows(page, b"rlm-ha-cluster")
        page.update(())
        await shows(page, b"rlm-ha-cluster", absent=True)


async def test_counts_of_our_own_appear_without_a_snapshot() -> None:
    instruments = Instruments(webhook_results=("new",))
    page = MetricsPage(
        instruments=instruments,
        shortest=timedelta(milliseconds=5),
        longest=timedelta(milliseconds=20),
    )
    async with running(page):
        instruments.webhook_alert("new")
        await shows(page, b'rlm_ha_webhook_alerts_total{result="new"} 1')


async def test_says_when_the_watchdog_was_seen() -> None:
    page = quick_page()
    page.update((), watchdog_seen_at=situations.NOW)
    await page.refresh()

    assert b"rlm_ha_watchdog_last_seen_timestamp_seconds 1762171200\n" in await page.body(TEXT)


async def test_every_variant_is_of_the_same_page() -> None:
    page = quick_page()
    page.update((situations.facts(),))
    await page.refresh()
    plain = await page.body(negotiate("application/openmetrics-text", ""))

    assert gzip.decompress(await page.body(PACKED)) == plain
    assert plain.endswith(b"# EOF\n")


async def test_a_variant_that_was_asked_for_once_stands_ready() -> None:
    page = quick_page()
    await page.body(PACKED)
    await page.refresh()

    assert await page.body(PACKED) is await page.body(PACKED)


async def test_leaves_the_guides_names_out_where_they_are_not_wanted() -> None:
    page = MetricsPage(instruments=Instruments(), compatibility_names=False)
    page.update((situations.facts(),))
    await page.refresh()
    body = await page.body(TEXT)

    assert b"\nhealthy_servers{" not in body
    assert b"\nrlm_cluster_healthy_servers{" in body


async def test_a_burst_of_changes_makes_one_page() -> None:
    made: list[str] = []

    def render(part: ServerSnapshot, cluster: Cluster) -> Mapping[str, str]:
        made.append(part.server)
        return server_lines(part, cluster)

    page = MetricsPage(
        instruments=Instruments(),
        exposition=Exposition(render_server=render),
        shortest=timedelta(seconds=DEADLINE * 6),
    )
    facts = situations.facts()
    async with running(page):
        page.update((facts,))
        await shows(page, b'server="rlm1"} 1')
        for failures in range(100):
            part = situations.server_down("rlm1")
            page.update(
                (
                    situations.with_server(
                        facts, replace(part, health=replace(part.health, failures=failures))
                    ),
                )
            )
            await asyncio.sleep(0)
    assert made == ["rlm1", "rlm2", "rlm3"]


class Faulty(Exposition):
    """Stumbles as often as the test wants."""

    faults = 0

    def render(self, clusters: tuple[ClusterFacts, ...]) -> tuple[RenderedCluster, ...]:
        if self.faults:
            self.faults -= 1
            raise OverflowError("date value out of range")
        return super().render(clusters)


async def test_a_defect_takes_the_page_away_until_it_can_be_made_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It ends nothing, and no old number is told as if it were so now."""
    instruments, exposition = Instruments(), Faulty()
    page = MetricsPage(instruments=instruments, exposition=exposition, shortest=timedelta(milliseconds=10))
    page.update((situations.facts(),))
    await page.refresh()
    exposition.faults = 1
    async with running(page):
        page.update((situations.facts(),))
        await until(page, lambda body: body == b"")
        assert "date value out of range" in caplog.text
        assert (
            'rlm_exporter_defects_total{task="page"} 1' in instruments.common()["rlm_exporter_defects_total"]
        )

        page.update((situations.facts(),))
        await until(page, lambda body: b"rlm_server_up" in body)


async def test_what_nobody_could_tell_is_not_on_the_page_until_it_is_told() -> None:
    page = MetricsPage(instruments=Instruments())
    page.update((situations.facts(),))
    await page.refresh()
    page.not_told(ValueError("a defect"))
    await page.refresh()
    with pytest.raises(NoPageError):
        await page.body(TEXT)

    page.update((situations.facts(),))
    await page.refresh()
    assert b"rlm_server_up" in await page.body(TEXT)


async def body_or_none(page: MetricsPage) -> bytes:
    try:
        return await page.body(TEXT)
    except NoPageError:
        return b""


async def until(page: MetricsPage, holds: Callable[[bytes], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not holds(await body_or_none(page)):  # noqa: ASYNC110 - the page sets no event
            await asyncio.sleep(0.002)
