"""Usage as tables for people, and as rows for a spreadsheet."""

import csv
import io
from collections.abc import Sequence
from datetime import datetime

from rlm_exporter.cli.phrases import UNKNOWN, moment_in_words
from rlm_exporter.cli.sheet import Cell, Column, Line, Sheet, Table, Tone
from rlm_exporter.cli.usage_answers import (
    OutcomeView,
    SessionsAnswer,
    SessionView,
    UsageAnswer,
    UsageLineView,
    WhatIfAnswer,
)

_BEGINS_A_FORMULA = frozenset("=+-@\t\r")

CSV_USAGE = (
    *("isv", "feature", "who", "sessions", "checkouts", "peak", "average", "seat_hours", "seats"),
    *("ceiling_hours", "unused", "reserved", "denied", "passed_on", "denial_rate"),
    "idle_reserved",
)
CSV_SESSIONS = ("server", "feature", "user", "host", "seats", "out", "ended", "hours")
CSV_OUTCOMES = ("seats", "granted", "refused", "newly_granted", "newly_refused", "peak", "denial_rate")

_FIGURES = ("SEATS", "PEAK", "AVERAGE", "HOURS", "FULL", "FREE", "DENIED")

SESSION_COLUMNS = (
    Column(title="FEATURE", long=True),
    Column(title="USER"),
    Column(title="HOST"),
    Column(title="SERVER"),
    Column(title="SEATS", right=True),
    Column(title="SINCE (UTC)"),
    Column(title="UNTIL"),
    Column(title="HOURS", right=True),
)


def usage_sheet(answer: UsageAnswer) -> Sheet:
    """Figures by feature, or by who used it."""
    if not answer.lines:
        return (
            span_line(answer.since, answer.until),
            Line(cells=(Cell("Nobody used anything.", Tone.QUIET),)),
        )
    by_feature = answer.by == "feature"
    names = ("FEATURE",) if by_feature else ("FEATURE", answer.by.upper())
    figures = _FIGURES if by_feature else ("PEAK", "AVERAGE", "HOURS", "DENIED")
    columns = (
        *(Column(title=title, long=True) for title in names),
        *(Column(title=title, right=True) for title in figures),
    )
    rows = tuple(
        (*(_names(line, by_feature=by_feature)), *(_figures(line, by_feature=by_feature)))
        for line in answer.lines
    )
    return (span_line(answer.since, answer.until), Table(columns=columns, rows=rows), *_notes(answer))


def sessions_sheet(answer: SessionsAnswer) -> Sheet:
    """Who held what, the longest first."""
    if not answer.sessions:
        return (
            span_line(answer.since, answer.until),
            Line(cells=(Cell("Nobody held anything.", Tone.QUIET),)),
        )
    rows = tuple(session_row(each) for each in answer.sessions)
    more = (quiet_line(f"{answer.omitted} more sessions are not shown."),) if answer.omitted else ()
    return (span_line(answer.since, answer.until), Table(columns=SESSION_COLUMNS, rows=rows), *more)


def what_if_sheet(answer: WhatIfAnswer) -> Sheet:
    """What would have been, by number of seats."""
    now = UNKNOWN if answer.seats_now is None else str(answer.seats_now)
    columns = tuple(
        Column(title=title, right=True)
        for title in ("SEATS", "GRANTED", "REFUSED", "GAINED", "LOST", "PEAK", "DENIAL RATE")
    )
    rows = tuple(_outcome_row(each, now=answer.seats_now) for each in answer.outcomes)
    return (
        span_line(answer.since, answer.until),
        Line(cells=(Cell(f"{answer.feature}, now {now} seats", Tone.STRONG),)),
        Table(columns=columns, rows=rows),
        quiet_line("GAINED: refused then, granted so. LOST: granted then, refused so."),
    )


def as_csv(header: Sequence[str], rows: Sequence[object]) -> str:
    """The fields of these values, a line each; what is unknown is empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow([_in_csv(getattr(row, name)) for name in header])
    return out.getvalue()


def _in_csv(value: object) -> object:
    """Names come from clients: a spreadsheet must not take one for a formula."""
    if value is None:
        return ""
    return f"'{value}" if isinstance(value, str) and value[:1] in _BEGINS_A_FORMULA else value


def _names(line: UsageLineView, *, by_feature: bool) -> tuple[Cell, ...]:
    feature = Cell(line.feature)
    return (feature,) if by_feature else (feature, Cell(line.who or UNKNOWN))


def _figures(line: UsageLineView, *, by_feature: bool) -> tuple[Cell, ...]:
    denied = Cell(number(line.denied), Tone.BAD if line.denied else Tone.PLAIN)
    used = (Cell(str(line.peak)), Cell(f"{line.average:.1f}"), Cell(f"{line.seat_hours:.0f}"))
    if not by_feature:
        return (*used, denied)
    full = line.ceiling_hours
    return (
        Cell(number(line.seats)),
        *used,
        Cell(UNKNOWN if full is None else f"{full:.1f} h", Tone.WARNING if full else Tone.PLAIN),
        Cell(number(line.unused)),
        denied,
    )


def _notes(answer: UsageAnswer) -> tuple[Line, ...]:
    notes = []
    if answer.by == "feature":
        notes.append("HOURS: seat-hours. FULL: time with all seats taken. FREE: seats beyond the peak.")
    if any(line.denied is None for line in answer.lines):
        notes.append(f"DENIED {UNKNOWN}: without a report log (reportLogs) nobody knows who was refused.")
    if answer.omitted:
        notes.append(f"{answer.omitted} more lines are not shown.")
    if answer.known_since is not None and answer.known_since > answer.since:
        begins = moment_in_words(answer.known_since)[:16]
        notes.append(f"The log begins on {begins}: in averages, nothing was used before.")
    if answer.undated:
        notes.append(f"{answer.undated} sessions are left out: nothing tells when they began.")
    return tuple(quiet_line(note) for note in notes)


def session_row(each: SessionView) -> tuple[Cell, ...]:
    """One session, in `SESSION_COLUMNS`."""
    return (
        Cell(each.feature),
        Cell(each.user or UNKNOWN),
        Cell(each.host or UNKNOWN),
        Cell(each.server),
        Cell(str(each.seats)),
        Cell(UNKNOWN if each.out is None else f"{each.out:%Y-%m-%d %H:%M}"),
        Cell("held", Tone.STRONG) if each.ended is None else Cell(f"{each.ended:%m-%d %H:%M}"),
        Cell(UNKNOWN if each.hours is None else f"{each.hours:.1f}", Tone.PLAIN),
    )


def _outcome_row(each: OutcomeView, *, now: int | None) -> tuple[Cell, ...]:
    tone = Tone.STRONG if each.seats == now else Tone.PLAIN
    rate = percent(each.denial_rate)
    numbers = (each.seats, each.granted, each.refused, each.newly_granted, each.newly_refused, each.peak)
    return (*(Cell(str(number), tone) for number in numbers), Cell(rate, tone))


def span_line(since: datetime, until: datetime) -> Line:
    """The time that a report is about."""
    return quiet_line(f"From {moment_in_words(since)[:16]} to {moment_in_words(until)[:16]} UTC")


def percent(part: float | None) -> str:
    """A part of a whole."""
    return UNKNOWN if part is None else f"{100 * part:.1f} %"


def quiet_line(text: str) -> Line:
    """A remark."""
    return Line(cells=(Cell(text, Tone.QUIET),))


def number(value: int | None) -> str:
    """The number, or the sign for one that is not known."""
    return UNKNOWN if value is None else str(value)
