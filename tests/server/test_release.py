"""POST /release: what is understood of it, who may ask, and whose seat it is."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rlm_exporter.failover.release import NotReleasedKind
from rlm_exporter.server.release import STATUS
from tests.failover.test_release import OF_LSTC, line
from tests.probe.parts import isv, status
from tests.server.daemon import Daemon, daemon
from tests.server.test_auth import TOKENS

PATH = "/api/v1/clusters/prod/release"
EVENTS = "/api/v1/clusters/prod/events"
HOST = "rlm1.prod.example.com"


@pytest.fixture
async def holding(local: Daemon) -> Daemon:
    """alice and carol hold a seat each of two ISVs, under the same handle."""
    isvs = (isv("siemens", port=5055), isv("lstc", port=5056))
    local.license.statuses[HOST] = replace(status(isvs=isvs), checkouts=(line(count=5), OF_LSTC))
    return local


async def test_a_look_tells_whose_seat_it_is(holding: Daemon) -> None:
    answer = await holding.post(PATH, {"handle": "15C", "isv": "Siemens", "dry_run": True})
    assert answer.document == {
        "result": "plan",
        "detail": "nothing was changed",
        "seat": {
            "server": "rlm1",
            "isv": "siemens",
            "product": "STARCCM",
            "version": "2023.1000",
            "user": "alice",
            "host": "ws1",
            "seats": 5,
            "reserved": 0,
            "handle": "15c",
            "since": "03/02 07:58",
            "shares": False,
        },
    }


async def test_a_handle_that_is_not_one_seat_is_a_problem(holding: Daemon) -> None:
    assert (await holding.post(PATH, {"handle": "15c", "dry_run": True})).problem[:2] == (
        409,
        "ambiguous_handle",
    )
    assert (await holding.post(PATH, {"handle": "99"})).problem[:2] == (404, "unknown_handle")
    elsewhere = await holding.post(PATH, {"handle": "15c", "server": "rlm2.prod.example.com"})
    assert elsewhere.problem == (
        404,
        "unknown_handle",
        "nobody has handle 15c on rlm2; it may have been given back",
    )


async def test_what_was_not_freed_is_no_success(holding: Daemon) -> None:
    """This daemon has no rlmutil."""
    answer = await holding.post(PATH, {"handle": "15c", "isv": "lstc", "requested_by": "ada"})
    assert answer.problem[:2] == (503, "server_unknown")
    rows = [each["detail"] for each in (await holding.get(EVENTS)).document["decisions"]]
    assert any("is to be freed; by ada" in row for row in rows)
    assert any("no rlmutil found" in row for row in rows)


@pytest.mark.parametrize(
    ("document", "where"),
    [
        ({}, "handle:"),
        ({"handle": ""}, "handle:"),
        ({"handle": "-q"}, "handle:"),
        ({"handle": "15c 15d"}, "handle:"),
        ({"handle": "1" * 17}, "handle:"),
        ({"handle": 15}, "handle: not a text"),
        ({"handle": "15c", "yes": True}, "yes: unknown"),
        ({"handle": "15c", "dry_run": "no"}, "dry_run: not true or false"),
        ({"handle": "15c", "requested_by": "controller"}, "requested_by:"),
    ],
)
async def test_a_wish_that_is_not_understood_frees_nothing(
    fresh: Daemon, document: dict[str, Any], where: str
) -> None:
    status_code, kind, detail = (await fresh.post(PATH, document)).problem
    assert (status_code, kind) == (422, "invalid")
    assert detail.startswith(where)


async def test_without_a_server_the_active_one_has_to_be_known(fresh: Daemon) -> None:
    assert (await fresh.post(PATH, {"handle": "15c"})).problem[:2] == (503, "not_ready")
    assert (await fresh.post(PATH, {"handle": "15c", "server": "rlm9"})).problem[:2] == (
        422,
        "unknown_server",
    )
    nowhere = await fresh.post("/api/v1/clusters/none/release", {"handle": "15c"})
    assert nowhere.problem[:2] == (404, "unknown_cluster")


async def test_a_viewer_frees_nothing_and_is_not_told_who_holds_what(tmp_path: Path) -> None:
    async with daemon(tmp_path, ready=False, tokens=TOKENS) as made:
        for document in ({"handle": "15c"}, {"handle": "15c", "dry_run": True}):
            viewer = {"Authorization": "Bearer v"}
            assert (await made.post(PATH, document, headers=viewer)).problem[:2] == (403, "forbidden")


def test_every_outcome_that_is_none_has_a_status() -> None:
    assert set(STATUS) == set(NotReleasedKind)
