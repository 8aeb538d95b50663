"""What is deleted of old usage and what stays, in both databases and beside a daemon that works."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, select, text

from rlm_exporter.errors import JournalError
from rlm_exporter.store import prune_rows
from rlm_exporter.store.journal import Journal
from rlm_exporter.store.prune import look_at, prune_at
from rlm_exporter.store.tables import denial, license_seats, usage_log
from rlm_exporter.store.usage_records import Closed, EndReason, Seats
from tests.store.ledgers import DAY, FEBRUARY, GO, HOUR, JANUARY, LEDGER, LIMIT, STAY, held, session
from tests.store.situations import claimed, founded, url_of

Names = Callable[[], set[str]]


@pytest.fixture
async def kept(journal: Journal) -> Journal:
    """A journal with the ledger in it, open as a daemon has it."""
    await journal.record_usage(LEDGER)
    return journal


@pytest.fixture
def names(engine: Engine) -> Names:
    """Whose sessions are there."""

    def read() -> set[str]:
        with engine.connect() as connection:
            return set(connection.execute(select(usage_log.c.user_name)).scalars())

    return read


@pytest.mark.usefixtures("kept")
async def test_what_ended_before_the_limit_goes_and_nothing_else(url: str, names: Names) -> None:
    pruned = prune_at(url, before=LIMIT)
    assert pruned.sessions == GO
    assert names() == STAY


@pytest.mark.usefixtures("kept")
async def test_a_second_run_finds_nothing_more(url: str, names: Names) -> None:
    prune_at(url, before=LIMIT)
    again = prune_at(url, before=LIMIT)
    assert (again.sessions, again.denials, again.seats, again.months) == (0, 0, 0, ())
    assert names() == STAY


@pytest.mark.usefixtures("kept")
async def test_a_look_says_what_would_go_and_changes_nothing(url: str, names: Names) -> None:
    before = names()
    seen = look_at(url, before=LIMIT)
    assert names() == before
    pruned = prune_at(url, before=LIMIT)
    assert (seen.sessions, seen.denials, seen.seats) == (pruned.sessions, pruned.denials, pruned.seats)
    assert seen.months == pruned.months


async def test_the_daemon_goes_on_with_what_is_open(url: str, kept: Journal, names: Names) -> None:
    prune_at(url, before=LIMIT)
    assert [each.user for each in await kept.open_sessions(cluster="prod", server="rlm1")] == [
        "open-since-february"
    ]
    since_february = session("open-since-february", FEBRUARY)
    closed = Closed(key=since_february.key, at=LIMIT + DAY, reason=EndReason.RETURNED, out=FEBRUARY)
    await kept.record_usage([closed, *held("new", LIMIT + DAY, None)])
    assert {each.user for each in await kept.open_sessions(cluster="prod", server="rlm1")} == {"new"}
    assert names() == STAY | {"new"}


async def test_what_is_told_of_a_month_that_is_gone_is_written_all_the_same(
    url: str, kept: Journal, names: Names
) -> None:
    prune_at(url, before=LIMIT)
    await kept.record_usage(held("told-late", JANUARY, JANUARY + HOUR))
    assert names() == STAY | {"told-late"}
    assert prune_at(url, before=LIMIT).sessions == 1


@pytest.mark.usefixtures("kept")
async def test_the_view_of_current_usage_is_as_it_was(url: str, engine: Engine) -> None:
    query = text("SELECT server_name, feature_name, active_sessions, active_users FROM rlm_current_usage")
    with engine.connect() as connection:
        before = connection.execute(query).all()
    prune_at(url, before=LIMIT)
    with engine.connect() as connection:
        assert connection.execute(query).all() == before == [("rlm1", "starccm", 1, "open-since-february")]


@pytest.mark.usefixtures("kept")
async def test_many_rows_go_in_batches(url: str, names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prune_rows, "AT_ONCE", 1)
    assert prune_at(url, before=LIMIT).sessions == GO
    assert names() == STAY


@pytest.mark.usefixtures("kept")
async def test_who_stops_it_midway_can_go_on_later(
    url: str, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prune_rows, "AT_ONCE", 1)
    answers = iter((False, False, False))
    first = prune_at(url, before=LIMIT, stopped=lambda: next(answers, True))
    assert 0 < first.sessions < GO
    assert names() > STAY
    assert first.sessions + prune_at(url, before=LIMIT).sessions == GO
    assert names() == STAY


def refused(at: datetime | None, user: str) -> dict[str, object]:
    return {
        "cluster": "prod",
        "server_name": "rlm1",
        "isv": "siemens",
        "feature_name": "starccm",
        "user_name": user,
        "count": 1,
        "reason": "all_seats_in_use",
        "code": -22,
        "is_final": True,
        "denied_at": at,
        "is_ambiguous": False,
    }


def test_denials_go_by_when_they_were(url: str, engine: Engine) -> None:
    rows = [refused(LIMIT - HOUR, "earlier"), refused(LIMIT, "at-the-limit"), refused(None, "nobody-knows")]
    with engine.begin() as connection:
        connection.execute(insert(denial), rows)
    assert prune_at(url, before=LIMIT).denials == 1
    with engine.connect() as connection:
        stay = set(connection.execute(select(denial.c.user_name)).scalars())
    assert stay == {"at-the-limit", "nobody-knows"}


async def test_of_the_seats_the_last_number_before_the_limit_stays(
    url: str, journal: Journal, engine: Engine
) -> None:
    def since(feature: str, at: datetime, seats: int) -> Seats:
        return Seats(
            cluster="prod", isv="siemens", feature=feature, since=at, seats=seats, reserved=0, server="rlm1"
        )

    await journal.record_seats(
        [
            *(since("starccm", at, seats) for at, seats in ((JANUARY, 5), (FEBRUARY, 6), (LIMIT + DAY, 7))),
            *(since("unchanged", at, seats) for at, seats in ((JANUARY, 1),)),
            *(since("changed-then", at, seats) for at, seats in ((JANUARY, 1), (LIMIT, 2))),
        ]
    )
    assert prune_at(url, before=LIMIT).seats == 2
    with engine.connect() as connection:
        query = select(license_seats.c.feature_name, license_seats.c.seats)
        stay = {(feature, seats) for feature, seats in connection.execute(query)}
    assert stay == {("starccm", 6), ("starccm", 7), ("unchanged", 1), ("changed-then", 2)}


async def test_moves_stay(url: str, journal: Journal) -> None:
    await founded(journal)
    operation = await claimed(journal)
    prune_at(url, before=LIMIT + 1000 * DAY)
    assert await journal.operation(operation.id) == operation


def test_a_database_without_our_schema_is_refused_with_what_to_do(path: Path) -> None:
    with pytest.raises(JournalError, match=r"the database is empty.*run once.*db upgrade"):
        prune_at(url_of(path), before=LIMIT)
