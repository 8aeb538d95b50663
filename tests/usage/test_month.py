"""A month of a site through polling and report logs into the usage log, row by row against the ledger."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from rlm_exporter.manifest.model import Cluster, Privacy, ReportLog, Server
from rlm_exporter.probe.snapshot import ClusterSnapshot
from rlm_exporter.store.database import database_at
from rlm_exporter.store.journal import Journal
from rlm_exporter.store.report_records import Dimension, UsageQuestion, Window
from rlm_exporter.store.tables import denial, usage_log
from rlm_exporter.store.upgrade import upgrade
from rlm_exporter.usage.figures import figures_of
from rlm_exporter.usage.privacy import Veil
from rlm_exporter.usage.recorder import Serving, UsageRecorder
from rlm_exporter.usage.report_log_recorder import ReportLogRecorder
from rlm_exporter.usage.spool import Spool
from rlm_exporter.usage.what_if import what_if
from tests.clock import FakeClock
from tests.postgresql import PostgresqlServer
from tests.usage.by_hand import played_again, sums, wishes_of
from tests.usage.month import BEGIN, END, EVERY, ISV, MOVES, PRODUCTS, SERVERS, Month, Stay

CLUSTER = Cluster(
    name="site",
    servers=tuple(
        Server(name=name, role=role, host=f"{name}.example.com", port=5053, timezone="Europe/Berlin")
        for name, role in zip(SERVERS, ("primary", "secondary", "backup"), strict=True)
    ),
    source="site.yaml",
)
HOUR = timedelta(hours=1)
READ_EVERY = 3
"""Checks from one reading of the logs to the next: so each of the two is first now and then."""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'journal.db'}"
        return
    server: PostgresqlServer = request.getfixturevalue("postgresql")
    made = server.new_database()
    database = database_at(made)
    upgrade(database)
    database.engine.dispose()
    yield made
    server.drop_database(made)


class NoProber:
    """Snapshots are given by the test."""

    snapshot = ClusterSnapshot(cluster=CLUSTER.name, taken_at=BEGIN, servers=())

    async def changed(self, after: ClusterSnapshot) -> ClusterSnapshot:
        raise AssertionError("the test turns the loop by itself")


class Life:
    """One life of the daemon."""

    def __init__(self, month: Month, journal: Journal, folder: Path) -> None:
        self._month = month
        self.defects: list[Exception] = []
        veil = Veil(Privacy.NONE)
        self.polling = UsageRecorder(
            cluster=CLUSTER,
            prober=NoProber(),
            store=journal,
            serving=lambda: Serving(active=month.active, since=month.active_since, acts=True),
            spool=Spool(folder / "usage.spool"),
            veil=veil,
            stumbled=self.defects.append,
            clock=FakeClock(END + timedelta(days=30)),
        )
        self.logs = [
            ReportLogRecorder(
                cluster=CLUSTER.name,
                server=server,
                log=ReportLog(isv=ISV, path=str(month.servers[server.name].log)),
                store=journal,
                acts=lambda: True,
                veil=veil,
                stumbled=self.defects.append,
                turn=asyncio.Semaphore(1),
                clock=FakeClock(END + timedelta(days=30)),
            )
            for server in CLUSTER.servers
        ]

    async def look(self, at: datetime) -> None:
        parts = self._month.parts(at)
        await self.polling.turn(ClusterSnapshot(cluster=CLUSTER.name, taken_at=at, servers=parts))

    async def read_logs(self) -> None:
        for each in self.logs:
            while await each.turn():
                pass

    def end(self) -> None:
        """As by a kill."""
        for each in self.logs:
            each.close()
        assert self.defects == []


@asynccontextmanager
async def replayed(month: Month, url: str, folder: Path) -> AsyncIterator[Journal]:
    """The month is over, and all of it has been seen; the daemon was killed a few times."""
    async with await Journal.open(url=url) as journal:
        life = Life(month, journal, folder)
        for number, at in enumerate(month.run()):
            await life.look(at)
            if number % READ_EVERY == 0:
                await life.read_logs()
            if number % 1000 == 999:
                life.end()
                life = Life(month, journal, folder)
        await life.read_logs()
        life.end()
        yield journal


def read(url: str, table: Any) -> list[dict[str, Any]]:
    database = database_at(url)
    try:
        with database.engine.connect() as connection:
            return [dict(row) for row in connection.execute(select(table)).mappings()]
    finally:
        database.engine.dispose()


def differences(stay: Stay, row: dict[str, Any]) -> Iterator[str]:
    """How a row differs from what really was."""
    told = (row["user_name"], row["hostname"], row["feature_name"], row["count"])
    if told != (stay.user, stay.host, stay.product, stay.count):
        yield f"who and what: {told}"
    if not _is(row["checkout_time"], stay.out, may_be_hour_off=row["checkout_is_ambiguous"]):
        yield f"checkout {row['checkout_time']}"
    if stay.back is None:
        if row["checkin_time"] is not None:
            yield f"checkin {row['checkin_time']} of what is out"
    elif stay.why == "crash":
        yield from _after_a_crash(stay, stay.back, row)
    else:
        if not _is(row["checkin_time"], stay.back, may_be_hour_off=row["checkin_is_ambiguous"]):
            yield f"checkin {row['checkin_time']}"
        # What no check has seen nobody could know to be cut.
        cut = stay.why == "cut" and row["source"] == "both"
        if row["end_reason"] != ("failed_over" if cut else "returned"):
            yield f"reason {row['end_reason']}"


def _is(told: datetime | None, real: datetime, *, may_be_hour_off: bool) -> bool:
    return told == real or (may_be_hour_off and told is not None and abs(told - real) == HOUR)


def _after_a_crash(stay: Stay, back: datetime, row: dict[str, Any]) -> Iterator[str]:
    """Nothing writes down the end: a check shows it soon, or else the next start."""
    crash = next(move for move in MOVES if move.crash)
    latest = {"server_down": back + EVERY, "server_restarted": crash.at + crash.returns}
    if row["end_reason"] not in latest:
        yield f"reason {row['end_reason']} after a crash"
    elif not back <= row["checkin_time"] <= latest[row["end_reason"]]:
        yield f"checkin {row['checkin_time']} after a crash"
    if row["end_reason"] == "server_restarted" and stay.out < back - EVERY:
        yield "a check had seen it, and the start ended it"


async def test_the_usage_log_and_its_reports_are_the_ledgers(url: str, tmp_path: Path) -> None:
    month = Month(tmp_path)
    async with replayed(month, url, tmp_path) as journal:
        rows = read(url, usage_log)
        denials = read(url, denial)
        compare_rows(month, rows, denials)
        await compare_reports(month, journal)
        await compare_what_if(month, journal)


def compare_rows(month: Month, rows: list[dict[str, Any]], denials: list[dict[str, Any]]) -> None:
    """Every seat that was given is one row, and every refusal another."""
    stays = sorted(month.stays, key=lambda stay: (stay.server, stay.out, int(stay.handle, 16)))
    assert len(stays) > 5000
    by_name: dict[tuple[str, str, str, str], list[dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: (row["checkout_time"], row["id"])):
        by_name.setdefault(
            (row["server_name"], row["handle"], row["user_name"], row["feature_name"]), []
        ).append(row)
    wrong = []
    for stay in stays:
        mine = by_name.get((stay.server, stay.handle, stay.user, stay.product), [])
        if not mine:
            wrong.append(f"{stay}: lost")
            continue
        wrong += [f"{stay}: {each}" for each in differences(stay, mine.pop(0))]
    assert wrong[:5] == []
    assert [row for left in by_name.values() for row in left] == [], "doubled, or nobody's"

    refused = Counter((each.server, each.user, each.product, each.is_final) for each in month.denials)
    told = Counter((d["server_name"], d["user_name"], d["feature_name"], d["is_final"]) for d in denials)
    assert len(month.denials) > 50
    assert told == refused

    sources = Counter(row["source"] for row in rows)
    assert sources["both"] > 1000
    assert sources["report_log"] > 500, "shorter than from one check to the next"
    assert all(row["month"].year == 2026 for row in rows)
    assert any(row["checkout_is_ambiguous"] for row in rows), "nobody came in the hour that exists twice"
    assert Counter(row["end_reason"] for row in rows)["failed_over"] > 3
    assert Counter(row["end_reason"] for row in rows)["server_down"] > 3


HALF = Window(start=datetime(2026, 10, 1, 12, 0, tzinfo=UTC), end=datetime(2026, 10, 17, 12, 0, tzinfo=UTC))
"""Until before the crash, after which nobody knows to the second when sessions ended."""

SEATS = {plan.product: plan.count for plan in PRODUCTS}


async def compare_reports(month: Month, journal: Journal) -> None:
    """Each figure of each product, and of each user of it, with a failover in between."""
    for by in (Dimension.FEATURE, Dimension.USER):
        question = UsageQuestion(cluster=CLUSTER.name, window=HALF, by=by)
        told = {}
        for line in (await journal.usage_facts(question)).lines:
            found = figures_of(line, HALF)
            full = None if found.ceiling_hours is None else round(found.ceiling_hours * 3600)
            told[line.feature, line.who] = (
                *(found.sessions, found.checkouts, round(found.seat_hours * 3600), found.peak),
                *(full, found.denied, found.passed_on),
            )
        users = by is Dimension.USER
        real = sums(month.stays, month.denials, HALF.start, HALF.end, users=users, seats=SEATS)
        assert len(real) >= len(PRODUCTS)
        assert told == {
            name: (
                *(each.sessions, each.begun, each.seat_seconds, each.peak),
                *(None if users else each.full, each.denied, each.passed_on),
            )
            for name, each in real.items()
        }


async def compare_what_if(month: Month, journal: Journal) -> None:
    """Fewer seats than there were, as many, and more."""
    changed = 0
    for plan in PRODUCTS[:6]:
        ledger = await journal.ledger(cluster=CLUSTER.name, feature=plan.product, window=HALF, most=100_000)
        wishes, length = wishes_of(month.stays, month.denials, plan.product, HALF.start, HALF.end)
        for seats in (max(plan.count - 1, 1), plan.count, plan.count + 1, plan.count + 5):
            found = what_if(ledger, seats, until=HALF.end)
            real = played_again(wishes, length, seats)
            assert (found.granted, found.refused, found.newly_granted, found.newly_refused) == real
            changed += found.newly_granted + found.newly_refused
    assert changed > 20
