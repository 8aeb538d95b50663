"""`rlm-ha watch`: the status of a cluster, live on one screen."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import chain
from types import FrameType

import click

from rlm_exporter.cli.answers import ClusterStatus
from rlm_exporter.cli.client import Answer, Client, connect
from rlm_exporter.cli.exit_codes import ExitCode
from rlm_exporter.cli.looking import Look, NoAnswer, look_again
from rlm_exporter.cli.manners import Format, Manners, current_manners, url_option
from rlm_exporter.cli.output import emit, is_live, renderable
from rlm_exporter.cli.pace import DEFAULT_INTERVAL, Pace, interval_option
from rlm_exporter.cli.phrases import moment_in_words
from rlm_exporter.cli.sheet import Cell, Line, Sheet, Tone
from rlm_exporter.cli.status_sheet import status_sheet

TERMINATED = 128 + signal.SIGTERM


@click.command("watch")
@click.argument("name", required=False)
@interval_option
@url_option
def watch_command(name: str | None, *, interval: timedelta | None) -> int:
    """Show `license-servers status --show-ha` of cluster NAME live, on one screen of 80 by 24.

    NAME may be left out where there is one cluster. It goes on over restarts of the daemon, and ends with
    130 by Ctrl-C. Without a terminal the status is shown once, and the exit code is the cluster's health.

    \b
    Examples:
      rlm-ha watch
      rlm-ha watch rlm-ha-cluster --interval 5s
    """
    manners = current_manners()
    try:
        client = connect(manners)
        chosen = name or _only_cluster(client)
        if why := _why_once(manners):
            click.echo(f"{why} rlm-ha licenses monitor {chosen} --follow", err=True)
            return _show_once(client.cluster(chosen), manners)
        _show_live(client, chosen, Pace(interval=interval or DEFAULT_INTERVAL))
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    return ExitCode.DONE


def _only_cluster(client: Client) -> str:
    names = [target.labels.cluster for target in client.targets(by="cluster")]
    match names:
        case [name]:
            return name
        case []:
            raise click.UsageError(f"the daemon at {client.url} has no cluster")
        case _:
            raise click.UsageError(f"give the cluster's name; known: {', '.join(names)}")


def _why_once(manners: Manners) -> str:
    """Why the status cannot be live; empty when it can."""
    if manners.output != Format.TABLE:
        return f"{manners.output} is not drawn live; this is the status once. To go on:"
    if not is_live(sys.stdout):
        return "Not a terminal that can be drawn on; this is the status once. To go on:"
    return ""


def _show_once(answer: Answer[ClusterStatus], manners: Manners) -> int:
    emit(answer.document, lambda: status_sheet(answer.value, show_ha=True), manners=manners)
    return ExitCode.DONE if answer.value.healthy else ExitCode.FAILED


def _show_live(client: Client, name: str, pace: Pace) -> None:
    from rich.console import Console  # noqa: PLC0415 - here only, and not for --help
    from rich.live import Live  # noqa: PLC0415

    looks = look_again(lambda: client.cluster(name), pace=pace)
    # The first answer is waited for on the terminal as it was: an error is then read there.
    first = next(looks)
    console = Console(highlight=False, emoji=False, markup=False)
    with _ended_by_sigterm(), Live(console=console, screen=True, auto_refresh=False) as live:
        sheet: Sheet = ()
        for seen in chain((first,), looks):
            sheet = live_sheet(sheet, seen)
            live.update(renderable(sheet), refresh=True)


def live_sheet(shown: Sheet, seen: Look | NoAnswer) -> Sheet:
    """The screen after this look; without an answer it is the last one, which says so in its title.

    The title is what claims health: nothing on the screen is to claim it for a moment that nobody saw.
    """
    match seen:
        case Look(answer=answer):
            return status_sheet(answer.value, show_ha=True)
        case NoAnswer(since=since, why=why):
            words = f"NO ANSWER since {moment_in_words(since)[11:]} UTC, this is from before"
            return (Line(cells=(Cell(words, Tone.BAD), Cell(why))), *shown[1:])


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """SIGTERM leaves by an exception, so that the terminal is given back as it was."""

    def leave(_number: int, _frame: FrameType | None) -> None:
        raise SystemExit(TERMINATED)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
