"""Whole sessions of report logs, into rows that polling may have made: on both databases."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

from rlm_exporter.store.database import database_at
from rlm_exporter.store.errors import StalePlaceError
from rlm_exporter.store.journal import Journal
from rlm_exporter.store.tables import denial, report_log, usage_log
from rlm_exporter.store.upgrade import upgrade
from rlm_exporter.store.usage_records import (
    Closed,
    Denied,
    End,
    EndReason,
    LogPlace,
    Opened,
    Recounted,
    Reopened,
    Told,
    UsageSession,
    UsageSource,
)
from rlm_exporter.usage.book import session_key
from tests.postgresql import ask
from tests.store.situations import NOW, later

MINUTE = NOW.replace(second=0, microsecond=0)
OUT, BACK = MINUTE + timedelta(seconds=7), MINUTE + timedelta(seconds=97)
POLLED = UsageSession(
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
    out=MINUTE,
)
LOGGED = replace(POLLED, out=OUT, source=UsageSource.REPORT_LOG)
TOLD = Told(session=LOGGED, end=End(at=BACK, reason=EndReason.RETURNED, is_exact=True))
CLOSED = Closed(key=POLLED.key, at=later(120), reason=EndReason.RETURNED, out=MINUTE)
PLACE = LogPlace(cluster="prod", server="rlm1", isv="siemens")
REFUSED = Denied(
    cluster="prod",
    server="rlm1",
    isv="siemens",
    feature="STARCCM",
    version="2023.1",
    user="bob",
    host="ws2",
    count=1,
    code=-22,
    is_final=True,
    at=NOW,
)

HOUR = timedelta(hours=1)

Rows = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def rows(engine: Engine) -> Rows:
    def read() -> list[dict[str, Any]]:
        with engine.connect() as connection:
            query = select(usage_log).order_by(usage_log.c.id)
            return [dict(row) for row in connection.execute(query).mappings()]

    return read


async def tell(journal: Journal, *tellings: Told, denials: tuple[Denied, ...] = ()) -> LogPlace:
    """As if these were the next lines of the log."""
    place = await journal.log_place(cluster="prod", server="rlm1", isv="siemens")
    return await journal.record_log(after=place, position="p", tellings=tellings, denials=denials, now=NOW)


def numbered(number: int) -> Told:
    key = POLLED.key.replace("/1/", f"/{number}/")
    return replace(TOLD, session=replace(LOGGED, key=key, handle=str(number)))


async def test_what_polling_has_not_seen_becomes_a_row(journal: Journal, rows: Rows) -> None:
    await tell(journal, TOLD)
    (row,) = rows()
    assert (row["checkout_time"], row["checkin_time"]) == (OUT, BACK)
    assert (row["session_duration"], row["end_reason"]) == (BACK - OUT, "returned")
    assert (row["source"], row["end_is_exact"], row["month"]) == ("report_log", True, date(2026, 3, 1))


async def test_what_polling_has_seen_gets_the_exact_times(journal: Journal, rows: Rows) -> None:
    await journal.record_usage([Opened(session=POLLED), CLOSED])
    await tell(journal, TOLD)
    (row,) = rows()
    assert (row["checkout_time"], row["checkin_time"]) == (OUT, BACK)
    assert (row["session_duration"], row["source"]) == (BACK - OUT, "both")


async def test_what_polling_has_seen_gets_its_project(journal: Journal, rows: Rows) -> None:
    await journal.record_usage([Opened(session=POLLED)])
    await tell(journal, replace(TOLD, session=replace(LOGGED, project="wing")))
    await tell(journal, replace(numbered(2), session=replace(numbered(2).session, project="p" * 300)))
    assert [row["project"] for row in rows()] == ["wing", "p" * 255]


async def test_one_that_polling_has_open_is_over(journal: Journal, rows: Rows) -> None:
    await journal.record_usage([Opened(session=POLLED)])
    await tell(journal, TOLD)
    assert [row["checkin_time"] for row in rows()] == [BACK]


async def test_polling_changes_nothing_of_what_a_log_has_told(journal: Journal, rows: Rows) -> None:
    await tell(journal, TOLD)
    before = rows()
    await journal.record_usage([Opened(session=POLLED), Recounted(key=POLLED.key, count=9), CLOSED])
    await journal.record_usage([Reopened(key=POLLED.key, closed_at=BACK)])
    assert rows() == before


async def test_the_same_lines_again_change_nothing(journal: Journal, rows: Rows) -> None:
    await journal.record_usage([Opened(session=POLLED)])
    tellings = [TOLD, *(numbered(number) for number in range(2, 200))]
    await tell(journal, *tellings)
    before = rows()
    assert len(before) == 199
    await tell(journal, *tellings)
    assert rows() == before


@pytest.mark.parametrize("log_first", [False, True])
async def test_a_session_that_a_failover_cut_was_not_returned(
    journal: Journal, rows: Rows, *, log_first: bool
) -> None:
    """The log has its program's end, a moment before the commit of the failover."""
    cut = replace(CLOSED, at=BACK + timedelta(seconds=3), reason=EndReason.FAILED_OVER)
    await journal.record_usage([Opened(session=POLLED)])
    if not log_first:
        await journal.record_usage([cut])
    await tell(journal, TOLD)
    if log_first:
        await journal.record_usage([cut])
    (row,) = rows()
    assert (row["checkin_time"], row["end_reason"], row["end_is_exact"]) == (BACK, "failed_over", True)


async def test_a_server_that_hung_tells_of_cut_sessions_when_it_goes_on(journal: Journal, rows: Rows) -> None:
    cut = replace(CLOSED, at=BACK - timedelta(minutes=30), reason=EndReason.FAILED_OVER)
    returned = replace(CLOSED, key=numbered(2).session.key, at=BACK + HOUR, reason=EndReason.FAILED_OVER)
    other = replace(POLLED, key=numbered(2).session.key, handle="2")
    await journal.record_usage([Opened(session=POLLED), cut, Opened(session=other), returned])
    await tell(journal, replace(TOLD, end=replace(TOLD.end, lasted=timedelta(seconds=90))), numbered(2))
    hung, early = rows()
    assert (hung["checkin_time"], hung["end_reason"]) == (cut.at, "failed_over")
    assert (early["checkin_time"], early["end_reason"]) == (BACK, "returned"), "long before the failover"


async def test_an_end_that_is_not_known_is_pollings_where_that_saw_one(journal: Journal, rows: Rows) -> None:
    crash = replace(TOLD, end=End(at=later(600), reason=EndReason.SERVER_RESTARTED, is_exact=False))
    await journal.record_usage([Opened(session=POLLED), replace(CLOSED, reason=EndReason.SERVER_DOWN)])
    await tell(journal, crash, numbered(2), replace(numbered(3), end=crash.end))
    seen, _, unseen = rows()
    assert (seen["checkout_time"], seen["checkin_time"], seen["end_reason"]) == (
        OUT,
        later(120),
        "server_down",
    )
    assert seen["session_duration"] == later(120) - OUT
    assert (unseen["checkin_time"], unseen["end_reason"]) == (later(600), "server_restarted")
    assert not seen["end_is_exact"]
    assert not unseen["end_is_exact"]


@pytest.mark.parametrize("polled", [False, True])
async def test_two_sessions_of_one_minute_and_handle_are_two_rows(
    journal: Journal, rows: Rows, *, polled: bool
) -> None:
    """The server has started anew in between, and counts handles from the first on."""
    second = replace(TOLD, session=replace(LOGGED, out=OUT + timedelta(seconds=30)))
    if polled:
        again = replace(POLLED, key=f"{POLLED.key}#2")
        await journal.record_usage([Opened(session=POLLED), CLOSED, Opened(session=again)])
    for _ in range(2):
        await tell(journal, TOLD)
        await tell(journal, second)
    assert [row["checkout_time"] for row in rows()] == [OUT, second.session.out]
    assert {row["source"] for row in rows()} == {"both" if polled else "report_log"}


async def test_seats_in_several_records_of_one_handle_are_one_session(journal: Journal, rows: Rows) -> None:
    await journal.record_usage([Opened(session=replace(POLLED, count=5))])
    more = replace(TOLD, session=replace(LOGGED, count=3))
    await tell(journal, TOLD, more)
    (row,) = rows()
    assert row["count"] == 5


async def test_seats_of_one_handle_that_come_back_apart_are_both_told(journal: Journal, rows: Rows) -> None:
    """And in two batches; the same lines again are no third."""
    first = replace(TOLD, session=replace(LOGGED, count=3))
    second = replace(TOLD, end=replace(TOLD.end, at=BACK + HOUR))
    for _ in range(2):
        await tell(journal, first)
        await tell(journal, second)
    assert [(row["count"], row["checkin_time"]) for row in rows()] == [(3, BACK), (2, BACK + HOUR)]


async def test_three_sessions_of_a_handle_in_one_second_are_three_rows(journal: Journal, rows: Rows) -> None:
    before = replace(TOLD, session=replace(LOGGED, out=OUT - timedelta(seconds=1)))
    same = [replace(TOLD, end=replace(TOLD.end, at=BACK + number * HOUR)) for number in range(3)]
    for _ in range(2):
        for told in (before, *same):
            await tell(journal, told)
    assert [row["checkin_time"] for row in rows()] == [BACK, *(told.end.at for told in same)]


async def test_an_end_after_its_beginning_tells_which_hour_that_was(journal: Journal, rows: Rows) -> None:
    """Polling has seen the beginning, in the second hour, and not yet the end."""
    await journal.record_usage([Opened(session=replace(POLLED, out=MINUTE + HOUR))])
    end = End(at=BACK, reason=EndReason.RETURNED, is_exact=True, other=BACK + HOUR)
    session = replace(LOGGED, out_is_ambiguous=True)
    await tell(journal, Told(session=session, end=end, other_out=OUT + HOUR))
    (row,) = rows()
    assert (row["checkout_time"], row["checkin_time"]) == (OUT + HOUR, BACK + HOUR)
    assert not row["checkin_is_ambiguous"]


async def test_counts_and_names_of_any_size_can_be_written(journal: Journal, rows: Rows) -> None:
    """PostgreSQL's indexes take no row of some thousand bytes, and its integers end at 2**31."""
    product = "".join(hashlib.sha256(str(number).encode()).hexdigest() for number in range(100))
    key = session_key(
        cluster="prod", server="rlm1", isv="siemens", minute="2026-03-01T02:14", handle="1", product=product
    )
    session = replace(LOGGED, key=key, feature=product, count=999_999_999)
    await tell(journal, *[replace(TOLD, session=session)] * 3)
    (row,) = rows()
    assert (row["count"], row["feature_name"]) == (2**31 - 1, product[:255])
    assert row["month"] == date(2026, 3, 1)


async def test_many_ends_alone_find_their_sessions_at_once(journal: Journal, rows: Rows) -> None:
    """One handle may have ended twice in the batch: each end is that of another session."""
    opened = [replace(numbered(number).session, out=MINUTE) for number in range(1, 700)]
    earlier = replace(POLLED, key=f"{POLLED.key}-", out=MINUTE - HOUR)
    await journal.record_usage([Opened(session=each) for each in (earlier, *opened)])
    alone = [replace(TOLD, session=replace(each, key=f"in {each.key}", out=None)) for each in opened]
    before = Told(
        session=replace(alone[0].session, key="in 2026/1"),
        end=replace(TOLD.end, at=MINUTE - timedelta(minutes=30)),
    )
    await tell(journal, before, *alone)
    ends = {row["session_key"]: row["checkin_time"] for row in rows()}
    assert ends.pop(earlier.key) == before.end.at
    assert ends == {each.key: BACK for each in opened}


async def test_an_end_alone_is_that_of_the_session_with_its_handle(journal: Journal, rows: Rows) -> None:
    """Its checkout stands in a log that nobody has read."""
    others = [
        replace(POLLED, key=f"{POLLED.key}x", handle="2"),
        replace(POLLED, key=f"{POLLED.key}y", server="rlm2"),
        replace(POLLED, key=f"{POLLED.key}z", feature="other"),
    ]
    await journal.record_usage([Opened(session=POLLED), *(Opened(session=each) for each in others)])
    alone = replace(TOLD, session=replace(LOGGED, key="prod/rlm1/siemens/in 2026/1/starccm", out=None))
    await tell(journal, alone)
    ends = [row["checkin_time"] for row in rows()]
    assert ends == [BACK, None, None, None]
    assert rows()[0]["session_duration"] == BACK - MINUTE


async def test_an_end_alone_of_a_session_that_polling_has_closed_meanwhile(
    journal: Journal, rows: Rows
) -> None:
    await journal.record_usage([Opened(session=POLLED), CLOSED])
    alone = replace(TOLD, session=replace(LOGGED, key="prod/rlm1/siemens/in 2026/1/starccm", out=None))
    await tell(journal, alone)
    assert [(row["checkin_time"], row["source"]) for row in rows()] == [(BACK, "both")]


async def test_an_end_alone_that_is_told_again_changes_nothing(journal: Journal, rows: Rows) -> None:
    """As after a kill between two parts of many sessions."""
    await journal.record_usage([Opened(session=POLLED)])
    alone = replace(TOLD, session=replace(LOGGED, key="prod/rlm1/siemens/in 2026/1/starccm", out=None))
    await tell(journal, alone)
    before = rows()
    await tell(journal, alone)
    assert rows() == before
    assert len(before) == 1


async def test_an_end_alone_of_a_session_that_was_closed_much_later(journal: Journal, rows: Rows) -> None:
    """The daemon was away for hours, and its first answer closed what had ended long before."""
    late = replace(CLOSED, at=BACK + timedelta(hours=5))
    await journal.record_usage([Opened(session=POLLED), late])
    alone = replace(TOLD, session=replace(LOGGED, key="prod/rlm1/siemens/in 2026/1/starccm", out=None))
    await tell(journal, alone)
    assert [(row["checkin_time"], row["source"]) for row in rows()] == [(BACK, "both")]


async def test_an_end_alone_that_nobody_knows_of_is_a_row_without_a_beginning(
    journal: Journal, rows: Rows
) -> None:
    key = "prod/rlm1/siemens/in 2026-03-01T02:15/1/starccm"
    alone = replace(TOLD, session=replace(LOGGED, key=key, out=None))
    nameless = replace(alone, session=replace(alone.session, key="k", feature="", handle="9"))
    for _ in range(2):
        await tell(journal, alone, nameless)
    (row,) = rows()
    assert (row["checkout_time"], row["checkin_time"], row["session_duration"]) == (None, BACK, None)


@pytest.mark.parametrize("times", [1, 2])
async def test_polling_tells_which_of_two_hours_it_was(journal: Journal, rows: Rows, times: int) -> None:
    """In the log alone each time of that hour is two."""
    hour = timedelta(hours=1)
    polled = replace(POLLED, out=MINUTE + hour)
    await journal.record_usage([Opened(session=polled), replace(CLOSED, at=later(120) + hour)])
    told = Told(
        session=replace(LOGGED, out_is_ambiguous=True),
        end=End(at=BACK, reason=EndReason.RETURNED, is_exact=True, other=BACK + hour),
        other_out=OUT + hour,
    )
    unseen = replace(told, session=replace(numbered(2).session, out_is_ambiguous=True))
    for _ in range(times):
        await tell(journal, told, unseen)
    known, unknown = rows()
    assert (known["checkout_time"], known["checkin_time"]) == (OUT + hour, BACK + hour)
    assert known["session_duration"] == BACK - OUT
    assert not known["checkout_is_ambiguous"]
    assert not known["checkin_is_ambiguous"]
    assert (unknown["checkout_time"], unknown["checkin_time"]) == (OUT, BACK)
    assert unknown["checkout_is_ambiguous"]
    assert unknown["checkin_is_ambiguous"]


async def test_where_the_clock_was_set_the_log_knows_how_long_it_was(journal: Journal, rows: Rows) -> None:
    lasted = timedelta(hours=1, seconds=90)
    await tell(journal, replace(TOLD, end=replace(TOLD.end, lasted=lasted)))
    assert rows()[0]["session_duration"] == lasted


@pytest.mark.parametrize("count", [1, 200])
async def test_denials_are_stored_with_the_place(journal: Journal, engine: Engine, count: int) -> None:
    more = [replace(REFUSED, code=-14, is_final=False, at=None, user=None)] * (count - 1)
    assert (await tell(journal, denials=(REFUSED, *more))).number == 1
    with engine.connect() as connection:
        stored = [dict(row) for row in connection.execute(select(denial)).mappings()]
        assert len(stored) == count
        first = stored[0]
        assert (first["feature_name"], first["user_name"], first["hostname"]) == ("STARCCM", "bob", "ws2")
        assert (first["reason"], first["code"], first["is_final"]) == ("all_in_use", -22, True)
        assert (first["denied_at"], first["server_name"]) == (NOW, "rlm1")
        place = connection.execute(select(report_log)).mappings().one()
        assert (place["number"], place["position"], place["read_at"]) == (1, "p", NOW)


async def test_lines_are_taken_from_one_reader_and_once(journal: Journal, rows: Rows, engine: Engine) -> None:
    """Somebody who sends the same again because the answer was lost is told how far it has come."""
    after = await tell(journal, TOLD, denials=(REFUSED,))
    for wrong in (PLACE, replace(after, number=7)):
        with pytest.raises(StalePlaceError, match="batch 1 came"):
            await journal.record_log(
                after=wrong, position="q", tellings=[numbered(2)], denials=[REFUSED], now=NOW
            )
    assert len(rows()) == 1
    assert await journal.log_place(cluster="prod", server="rlm1", isv="siemens") == after
    with engine.connect() as connection:
        assert len(connection.execute(select(denial)).all()) == 1


@pytest.mark.parametrize("told", [timedelta(days=-400), timedelta(days=400)])
async def test_sessions_of_any_month_can_be_written(journal: Journal, rows: Rows, told: timedelta) -> None:
    out: datetime = OUT + told
    key = f"prod/rlm1/siemens/{out:%Y-%m-%dT%H:%M}/1/starccm"
    session = replace(LOGGED, key=key, out=out)
    await tell(journal, Told(session=session, end=replace(TOLD.end, at=BACK + told)))
    assert rows()[0]["month"] == date(out.year, out.month, 1)


async def test_each_month_is_a_table_of_its_own_and_made_once(server_url: str) -> None:
    """Also where many daemons want it at the same time."""
    database = database_at(server_url)
    upgrade(database)
    database.engine.dispose()
    journals = [await Journal.open(url=server_url) for _ in range(4)]
    try:
        await asyncio.gather(
            *(
                each.record_usage([Opened(session=replace(POLLED, key=f"{POLLED.key}{number}"))])
                for number, each in enumerate(journals)
            )
        )
    finally:
        for each in journals:
            await each.close()
    assert ask(server_url, "SELECT count(*) FROM rlm_usage_log_2026_03") == [(4,)]
    parts = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'rlm_usage_log'::regclass"
    assert ask(server_url, parts) == [("rlm_usage_log_2026_03",)]


@pytest.mark.parametrize(
    "key", ["k", "prod/rlm1/x/11/31 10:00/1/y", "a/b/c/2026-13-01T00:00/1/y", "a/b/c/0000-01-01T00:00/1/y"]
)
async def test_a_session_that_began_nobody_knows_when_has_a_place(
    journal: Journal, rows: Rows, key: str
) -> None:
    await journal.record_usage([Opened(session=replace(POLLED, key=key, out=None))])
    assert rows()[0]["month"] == date(1970, 1, 1)
