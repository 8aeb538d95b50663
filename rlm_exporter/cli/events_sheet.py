"""The journal of a cluster as a table, newest last, as one reads a log."""

from datetime import datetime

from rlm_exporter.cli.answers import EventsAnswer, HeldView, OperationView
from rlm_exporter.cli.phrases import between, moment_in_words
from rlm_exporter.cli.sheet import Cell, Column, Line, Sheet, Table, Tone
from rlm_exporter.cli.status_sheet import move_in_words, result_in_words

_COLUMNS = (
    Column(title="TIME (UTC)"),
    Column(title="EVENT"),
    Column(title="WHAT", long=True),
)
_TONES = {"committed": Tone.PLAIN, "open": Tone.WARNING}


def events_sheet(events: EventsAnswer) -> Sheet:
    """Operations and held decisions in the order in which they happened."""
    rows: list[tuple[datetime, tuple[Cell, ...]]] = [
        *((operation.started_at, _operation_row(operation)) for operation in events.operations),
        *((held.at, _held_row(held)) for held in events.decisions),
    ]
    if not rows:
        return (Line(cells=(Cell("Nothing happened in that time.", Tone.QUIET),)),)
    rows.sort(key=lambda row: row[0])
    return (Table(columns=_COLUMNS, rows=tuple(cells for _, cells in rows), wraps=True),)


def _operation_row(operation: OperationView) -> tuple[Cell, ...]:
    took = "" if operation.ended_at is None else f" in {between(operation.started_at, operation.ended_at)}"
    alerts = (
        f"; alerts: {', '.join(alert.alertname for alert in operation.alerts)}" if operation.alerts else ""
    )
    reason = f": {operation.reason}" if operation.reason else ""
    text = (
        f"{move_in_words(operation)}, {result_in_words(operation)}{took}, epoch {operation.epoch}, "
        f"by {operation.requested_by}, {operation.rule}{reason}{alerts}"
    )
    return (
        Cell(moment_in_words(operation.started_at)),
        Cell(f"{operation.kind} {operation.id}", Tone.STRONG),
        Cell(text, _TONES.get(operation.state, Tone.BAD)),
    )


def _held_row(held: HeldView) -> tuple[Cell, ...]:
    return (
        Cell(moment_in_words(held.at)),
        Cell("held", Tone.QUIET),
        Cell(f"{held.rule}: {held.detail}" if held.detail else held.rule, Tone.QUIET),
    )
