"""`rlm-ha licenses seats` against fixed answers, and on the real daemon through a failover."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import CommandLine
from tests.cli.daemon import FixedDaemon, fixed, problem
from tests.cli.site import Site
from tests.simulated import SimulatedClient

SEATS = "/api/v1/clusters/site/seats"
HOLDER = {
    "host": "ws1", "version": "2023.1000", "seats": 5, "reserved": 0, "handle": "15c", "since": "03/02 07:58",
}  # fmt: skip


def feature(name: str = "STARCCM", **changes: Any) -> dict[str, Any]:
    known = {
        "isv": "siemens", "feature": name, "free": 15, "issued": 20, "reserved": 2, "in_use": 5,
        "reason": None, "detail": None, "versions": [], "holders": [HOLDER],
    }  # fmt: skip
    return known | changes


def nothing(name: str, reason: str, detail: str | None = None) -> dict[str, Any]:
    numbers = dict.fromkeys(("free", "issued", "reserved", "in_use", "versions", "holders"))
    return feature(name, **numbers, reason=reason, detail=detail)


def answer(*features: dict[str, Any], **changes: Any) -> dict[str, Any]:
    known = {
        "cluster": "site", "active": "rlm1", "active_host": "127.0.0.1", "known": True, "reason": None,
        "detail": None, "checked_at": "2026-03-02T08:00:00Z", "age_seconds": 3.2, "features": list(features),
    }  # fmt: skip
    return known | changes


async def test_seats_are_a_table_with_their_age(rlm_ha: CommandLine, daemon: FixedDaemon) -> None:
    no_pool = nothing("NXCAE", "no_pool", "the server has no pool of NXCAE")
    no_limit = feature("viewer", free=None, issued=None, reserved=None, reason="no_limit")
    daemon.on("GET", SEATS, fixed(answer(feature(), no_pool, no_limit, feature("full", free=0, in_use=18))))
    ended = await rlm_ha.run("licenses", "seats", "site", RLM_HA_URL=daemon.url)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines() == [
        "rlm1 is active, checked 3 s ago",
        "FEATURE  ISV          FREE  IN USE  RESERVED  ISSUED",
        "STARCCM  siemens        15       5         2      20",
        "NXCAE    siemens         -       -         -       -",
        "viewer   siemens  no limit       5         -       -",
        "full     siemens         0      18         2      20",
        "NXCAE: the server has no pool of NXCAE",
    ]


async def test_one_feature_is_shown_with_who_holds_it(rlm_ha: CommandLine, daemon: FixedDaemon) -> None:
    daemon.on("GET", SEATS, fixed(answer(feature())))
    ended = await rlm_ha.run("licenses", "seats", "site", "--feature", "starccm", RLM_HA_URL=daemon.url)
    assert ended.code == 0
    assert [line.split() for line in ended.out.splitlines()[-2:]] == [
        ["HOST", "VERSION", "SEATS", "HANDLE", "SINCE", "(THERE)"],
        ["ws1", "2023.1000", "5", "15c", "03/02", "07:58"],
    ]
    assert dict(daemon.requests[0].query) == {"feature": "starccm"}


async def test_what_is_unknown_is_said_and_is_1(rlm_ha: CommandLine, daemon: FixedDaemon) -> None:
    moving = "operation 7 leads clients to rlm2"
    unknown = answer(nothing("STARCCM", "moving", moving), known=False, reason="moving", detail=moving)
    daemon.on("GET", SEATS, fixed(unknown))
    ended = await rlm_ha.run("licenses", "seats", "site", RLM_HA_URL=daemon.url)
    assert ended.code == 1
    assert ended.out.splitlines()[0] == "Not known: operation 7 leads clients to rlm2"
    assert ended.out.splitlines()[-1].split() == ["STARCCM", "siemens", "-", "-", "-", "-"]
    as_json = await rlm_ha.run("licenses", "seats", "site", "--json", RLM_HA_URL=daemon.url)
    assert (as_json.code, as_json.document) == (1, unknown)


@pytest.mark.parametrize(
    ("reason", "code"), [("no_pool", 1), ("unreadable", 1), ("no_limit", 0), ("token", 0)]
)
async def test_a_feature_without_a_number_is_1_where_it_should_have_one(
    rlm_ha: CommandLine, daemon: FixedDaemon, reason: str, code: int
) -> None:
    daemon.on("GET", SEATS, fixed(answer(nothing("STARCCM", reason))))
    ended = await rlm_ha.run("licenses", "seats", "site", "--feature", "STARCCM", RLM_HA_URL=daemon.url)
    assert ended.code == code


async def test_a_feature_that_is_not_there_is_3(rlm_ha: CommandLine, daemon: FixedDaemon) -> None:
    daemon.on("GET", SEATS, problem(404, "unknown_feature", "rlm1 has no 'x'; it has STARCCM"))
    ended = await rlm_ha.run("licenses", "seats", "site", "--feature", "x", RLM_HA_URL=daemon.url)
    assert (ended.code, ended.err) == (3, "Error: rlm1 has no 'x'; it has STARCCM\n")


async def test_a_failover_shows_them_neither_negative_nor_doubled(
    tmp_path: Path, rlm_ha: CommandLine
) -> None:
    """Both servers have all 200 seats; 3 are out on the first, which is killed, then 1 on the second."""
    site = Site(tmp_path, rlm_ha)
    told: list[tuple[int | None, int | None, str | None]] = []

    async def ask() -> dict[str, Any]:
        document = (await site.run("licenses", "seats", "site", "--feature", "STARCCM", "-j")).document
        (starccm,) = document["features"]
        told.append((starccm["issued"], starccm["free"], document["reason"] or starccm["reason"]))
        return {**starccm, "active": document["active"]}

    async def until_free(free: int | None, active: str) -> None:
        async with asyncio.timeout(30):
            while (seen := await ask())["free"] != free or seen["active"] != active:
                pass

    with site.rlm1, site.rlm2:
        async with site.daemon():
            await site.until_ready()
            with SimulatedClient(site.rlm1.host, site.rlm1.isv_port) as client:
                client.check_out("STARCCM", count=3)
                await until_free(197, "rlm1")
            site.rlm1.kill()
            await until_free(None, "rlm1")
            moving = asyncio.create_task(
                site.run("licenses", "failover", "site", "--to", "rlm2", "--reason", "rlm1 is dead")
            )
            with SimulatedClient(site.rlm2.host, site.rlm2.isv_port) as client:
                client.check_out("STARCCM")
                await until_free(199, "rlm2")
            assert (await moving).code == 0
    assert {issued for issued, _, _ in told} == {200, None}
    assert {free for _, free, _ in told} <= {200, 197, 199, None}
    assert all((free is None) is (reason is not None) for _, free, reason in told), told
