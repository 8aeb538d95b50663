"""The command line with the real daemon behind it, on two simulated servers and without a balancer."""

import asyncio
import re
from pathlib import Path

import pytest
import requests
from aiohttp import web

from rlm_exporter.failover.reasons import RULES, Reason
from tests.cli.command import CommandLine, end_of
from tests.cli.daemon import FixedDaemon, fixed
from tests.cli.site import READY_LIMIT, Site


@pytest.fixture
def site(tmp_path: Path, rlm_ha: CommandLine) -> Site:
    return Site(tmp_path, rlm_ha)


@pytest.mark.row(9)
@pytest.mark.row(10)
@pytest.mark.row(11)
async def test_a_day_of_an_operator(site: Site) -> None:
    with site.rlm1, site.rlm2:
        async with site.daemon():
            await site.until_ready()
            assert (await site.run("licenses", "primary", "site")).out == "127.0.0.1\n"

            plan = await site.run("licenses", "failover", "site", "--to", "rlm2", "--dry-run")
            assert (plan.code, plan.out.splitlines()[0]) == (0, "rlm1 -> rlm2; nothing was changed")
            assert (await site.run("licenses", "primary", "site")).out == "127.0.0.1\n"

            moved = await site.run(
                *(
                    "licenses",
                    "failover",
                    "site",
                    "--to",
                    "127.0.0.2",
                    "--from",
                    "rlm1",
                    "--reason",
                    "new disk",
                )
            )
            assert moved.code == 0, moved.err
            assert moved.out.startswith("rlm2 is active (operation ")
            assert [line.split()[:3] for line in moved.err.splitlines()] == [
                [word, "rlm2", "done"] for word in ("apply", "verify", "commit")
            ]
            assert (await site.run("licenses", "primary", "site")).out == "127.0.0.2\n"

            again = await site.run("licenses", "failover", "site", "--to", "rlm2")
            assert (again.code, again.out) == (0, "rlm2 is active already; nothing was changed\n")

            screen = await site.run("license-servers", "status", "site", "--show-ha")
            assert screen.code == 0, screen.err
            assert any(line.startswith("*  rlm2") for line in screen.out.splitlines())
            assert "new disk" in screen.out
            assert max(map(len, screen.out.splitlines())) <= 80

            all_of_them = await site.run("license-servers", "list")
            assert all_of_them.code == 0, all_of_them.err
            assert all_of_them.out.splitlines()[1].split()[:3] == ["site", "healthy", "rlm2"]

            journal = (await site.run("licenses", "events", "site", "--json")).document
            newest = journal["operations"][0]
            assert (newest["from"], newest["to"], newest["state"]) == ("rlm1", "rlm2", "committed")
            assert newest["reason"] == "new disk"
            assert "rlm1 -> rlm2, committed" in " ".join(
                (await site.run("licenses", "events", "site")).out.split()
            )


@pytest.mark.row(11)
async def test_a_move_that_is_refused_changes_nothing(site: Site) -> None:
    with site.rlm1, site.rlm2:
        async with site.daemon():
            await site.until_ready()
            stranger = await site.run("licenses", "failover", "site", "--to", "rlm9")
            assert (stranger.code, stranger.out) == (3, "")
            assert "rlm1, rlm2" in stranger.err
            older_picture = await site.run("licenses", "failover", "site", "--to", "rlm2", "--from", "rlm2")
            assert older_picture.code == 4
            nowhere = await site.run("licenses", "primary", "elsewhere")
            assert (nowhere.code, nowhere.out) == (3, "")

            site.rlm2.kill()
            await site.until(lambda ended: ended.document["servers"][1]["license"]["state"] == "down")
            down = await site.run("licenses", "failover", "site", "--to", "rlm2")
            assert (down.code, down.out) == (4, "")
            assert "rlm2" in down.err
            assert "--force" in down.err

            assert (await site.run("licenses", "primary", "site")).out == "127.0.0.1\n"
            journal = (await site.run("licenses", "events", "site", "-j")).document
            assert {operation["kind"] for operation in journal["operations"]} == {"first_start"}


@pytest.mark.row(9)
async def test_a_cluster_whose_active_server_is_down_is_1(site: Site) -> None:
    with site.rlm1, site.rlm2:
        async with site.daemon():
            await site.until_ready()
            site.rlm1.kill()
            ended = await site.until(lambda ended: not ended.document["healthy"])
            assert ended.code == 1
            assert (await site.run("license-servers", "status", "site")).code == 1


@pytest.mark.row(11)
async def test_a_move_survives_a_kill_of_the_daemon_in_its_midst(site: Site, daemon: FixedDaemon) -> None:
    """`daemon` stands for a program of the site that is told before each move."""
    told = asyncio.Event()

    async def hesitate(_request: web.Request) -> web.StreamResponse:
        told.set()
        await asyncio.Event().wait()
        raise AssertionError("waited for ever")

    daemon.on("POST", "/before", hesitate, fixed({}))
    site.write_manifest(hooks=f"hooks: {{before: [{{url: '{daemon.url}/before', timeout: 30s}}]}}")
    with site.rlm1, site.rlm2:
        async with site.daemon() as first:
            await site.until_ready()
            mover = await site.start("licenses", "failover", "site", "--to", "rlm2")
            assert mover.stderr is not None
            async with asyncio.timeout(READY_LIMIT):
                await told.wait()
                first.kill()
                assert b"ing again" in await mover.stderr.readline()
        async with site.daemon():
            moved = await end_of(mover)
            assert moved.code == 0, moved.err
            assert moved.out.startswith("rlm2 is active (operation ")
            journal = (await site.run("licenses", "events", "site", "-j")).document
            assert [(operation["kind"], operation["state"]) for operation in journal["operations"]] == [
                ("switchover", "committed"),
                ("first_start", "committed"),
            ]


@pytest.mark.row(32)
async def test_what_a_monitor_reports_is_shown_and_moves_nobody(site: Site) -> None:
    with site.rlm1, site.rlm2:
        async with site.daemon():
            await site.until_ready()
            told = await site.run(
                *("licenses", "update-health", "site", "--reporter", "mon1"),
                *("--healthy-servers", "127.0.0.2", "--failed-servers", "127.0.0.1 (license)"),
            )
            assert (told.code, told.out) == (0, "site: heard mon1 about rlm2, rlm1\n")
            assert told.err == "Note: mon1 reports rlm1 (license) failed; our own check says healthy\n"
            screen = (await site.run("license-servers", "status", "site")).out
            assert any(
                line.startswith("External") and "rlm1 (license) down" in line for line in screen.splitlines()
            )
            assert (await site.run("licenses", "primary", "site")).out == "127.0.0.1\n"
            journal = (await site.run("licenses", "events", "site")).out
            assert "report_differs" in journal

            stranger = await site.run("licenses", "update-health", "site", "--healthy-servers", "rlm9")
            assert stranger.code == 3


async def test_one_table_has_the_words_of_rules_for_metrics_journal_and_api(site: Site) -> None:
    """The document's words are compared with the same table beside the rules."""
    table = {rule.reason.value for rule in RULES}
    with site.rlm1, site.rlm2:
        async with site.daemon():
            await site.until_ready()
            page = await asyncio.to_thread(requests.get, f"{site.url}/metrics", timeout=5)
            counted = set(re.findall(r'^rlm_ha_decisions_total{[^}]*rule="(\w+)"', page.text, re.MULTILINE))
            # A move by hand is no rule of the table; its operations carry this word.
            assert counted == table | {Reason.OPERATOR.value}

            site.rlm1.kill()
            await site.until(
                lambda ended: ended.document["failover"]["decision"]["rule"] == Reason.NOT_AUTOMATIC
            )
            await site.run("licenses", "failover", "site", "--to", "rlm2")
            journal = (await site.run("licenses", "events", "site", "-j")).document
            assert {each["rule"] for each in journal["decisions"]} <= table
            assert Reason.NOT_AUTOMATIC.value in {each["rule"] for each in journal["decisions"]}
            assert journal["operations"][0]["rule"] == Reason.OPERATOR.value
