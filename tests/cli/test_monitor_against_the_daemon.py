"""`licenses monitor`, `watch` and completion with the real daemon, which dies and comes back."""

import asyncio
import contextlib
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import COMMAND, CommandLine, end_of, environment
from tests.cli.site import READY_LIMIT, Site
from tests.cli.terminal import on_terminal, plain


@pytest.fixture
def site(tmp_path: Path, rlm_ha: CommandLine) -> Site:
    return Site(tmp_path, rlm_ha)


@contextlib.asynccontextmanager
async def monitored(site: Site) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await site.start("licenses", "monitor", "site", "--follow", "--interval", "200ms", "-j")
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def until(process: asyncio.subprocess.Process, **wanted: Any) -> dict[str, Any]:
    """The next document that has these; the ones before it are passed over."""
    assert process.stdout is not None
    async with asyncio.timeout(READY_LIMIT):
        while line := await process.stdout.readline():
            document: dict[str, Any] = json.loads(line)
            if wanted.items() <= document.items():
                return document
    raise AssertionError(f"it ended without {wanted}")


@pytest.mark.row(8)
async def test_the_monitor_tells_of_an_outage_a_move_and_a_restart(site: Site) -> None:
    with site.rlm1, site.rlm2:
        async with site.daemon() as first:
            await site.until_ready()
            async with monitored(site) as monitor:
                picture = await until(monitor, kind="picture")
                assert (picture["active"], [each["name"] for each in picture["servers"]]) == (
                    "rlm1",
                    ["rlm1", "rlm2"],
                )

                site.rlm1.kill()
                death = await until(monitor, name="rlm1", facet="license")
                assert death["from"] == "up"
                assert death["to"].startswith("down (")
                moved = await site.run("licenses", "failover", "site", "--to", "rlm2", "--reason", "disk")
                assert moved.code == 0, moved.err
                assert (await until(monitor, facet="active"))["to"] == "rlm2"
                told = await until(monitor, subject="operation", to="committed")
                assert "rlm1 -> rlm2 by " in told["detail"]
                assert told["detail"].endswith(": disk")

                first.kill()
                lost = await until(monitor, kind="lost")
                assert "no answer from the daemon" in lost["detail"]
                async with site.daemon():
                    back = await until(monitor, kind="back")
                    assert back["lost_at"] == lost["at"]
                    site.rlm2.kill()
                    assert (await until(monitor, name="rlm2", facet="license", **{"from": "up"}))[
                        "to"
                    ] != "up"
                    monitor.send_signal(signal.SIGINT)
                    assert (await end_of(monitor)).code == 130


@pytest.mark.row(9)
async def test_the_screen_outlives_the_daemon_and_follows_the_next(site: Site, tmp_path: Path) -> None:
    variables = environment(tmp_path, {"RLM_HA_URL": site.url, "TERM": "xterm", "NO_COLOR": "1"})
    with site.rlm1, site.rlm2:
        async with contextlib.AsyncExitStack() as stack:
            async with site.daemon() as first:
                await site.until_ready()
                screen = await stack.enter_async_context(
                    on_terminal(*COMMAND, "watch", "--interval", "200ms", home=tmp_path, variables=variables)
                )
                await screen.until(lambda text: "site  healthy  ready" in plain(text))
                first.kill()
                await screen.until(lambda text: "NO ANSWER since" in text)
            async with site.daemon():
                await site.until_ready()
                await screen.until(lambda text: "healthy" in text.rpartition("NO ANSWER since")[2])
                screen.type("\x03")
                assert await screen.end() == 130


async def test_names_are_completed_from_the_daemon(site: Site, rlm_ha: CommandLine) -> None:
    with site.rlm1, site.rlm2:
        async with site.daemon():
            await site.until_ready()
            for line, words in (
                ("rlm-ha licenses primary ", ["site"]),
                ("rlm-ha licenses failover site --to ", ["rlm1", "rlm2"]),
            ):
                ended = await rlm_ha.run(
                    _RLM_HA_COMPLETE="bash_complete",
                    COMP_WORDS=line,
                    COMP_CWORD=str(line.count(" ")),
                    RLM_HA_URL=site.url,
                )
                assert ended.out.splitlines() == [f"plain,{word}" for word in words]
