"""Refusals, and hosts that hold a product twice, as tables for people."""

from rlm_exporter.cli.phrases import UNKNOWN, moment_in_words
from rlm_exporter.cli.sheet import Block, Cell, Column, Line, Sheet, Table, Tone
from rlm_exporter.cli.usage_answers import DenialLineView, DenialsAnswer, DoubleUseAnswer
from rlm_exporter.cli.usage_sheet import quiet_line, span_line

CSV_DENIALS = ("isv", "feature", "who", "reason", "denied", "passed_on", "last")


def denials_sheet(answer: DenialsAnswer) -> Sheet:
    """Who was refused, and why."""
    return (span_line(answer.since, answer.until), *denials_blocks(answer))


def denials_blocks(answer: DenialsAnswer) -> tuple[Block, ...]:
    """The same without the time that it is about."""
    if not answer.lines:
        return (quiet_line("No report log tells of anybody who was refused."),)
    names = ("FEATURE",) if answer.by == "feature" else ("FEATURE", answer.by.upper())
    columns = (
        *(Column(title=title, long=True) for title in names),
        Column(title="REASON"),
        Column(title="DENIED", right=True),
        Column(title="PASSED ON", right=True),
        Column(title="LAST (UTC)"),
    )
    rows = tuple(_row(line, by_feature=answer.by == "feature") for line in answer.lines)
    more = (quiet_line(f"{answer.omitted} more lines are not shown."),) if answer.omitted else ()
    note = quiet_line("PASSED ON: the client went on to the next server of its list.")
    return (Table(columns=columns, rows=rows), note, *more)


def double_use_blocks(answer: DoubleUseAnswer, *, most: int) -> tuple[Block, ...]:
    """Hosts that held a product from two pools, as many as may be shown."""
    columns = (
        Column(title="HOST", long=True),
        Column(title="FEATURE", long=True),
        Column(title="VERSIONS"),
        Column(title="SERVER"),
        Column(title="HOURS", right=True),
    )
    rows = tuple(
        (
            Cell(each.host),
            Cell(each.feature),
            Cell(" ".join(each.versions)),
            Cell(each.server),
            Cell(f"{each.hours:.1f}"),
        )
        for each in answer.hosts[:most]
    )
    hidden = len(answer.hosts) - len(rows) + answer.omitted
    notes = (
        *((f"{hidden} more hosts are not shown.",) if hidden else ()),
        *(() if answer.complete else ("There were too many sessions to look at all; take a shorter time.",)),
    )
    return (Table(columns=columns, rows=rows), *map(quiet_line, notes))


def _row(line: DenialLineView, *, by_feature: bool) -> tuple[Cell, ...]:
    who = () if by_feature else (Cell(line.who or UNKNOWN),)
    return (
        Cell(line.feature),
        *who,
        Cell(line.reason),
        Cell(str(line.denied), Tone.BAD if line.denied else Tone.PLAIN),
        Cell(str(line.passed_on)),
        Cell(moment_in_words(line.last)[:16]),
    )


def heading(text: str) -> tuple[Line, Line]:
    """Begins a part of a report."""
    return (Line(cells=()), Line(cells=(Cell(text, Tone.STRONG),)))
