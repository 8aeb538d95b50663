"""Licenses that end soon, as a table for people: one line for the copies on all servers."""

from collections.abc import Sequence
from math import floor

from rlm_exporter.cli.phrases import UNKNOWN
from rlm_exporter.cli.sheet import Block, Cell, Column, Sheet, Table, Tone
from rlm_exporter.cli.usage_answers import EndingView, ExpiringAnswer
from rlm_exporter.cli.usage_sheet import quiet_line

CSV_ENDINGS = (
    "server",
    "isv",
    "product",
    "version",
    "count",
    "expires",
    "ends_at",
    "days_left",
    "place",
    "renewed_by",
)
SOON = 14.0
"""Days; less is urgent: a purchase takes time."""

_COLUMNS = (
    Column(title="EXPIRES"),
    Column(title="DAYS", right=True),
    Column(title="PRODUCT", long=True),
    Column(title="VERSION"),
    Column(title="ISV"),
    Column(title="SEATS", right=True),
    Column(title="WHERE", long=True),
)


def expiring_sheet(answer: ExpiringAnswer) -> Sheet:
    """What ends first stands first."""
    notes = tuple(
        quiet_line(f"Nothing is known now of {server}: what ends there is not shown.")
        for server in answer.unknown
    )
    return (*expiring_blocks(answer), *notes)


def expiring_blocks(answer: ExpiringAnswer) -> tuple[Block, ...]:
    """The same, without what is not known."""
    if not answer.licenses:
        return (quiet_line(f"Nothing ends within {answer.within_days:g} days."),)
    copies: dict[tuple[object, ...], list[EndingView]] = {}
    for each in answer.licenses:
        key = (each.ends_at, each.isv, each.product, each.version, each.count, each.place, each.renewed_by)
        copies.setdefault(key, []).append(each)
    return (Table(columns=_COLUMNS, rows=tuple(_row(same) for same in copies.values())),)


def _row(same: Sequence[EndingView]) -> tuple[Cell, ...]:
    first = same[0]
    servers = " ".join(each.server for each in same)
    tone = _tone(first)
    return (
        Cell(first.expires, tone),
        Cell(str(floor(first.days_left)), tone),
        Cell(first.product),
        Cell(first.version or UNKNOWN),
        Cell(first.isv or UNKNOWN),
        Cell(UNKNOWN if first.count is None else str(first.count)),
        Cell(servers if first.place is None else f"{servers}: {_place(first.place, first.renewed_by)}"),
    )


def _tone(each: EndingView) -> Tone:
    if each.renewed_by is not None:
        return Tone.QUIET
    return Tone.BAD if each.days_left < 0 else Tone.WARNING if each.days_left < SOON else Tone.PLAIN


def _place(place: str, renewed_by: str | None) -> str:
    """Where it stands, and from where it goes on: by the line alone in the same file."""
    if renewed_by is None:
        return place
    file, _, _ = place.rpartition(":")
    return f"{place}, then {renewed_by.removeprefix(file)}"
