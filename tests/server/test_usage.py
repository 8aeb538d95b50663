"""Reports over HTTP: figures, sessions, and other numbers of seats."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rlm_exporter.errors import JournalSlowError
from rlm_exporter.server.auth import Role, Token
from rlm_exporter.store.journal import Journal
from rlm_exporter.store.usage_records import Denied, End, EndReason, Opened, Seats, Told, UsageSession
from tests.server.daemon import Daemon, Document, daemon

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
WINDOW = "since=2026-03-02T08:00Z&until=2026-03-02T18:00Z"
PATH = "/api/v1/clusters/prod/usage"
REFUSED = Denied(
    cluster="prod", server="rlm1", isv="siemens", feature="solver", version="1.0", user="dora", host="ws9",
    count=1, code=-22, is_final=True, at=START + timedelta(minutes=90),
)  # fmt: skip


def told(number: int, user: str, out: float, ended: float, *, seats: int = 1) -> Told:
    """Hours after eight."""
    begun = START + timedelta(hours=out)
    session = UsageSession(
        key=f"prod/rlm1/siemens/{begun:%Y-%m-%dT%H:%M}/{number}/solver", cluster="prod", server="rlm1",
        isv="siemens", feature="solver", version="1.0", user=user, host=f"ws-{user}", count=seats,
        handle=str(number), out=begun,
    )  # fmt: skip
    end = End(at=START + timedelta(hours=ended), reason=EndReason.RETURNED, is_exact=True)
    return Told(session=session, end=end)


async def a_day(made: Daemon) -> None:
    """Two seats, alice for four hours, bob twice for one: the second time both are taken; dora is refused."""
    sessions = [told(1, "alice", 0, 4), told(2, "bob", 1, 2), told(3, "Bob", 5, 6)]
    place = await made.journal.log_place(cluster="prod", server="rlm1", isv="siemens")
    await made.journal.record_log(after=place, position="", tellings=sessions, denials=[REFUSED], now=START)
    known = Seats(
        cluster="prod", isv="siemens", feature="solver", since=START, seats=2, reserved=0, server="rlm1"
    )
    await made.journal.record_seats([known])


async def asked(made: Daemon, query: str = WINDOW, path: str = PATH) -> Document:
    answer = await made.get(f"{path}?{query}")
    assert answer.status == 200, answer.body
    return answer.document


async def test_figures_of_a_feature(local: Daemon) -> None:
    await a_day(local)
    document = await asked(local)
    assert (document["cluster"], document["by"], document["omitted"]) == ("prod", "feature", 0)
    assert (document["since"], document["until"]) == ("2026-03-02T08:00:00Z", "2026-03-02T18:00:00Z")
    assert document["lines"] == [
        {
            "isv": "siemens",
            "feature": "solver",
            "who": None,
            "sessions": 3,
            "checkouts": 3,
            "peak": 2,
            "average": 0.6,
            "seat_hours": 6.0,
            "seats": 2,
            "ceiling_hours": 1.0,
            "unused": 0,
            "reserved": 0,
            "idle_reserved": 0,
            "denied": 1,
            "passed_on": 0,
            "denial_rate": 0.25,
            "reasons": {"all_in_use": 1},
            "last_denied": "2026-03-02T09:30:00Z",
        }
    ]


async def test_figures_by_user_are_the_most_used_first(local: Daemon) -> None:
    await a_day(local)
    lines = (await asked(local, f"{WINDOW}&by=user&feature=SOLVER"))["lines"]
    assert [(line["who"], line["seat_hours"], line["denied"]) for line in lines] == [
        ("alice", 4.0, 0),
        ("Bob", 2.0, 0),
        ("dora", 0.0, 1),
    ]
    assert lines[0]["seats"] is None


async def test_figures_by_project_have_refusals_in_no_project(local: Daemon) -> None:
    """RLM writes down for what somebody took a seat, and not for what he asked in vain."""
    await a_day(local)
    wing = told(9, "carol", 8, 10)
    place = await local.journal.log_place(cluster="prod", server="rlm1", isv="siemens")
    wing = replace(wing, session=replace(wing.session, project="wing"))
    await local.journal.record_log(after=place, position="", tellings=[wing], denials=[], now=START)
    lines = (await asked(local, f"{WINDOW}&by=project"))["lines"]
    assert [(line["who"], line["seat_hours"], line["denied"]) for line in lines] == [
        (None, 6.0, 1),
        ("wing", 2.0, 0),
    ]


async def test_groups_are_asked_for_with_their_users(local: Daemon) -> None:
    await a_day(local)
    groups = {"groups": {"ALICE": "design", "bob": "design"}}
    answer = await local.post(f"{PATH}?{WINDOW}&by=group", groups)
    lines = answer.document["lines"]
    assert [(line["who"], line["peak"], line["seat_hours"], line["denied"]) for line in lines] == [
        ("design", 2, 6.0, 0),
        ("unassigned", 0, 0.0, 1),
    ]
    assert (await local.post(f"{PATH}?by=group", {"groups": []})).problem[:2] == (422, "invalid")
    assert (await local.post(f"{PATH}?by=user", groups)).problem[:2] == (422, "invalid")


async def test_nothing_is_told_of_the_time_to_come(local: Daemon) -> None:
    begun = datetime.now(UTC) - timedelta(hours=1)
    out = replace(
        told(1, "alice", 0, 1).session, out=begun, key=f"prod/rlm1/siemens/{begun:%Y-%m-%dT%H:%M}/1/a"
    )
    await local.journal.record_usage([Opened(session=out)])
    since, until = begun - timedelta(hours=1), begun + timedelta(days=30)
    document = await asked(local, f"since={since:%Y-%m-%dT%H:%MZ}&until={until:%Y-%m-%dT%H:%MZ}")
    assert document["lines"][0]["seat_hours"] == pytest.approx(1, abs=0.1)
    assert datetime.fromisoformat(document["until"]) < until - timedelta(days=29)
    unborn = await local.get(f"{PATH}?since={until:%Y-%m-%dT%H:%MZ}")
    assert unborn.problem[:2] == (422, "invalid")


async def test_sessions_the_longest_first(local: Daemon) -> None:
    await a_day(local)
    document = await asked(local, WINDOW, f"{PATH}/sessions")
    assert [(each["user"], each["hours"]) for each in document["sessions"]] == [
        ("alice", 4.0),
        ("bob", 1.0),
        ("Bob", 1.0),
    ]
    longer = await asked(local, f"{WINDOW}&longer=2h", f"{PATH}/sessions")
    assert [each["user"] for each in longer["sessions"]] == ["alice"]
    assert (await asked(local, f"{WINDOW}&longer=3d", f"{PATH}/sessions"))["sessions"] == []
    wrong = await local.get(f"{PATH}/sessions?longer=often")
    assert wrong.problem == (422, "invalid", "longer: write it like 3d, 12h or 90m")


async def test_other_numbers_of_seats(local: Daemon) -> None:
    await a_day(local)
    document = await asked(local, f"{WINDOW}&feature=solver&seats=1,2,3", f"{PATH}/what-if")
    assert (document["feature"], document["seats_now"]) == ("solver", 2)
    assert [
        (each["seats"], each["granted"], each["refused"], each["newly_granted"], each["newly_refused"])
        for each in document["outcomes"]
    ] == [(1, 2, 2, 0, 1), (2, 3, 1, 0, 0), (3, 4, 0, 1, 0)]
    nobody = await local.get(f"{PATH}/what-if?{WINDOW}&feature=nothing&seats=1")
    assert nobody.problem[:2] == (404, "unknown_feature")


@pytest.mark.parametrize("path", [PATH, f"{PATH}/sessions", f"{PATH}/what-if"])
@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("since=yesterday", "since: 'yesterday' is not a time such as 2026-03-01T00:00Z"),
        ("since=2026-03-02T08:00", "since: without a time zone; append Z for UTC"),
        ("last=year", "last: unknown; known are day, week, month"),
        ("last=day&since=2026-03-02T08:00Z", "give either last, or since and until"),
        (
            "since=2026-03-02T08:00Z&until=2026-03-02T08:00Z",
            "since and until: the time between them, until now, is not from 1 s to 400 days",
        ),
        ("colour=red", None),
    ],
)
async def test_what_cannot_be_answered_says_why(
    local: Daemon, path: str, query: str, detail: str | None
) -> None:
    status, kind, told = (await local.get(f"{path}?{query}")).problem
    assert (status, kind) == (422, "invalid")
    assert told == detail or (detail is None and told.startswith("colour: unknown; known are last"))


async def test_what_if_needs_a_feature_and_numbers(local: Daemon) -> None:
    assert (await local.get(f"{PATH}/what-if")).problem[2] == "feature: say which one"
    many = ",".join(["1"] * 51)
    for numbers in ("", "x", "1,,2", many):
        problem = (await local.get(f"{PATH}/what-if?feature=a&seats={numbers}")).problem
        assert problem[2] == "seats: from 1 to 50 whole numbers, such as 40 or 30,40,50"


async def test_without_anything_written_there_is_nothing(local: Daemon) -> None:
    assert (await asked(local, ""))["lines"] == []
    unknown = await local.get(PATH.replace("prod", "nobody"))
    assert unknown.problem[:2] == (404, "unknown_cluster")


async def test_a_question_about_groups_needs_no_operator(tmp_path: Path) -> None:
    digest = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"  # of "secret"
    viewer = Token(name="grafana", role=Role.VIEWER, sha256=digest)
    headers = {"Authorization": "Bearer secret"}
    async with daemon(tmp_path, tokens=(viewer,), ready=False) as made:
        assert (await made.post(f"{PATH}?by=group", {"groups": {}}, headers=headers)).status == 200
    (tmp_path / "other").mkdir()
    shipper = replace(viewer, role=Role.SHIPPER)
    async with daemon(tmp_path / "other", tokens=(shipper,), ready=False) as made:
        assert (await made.get(PATH, headers=headers)).status == 403


async def test_a_report_that_takes_too_long_is_told_from_a_journal_that_is_away(
    local: Daemon, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'other.db'}"
    local.services.reports = hurried = await Journal.open(url=url, limit=timedelta(microseconds=1))
    try:
        answer = await local.get(f"{PATH}?{WINDOW}")
    finally:
        with suppress(JournalSlowError):
            await hurried.close()

    told = "that took the journal too long; ask for a shorter time, or later"
    assert answer.problem == (503, "store_slow", told)
