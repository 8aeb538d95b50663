"""Reports on the usage log. Everything here runs in one reading transaction.

How many seats were in use is found by one walk over all beginnings and ends, in the order of time: the sum of
what came and went so far. The walk is made in the database, and what comes out is small: for each feature the
time that each number of seats was in use. All features are walked over at once: an event stands at its line's
number times `ROOM_OF_A_LINE` plus its second, and at the end of each line nothing is in use any more.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    Subquery,
    and_,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.sql.functions import FunctionElement

from rlm_exporter.store.report_names import Keyring, Raw
from rlm_exporter.store.report_records import (
    SECOND,
    Dimension,
    Level,
    UsageFacts,
    UsageLine,
    UsageQuestion,
    Window,
)
from rlm_exporter.store.report_sql import Earlier, Later, Unsought, WholeSeconds, begin_report, given_rows
from rlm_exporter.store.tables import denial, license_seats, report_log, usage_log
from rlm_exporter.store.usage_months import after
from rlm_exporter.store.usage_records import Seats

ROOM_OF_A_LINE = 1 << 33
"""Seconds: more than any window has."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FARTHEST_ZONE = timedelta(hours=14)
"""The month of a row is that of its server's wall clock, which may be so much ahead of UTC."""

_WHO: Mapping[Dimension, str] = {
    Dimension.USER: "user_name",
    Dimension.HOST: "hostname",
    Dimension.SERVER: "server_name",
    Dimension.PROJECT: "project",
}

Number = Callable[[Raw], int | None]


@dataclass(slots=True, kw_only=True)
class _Tally:
    """What is known of a line so far."""

    sessions: int = 0
    begun: int = 0
    levels: list[Level] = field(default_factory=list)
    denied: int = 0
    passed_on: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    last_denied: datetime | None = None
    seats: list[Seats] = field(default_factory=list)


def read_usage(connection: Connection, question: UsageQuestion) -> UsageFacts:
    """Who used what, and who was refused."""
    begin_report(connection)
    counted = tuple(connection.execute(_sessions_of(question)))
    refused = tuple(connection.execute(denials_of(question)))
    seats = read_seats(connection, cluster=question.cluster, window=question.window)
    keyring = Keyring(
        isvs=[*((row[0], row[1]) for row in (*counted, *refused)), *((s.isv, s.feature) for s in seats)],
        feature=question.feature,
        group_of=question.group_of if question.by is Dimension.USER else None,
    )
    tallies: dict[int, _Tally] = {}
    given = _count_sessions(counted, keyring.number, tallies)
    _count_denials(refused, keyring.number, tallies)
    if question.by is Dimension.FEATURE:
        _place_seats(seats, keyring.number, tallies)
    for number, level in _levels(connection, question, given, _changes(tallies, question.window)):
        tallies[number].levels.append(level)
    told = _with_report_log(connection, question.cluster)
    return UsageFacts(
        lines=tuple(_line(keyring, number, tallies[number], told) for number in _in_order(keyring, tallies)),
        undated=int(connection.execute(_undated(question)).scalar_one()),
        known_since=min([*(row[5] for row in counted), *(row.since for row in seats)], default=None),
    )


def read_seats(connection: Connection, *, cluster: str, window: Window) -> tuple[Seats, ...]:
    """How many seats there were in a window, oldest first: of each feature the last row before it, too."""
    table = license_seats
    query = (
        select(table)
        .where(table.c.cluster == cluster, table.c.since < window.end)
        .order_by(table.c.isv, table.c.feature_name, table.c.since)
    )
    rows = [
        Seats(
            cluster=row.cluster,
            isv=row.isv,
            feature=row.feature_name,
            since=row.since,
            seats=row.seats,
            reserved=row.reserved,
            server=row.server_name,
        )
        for row in connection.execute(query)
    ]
    superseded = {
        earlier
        for earlier, later in pairwise(rows)
        if (earlier.isv, earlier.feature) == (later.isv, later.feature) and later.since <= window.start
    }
    return tuple(row for row in rows if row not in superseded)


def overlaps(question_cluster: str, window: Window) -> ColumnElement[bool]:
    """Sessions with a part inside of the window."""
    u = usage_log.c
    return and_(
        Unsought(u.cluster) == question_cluster,
        u.checkout_time < window.end,
        or_(u.checkin_time > window.start, u.checkin_time.is_(None)),
        u.month < after((window.end + FARTHEST_ZONE).date().replace(day=1)),
    )


def _who(question: UsageQuestion, columns: Any) -> ColumnElement[Any]:
    name = _WHO.get(question.by, "")
    return columns[name].label("who") if name in columns else literal(None).label("who")


def _sessions_of(question: UsageQuestion) -> Select[Any]:
    u = usage_log.c
    keys = [u.isv, u.feature_name, *(() if question.by is Dimension.FEATURE else (_who(question, u),))]
    begun = func.sum(case((u.checkout_time >= question.window.start, 1), else_=0))
    return (
        select(*keys[:2], _who(question, u), func.count(), begun, func.min(u.checkout_time))
        .where(overlaps(question.cluster, question.window))
        .group_by(*keys)
    )


def denials_of(question: UsageQuestion) -> Select[Any]:
    """Refusals counted: ISV, feature, who, reason, whether for good, how many, the last."""
    d = denial.c
    told = _WHO.get(question.by, "") in d
    keys = [d.isv, d.feature_name, *((_who(question, d),) if told else ())]
    within = and_(d.denied_at >= question.window.start, d.denied_at < question.window.end)
    return (
        select(*keys[:2], _who(question, d), d.reason, d.is_final, func.count(), func.max(d.denied_at))
        .where(d.cluster == question.cluster, within)
        .group_by(*keys, d.reason, d.is_final)
    )


def _undated(question: UsageQuestion) -> Select[Any]:
    u, window = usage_log.c, question.window
    ended = and_(u.checkin_time >= window.start, u.checkin_time < window.end)
    return (
        select(func.count())
        .select_from(usage_log)
        .where(u.cluster == question.cluster, u.checkout_time.is_(None), or_(ended, u.checkin_time.is_(None)))
    )


def _count_sessions(
    rows: Iterable[Any], number_of: Number, tallies: dict[int, _Tally]
) -> list[tuple[str, str, str, int]]:
    """The rows that are wanted, with the numbers of their lines."""
    given = []
    for isv, feature, who, sessions, begun, _ in rows:
        number = number_of((isv, feature, who))
        if number is None:
            continue
        tally = tallies.setdefault(number, _Tally())
        tally.sessions += sessions
        tally.begun += int(begun)
        given.append((isv or "", feature, who or "", number))
    return given


def _count_denials(rows: Iterable[Any], number_of: Number, tallies: dict[int, _Tally]) -> None:
    for isv, feature, who, reason, is_final, count, last in rows:
        number = number_of((isv, feature, who))
        if number is None:
            continue
        tally = tallies.setdefault(number, _Tally())
        if not is_final:
            tally.passed_on += count
            continue
        tally.denied += count
        tally.reasons[reason] = tally.reasons.get(reason, 0) + count
        tally.last_denied = last if tally.last_denied is None else max(last, tally.last_denied)


def _place_seats(rows: Iterable[Seats], number_of: Number, tallies: dict[int, _Tally]) -> None:
    for row in rows:
        number = number_of((row.isv, row.feature, None))
        if number is not None:
            tallies.setdefault(number, _Tally()).seats.append(row)


def _changes(tallies: Mapping[int, _Tally], window: Window) -> list[tuple[int, datetime]]:
    """Where within the window a line's number of seats changes."""
    return [
        (number, _whole(row.since))
        for number, tally in tallies.items()
        for row in tally.seats
        if window.start < _whole(row.since) < window.end
    ]


def _levels(
    connection: Connection,
    question: UsageQuestion,
    given: list[tuple[str, str, str, int]],
    changes: list[tuple[int, datetime]],
) -> Iterator[tuple[int, Level]]:
    """For each line how long how many seats were in use, by stretches between edges."""
    if not given:
        return
    window = question.window
    lines = sorted({number for *_, number in given})
    edges = [
        (number, edge) for number in lines for edge in question.edges if window.start < edge < window.end
    ]
    marks = sorted({(number, (edge - window.start) // SECOND) for number, edge in (*edges, *changes)})
    events = _events(connection, question, given, [line * ROOM_OF_A_LINE + at for line, at in marks])
    for line, mark, seats, seconds in connection.execute(_walk(events)):
        # Marks are counted over all lines: what lies before a line's own first one begins with the window.
        of_line, at = marks[mark - 1] if mark else (None, 0)
        since = window.start + timedelta(seconds=at if of_line == line else 0)
        yield int(line), Level(since=since, seats=int(seats), seconds=int(seconds))


def _events(
    connection: Connection, question: UsageQuestion, given: list[tuple[str, str, str, int]], marks: list[int]
) -> Subquery:
    """Each session's seats come at its beginning and go at its end; a mark changes nothing."""
    sessions = _placed_sessions(connection, question, given)
    # One look at the table for both: it is read in parallel, and kept nowhere.
    sides = union_all(select(literal(1).label("sign")), select(literal(-1))).subquery()
    moves = select(
        case((sides.c.sign == 1, sessions.c.out), else_=sessions.c.back).label("at"),
        (sides.c.sign * sessions.c.seats).label("change"),
        literal(0).label("mark"),
    ).join_from(sessions, sides, true())
    if not marks:
        return moves.subquery("events")
    marked = given_rows(connection, "marked", (), ((mark,) for mark in marks))
    return union_all(moves, select(marked.c.number, literal(0), literal(1))).subquery("events")


def _placed_sessions(
    connection: Connection, question: UsageQuestion, given: list[tuple[str, str, str, int]]
) -> Subquery:
    """Where on the way of the walk sessions begin and end, cut to the window."""
    u, window = usage_log.c, question.window
    names = ("isv", "feature") if question.by is Dimension.FEATURE else ("isv", "feature", "who")
    named: CTE = given_rows(connection, "named", names, (row[: len(names)] + row[-1:] for row in given))
    same = [func.coalesce(u.isv, "") == named.c.isv, u.feature_name == named.c.feature]
    if question.by is not Dimension.FEATURE:
        same.append(func.coalesce(u[_WHO[question.by]], "") == named.c.who)
    start, end = (epoch_of(moment) for moment in (window.start, window.end))
    out = Later(WholeSeconds(u.checkout_time), literal(start, BigInteger))
    ended = func.coalesce(WholeSeconds(u.checkin_time), literal(end, BigInteger))
    back = Later(Earlier(ended, literal(end, BigInteger)), out)
    base = named.c.number * literal(ROOM_OF_A_LINE, BigInteger) - literal(start, BigInteger)
    return (
        select((base + out).label("out"), (base + back).label("back"), u["count"].label("seats"))
        .join_from(usage_log, named, and_(*same), isouter=connection.dialect.name == "sqlite")
        # Every session has its name; SQLite only then looks for the name of a session, and not the other way.
        .where(overlaps(question.cluster, window), named.c.number.is_not(None))
        .subquery("sessions")
    )


def _walk(events: Subquery) -> Select[Any]:
    e = events.c

    def so_far(value: FunctionElement[Any]) -> ColumnElement[Any]:
        return value.over(order_by=e.at, rows=(None, 0))

    # Of events at the same second only the last has time before the next one.
    spans = select(
        e.at,
        so_far(func.lead(e.at)).label("until"),
        so_far(func.sum(e.change)).label("seats"),
        so_far(func.sum(e.mark)).label("marks"),
    ).subquery("spans")
    s = spans.c
    line = (s.at // literal(ROOM_OF_A_LINE, BigInteger)).label("line")
    return (
        select(line, s.marks, s.seats, cast(func.sum(s.until - s.at), BigInteger))
        .where(s.until > s.at, s.seats > 0)
        .group_by(line, s.marks, s.seats)
    )


def _in_order(keyring: Keyring, tallies: Mapping[int, _Tally]) -> list[int]:
    names = keyring.lines

    def order(number: int) -> tuple[str, str, bool, str]:
        line = names[number]
        return (
            line.feature.casefold(),
            (line.isv or "").casefold(),
            line.who is None,
            (line.who or "").casefold(),
        )

    return sorted(tallies, key=order)


def _with_report_log(connection: Connection, cluster: str) -> frozenset[str]:
    """The ISVs of which a report log was ever read: of the others nobody tells who was refused."""
    return frozenset(connection.scalars(select(report_log.c.isv).where(report_log.c.cluster == cluster)))


def _line(keyring: Keyring, number: int, tally: _Tally, told: frozenset[str]) -> UsageLine:
    names = keyring.lines[number]
    known = bool(tally.denied or tally.passed_on) or (names.isv in told if names.isv else bool(told))
    return UsageLine(
        isv=names.isv,
        feature=names.feature,
        who=names.who,
        sessions=tally.sessions,
        begun=tally.begun,
        levels=tuple(tally.levels),
        denied=tally.denied if known else None,
        passed_on=tally.passed_on if known else None,
        reasons=dict(sorted(tally.reasons.items())),
        last_denied=tally.last_denied,
        seats=tuple(tally.seats),
    )


def epoch_of(moment: datetime) -> int:
    """In whole seconds since 1970."""
    return (moment - EPOCH) // SECOND


def _whole(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
