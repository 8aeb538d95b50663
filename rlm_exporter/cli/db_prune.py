"""`rlm-ha db prune`: usage that nobody wants to keep any more."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rlm_exporter.cli.db import database_options, store_of
from rlm_exporter.cli.manners import current_manners
from rlm_exporter.cli.output import emit
from rlm_exporter.cli.phrases import moment_in_words, size_in_words
from rlm_exporter.cli.sheet import Cell, Facts, Line, Sheet
from rlm_exporter.cli.spans import read_span

if TYPE_CHECKING:
    from rlm_exporter.store.usage_records import Pruned

SHORTEST = timedelta(days=1)
"""Less is a mistyped unit: 400m are minutes."""


def _read_moment(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise click.BadParameter(f"{value!r}: write it like 2026-01-31 or 2026-01-31T12:00Z") from error
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


@click.command("prune")
@click.option("--older-than", metavar="DURATION", callback=read_span, help="Such as 400d or 52w.")
@click.option(
    "--before", metavar="DATE", callback=_read_moment, help="Such as 2026-01-31; UTC where it has no zone."
)
@click.option("--dry-run", is_flag=True, help="Say what would be deleted, and delete nothing.")
@click.option("--yes", is_flag=True, help="Do not ask; needed where there is no terminal.")
@database_options
def prune_command(
    older_than: timedelta | None,
    before: datetime | None,
    *,
    dry_run: bool,
    yes: bool,
    config: tuple[Path, ...],
    store: str | None,
) -> None:
    """Delete usage and denials of long ago.

    Sessions that ended before that moment and requests that were refused before it go, and numbers of seats
    that no longer stood then. Open sessions stay, and so do moves, decisions and alerts. Safe beside a
    working daemon, to repeat and to interrupt.

    \b
    Examples:
      rlm-ha db prune --older-than 400d --dry-run
      rlm-ha db prune --older-than 400d --yes
    """
    # SQLAlchemy takes a while to import.
    from rlm_exporter.store.prune import look_at, prune_at  # noqa: PLC0415

    manners = current_manners()
    limit = _limit(older_than, before, now=datetime.now(UTC))
    url = store_of(store, config)
    if not dry_run and not yes and not sys.stdin.isatty():
        raise click.UsageError("nobody can be asked here: give --yes to delete, or --dry-run to see what")
    if dry_run:
        found = look_at(url, before=limit)
        emit(_document(found, dry_run=True), lambda: _sheet(found, dry_run=True), manners=manners)
        return
    if not yes:
        _ask(look_at(url, before=limit))
    pruned = prune_at(url, before=limit)
    emit(_document(pruned, dry_run=False), lambda: _sheet(pruned, dry_run=False), manners=manners)


def _limit(older_than: timedelta | None, before: datetime | None, *, now: datetime) -> datetime:
    if (older_than is None) == (before is None):
        raise click.UsageError("how old? Give either --older-than or --before")
    if before is not None:
        if before > now:
            raise click.UsageError(f"--before {moment_in_words(before)} UTC: that is still to come")
        return before
    if older_than is not None and older_than < SHORTEST:
        raise click.UsageError("--older-than: at least 1d; for less give --before with a moment")
    return now - (older_than or SHORTEST)


def _ask(found: "Pruned") -> None:
    """Leaves by click's own way where the answer is no."""
    if not (found.sessions or found.denials or found.seats):
        return
    click.confirm(
        f"Delete {found.sessions} sessions, {found.denials} denials and {found.seats} numbers of seats from "
        f"before {moment_in_words(found.before)} UTC in {found.database}?",
        abort=True,
        err=True,
    )


def _document(pruned: "Pruned", *, dry_run: bool) -> dict[str, Any]:
    return {
        "database": pruned.database,
        "before": pruned.before.astimezone(UTC).isoformat(),
        "dry_run": dry_run,
        "sessions": pruned.sessions,
        "months": [f"{month:%Y-%m}" for month in pruned.months],
        "denials": pruned.denials,
        "seats": pruned.seats,
        "freed_bytes": pruned.freed,
        "reusable_bytes": pruned.reusable,
    }


def _sheet(pruned: "Pruned", *, dry_run: bool) -> Sheet:
    word = "Would go" if dry_run else "Deleted"
    title = f"{word}: what was over before {moment_in_words(pruned.before)} UTC"
    facts = (
        ("database", Cell(pruned.database)),
        ("sessions", Cell(f"{pruned.sessions}{_whole_months(pruned)}")),
        ("denials", Cell(str(pruned.denials))),
        ("seats", Cell(f"{pruned.seats} earlier numbers of seats")),
        ("room", Cell(_room(pruned, dry_run=dry_run))),
    )
    return Line(cells=(Cell(title),)), Facts(pairs=facts)


def _whole_months(pruned: "Pruned") -> str:
    match pruned.months:
        case ():
            return ""
        case (only,):
            return f", with the whole of {only:%Y-%m}"
        case months:
            return f", with {len(months)} whole months, {months[0]:%Y-%m} to {months[-1]:%Y-%m}"


def _room(pruned: "Pruned", *, dry_run: bool) -> str:
    if pruned.freed is None:
        return "only doing it shows"
    freed = f"{size_in_words(pruned.freed)} {'in tables of whole months' if dry_run else 'given back'}"
    if not pruned.reusable:
        return freed
    return f"{freed}, {size_in_words(pruned.reusable)} in the file free for new rows"
