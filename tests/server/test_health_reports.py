"""What other monitors report, over HTTP, with the daemon's own checks beside it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rlm_exporter.failover.reporters import DIFFERS
from rlm_exporter.server.auth import Role, Token
from tests.probe.parts import REFUSED
from tests.server.daemon import Daemon, Document, cluster, daemon, until

HEALTHY: Document = {"reports": [{"server": "rlm1", "healthy": True}]}


async def health(made: Daemon, document: Document) -> Any:
    return await made.post("/api/v1/clusters/prod/health", document)


async def external(made: Daemon, name: str) -> list[Document]:
    servers = (await made.get("/api/v1/clusters/prod")).document["servers"]
    (found,) = [each["external"] for each in servers if each["name"] == name]
    assert isinstance(found, list)
    return found


async def journalled(made: Daemon) -> list[str]:
    decisions = (await made.get("/api/v1/clusters/prod/events")).document["decisions"]
    return [each["detail"] for each in decisions if each["rule"] == DIFFERS]


@pytest.mark.row(32)
async def test_a_report_is_shown_beside_our_own_checks(local: Daemon) -> None:
    answer = await health(
        local,
        {
            "reporter": "mon1",
            "ttl": "5m",
            "reports": [
                {"server": "rlm1", "healthy": True},
                {"server": "rlm2.prod.example.com", "component": "web", "healthy": False},
                {"server": "rlm3.prod.example.com:5053", "component": "license", "healthy": True},
            ],
        },
    )
    assert (answer.status, answer.document) == (
        200,
        {"result": "done", "detail": "heard mon1 about rlm1, rlm2, rlm3", "differences": []},
    )
    (first,), (second,), (third,) = [await external(local, name) for name in ("rlm1", "rlm2", "rlm3")]
    assert (first["source"], first["reporter"], first["component"]) == ("external", "mon1", "server")
    assert (first["state"], first["healthy"], first["ttl_seconds"]) == ("up", True, 300)
    assert 0 <= first["age_seconds"] < 10
    assert (second["component"], second["state"]) == ("web", "down")
    assert (third["component"], third["state"]) == ("license", "up")


async def test_a_report_that_is_too_old_is_unknown_and_shown_with_its_age(local: Daemon) -> None:
    seen = datetime.now(UTC) - timedelta(minutes=3)
    await health(local, HEALTHY | {"at": seen.isoformat()})
    (shown,) = await external(local, "rlm1")
    assert (shown["state"], shown["healthy"]) == ("unknown", True)
    assert 180 <= shown["age_seconds"] < 190
    assert shown["at"] == seen.isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def test_a_clock_that_is_a_little_ahead_makes_no_report_of_the_future(local: Daemon) -> None:
    ahead = datetime.now(UTC) + timedelta(seconds=30)
    assert (await health(local, HEALTHY | {"at": ahead.isoformat()})).status == 200
    (shown,) = await external(local, "rlm1")
    assert shown["state"] == "up"
    assert 0 <= shown["age_seconds"] < 10


@pytest.mark.row(32)
async def test_a_difference_to_our_own_check_is_answered_and_written_down_once(local: Daemon) -> None:
    failed = {"reporter": "mon1", "reports": [{"server": "rlm1", "component": "license", "healthy": False}]}
    words = "mon1 reports rlm1 (license) failed; our own check says healthy"
    for _ in range(3):
        assert (await health(local, failed)).document["differences"] == [words]
    assert await journalled(local) == [words]
    assert (await health(local, HEALTHY | {"reporter": "mon1"})).document["differences"] == []
    await health(local, failed)
    assert await journalled(local) == [words, words]


@pytest.mark.row(32)
async def test_reports_that_everything_has_failed_move_nobody(tmp_path: Path) -> None:
    async with daemon(tmp_path, clusters=(cluster("prod", automatic=True),)) as made:
        everything = [
            {"server": name, "component": component, "healthy": False}
            for name in ("rlm1", "rlm2", "rlm3")
            for component in ("server", "license", "isv", "web")
        ]
        decided_before = (await made.get("/api/v1/clusters/prod")).document["failover"]["decision"]["at"]
        assert (await health(made, {"reports": everything})).status == 200

        async def looked_again() -> bool:
            document = (await made.get("/api/v1/clusters/prod")).document
            return bool(document["failover"]["decision"]["at"] > decided_before)

        await until(looked_again, what="a look after the reports")
        document = (await made.get("/api/v1/clusters/prod")).document
        assert (document["active"], document["healthy"]) == ("rlm1", True)
        assert document["failover"]["decision"]["rule"] == "active_healthy"
        operations = (await made.get("/api/v1/clusters/prod/events")).document["operations"]
        assert [each["kind"] for each in operations] == ["first_start"]


@pytest.mark.row(32)
async def test_a_healthy_report_holds_a_failover_back_until_it_is_stale(tmp_path: Path) -> None:
    async with daemon(tmp_path, clusters=(cluster("prod", automatic=True),)) as made:
        # Our checks of rlm1 fail below the threshold, so that the report comes while they do.
        made.license.failures["rlm1.prod.example.com"] = REFUSED
        controller = made.services.controllers["prod"]

        async def decided(rule: str) -> bool:
            if controller.prober.snapshot.server("rlm1").health.failures == 1:
                await health(made, HEALTHY | {"ttl": "3s"})
            decision = (await made.get("/api/v1/clusters/prod")).document["failover"]["decision"]
            return bool(decision["rule"] == rule)

        controller.prober.check_now("rlm1")
        await until(lambda: decided("report_disagrees"), what="a failover that is held back")
        assert (await made.get("/api/v1/clusters/prod")).document["active"] == "rlm1"

        async def moved() -> bool:
            return bool((await made.get("/api/v1/clusters/prod")).document["active"] == "rlm2")

        await until(moved, what="the failover once nobody vouches for rlm1 any more")
        operations = (await made.get("/api/v1/clusters/prod/events")).document["operations"]
        assert [each["rule"] for each in operations][:1] == ["failed_over"]


@pytest.mark.parametrize(
    ("document", "kind", "detail"),
    [
        ({}, "invalid", "reports: from 1 to 100 are needed"),
        ({"reports": []}, "invalid", "reports: from 1 to 100 are needed"),
        ({"reports": [{"server": "rlm1", "healthy": True}] * 101}, "invalid", "reports: from 1 to 100"),
        ({"reports": "rlm1"}, "invalid", "reports: not a list"),
        ({"reports": ["rlm1"]}, "invalid", "reports[0]: not a mapping"),
        ({"reports": [{"server": "rlm1"}]}, "invalid", "reports[0].server and reports[0].healthy: both"),
        ({"reports": [{"server": "rlm1", "healthy": 1}]}, "invalid", "reports[0].healthy: not true or false"),
        ({"reports": [{"host": "rlm1"}]}, "invalid", "reports[0].host: unknown; known are server,"),
        (
            {"reports": [{"server": "rlm9", "healthy": True}]},
            "unknown_server",
            "reports[0].server: no server 'rlm9'; there are rlm1, rlm2, rlm3",
        ),
        (
            {"reports": [{"server": "rlm1", "healthy": True, "component": "disk"}]},
            "invalid",
            "reports[0].component: not one of server, license, isv, web",
        ),
        (
            {"reports": [{"server": "rlm1", "healthy": True}, {"server": "rlm1", "healthy": False}]},
            "invalid",
            "reports[1]: rlm1 (server) is both healthy and failed",
        ),
        (HEALTHY | {"ttl": "soon"}, "invalid", "ttl: "),
        (HEALTHY | {"ttl": "61m"}, "invalid", "ttl: not between 1 ms and 1 h"),
        (HEALTHY | {"ttl": "0s"}, "invalid", "ttl: "),
        (HEALTHY | {"at": "noon"}, "invalid", "at: 'noon' is not a time"),
        (HEALTHY | {"at": "2026-03-02T02:14:00"}, "invalid", "at: without a time zone"),
        (
            HEALTHY | {"at": "2999-03-02T02:14:00Z"},
            "invalid",
            "at: '2999-03-02T02:14:00Z' lies in the future",
        ),
        (HEALTHY | {"since": "noon"}, "invalid", "since: unknown; known are reporter, ttl, at, reports"),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_is_taken(
    fresh: Daemon, document: Document, kind: str, detail: str
) -> None:
    answer = await health(fresh, document)
    assert answer.problem[:2] == (422, kind)
    assert answer.problem[2].startswith(detail)
    assert await external(fresh, "rlm1") == []


async def test_an_unknown_cluster_is_404(fresh: Daemon) -> None:
    assert (await fresh.post("/api/v1/clusters/elsewhere/health", HEALTHY)).problem[0] == 404


async def test_reports_need_the_role_of_an_operator(tmp_path: Path) -> None:
    viewer = Token(name="eve", role=Role.VIEWER, sha256="0" * 64)
    async with daemon(tmp_path, tokens=(viewer,), ready=False) as made:
        assert (await health(made, HEALTHY)).status == 401


async def test_a_report_that_differs_is_heard_while_the_journal_is_away(local: Daemon) -> None:
    await local.stop_controllers()
    await local.journal.close()
    answer = await health(local, {"reports": [{"server": "rlm1", "healthy": False}]})
    assert (answer.status, len(answer.document["differences"])) == (200, 1)
