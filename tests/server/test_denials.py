"""Who was refused, and which hosts held seats twice, over HTTP."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.server.daemon import Daemon
from tests.server.test_usage import REFUSED, START, WINDOW, asked, told

PATH = "/api/v1/clusters/prod/usage/denials"
DOUBLE = "/api/v1/clusters/prod/usage/double-use"


async def refused(made: Daemon) -> None:
    """dora twice for good, eve once because of a limit, and dora once with another server to go on to."""
    place = await made.journal.log_place(cluster="prod", server="rlm1", isv="siemens")
    later = START + timedelta(hours=2)
    denials = [
        REFUSED,
        replace(REFUSED, user="Dora", at=later),
        replace(REFUSED, user="eve", code=-14),
        replace(REFUSED, is_final=False),
    ]
    await made.journal.record_log(after=place, position="", tellings=[], denials=denials, now=START)


async def test_denials_by_feature_and_reason(local: Daemon) -> None:
    await refused(local)
    document = await asked(local, WINDOW, PATH)
    line = {"isv": "siemens", "feature": "solver", "who": None}
    assert document["lines"] == [
        {**line, "reason": "all_in_use", "denied": 2, "passed_on": 1, "last": "2026-03-02T10:00:00Z"},
        {**line, "reason": "over_max", "denied": 1, "passed_on": 0, "last": "2026-03-02T09:30:00Z"},
    ]
    assert (document["by"], document["omitted"]) == ("feature", 0)
    assert document["newest"][0] == {
        "at": "2026-03-02T10:00:00Z",
        "server": "rlm1",
        "isv": "siemens",
        "feature": "solver",
        "version": "1.0",
        "user": "Dora",
        "host": "ws9",
        "seats": 1,
        "reason": "all_in_use",
        "final": True,
    }
    assert len(document["newest"]) == 4


async def test_denials_by_user(local: Daemon) -> None:
    await refused(local)
    document = await asked(local, f"{WINDOW}&by=user&feature=SOLVER", PATH)
    assert [(each["who"], each["denied"]) for each in document["lines"]] == [("Dora", 2), ("eve", 1)]
    assert (await asked(local, f"{WINDOW}&feature=mesher", PATH))["newest"] == []


@pytest.mark.parametrize(
    ("path", "query", "detail"),
    [
        (PATH, "by=group", "by: unknown; known are feature, user, host, server"),
        (PATH, "reason=x", "reason: unknown; known are last, since, until, by, feature"),
        (DOUBLE, "by=user", "by: unknown; known are last, since, until"),
        (DOUBLE, "last=year", "last: unknown; known are day, week, month"),
    ],
)
async def test_what_cannot_be_answered_says_why(local: Daemon, path: str, query: str, detail: str) -> None:
    assert (await local.get(f"{path}?{query}")).problem == (422, "invalid", detail)


async def test_hosts_that_held_two_versions_at_once(local: Daemon) -> None:
    first, second = told(1, "alice", 0, 4), told(2, "alice", 3, 6)
    second = replace(second, session=replace(second.session, version="2.0"))
    place = await local.journal.log_place(cluster="prod", server="rlm1", isv="siemens")
    tellings = [first, second, told(3, "bob", 0, 9)]
    await local.journal.record_log(after=place, position="", tellings=tellings, denials=[], now=START)
    document = await asked(local, WINDOW, DOUBLE)
    assert document["hosts"] == [
        {
            "server": "rlm1",
            "isv": "siemens",
            "feature": "solver",
            "host": "ws-alice",
            "versions": ["1.0", "2.0"],
            "users": ["alice"],
            "hours": 1.0,
            "last": "2026-03-02T12:00:00Z",
        }
    ]
    assert (document["omitted"], document["complete"]) == (0, True)


@pytest.mark.parametrize("path", [PATH, DOUBLE, "/api/v1/clusters/prod/usage/profile"])
async def test_an_unknown_cluster_is_said(local: Daemon, path: str) -> None:
    assert (await local.get(path.replace("prod", "nobody"))).problem[:2] == (404, "unknown_cluster")
