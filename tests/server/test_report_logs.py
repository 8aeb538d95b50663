"""Report logs that are shipped, over HTTP."""

import gzip
import hashlib
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from rlm_exporter.manifest.model import ReportLog
from rlm_exporter.rlm.report_log_place import TailPosition
from rlm_exporter.server.auth import Role, Token
from rlm_exporter.server.report_logs import LARGEST_BATCH
from rlm_exporter.usage.report_log_wire import written_place
from tests.server.daemon import Answer, Daemon, Document, cluster, daemon

POSITION = written_place(
    TailPosition(name="/x", device=1, inode=2, offset=3, first="", last="", begins=None, dated=None)
)
NO_JSON = "Expecting value: line 1 column 1 (char 0)"
LATE = "2450-01-01T00:00:00"
AHEAD = "lies in the future here; is the clock of the license host right, and the daemon's?"
PATH = "/api/v1/clusters/prod/servers/rlm1/report-logs/siemens"
SESSION: Document = {
    "product": "solver",
    "version": "2.5",
    "user": "alice",
    "host": "ws1",
    "seats": 1,
    "handle": "1",
    "begun": "out",
    "out": "2026-03-01T02:14:07",
    "ended": "in",
    "back": "2026-03-01T02:15:07",
    "reason": 1,
    "lasted": 60.0,
    "not_after": None,
}
DENIAL: Document = {
    "product": "solver",
    "version": "2.5",
    "user": "bob",
    "host": "ws2",
    "seats": 1,
    "why": -22,
    "last_attempt": 1,
    "at": "2026-03-01T02:14:00",
}


def batch(**changes: Any) -> Document:
    return {
        "after": 0,
        "position": POSITION,
        "minutes_west": None,
        "sessions": [SESSION],
        "denials": [DENIAL],
    } | changes


async def bring(made: Daemon, path: str = PATH, **changes: Any) -> Answer:
    return await made.post(path, batch(**changes))


async def test_a_log_that_never_came_is_at_its_beginning(local: Daemon) -> None:
    assert (await local.get(PATH)).document == {"number": 0, "position": ""}


async def test_a_batch_is_taken_and_its_place_kept(local: Daemon) -> None:
    assert (await bring(local)).document == {"number": 1}
    assert (await local.get(PATH)).document == {"number": 1, "position": POSITION}
    sessions = await local.journal.open_sessions(cluster="prod", server="rlm1")
    assert sessions == ()


async def test_servers_go_by_name_or_host_and_isvs_regardless_of_case(local: Daemon) -> None:
    await bring(local)
    other = "/api/v1/clusters/prod/servers/rlm1.prod.example.com/report-logs/Siemens"
    assert (await local.get(other)).document["number"] == 1


async def test_what_was_taken_is_not_taken_again(local: Daemon) -> None:
    await bring(local)
    status, kind, detail = (await bring(local)).problem
    assert (status, kind) == (409, "stale_place")
    assert "batch 1 came, after 0 was asked for" in detail


async def test_an_open_session_of_polling_is_ended_by_the_log(local: Daemon) -> None:
    assert (await bring(local, sessions=[SESSION | {"out": None}], denials=[])).status == 200


async def test_the_place_stays_until_a_batch_is_whole(local: Daemon) -> None:
    """A shipper repeats the place it was given, even one that an older version has written."""
    assert (await bring(local, position="", denials=[])).status == 200
    assert (await local.get(PATH)).document == {"number": 1, "position": ""}


async def test_a_batch_of_many_months_is_taken_in_parts(local: Daemon) -> None:
    sessions = [
        SESSION | {"out": f"{year}-01-01T00:00:00", "back": f"{year}-01-01T00:10:00"}
        for year in range(2000, 2026)
    ]
    assert (await bring(local, sessions=sessions)).document == {"number": 3}
    assert (await local.get(PATH)).document == {"number": 3, "position": POSITION}


@pytest.mark.parametrize(
    ("path", "kind", "detail"),
    [
        (PATH.replace("prod", "nobody"), "unknown_cluster", "no such cluster; known: lab, prod"),
        (PATH.replace("rlm1", "rlm9"), "unknown_server", "no such server; there are rlm1, rlm2, rlm3"),
    ],
)
async def test_what_is_unknown_is_named(local: Daemon, path: str, kind: str, detail: str) -> None:
    assert (await local.get(path)).problem == (404, kind, detail)
    assert (await bring(local, path)).problem == (404, kind, detail)


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"after": -1}, "after: not a whole number from 0 on"),
        ({"after": True}, "after: not a whole number from 0 on"),
        ({"position": 1}, "position: not a text of at most 262144 characters"),
        ({"position": "x" * 262145}, "position: not a text of at most 262144 characters"),
        ({"minutes_west": "-60"}, "minutes_west: neither a whole number nor null"),
        ({"sessions": {}}, "sessions: not a list"),
        ({"sessions": [SESSION] * 1001}, "sessions: more than 1000, which is what one transaction takes"),
        ({"minutes_west": 2**62}, "minutes_west: beyond 1440"),
        (
            {"sessions": [SESSION, SESSION | {"seats": "1"}]},
            "sessions[1].seats: not a whole number, or too large",
        ),
        ({"denials": [1]}, "denials[0]: not a mapping"),
        ({"position": "somewhere"}, f"position: no place in a report log: {NO_JSON}"),
        ({"denials": [DENIAL, DENIAL | {"at": LATE}]}, f"denials[1]: {LATE} {AHEAD}"),
        (
            {"more": 1},
            "a mapping with after, position, minutes_west, sessions, denials is wanted, and nothing else",
        ),
    ],
)
async def test_what_cannot_be_read_is_refused_whole(local: Daemon, changes: Document, detail: str) -> None:
    assert (await bring(local, **changes)).problem == (422, "invalid", detail)
    assert (await local.get(PATH)).document["number"] == 0


async def test_what_is_no_json_or_too_large_is_refused(local: Daemon) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await local.send("POST", PATH, data=b"[", headers=headers)
    assert answer.problem[:2] == (422, "invalid")
    large = io.BytesIO(b" " * (LARGEST_BATCH + 1))
    answer = await local.send("POST", PATH, data=large, headers=headers)
    assert answer.problem[:2] == (413, "too_large")


PACKED = {"Content-Type": "application/json", "Content-Encoding": "gzip"}


async def test_a_batch_may_be_packed(local: Daemon) -> None:
    answer = await local.send("POST", PATH, data=gzip.compress(orjson.dumps(batch())), headers=PACKED)
    assert answer.document == {"number": 1}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (gzip.compress(b" " * (LARGEST_BATCH + 1)), (413, "too_large")),
        (gzip.compress(b"{}")[:-1], (400, "invalid")),
        (gzip.compress(b"{}") + b"more", (400, "invalid")),
        (b"{}", (400, "invalid")),
    ],
    ids=["large only when unpacked", "broken off", "with something behind it", "not packed at all"],
)
async def test_what_is_packed_badly_is_refused(local: Daemon, body: bytes, expected: tuple[int, str]) -> None:
    answer = await local.send("POST", PATH, data=body, headers=PACKED)
    assert answer.problem[:2] == expected


async def test_a_packing_that_nobody_here_knows_is_refused(local: Daemon) -> None:
    answer = await local.send("POST", PATH, data=b"{}", headers=PACKED | {"Content-Encoding": "br"})
    assert answer.problem[:2] == (415, "unsupported_encoding")


async def test_who_is_turned_away_with_a_body_is_not_listened_to_any_more(tmp_path: Path) -> None:
    """Whatever it is, nobody unpacks it: a few bytes may be gigabytes."""
    tokens = (Token(name="host", role=Role.VIEWER, sha256=hashlib.sha256(b"v").hexdigest()),)
    async with daemon(tmp_path, tokens=tokens, ready=False) as made:
        for headers, expected in ((PACKED, 401), (PACKED | {"Authorization": "Bearer v"}, 403)):
            answer = await made.send("POST", PATH, data=b"no gzip at all", headers=headers)
            assert (answer.status, answer.headers["Connection"]) == (expected, "close")
        assert "Connection" not in (await made.get(PATH)).headers


async def test_a_log_that_the_daemon_reads_itself_is_not_taken(tmp_path: Path) -> None:
    described = cluster("prod")
    reading = replace(described.servers[0], report_logs=(ReportLog(isv="Siemens", path="/logs/s.rl"),))
    described = replace(described, servers=(reading, *described.servers[1:]))
    async with daemon(tmp_path, clusters=(described,), ready=False) as made:
        status, kind, detail = (await bring(made)).problem
        assert (status, kind) == (409, "read_here")
        assert "/logs/s.rl" in detail


async def test_a_shippers_token_is_good_for_this_alone(tmp_path: Path) -> None:
    digest = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"  # of "secret"
    shipper = Token(name="rlm1", role=Role.SHIPPER, sha256=digest)
    async with daemon(tmp_path, tokens=(shipper,), ready=False) as made:
        headers = {"Authorization": "Bearer secret"}
        assert (await made.get(PATH, headers=headers)).status == 200
        assert (await made.post(PATH, batch(), headers=headers)).status == 200
        assert (await made.get("/api/v1/clusters", headers=headers)).status == 403
        assert (await made.wish({"to": "rlm2"}, headers=headers)).status == 403
    viewer = replace(shipper, role=Role.VIEWER)
    (tmp_path / "other").mkdir()
    async with daemon(tmp_path / "other", tokens=(viewer,), ready=False) as made:
        assert (await made.get(PATH, headers=headers)).status == 403


def denied(made: Daemon) -> dict[str, float]:
    """What our own counter says, by feature and reason."""
    lines = [
        line
        for chunks in made.services.instruments.clusters().values()
        for line in chunks.get("rlm_license_denied_total", "").splitlines()
    ]
    found = ((line.split('"'), line.rsplit(" ", 1)[1]) for line in lines)
    return {f"{words[5]}/{words[7]}/{words[9]}": float(count) for words, count in found}


async def test_what_may_be_denied_is_counted_from_0_as_soon_as_a_shipper_asks(local: Daemon) -> None:
    assert denied(local) == {}
    await local.get(PATH)
    assert denied(local) == {"siemens/STARCCM/all_in_use": 0}


async def test_a_shipped_denial_is_counted_unless_it_is_history_or_nobody_felt_it(local: Daemon) -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
    felt = DENIAL | {"at": (now + timedelta(hours=1)).isoformat(timespec="seconds")}
    passed_on = felt | {"last_attempt": 0}
    await bring(local, denials=[DENIAL, passed_on, felt, felt], minutes_west=0)
    assert {name: count for name, count in denied(local).items() if count} == {"siemens/solver/all_in_use": 2}
    assert (await bring(local, denials=[felt], minutes_west=0)).status == 409
    assert denied(local)["siemens/solver/all_in_use"] == 2
