"""How the usage log grows: 1, 3 and 10 million sessions of a year, on PostgreSQL and on SQLite.

    PATH="$PWD/.cache/parts/bin:$PATH" .venv/bin/python -m bench.usage_scale
    PATH="$PWD/.cache/parts/bin:$PATH" .venv/bin/python -m bench.usage_scale --sqlite --millions 1

A PostgreSQL server of its own with the settings that PostgreSQL comes with, made by our own upgrade; sessions
by COPY, then VACUUM ANALYZE, as autovacuum would have done meanwhile. Writing is measured as the daemon does
it, through the journal: the way to the server and Python's part are in it.

Floors in the same run: the month's rows counted, and rows that are text already, by COPY (on SQLite by one
INSERT). Prints a table in Markdown. Each time is the median and the worst by the clock, and in brackets that
of all processors on the average, which other work on the machine hardly changes. Exit code 1 where a goal is
missed at the largest size: 50 ms for the view, 2 s for a month's report by product. It takes a quarter of an
hour or more, and 8 GB below TMPDIR.
"""

import argparse
import asyncio
import contextlib
import itertools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from bench.processor import processor_seconds
from bench.usage_ledger import CLUSTER, END, FEATURES, ISV, MONTH, SERVERS, VERSION, Part
from bench.usage_stores import Ledger, OnPostgresql, OnSqlite
from rlm_exporter.store.database import database_at
from rlm_exporter.store.journal import Journal
from rlm_exporter.store.prune import prune_at
from rlm_exporter.store.report_records import Dimension, UsageQuestion, Window
from rlm_exporter.store.usage_records import (
    Closed,
    Denied,
    End,
    EndReason,
    LogPlace,
    Opened,
    Told,
    UsageChange,
    UsageSession,
)
from tests.postgresql import PostgresqlServer  # the one place that knows how to start one

MILLION = 1_000_000
SIZES = (1, 3, 10)
VIEW_GOAL_S, REPORT_GOAL_S = 0.050, 2.0
CHANGES, TOLD = 1000, 5000
COPIED = 5000
COUNT = f"SELECT count(*) FROM rlm_usage_log WHERE month = '{MONTH[0]:%Y-%m-%d}'"  # noqa: S608 - made of our own words
WINDOW = Window(start=MONTH[0], end=MONTH[1])
LIMIT = timedelta(minutes=5)
"""For an answer: that it comes late is to be measured."""
DEFAULTS = {"fsync": "on", "shared_buffers": "128MB", "autovacuum": "on", "max_connections": "100"}
"""PostgreSQL's own, in place of what suits tests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Of one operation."""

    name: str
    seconds: tuple[float, ...]
    processor: float
    """Seconds of one, on the average: of this process and of the database's."""

    @property
    def median(self) -> float:
        """By the clock."""
        return statistics.median(self.seconds)

    def __str__(self) -> str:
        return f"{self.median * 1000:,.0f} / {max(self.seconds) * 1000:,.0f} ({self.processor * 1000:,.0f})"


class Watch:
    """Measures by the clock and by the processor."""

    def __init__(self, processes: Callable[[], Sequence[int]]) -> None:
        self._processes = processes

    def timed(self, name: str, times: int, work: Callable[[], object]) -> Times:
        """Once to warm up, and so many times."""
        work()
        used, seconds = self._used(), []
        for _ in range(times):
            began = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - began)
        return Times(name=name, seconds=tuple(seconds), processor=(self._used() - used) / times)

    async def awaited(self, name: str, times: int, work: Callable[[], Awaitable[object]]) -> Times:
        """As above."""
        await work()
        used, seconds = self._used(), []
        for _ in range(times):
            began = time.perf_counter()
            await work()
            seconds.append(time.perf_counter() - began)
        return Times(name=name, seconds=tuple(seconds), processor=(self._used() - used) / times)

    def _used(self) -> float:
        return processor_seconds([os.getpid(), *self._processes()])


def looks(watch: Watch, url: str) -> Iterator[Times]:
    """The view, and the floor of the month's report."""
    database = database_at(url)

    def read(query: str) -> None:
        with database.engine.connect() as connection, connection.begin():
            connection.exec_driver_sql(query).all()

    yield watch.timed(VIEW, 20, lambda: read("SELECT * FROM rlm_current_usage"))
    yield watch.timed("floor: the month's rows counted", 5, lambda: read(COUNT))
    database.engine.dispose()


async def reports(watch: Watch, url: str) -> list[Times]:
    """A month's: figures, refusals, long sessions, hosts with several versions, one product hour by hour."""
    hours = tuple(
        WINDOW.start + timedelta(hours=each)
        for each in range(1, (WINDOW.end - WINDOW.start) // timedelta(hours=1))
    )
    async with await Journal.open(url=url, limit=LIMIT) as journal:

        async def report(by: Dimension) -> None:
            await journal.usage_facts(UsageQuestion(cluster=CLUSTER, window=WINDOW, by=by))

        by_user = UsageQuestion(cluster=CLUSTER, window=WINDOW, by=Dimension.USER)
        one = UsageQuestion(cluster=CLUSTER, window=WINDOW, feature=FEATURES[0], edges=hours)
        long = timedelta(days=3)
        return [
            await watch.awaited(REPORT, 5, lambda: report(Dimension.FEATURE)),
            await watch.awaited("by product and user", 3, lambda: report(Dimension.USER)),
            await watch.awaited("refusals by user", 3, lambda: journal.denials(by_user, most=100)),
            await watch.awaited(
                "sessions of more than 3 days",
                3,
                lambda: journal.held_seats(cluster=CLUSTER, window=WINDOW, most=1000, longer=long),
            ),
            await watch.awaited(
                "hosts with several versions",
                3,
                lambda: journal.pool_sessions(cluster=CLUSTER, window=WINDOW, most=50_000),
            ),
            await watch.awaited("one product hour by hour", 3, lambda: journal.usage_facts(one)),
        ]


class Writer:
    """What a daemon writes, never the same twice."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._place = LogPlace(cluster=CLUSTER, server=SERVERS[0], isv=ISV)

    async def polled(self, journal: Journal) -> None:
        """As many sessions have begun as have ended."""
        opened = [self._session() for _ in range(CHANGES // 2)]
        changes: list[UsageChange] = [Opened(session=each) for each in opened]
        changes += [Closed(key=each.key, at=END, reason=EndReason.RETURNED, out=each.out) for each in opened]
        await journal.record_usage(changes)

    async def told(self, journal: Journal) -> None:
        """A report log's batch of whole sessions, and a denial for every tenth."""
        tellings = [
            Told(
                session=self._session(),
                end=End(at=END, reason=EndReason.RETURNED, is_exact=True),
            )
            for _ in range(TOLD)
        ]
        self._place = await journal.record_log(
            after=self._place, position="", tellings=tellings, denials=[_denied()] * (TOLD // 10), now=END
        )

    def _session(self) -> UsageSession:
        number = next(self._numbers)
        out = END - timedelta(minutes=1 + number % 600)
        feature = FEATURES[number % len(FEATURES)]
        return UsageSession(
            key=f"{CLUSTER}/{SERVERS[0]}/{ISV}/{out:%Y-%m-%dT%H:%M}/w{number:x}/{feature}",
            cluster=CLUSTER,
            server=SERVERS[0],
            isv=ISV,
            feature=feature,
            version=VERSION,
            user=f"user{number % 800:03}",
            host=f"ws{number % 500:03}.example.com",
            count=1,
            handle=f"w{number:x}",
            out=out,
        )


def _denied() -> Denied:
    return Denied(
        cluster=CLUSTER,
        server=SERVERS[0],
        isv=ISV,
        feature=FEATURES[0],
        version=VERSION,
        user="user001",
        host="ws001.example.com",
        count=1,
        code=-22,
        is_final=True,
        at=END,
    )


async def writes(watch: Watch, store: Ledger, writer: Writer, raw: Iterator[int]) -> list[Times]:
    """A batch of each kind, and what is open on a server."""
    async with await Journal.open(url=store.url, limit=LIMIT) as journal:
        times = [
            await watch.awaited(
                "open sessions of the active server",
                10,
                lambda: journal.open_sessions(cluster=CLUSTER, server=SERVERS[0]),
            ),
            await watch.awaited(
                f"{CHANGES:,} changes seen by checks written", 10, lambda: writer.polled(journal)
            ),
            await watch.awaited(
                f"{TOLD:,} sessions of a report log written", 5, lambda: writer.told(journal)
            ),
        ]
    batches_of_lines = iter([store.lines(Part(number=next(raw), sessions=COPIED).rows()) for _ in range(6)])
    floor = watch.timed(f"floor: {COPIED:,} raw rows written", 5, lambda: store.floor(next(batches_of_lines)))
    return [*times, floor]


def measure(watch: Watch, store: Ledger, sizes: Sequence[int]) -> dict[int, dict[str, str]]:
    """For each size what is to be told; the goals are looked at by `missed`."""
    told: dict[int, dict[str, str]] = {}
    store.refuse()
    writer, raw = Writer(), itertools.count(1000)
    had = 0
    for number, size in enumerate(sizes, start=1):
        began = time.perf_counter()
        store.add(Part(number=number, sessions=size - had))
        rate = (size - had) / (time.perf_counter() - began)
        had = size
        store.settle(size)
        found = [
            *looks(watch, store.url),
            *asyncio.run(reports(watch, store.url)),
            *asyncio.run(writes(watch, store, writer, raw)),
        ]
        missed = [each.name for each in found if each.median > GOALS.get(each.name, float("inf"))]
        told[size] = {
            "room on disk, GB": f"{store.size() / 1e9:.2f}",
            "rows a second while filling": f"{rate:,.0f}",
            **{f"{each.name}, ms": str(each) for each in found},
            "goals missed": ", ".join(missed) or "none",
        }
        print(f"{size:,}: {told[size]}; load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
    return told


def prune(store: Ledger) -> str:
    """A month of many is dropped."""
    before = END - timedelta(days=320)
    began = time.perf_counter()
    pruned = prune_at(store.url, before=before)
    took = time.perf_counter() - began
    return (
        f"`db prune --before {before:%Y-%m-%d}`: {pruned.sessions:,} sessions, "
        f"{len(pruned.months)} whole months, {(pruned.freed or 0) / 1e9:.2f} GB given back in {took:.1f} s"
    )


def table(told: dict[int, dict[str, str]]) -> str:
    """In Markdown, a column a size."""
    lines = ["| | " + " | ".join(f"{size / MILLION:g} million" for size in told) + " |"]
    lines.append("|---|" + "---:|" * len(told))
    rows = next(iter(told.values()))
    lines += [f"| {name} | " + " | ".join(each[name] for each in told.values()) + " |" for name in rows]
    return "\n".join(lines)


VIEW, REPORT = "`rlm_current_usage`", "a month's report by product"
GOALS = {VIEW: VIEW_GOAL_S, REPORT: REPORT_GOAL_S}


@contextlib.contextmanager
def opened(*, sqlite: bool) -> Iterator[tuple[Ledger, Watch]]:
    """An empty ledger, which is thrown away afterwards."""
    if sqlite:
        with tempfile.TemporaryDirectory() as folder:
            yield OnSqlite(Path(folder) / "journal.db"), Watch(lambda: ())
        return
    server = PostgresqlServer(DEFAULTS)
    try:
        yield OnPostgresql(server.new_database()), Watch(server.processes)
    finally:
        server.close()


def main() -> int:
    """Print a table, and what pruning took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--millions", default=",".join(str(size) for size in SIZES), help="such as 1,3,10")
    parser.add_argument("--sqlite", action="store_true", help="in a file instead")
    options = parser.parse_args()
    sizes = [round(float(each) * MILLION) for each in options.millions.split(",")]
    with opened(sqlite=options.sqlite) as (store, watch):
        told = measure(watch, store, sizes)
        print(table(told))
        print(prune(store))
    return 0 if told[sizes[-1]]["goals missed"] == "none" else 1


if __name__ == "__main__":
    sys.exit(main())
