"""One feature over time, over HTTP."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.server.daemon import Daemon
from tests.server.test_usage import START, WINDOW, a_day, asked, told

PATH = "/api/v1/clusters/prod/usage/profile"


async def test_hour_by_hour_on_the_clocks_of_a_zone(local: Daemon) -> None:
    await a_day(local)
    document = await asked(local, f"{WINDOW}&feature=SOLVER&timezone=Europe/Berlin", PATH)
    assert (document["isv"], document["feature"], document["timezone"]) == (
        "siemens",
        "solver",
        "Europe/Berlin",
    )
    hours = document["hours"]
    assert len(hours) == 10
    assert hours[1] == {"at": "2026-03-02T10:00:00+01:00", "average": 2.0, "peak": 2, "seats": 2}
    assert [hour["average"] for hour in hours] == [1, 2, 1, 1, 0, 1, 0, 0, 0, 0]
    assert [(each["in_use"], each["share"]) for each in document["shares"]] == [(0, 0.5), (1, 0.4), (2, 0.1)]


async def test_of_two_isvs_with_one_feature_one_has_to_be_named(local: Daemon) -> None:
    await a_day(local)
    other = told(9, "zoe", 0, 1)
    other = replace(
        other, session=replace(other.session, isv="acme", key=other.session.key.replace("siemens", "acme"))
    )
    place = await local.journal.log_place(cluster="prod", server="rlm1", isv="acme")
    await local.journal.record_log(after=place, position="", tellings=[other], denials=[], now=START)
    problem = (await local.get(f"{PATH}?{WINDOW}&feature=solver")).problem
    assert problem == (422, "invalid", "isv: several have 'solver': acme, siemens; say which one")
    document = await asked(local, f"{WINDOW}&feature=solver&isv=ACME", PATH)
    assert (document["isv"], document["hours"][0]["average"]) == ("acme", 1.0)
    nameless = await local.get(f"{PATH}?{WINDOW}&feature=solver&isv=")
    assert nameless.problem[:2] == (404, "unknown_feature")


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("", (422, "invalid", "feature: say which one")),
        ("feature=x", (404, "unknown_feature", "nothing is known of 'x' in that time")),
        (
            "feature=x&timezone=Mars/Base",
            (422, "invalid", "timezone: 'Mars/Base' is not known; write it like Europe/Berlin"),
        ),
        (
            "feature=x&timezone=../../etc/passwd",
            (422, "invalid", "timezone: '../../etc/passwd' is not known; write it like Europe/Berlin"),
        ),
    ],
)
async def test_what_cannot_be_answered_says_why(
    local: Daemon, query: str, problem: tuple[int, str, str]
) -> None:
    assert (await local.get(f"{PATH}?{query}")).problem == problem


async def test_a_feature_that_nobody_used_is_known_by_its_seats(local: Daemon) -> None:
    await a_day(local)
    since = START + timedelta(hours=9)
    document = await asked(
        local,
        f"since={since:%Y-%m-%dT%H:%MZ}&until={since + timedelta(hours=1):%Y-%m-%dT%H:%MZ}&feature=solver",
        PATH,
    )
    assert document["hours"] == [{"at": "2026-03-02T17:00:00+00:00", "average": 0.0, "peak": 0, "seats": 2}]
    assert document["shares"] == [{"in_use": 0, "share": 1.0}]
