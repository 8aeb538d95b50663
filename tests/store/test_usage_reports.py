"""Reports on the usage log in both databases, beside a slower way of counting the same."""

import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from rlm_exporter.store.database import database_at
from rlm_exporter.store.journal import Journal
from rlm_exporter.store.report_records import Dimension, UsageQuestion, Window
from rlm_exporter.store.usage_records import (
    Denied,
    End,
    EndReason,
    LogPlace,
    Opened,
    Seats,
    Told,
    UsageSession,
)
from rlm_exporter.store.usage_reports import read_usage
from tests.store.situations import url_of

START = datetime(2026, 3, 1, 22, 0, tzinfo=UTC)
WINDOW = Window(start=START + timedelta(hours=1), end=START + timedelta(hours=3))
SECOND = timedelta(seconds=1)


def session(
    number: int,
    *,
    feature: str,
    user: str,
    host: str,
    server: str,
    seats: int,
    out: datetime,
    project: str | None = None,
) -> UsageSession:
    key = f"prod/{server}/siemens/{out:%Y-%m-%dT%H:%M}/{number:x}/{feature.casefold()}"
    return UsageSession(
        key=key, cluster="prod", server=server, isv="siemens", feature=feature, version="1.0", user=user,
        host=host, count=seats, handle=f"{number:x}", out=out, project=project,
    )  # fmt: skip


def drawn(seed: int) -> list[tuple[UsageSession, datetime | None]]:
    """Sessions around the window, with their ends."""
    chance = random.Random(seed)
    found = []
    for number in range(120):
        out = START + timedelta(seconds=chance.randrange(4 * 3600))
        ended = out + timedelta(seconds=chance.choice((0, 1, chance.randrange(5000))))
        found.append(
            (
                session(
                    number,
                    feature=chance.choice(("solver", "Solver", "mesher")),
                    user=chance.choice(("alice", "Alice", "bob", "carol")),
                    host=chance.choice(("ws1", "ws2")),
                    server=chance.choice(("rlm1", "rlm2")),
                    seats=chance.randrange(1, 4),
                    out=out,
                    project=chance.choice((None, "wing", "Wing", "body")),
                ),
                None if chance.random() < 0.05 else ended,
            )
        )
    return found


async def written(journal: Journal, sessions: list[tuple[UsageSession, datetime | None]]) -> None:
    await journal.record_usage([Opened(session=each) for each, ended in sessions if ended is None])
    place = await journal.log_place(cluster="prod", server="rlm1", isv="siemens")
    await journal.record_log(
        after=place,
        position="",
        tellings=[
            Told(session=each, end=End(at=ended, reason=EndReason.RETURNED, is_exact=True))
            for each, ended in sessions
            if ended is not None
        ],
        denials=[],
        now=START,
    )


def levels_by_hand(
    sessions: list[tuple[UsageSession, datetime | None]], key: Any
) -> dict[tuple[str, str | None], dict[int, int]]:
    """For each line and number of seats the seconds, by looking at each second of the window."""
    counts: dict[tuple[str, str | None], list[int]] = defaultdict(lambda: [0] * WINDOW.seconds)
    for each, ended in sessions:
        assert each.out is not None
        begin = max((each.out - WINDOW.start) // SECOND, 0)
        end = min(((ended or WINDOW.end) - WINDOW.start) // SECOND, WINDOW.seconds)
        for second in range(begin, end):
            counts[each.feature.casefold(), key(each)][second] += each.count
    found: dict[tuple[str, str | None], dict[int, int]] = {}
    for line, seconds in counts.items():
        found[line] = defaultdict(int)
        for seats in seconds:
            if seats:
                found[line][seats] += 1
    return found


KEYS = {
    Dimension.FEATURE: lambda each: None,
    Dimension.USER: lambda each: each.user.casefold(),
    Dimension.HOST: lambda each: each.host,
    Dimension.SERVER: lambda each: each.server,
    Dimension.PROJECT: lambda each: each.project and each.project.casefold(),
}


@pytest.mark.parametrize("by", Dimension)
@pytest.mark.parametrize("seed", [1, 2])
async def test_the_levels_are_those_of_each_second(journal: Journal, by: Dimension, seed: int) -> None:
    sessions = drawn(seed)
    await written(journal, sessions)
    facts = await journal.usage_facts(UsageQuestion(cluster="prod", window=WINDOW, by=by))
    told: dict[tuple[str, str | None], dict[int, int]] = {}
    for line in facts.lines:
        name = line.feature.casefold(), None if line.who is None else line.who.casefold()
        if line.levels:
            told[name] = defaultdict(int)
        for level in line.levels:
            told[name][level.seats] += level.seconds
    assert told == levels_by_hand(sessions, KEYS[by])
    inside = [
        (each, ended)
        for each, ended in sessions
        if each.out is not None and each.out < WINDOW.end and (ended is None or ended > WINDOW.start)
    ]
    assert sum(line.sessions for line in facts.lines) == len(inside)
    begun = sum(each.out is not None and each.out >= WINDOW.start for each, _ in inside)
    assert sum(line.begun for line in facts.lines) == begun
    assert facts.undated == 0


async def test_groups_add_up_to_the_whole(journal: Journal) -> None:
    sessions = drawn(3)
    await written(journal, sessions)
    groups = {"alice": "design", "bob": "design"}
    question = UsageQuestion(
        cluster="prod",
        window=WINDOW,
        by=Dimension.USER,
        group_of=lambda user: groups.get((user or "").casefold(), "unassigned"),
    )
    facts = await journal.usage_facts(question)
    whole = await journal.usage_facts(replace(question, by=Dimension.FEATURE, group_of=None))
    assert {line.who for line in facts.lines} == {"design", "unassigned"}

    def seat_seconds(lines: Any) -> int:
        return sum(level.seats * level.seconds for line in lines for level in line.levels)

    assert seat_seconds(facts.lines) == seat_seconds(whole.lines) > 0
    assert sum(line.sessions for line in facts.lines) == sum(line.sessions for line in whole.lines)


async def test_one_feature_alone_regardless_of_case(journal: Journal) -> None:
    await written(journal, drawn(4))
    facts = await journal.usage_facts(UsageQuestion(cluster="prod", window=WINDOW, feature="SOLVER"))
    assert [line.feature.casefold() for line in facts.lines] == ["solver"]
    assert (await journal.usage_facts(UsageQuestion(cluster="lab", window=WINDOW))).lines == ()


async def test_seats_part_the_levels_where_they_change(journal: Journal) -> None:
    one = session(1, feature="solver", user="a", host="h", server="rlm1", seats=2, out=WINDOW.start)
    await written(journal, [(one, WINDOW.end)])
    before = Seats(
        cluster="prod", isv="siemens", feature="solver", since=START, seats=5, reserved=0, server="rlm1"
    )
    change = WINDOW.start + timedelta(minutes=30)
    older = replace(before, since=START - timedelta(days=1), seats=9)
    await journal.record_seats([older, before, replace(before, since=change, seats=2)])
    (line,) = (await journal.usage_facts(UsageQuestion(cluster="prod", window=WINDOW))).lines
    assert [(row.since, row.seats) for row in line.seats] == [(START, 5), (change, 2)]
    assert sorted((level.since, level.seats, level.seconds) for level in line.levels) == [
        (WINDOW.start, 2, 1800),
        (change, 2, WINDOW.seconds - 1800),
    ]


REFUSED = Denied(
    cluster="prod", server="rlm1", isv="siemens", feature="solver", version="1.0", user="bob", host="ws1",
    count=1, code=-22, is_final=True, at=WINDOW.start,
)  # fmt: skip


async def refuse(journal: Journal, *denials: Denied) -> None:
    place: LogPlace = await journal.log_place(cluster="prod", server="rlm1", isv="siemens")
    await journal.record_log(after=place, position="", tellings=[], denials=denials, now=START)


async def test_denials_are_counted_final_ones_by_reason(journal: Journal) -> None:
    await refuse(
        journal,
        REFUSED,
        replace(REFUSED, feature="SOLVER", at=WINDOW.end - SECOND),
        replace(REFUSED, code=-14),
        replace(REFUSED, is_final=False),
        replace(REFUSED, at=WINDOW.end),
        replace(REFUSED, at=WINDOW.start - SECOND),
        replace(REFUSED, cluster="lab"),
    )
    (line,) = (await journal.usage_facts(UsageQuestion(cluster="prod", window=WINDOW))).lines
    assert (line.denied, line.passed_on, line.reasons) == (3, 1, {"all_in_use": 2, "over_max": 1})
    assert line.last_denied == WINDOW.end - SECOND
    assert line.levels == ()


@pytest.mark.parametrize("by", [Dimension.FEATURE, Dimension.USER])
async def test_who_was_refused_is_unknown_without_a_report_log_of_the_isv(
    journal: Journal, by: Dimension
) -> None:
    out = WINDOW.start + SECOND
    seen = session(1, feature="solver", user="bob", host="ws1", server="rlm1", seats=1, out=out)
    other = replace(seen, key=f"{seen.key}-other", isv="other")
    await journal.record_usage([Opened(session=seen), Opened(session=other)])

    async def refusals() -> dict[str | None, tuple[int | None, int | None]]:
        facts = await journal.usage_facts(UsageQuestion(cluster="prod", window=WINDOW, by=by))
        return {line.isv: (line.denied, line.passed_on) for line in facts.lines}

    assert await refusals() == {"siemens": (None, None), "other": (None, None)}
    elsewhere = await journal.log_place(cluster="lab", server="rlm1", isv="siemens")
    await journal.record_log(after=elsewhere, position="", tellings=[], denials=[], now=START)
    assert await refusals() == {"siemens": (None, None), "other": (None, None)}
    await refuse(journal)
    assert await refusals() == {"siemens": (0, 0), "other": (None, None)}
    await refuse(journal, REFUSED)
    assert await refusals() == {"siemens": (1, 0), "other": (None, None)}


async def test_the_longest_are_first_and_the_rest_is_counted(journal: Journal) -> None:
    sessions = drawn(5)
    await written(journal, sessions)
    found = await journal.held_seats(cluster="prod", window=WINDOW, most=10)
    lengths = [(each.ended or WINDOW.end) - (each.out or WINDOW.end) for each in found.first]
    assert lengths == sorted(lengths, reverse=True)
    assert len(lengths) == 10
    hour = timedelta(hours=1)
    longer = await journal.held_seats(cluster="prod", window=WINDOW, most=1000, longer=hour)
    expected = [
        each
        for each, ended in sessions
        if each.out is not None
        and each.out < WINDOW.end
        and (ended is None or ended > WINDOW.start)
        and (ended or WINDOW.end) - each.out > hour
    ]
    assert len(longer.first) == longer.count == len(expected) > 0


async def test_a_ledger_has_all_of_one_feature_in_order(journal: Journal) -> None:
    sessions = drawn(6)
    await written(journal, sessions)
    await refuse(journal, REFUSED, replace(REFUSED, is_final=False), replace(REFUSED, feature="mesher"))
    ledger = await journal.ledger(cluster="prod", feature="SOLVER", window=WINDOW, most=1000)
    expected = sorted(
        each.out
        for each, ended in sessions
        if each.out is not None
        and each.feature.casefold() == "solver"
        and each.out < WINDOW.end
        and (ended is None or ended > WINDOW.start)
    )
    assert [each.out for each in ledger.sessions] == expected
    assert [(each.user, each.reason) for each in ledger.refused] == [("bob", "all_in_use")]
    assert ledger.is_whole
    some = await journal.ledger(cluster="prod", feature="solver", window=WINDOW, most=5)
    assert (len(some.sessions), some.is_whole) == (5, False)


async def test_edges_part_the_levels_and_lose_nothing(journal: Journal) -> None:
    sessions = drawn(7)
    await written(journal, sessions)
    edges = tuple(WINDOW.start + timedelta(minutes=10 * each) for each in range(1, 12))
    question = UsageQuestion(cluster="prod", window=WINDOW, edges=edges)
    facts = await journal.usage_facts(question)
    for line in facts.lines:
        for level in line.levels:
            assert level.since == WINDOW.start or level.since in edges
    stretches = [WINDOW.start, *edges, WINDOW.end]
    for start, end in pairwise(stretches):
        part = await journal.usage_facts(replace(question, window=Window(start=start, end=end), edges=()))
        alone = {
            (line.feature.casefold(), level.seats, level.seconds)
            for line in part.lines
            for level in line.levels
        }
        of_whole = {
            (line.feature.casefold(), level.seats, level.seconds)
            for line in facts.lines
            for level in line.levels
            if level.since == start
        }
        assert of_whole == alone


async def test_what_is_known_begins_with_the_first_session_or_the_first_seats(journal: Journal) -> None:
    question = UsageQuestion(cluster="prod", window=WINDOW)
    assert (await journal.usage_facts(question)).known_since is None
    out = WINDOW.start + timedelta(minutes=20)
    await written(
        journal, [(session(1, feature="solver", user="a", host="h", server="rlm1", seats=1, out=out), None)]
    )
    assert (await journal.usage_facts(question)).known_since == out
    seats = Seats(
        cluster="prod", isv="siemens", feature="other", since=START, seats=5, reserved=0, server="rlm1"
    )
    await journal.record_seats([seats])
    assert (await journal.usage_facts(question)).known_since == START


@pytest.mark.parametrize("by", Dimension)
async def test_denials_by_reason_and_who(journal: Journal, by: Dimension) -> None:
    told = [
        REFUSED,
        replace(REFUSED, feature="SOLVER", user="Bob", host="WS1", at=WINDOW.end - SECOND),
        replace(REFUSED, code=-14, user="carol", host="ws2", server="rlm2"),
        replace(REFUSED, is_final=False),
        replace(REFUSED, feature="mesher", user=None, host=None),
        replace(REFUSED, at=WINDOW.end),
        replace(REFUSED, cluster="lab"),
    ]
    await refuse(journal, *told)
    inside = [each for each in told if each.at != WINDOW.end and each.cluster == "prod"]
    names: dict[Dimension, Callable[[Denied], str | None]] = {
        Dimension.FEATURE: lambda each: None,
        Dimension.USER: lambda each: each.user and each.user.casefold(),
        Dimension.HOST: lambda each: each.host and each.host.casefold(),
        Dimension.SERVER: lambda each: each.server,
        Dimension.PROJECT: lambda each: None,
    }
    who = names[by]
    expected: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0])
    for each in inside:
        expected[each.feature.casefold(), who(each), each.code][0 if each.is_final else 1] += 1
    codes = {"all_in_use": -22, "over_max": -14}
    found = await journal.denials(UsageQuestion(cluster="prod", window=WINDOW, by=by), most=2)
    assert {
        (line.feature.casefold(), line.who and line.who.casefold(), codes[line.reason]): [
            line.denied,
            line.passed_on,
        ]
        for line in found.lines
    } == expected
    assert [line.denied for line in found.lines] == sorted(
        (line.denied for line in found.lines), reverse=True
    )
    assert len(found.newest) == 2
    assert found.newest[0] == told[1]


async def test_denials_of_one_feature_alone(journal: Journal) -> None:
    await refuse(journal, REFUSED, replace(REFUSED, feature="mesher"), replace(REFUSED, feature="Solver"))
    question = UsageQuestion(cluster="prod", window=WINDOW, feature="SOLVER")
    found = await journal.denials(question, most=10)
    assert sum(line.denied for line in found.lines) == 2
    assert {each.feature for each in found.newest} == {"solver", "Solver"}


async def test_sessions_of_hosts_with_several_versions(journal: Journal) -> None:
    def of(number: int, **changes: Any) -> UsageSession:
        version = changes.pop("version", "1.0")
        fields: dict[str, Any] = {
            "feature": "solver", "user": "a", "host": "ws1", "server": "rlm1", "seats": 1, "out": WINDOW.start
        }  # fmt: skip
        return replace(session(number, **fields | changes), version=version)

    wanted = [of(1), of(2, version="2.0", host="WS1", feature="Solver")]
    others = [
        of(3, host="ws2"),
        of(4, host="ws2"),
        of(5, host="ws3"),
        of(6, host="ws3", server="rlm2", version="2.0"),
        of(7, host="ws4"),
        of(8, host="ws4", feature="mesher", version="2.0"),
        of(9, host="ws5"),
        of(10, host="ws5", version="2.0", out=WINDOW.end),
    ]
    await written(journal, [(each, None) for each in (*wanted, *others)])
    found = await journal.pool_sessions(cluster="prod", window=WINDOW, most=10)
    assert [(each.host, each.version) for each in found.sessions] == [("ws1", "1.0"), ("WS1", "2.0")]
    assert found.is_whole
    assert not (await journal.pool_sessions(cluster="prod", window=WINDOW, most=1)).is_whole


async def test_sessions_of_which_nobody_knows_when_they_began_are_told_apart(journal: Journal) -> None:
    one = session(1, feature="solver", user="a", host="h", server="rlm1", seats=1, out=WINDOW.start)
    await journal.record_usage([Opened(session=replace(one, out=None))])
    facts = await journal.usage_facts(UsageQuestion(cluster="prod", window=WINDOW))
    assert (facts.lines, facts.undated) == ((), 1)


@pytest.mark.parametrize(
    ("start", "end"),
    [(START, START), (START + SECOND, START), (START, START + timedelta(seconds=1, microseconds=1))],
)
def test_a_window_is_some_whole_seconds(start: datetime, end: datetime) -> None:
    with pytest.raises(ValueError, match="a window begins"):
        Window(start=start, end=end)


async def test_sqlite_finds_each_line_in_an_index_though_it_knows_nothing_of_the_rows(path: Path) -> None:
    url = url_of(path)
    async with await Journal.open(url=url) as journal:
        alice = session(
            1, feature="solver", user="alice", host="ws1", server="rlm1", seats=1, out=WINDOW.start
        )
        await journal.record_usage([Opened(session=alice)])
    database = database_at(url)
    plans: list[str] = []

    def explain(_connection: Any, cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        if "named" in statement:
            plan = cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.append("\n".join(row[3] for row in plan))

    event.listen(database.engine, "before_cursor_execute", explain)
    question = UsageQuestion(cluster="prod", window=WINDOW, by=Dimension.USER)
    with database.engine.connect() as connection, connection.begin():
        assert len(read_usage(connection, question).lines) == 1
    database.engine.dispose()
    (plan,) = plans
    assert "SEARCH named USING AUTOMATIC COVERING INDEX" in plan
