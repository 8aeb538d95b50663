"""`rlm-ha licenses monitor`: what is seen of a cluster, and every change of it."""

import sys
from datetime import timedelta

import click

from rlm_exporter.cli.answers import ClusterStatus
from rlm_exporter.cli.client import Answer, connect
from rlm_exporter.cli.exit_codes import ExitCode
from rlm_exporter.cli.looking import Look, NoAnswer, look_again
from rlm_exporter.cli.manners import Format, Manners, current_manners, url_option
from rlm_exporter.cli.monitor_lines import (
    Document,
    back_document,
    back_text,
    change_document,
    change_line,
    heartbeat_document,
    heartbeat_line,
    lost_document,
    lost_text,
    picture_document,
)
from rlm_exporter.cli.output import draw, emit, emit_one_of_many
from rlm_exporter.cli.pace import DEFAULT_INTERVAL, Pace, interval_option
from rlm_exporter.cli.printable import printable
from rlm_exporter.cli.sheet import Line
from rlm_exporter.cli.sights import Sights, changes, remembered, sights
from rlm_exporter.cli.status_sheet import status_sheet

HEARTBEAT = 60.0
"""Seconds without a line after which one says that nothing changed."""


@click.command("monitor")
@click.argument("name")
@click.option("--follow", is_flag=True, help="Go on: a line for each change, until Ctrl-C.")
@click.option("--include-web", is_flag=True, help="The servers' web interfaces too.")
@interval_option
@url_option
def monitor_command(name: str, *, follow: bool, include_web: bool, interval: timedelta | None) -> int:
    """Show what is seen of the servers of cluster NAME.

    Exit code 0 when somebody is active and healthy, 1 when not. With --follow each change is told in a line
    of its own, and after a minute without one that there was none; it goes on over restarts of the daemon,
    and ends with 130 by Ctrl-C. With --json each of these is a line of JSON.

    \b
    Examples:
      rlm-ha licenses monitor rlm-ha-cluster
      rlm-ha licenses monitor rlm-ha-cluster --follow --include-web
    """
    if interval is not None and not follow:
        raise click.UsageError("--interval needs --follow")
    manners = current_manners()
    try:
        client = connect(manners)
        if not follow:
            return _show(client.cluster(name), pace=Pace(), include_web=include_web, manners=manners)
        pace = Pace(interval=interval or DEFAULT_INTERVAL)
        teller = ChangeTeller(name, include_web=include_web, pace=pace, manners=manners)
        for seen in look_again(lambda: client.cluster(name), pace=pace):
            teller.tell(seen)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    return ExitCode.DONE


def _show(answer: Answer[ClusterStatus], *, pace: Pace, include_web: bool, manners: Manners) -> int:
    status = answer.value
    emit(
        picture_document(pace.now(), answer.document, include_web=include_web),
        lambda: status_sheet(status, show_ha=False, include_web=include_web),
        manners=manners,
    )
    return ExitCode.DONE if status.healthy else ExitCode.FAILED


class ChangeTeller:
    """Tells of each look what is new in it."""

    def __init__(self, cluster: str, *, include_web: bool, pace: Pace, manners: Manners) -> None:
        self._cluster = cluster
        self._include_web = include_web
        self._pace = pace
        self._manners = manners
        self._before: Sights | None = None
        self._missing: NoAnswer | None = None
        self._last_line = pace.monotonic()

    def tell(self, seen: Look | NoAnswer) -> None:
        """Print what is new; the first look as a whole."""
        if isinstance(seen, NoAnswer):
            self._tell_lost(seen)
            return
        if self._missing is not None:
            self._tell_back(seen, self._missing)
        now = sights(seen.answer.value, include_web=self._include_web)
        if self._before is None:
            self._tell_all(seen)
            self._before = now
        else:
            for change in changes(self._before, now):
                document = change_document(seen.at, self._cluster, change)
                self._print(document, change_line(seen.at, change))
            self._before = remembered(self._before, now)
        self._tell_heartbeat(seen)

    def _tell_all(self, look: Look) -> None:
        if self._manners.output == Format.TABLE:
            draw(status_sheet(look.answer.value, show_ha=False, include_web=self._include_web))
        else:
            document = picture_document(look.at, look.answer.document, include_web=self._include_web)
            emit_one_of_many(document, manners=self._manners)
        self._last_line = self._pace.monotonic()

    def _tell_lost(self, missing: NoAnswer) -> None:
        if self._missing is None:
            self._remark(lost_document(self._cluster, missing), lost_text(missing))
        self._missing = missing

    def _tell_back(self, look: Look, missing: NoAnswer) -> None:
        self._missing = None
        self._remark(back_document(look.at, self._cluster, missing), back_text(look.at, missing))

    def _tell_heartbeat(self, look: Look) -> None:
        if self._pace.monotonic() - self._last_line >= HEARTBEAT:
            status = look.answer.value
            self._print(heartbeat_document(look.at, status), heartbeat_line(look.at, status))

    def _print(self, document: Document, line: Line) -> None:
        self._last_line = self._pace.monotonic()
        if self._manners.output != Format.TABLE:
            emit_one_of_many(document, manners=self._manners)
        elif sys.stdout.isatty():
            draw((line,))
        else:
            # Whoever reads a pipe looks for words, and a line that is cut may lack them.
            text = "  ".join(cell.text for cell in line.cells)
            click.echo(printable(text).replace("\n", " ").rstrip())

    def _remark(self, document: Document, text: str) -> None:
        """Of the daemon rather than of the cluster: a program gets it as data, people beside the data."""
        self._last_line = self._pace.monotonic()
        if self._manners.output != Format.TABLE:
            emit_one_of_many(document, manners=self._manners)
        else:
            click.echo(printable(text), err=True)
