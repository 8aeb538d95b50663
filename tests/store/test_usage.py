"""The usage log in both databases: rows, the view, and that nothing is written twice."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select, text

from rlm_exporter.store.journal import Journal
from rlm_exporter.store.tables import usage_log
from rlm_exporter.store.usage_records import (
    Closed,
    EndReason,
    Opened,
    Recounted,
    Reopened,
    UsageChange,
    UsageSession,
)
from tests.store.situations import NOW, later

GUIDES = [
    "id",
    "server_name",
    "feature_name",
    "user_name",
    "hostname",
    "checkout_time",
    "checkin_time",
    "session_duration",
    "active_time",
    "created_at",
]
ALICE = UsageSession(
    key="prod/rlm1/siemens/2026-03-01T02:14/1/starccm",
    cluster="prod",
    server="rlm1",
    isv="siemens",
    feature="STARCCM",
    version="2023.1",
    user="alice",
    host="ws1",
    count=2,
    handle="1",
    out=NOW,
)
CLOSED = Closed(key=ALICE.key, at=later(90), reason=EndReason.RETURNED, out=NOW)

Rows = Callable[[], list[dict[str, Any]]]


def other(number: int, **changes: Any) -> UsageSession:
    return replace(ALICE, key=f"{ALICE.key}-{number}", handle=str(number), **changes)


@pytest.fixture
def rows(engine: Engine) -> Rows:
    def read() -> list[dict[str, Any]]:
        with engine.connect() as connection:
            return [dict(row) for row in connection.execute(select(usage_log)).mappings()]

    return read


@pytest.fixture
def current(engine: Engine) -> Rows:
    """The guide's view."""

    def read() -> list[dict[str, Any]]:
        query = "SELECT * FROM rlm_current_usage ORDER BY server_name, feature_name"
        with engine.connect() as connection:
            return [dict(row) for row in connection.execute(text(query)).mappings()]

    return read


@pytest.mark.row(28)
async def test_a_session_has_the_columns_of_the_guide_and_ours(journal: Journal, rows: Rows) -> None:
    await journal.record_usage([Opened(session=ALICE), CLOSED])
    (row,) = rows()
    assert list(row)[: len(GUIDES)] == GUIDES
    assert (row["server_name"], row["feature_name"], row["user_name"], row["hostname"]) == (
        "rlm1",
        "STARCCM",
        "alice",
        "ws1",
    )
    assert (row["checkout_time"], row["checkin_time"]) == (NOW, later(90))
    assert row["session_duration"] == timedelta(seconds=90)
    assert row["active_time"] is None  # RLM does not tell it
    assert (row["count"], row["version"], row["handle"]) == (2, "2023.1", "1")
    assert (row["source"], row["end_reason"]) == ("polling", "returned")
    assert abs(row["created_at"] - datetime.now(UTC)) < timedelta(minutes=1)


async def test_the_same_changes_again_change_nothing(journal: Journal, rows: Rows) -> None:
    changes: list[UsageChange] = [
        Opened(session=ALICE),
        Recounted(key=ALICE.key, count=3),
        CLOSED,
        Reopened(key=ALICE.key, closed_at=CLOSED.at),
        replace(CLOSED, at=later(120)),
    ]
    await journal.record_usage(changes)
    before = rows()
    await journal.record_usage(changes)
    assert [{**row, "count": 3} for row in rows()] == before


async def test_a_session_that_was_not_over_has_no_end(journal: Journal, rows: Rows) -> None:
    await journal.record_usage([Opened(session=ALICE), CLOSED, Reopened(key=ALICE.key, closed_at=CLOSED.at)])
    (row,) = rows()
    assert (row["checkin_time"], row["session_duration"], row["end_reason"]) == (None, None, None)


async def test_what_waited_gives_way_to_what_was_written_meanwhile(journal: Journal, rows: Rows) -> None:
    await journal.record_usage([Opened(session=ALICE), CLOSED])
    before = rows()
    old: list[UsageChange] = [
        Opened(session=ALICE),
        Recounted(key=ALICE.key, count=9),
        replace(CLOSED, at=later(30)),
        Reopened(key=ALICE.key, closed_at=later(30)),
    ]
    await journal.record_usage(old, late=True)
    assert rows() == before


async def test_a_session_that_is_told_again_as_open_is_open(journal: Journal, rows: Rows) -> None:
    await journal.record_usage([Opened(session=ALICE), CLOSED])
    await journal.record_usage([Opened(session=ALICE)])
    (row,) = rows()
    assert row["checkin_time"] is None


async def test_an_end_before_the_beginning_lasts_no_time(journal: Journal, rows: Rows) -> None:
    await journal.record_usage([Opened(session=ALICE), replace(CLOSED, at=later(-30))])
    assert rows()[0]["session_duration"] == timedelta()


async def test_what_has_no_beginning_has_no_duration(journal: Journal, rows: Rows) -> None:
    await journal.record_usage([Opened(session=replace(ALICE, out=None)), replace(CLOSED, out=None)])
    (row,) = rows()
    assert (row["checkout_time"], row["session_duration"], row["end_reason"]) == (None, None, "returned")


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("x" * 300, "x" * 255),
        ("a\0b", "ab"),
        ("caf\u00e9 \U0001f600", "caf\u00e9 \U0001f600"),
        ("\udcff", "?"),
    ],
)
async def test_any_name_can_be_stored(journal: Journal, rows: Rows, name: str, kept: str) -> None:
    await journal.record_usage([Opened(session=replace(ALICE, user=name, key=f"k/{name}")), CLOSED])
    assert rows()[0]["user_name"] == kept
    await journal.record_usage([Closed(key=f"k/{name}", at=later(1), reason=EndReason.RETURNED, out=None)])
    assert rows()[0]["end_reason"] == "returned"


async def test_open_sessions_come_back_as_they_were(journal: Journal) -> None:
    kept = other(2, out_is_ambiguous=True, isv=None, version=None, user=None, host=None, out=None)
    await journal.record_usage(
        [Opened(session=each) for each in (ALICE, kept, other(3), other(4, server="rlm2"))]
    )
    await journal.record_usage([replace(CLOSED, key=other(3).key)])
    assert await journal.open_sessions(cluster="prod", server="rlm1") == (ALICE, kept)
    assert await journal.open_sessions(cluster="prod", server="rlm3") == ()
    assert await journal.open_sessions(cluster="another", server="rlm1") == ()


@pytest.mark.row(30)
async def test_the_view_counts_sessions_and_names_each_user_once(journal: Journal, current: Rows) -> None:
    sessions = [
        ALICE,
        other(2),
        other(3, user="bob", count=1),
        other(4, server="rlm2"),
        other(5, feature="NX"),
    ]
    await journal.record_usage([Opened(session=each) for each in sessions])
    await journal.record_usage([replace(CLOSED, key=other(5).key)])
    assert current() == [
        {
            "server_name": "rlm1",
            "feature_name": "STARCCM",
            "active_sessions": 3,
            "active_users": "alice, bob",
            "active_seats": 5,
        },
        {
            "server_name": "rlm2",
            "feature_name": "STARCCM",
            "active_sessions": 1,
            "active_users": "alice",
            "active_seats": 2,
        },
    ]


@pytest.mark.row(29)
def test_the_indexes_of_the_guide_are_there(engine: Engine) -> None:
    query = "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'rlm_usage_log'"
    if engine.dialect.name == "postgresql":
        query = "SELECT indexname FROM pg_indexes WHERE tablename = 'rlm_usage_log'"
    with engine.connect() as connection:
        names = set(connection.execute(text(query)).scalars())
    assert {"idx_rlm_usage_server", "idx_rlm_usage_feature", "idx_rlm_usage_time"} <= names


async def test_a_batch_is_written_whole_or_not_at_all(journal: Journal, rows: Rows) -> None:
    broken = replace(ALICE, key="k2", source="hearsay")  # type: ignore[arg-type]  # what the schema refuses
    with pytest.raises(Exception, match=r"(?i)check"):
        await journal.record_usage([Opened(session=ALICE), Opened(session=broken)])
    assert rows() == []
