"""Old months on PostgreSQL: dropped as a whole, and never with somebody in them."""

import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import date

import psycopg
import pytest

from rlm_exporter.errors import JournalError
from rlm_exporter.store import prune_postgresql
from rlm_exporter.store.journal import Journal
from rlm_exporter.store.prune import look_at, prune_at
from tests.postgresql import PostgresqlServer, ask
from tests.store.ledgers import DAY, GO, LEDGER, LIMIT, STAY, held

PARTITIONS = "SELECT relid::regclass::text FROM pg_partition_tree('rlm_usage_log') WHERE isleaf ORDER BY 1"
MANY_IN_FEBRUARY = (
    "INSERT INTO rlm_usage_log (user_name, checkout_time, checkin_time, end_reason, cluster, count, handle, "
    "source, session_key, checkout_is_ambiguous, month) SELECT 'many', '2026-02-11', '2026-02-12', "
    "'returned', 'prod', 1, n::text, 'polling', n::text || repeat('x', 100), false, '2026-02-01' "
    "FROM generate_series(1, 6000) n"
)
ONE = (
    "INSERT INTO rlm_usage_log (user_name, checkout_time, checkin_time, end_reason, cluster, count, handle, "
    "source, session_key, checkout_is_ambiguous, month) VALUES (%s, %s, %s, %s, 'prod', 1, 'a', 'polling', "
    "'a', false, %s)"
)
OPEN_IN_JANUARY = ("meanwhile", "2026-01-11", None, None, "2026-01-01")
ENDED_IN_2020 = ("old", "2020-01-11", "2020-01-12", "returned", "2020-01-01")
A_TABLE_FOR_2020 = (
    "CREATE TABLE \"Older ones\" PARTITION OF rlm_usage_log FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')"
)


@pytest.fixture
def shared(postgresql: PostgresqlServer, template: str) -> Iterator[str]:
    """A database with our schema."""
    url = postgresql.new_database(template)
    yield url
    postgresql.drop_database(url)


@pytest.fixture
async def kept(shared: str) -> AsyncIterator[Journal]:
    """A daemon's connection, and the ledger written."""
    async with await Journal.open(url=shared) as journal:
        await journal.record_usage(LEDGER)
        yield journal


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits for less than a second altogether."""
    monkeypatch.setattr(prune_postgresql, "LOCK_MS", 50)
    monkeypatch.setattr(prune_postgresql, "BETWEEN", 0.02)


def names_in(url: str) -> set[object]:
    return {name for (name,) in ask(url, "SELECT user_name FROM rlm_usage_log")}


def size_of_february(url: str) -> int:
    ((size,),) = ask(url, "SELECT pg_total_relation_size('rlm_usage_log_2026_02')")
    assert isinstance(size, int)
    return size


@pytest.mark.usefixtures("kept")
async def test_the_table_of_a_month_goes_as_a_whole_unless_something_of_it_stays(shared: str) -> None:
    pruned = prune_at(shared, before=LIMIT)
    assert pruned.months == (date(2026, 1, 1),)
    # Of February one is still out, and March goes on.
    assert ask(shared, PARTITIONS) == [("rlm_usage_log_2026_02",), ("rlm_usage_log_2026_03",)]
    assert pruned.freed is not None
    assert pruned.freed > 0


@pytest.mark.usefixtures("kept")
async def test_what_stays_of_a_month_is_written_anew_so_that_the_room_comes_back(shared: str) -> None:
    ask(shared, MANY_IN_FEBRUARY)
    before = size_of_february(shared)
    assert prune_at(shared, before=LIMIT).sessions == GO + 6000
    assert size_of_february(shared) < before / 5
    assert names_in(shared) == STAY


@pytest.mark.usefixtures("kept", "impatient")
async def test_room_that_could_not_be_given_back_is_given_back_the_next_time(shared: str) -> None:
    ask(shared, MANY_IN_FEBRUARY)
    ask(shared, "DELETE FROM rlm_usage_log WHERE user_name = 'many'")  # and was interrupted then
    before = size_of_february(shared)
    prune_at(shared, before=LIMIT)
    assert size_of_february(shared) < before / 5


@pytest.mark.usefixtures("kept")
async def test_a_table_that_somebody_else_has_made_loses_rows_and_is_not_dropped(shared: str) -> None:
    ask(shared, A_TABLE_FOR_2020)
    ask(shared, ONE, *ENDED_IN_2020)
    assert prune_at(shared, before=LIMIT).sessions == GO + 1
    assert ('"Older ones"',) in ask(shared, PARTITIONS)
    assert names_in(shared) == STAY


@pytest.mark.usefixtures("kept")
async def test_what_was_written_since_a_month_was_looked_at_is_kept(shared: str) -> None:
    asked = 0

    def meanwhile() -> bool:
        nonlocal asked
        asked += 1
        if asked == 1:  # before the first month is touched
            ask(shared, ONE, *OPEN_IN_JANUARY)
        return False

    pruned = prune_at(shared, before=LIMIT, stopped=meanwhile)
    assert pruned.months == ()
    assert pruned.sessions == GO
    assert names_in(shared) == STAY | {"meanwhile"}


@pytest.mark.usefixtures("kept")
async def test_a_month_that_another_one_has_dropped_is_no_error(shared: str) -> None:
    asked = 0

    def meanwhile() -> bool:
        nonlocal asked
        asked += 1
        if asked == 1:
            ask(shared, "DROP TABLE rlm_usage_log_2026_01")
        return False

    assert prune_at(shared, before=LIMIT, stopped=meanwhile).months == ()
    assert names_in(shared) == STAY


def wait_until(is_so: Callable[[], bool], *, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.mark.usefixtures("impatient")
async def test_a_reader_is_waited_for_and_the_daemon_does_not_wait_behind_it(
    shared: str, kept: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prune_postgresql, "ATTEMPTS", 1000)  # until the reader is gone, on any machine
    pruning = threading.Thread(target=prune_at, args=(shared,), kwargs={"before": LIMIT})
    with psycopg.connect(shared) as reader:
        reader.execute("SELECT count(*) FROM rlm_usage_log")
        pruning.start()
        waits = "SELECT 1 FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'"
        wait_until(lambda: bool(ask(shared, waits)))
        await kept.record_usage(held("meanwhile", LIMIT + DAY, None))
        assert reader.execute("SELECT 1").fetchone() == (1,)
    pruning.join()
    assert names_in(shared) == STAY | {"meanwhile"}


@pytest.mark.usefixtures("kept", "impatient")
async def test_a_reader_that_stays_is_named_and_nothing_is_dropped(shared: str) -> None:
    before = names_in(shared)
    with psycopg.connect(shared, application_name="a report") as reader:
        reader.execute("SELECT count(*) FROM rlm_usage_log")
        with pytest.raises(
            JournalError,
            match=r"in use by process \d+ \(rlm_ha, a report, since [\d:]+ UTC\) and was",
        ):
            prune_at(shared, before=LIMIT)
    assert names_in(shared) == before


@pytest.mark.usefixtures("kept")
async def test_a_look_tells_what_whole_months_take(shared: str) -> None:
    seen = look_at(shared, before=LIMIT)
    assert (seen.sessions, seen.months) == (GO, (date(2026, 1, 1),))
    ((size,),) = ask(shared, "SELECT pg_total_relation_size('rlm_usage_log_2026_01')")
    assert seen.freed == size
