"""`rlm-ha licenses usage|who|whatif`: what was used, who held it, what other numbers of seats would do."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from rlm_exporter.cli.client import connect
from rlm_exporter.cli.manners import current_manners, url_option
from rlm_exporter.cli.output import emit
from rlm_exporter.cli.usage_sheet import (
    CSV_OUTCOMES,
    CSV_SESSIONS,
    CSV_USAGE,
    as_csv,
    sessions_sheet,
    usage_sheet,
    what_if_sheet,
)

AnyCallable = TypeVar("AnyCallable", bound=Callable[..., Any])


def window_options(function: AnyCallable) -> AnyCallable:
    """The time that a report is about."""
    for option in (
        click.option("--until", metavar="TIME", help="Such as 2026-04-01T00:00Z (default: now)."),
        click.option("--since", metavar="TIME", help="Such as 2026-03-01T00:00Z."),
        click.option(
            "--last",
            type=click.Choice(("day", "week", "month")),
            help="Until now (default: month, which is 30 days).",
        ),
    ):
        function = option(function)
    return function


csv_option = click.option("--csv", "as_table", is_flag=True, help="As comma-separated values.")


@click.command("usage")
@click.argument("name")
@click.option(
    "--by",
    type=click.Choice(("feature", "user", "host", "server", "project", "group")),
    default="feature",
    help="Of each feature, who used it.",
)
@click.option("--feature", metavar="NAME", help="This one alone.")
@click.option(
    "--groups",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="For --by group: a CSV file with user,group lines.",
)
@window_options
@csv_option
@url_option
def usage_command(
    name: str,
    *,
    by: str,
    feature: str | None,
    groups: Path | None,
    last: str | None,
    since: str | None,
    until: str | None,
    as_table: bool,
) -> None:
    """Show what was used of cluster NAME: seats, peak, average, how long all were taken, who was refused.

    With --by group, users that the file does not name are "unassigned", and the groups add up to the whole.

    \b
    Examples:
      rlm-ha licenses usage rlm-ha-cluster --last week
      rlm-ha licenses usage rlm-ha-cluster --by user --feature STARCCM
    """
    if (by == "group") is (groups is None):
        raise click.UsageError("--by group and --groups FILE belong together")
    manners = current_manners()
    query = window_query(last, since, until) | ({} if feature is None else {"feature": feature})
    named = None if groups is None else read_groups(groups)
    answer = connect(manners).usage(name, query | {"by": by}, groups=named)
    if as_table:
        click.echo(as_csv(CSV_USAGE, answer.value.lines), nl=False)
        return
    emit(answer.document, lambda: usage_sheet(answer.value), manners=manners)


@click.command("who")
@click.argument("name")
@click.option("--longer", metavar="TIME", help="Only sessions that lasted longer, such as 3d or 12h.")
@window_options
@csv_option
@url_option
def who_command(
    name: str, *, longer: str | None, last: str | None, since: str | None, until: str | None, as_table: bool
) -> None:
    """Show who held seats of cluster NAME, the longest first.

    \b
    Examples:
      rlm-ha licenses who rlm-ha-cluster --longer 12h
    """
    manners = current_manners()
    query = window_query(last or (None if since else "day"), since, until)
    answer = connect(manners).usage_sessions(name, query | ({} if longer is None else {"longer": longer}))
    if as_table:
        click.echo(as_csv(CSV_SESSIONS, answer.value.sessions), nl=False)
        return
    emit(answer.document, lambda: sessions_sheet(answer.value), manners=manners)


@click.command("whatif")
@click.argument("name")
@click.option("--feature", metavar="NAME", required=True, help="Of which feature.")
@click.option("--seats", metavar="N[,N...]", required=True, help="How many seats, such as 40 or 30,40,50.")
@window_options
@csv_option
@url_option
def what_if_command(
    name: str,
    *,
    feature: str,
    seats: str,
    last: str | None,
    since: str | None,
    until: str | None,
    as_table: bool,
) -> None:
    """Show what other numbers of seats of a feature would have meant for cluster NAME.

    The checkouts and refusals that there were are played again. Who finds no seat comes no more; who was
    refused then and finds one keeps it for the median time of that feature's sessions.

    \b
    Examples:
      rlm-ha licenses whatif rlm-ha-cluster --feature STARCCM --seats 40
    """
    manners = current_manners()
    query = window_query(last, since, until) | {"feature": feature, "seats": seats}
    answer = connect(manners).what_if(name, query)
    if as_table:
        click.echo(as_csv(CSV_OUTCOMES, answer.value.outcomes), nl=False)
        return
    emit(answer.document, lambda: what_if_sheet(answer.value), manners=manners)


def read_groups(path: Path) -> dict[str, str]:
    """Users and their groups, out of a CSV file; a first line `user,group` is its heading."""
    try:
        rows = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise click.BadParameter(f"{path}: {error}", param_hint="--groups") from error
    found: dict[str, str] = {}
    for number, row in enumerate(rows, 1):
        words = [word.strip() for word in row]
        if not any(words) or (number == 1 and [word.casefold() for word in words] == ["user", "group"]):
            continue
        if len(words) != 2 or not all(words):
            raise click.BadParameter(f"{path}:{number}: expected user,group", param_hint="--groups")
        user, group = words[0].casefold(), words[1]
        if found.setdefault(user, group) != group:
            raise click.BadParameter(f"{path}:{number}: {words[0]} is in two groups", param_hint="--groups")
    return found


def window_query(last: str | None, since: str | None, until: str | None) -> dict[str, str]:
    """What the options of `window_options` ask the daemon for."""
    if last is not None and (since is not None or until is not None):
        raise click.UsageError("give either --last, or --since and --until")
    if until is not None and since is None:
        raise click.UsageError("--until needs --since")
    given = {"last": last, "since": since, "until": until}
    return {key: value for key, value in given.items() if value is not None}
