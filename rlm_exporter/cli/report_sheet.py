"""A whole report for people: parts of which there is nothing to say are a line."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from rlm_exporter.cli.denials_sheet import denials_blocks, double_use_blocks, heading
from rlm_exporter.cli.expiring_sheet import expiring_sheet
from rlm_exporter.cli.report_parts import Report
from rlm_exporter.cli.sheet import Block, Cell, Column, Line, Sheet, Table, Tone
from rlm_exporter.cli.usage_answers import SessionsAnswer, UsageAnswer, UsageLineView
from rlm_exporter.cli.usage_sheet import (
    SESSION_COLUMNS,
    number,
    percent,
    quiet_line,
    session_row,
    usage_sheet,
)

MOST_USERS = 15
"""Lines of users; `licenses usage --by user` has all of them."""
MOST_LONG = 15


def report_sheet(report: Report, pictures: Sequence[Path]) -> Sheet:
    """All of it, the most important first."""
    return tuple(_blocks(report, pictures))


def _blocks(report: Report, pictures: Sequence[Path]) -> Iterator[Block]:
    features = report.features.value
    yield Line(cells=(Cell(features.cluster, Tone.STRONG),))
    yield from usage_sheet(features)
    yield from _reservations(features)
    yield from heading("Users")
    yield from _who(report.users.value, "USER", most=MOST_USERS)
    if report.groups is not None:
        yield from heading("Groups")
        yield from _who(report.groups.value, "GROUP", most=len(report.groups.value.lines))
    yield from heading("Refused")
    yield from denials_blocks(report.denials.value)
    yield from heading("Long sessions")
    yield from _long(report.long_sessions.value)
    yield from heading("Hosts that held a product twice")
    if report.double_use.value.hosts:
        yield from double_use_blocks(report.double_use.value, most=MOST_LONG)
    else:
        yield quiet_line("None.")
    yield from heading("Expiring licenses")
    yield from expiring_sheet(report.expiring.value)
    if pictures:
        yield from heading("Pictures")
        yield quiet_line(f"{len(pictures)} in {pictures[0].parent}")


def _reservations(answer: UsageAnswer) -> Iterator[Block]:
    idle = [line for line in answer.lines if line.idle_reserved]
    if not idle:
        return
    yield from heading("Idle reservations")
    for line in idle:
        text = (
            f"{line.feature}: at least {line.idle_reserved} of {line.reserved} reserved seats were never used"
        )
        yield Line(cells=(Cell(text, Tone.WARNING),))


def _who(answer: UsageAnswer, title: str, *, most: int) -> Iterator[Block]:
    """Those who held most, with their part of their feature's whole."""
    if not answer.lines:
        yield quiet_line("None.")
        return
    whole: dict[tuple[str | None, str], float] = {}
    for line in answer.lines:
        whole[line.isv, line.feature] = whole.get((line.isv, line.feature), 0.0) + line.seat_hours
    lines = sorted(answer.lines, key=lambda line: -line.seat_hours)
    columns = (
        Column(title=title, long=True),
        Column(title="FEATURE", long=True),
        *(Column(title=word, right=True) for word in ("PEAK", "HOURS", "SHARE", "CHECKOUTS", "DENIED")),
    )
    yield Table(
        columns=columns,
        rows=tuple(_who_row(line, whole[line.isv, line.feature]) for line in lines[:most]),
    )
    if hidden := len(lines) - most + answer.omitted if len(lines) > most or answer.omitted else 0:
        yield quiet_line(f"{hidden} more lines: rlm-ha licenses usage {answer.cluster} --by {answer.by}")


def _who_row(line: UsageLineView, whole: float) -> tuple[Cell, ...]:
    return (
        Cell(line.who or "-"),
        Cell(line.feature),
        Cell(str(line.peak)),
        Cell(f"{line.seat_hours:.0f}"),
        Cell(percent(line.seat_hours / whole if whole else None)),
        Cell(str(line.checkouts)),
        Cell(number(line.denied), Tone.BAD if line.denied else Tone.PLAIN),
    )


def _long(answer: SessionsAnswer) -> Iterator[Block]:
    if not answer.sessions:
        yield quiet_line("None.")
        return
    yield Table(
        columns=SESSION_COLUMNS, rows=tuple(session_row(each) for each in answer.sessions[:MOST_LONG])
    )
    hidden = max(len(answer.sessions) - MOST_LONG, 0) + answer.omitted
    if hidden:
        yield quiet_line(f"{hidden} more: rlm-ha licenses who {answer.cluster} --longer TIME")
