"""`rlm-ha drill`: whether the cluster would hold, up to a real failover and the return."""

import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from rlm_exporter.cli.client import connect
from rlm_exporter.cli.exit_codes import ExitCode
from rlm_exporter.cli.manners import current_manners, url_option
from rlm_exporter.cli.output import emit
from rlm_exporter.cli.printable import printable
from rlm_exporter.cli.sheet import Cell, Column, Line, Sheet, Table, Tone
from rlm_exporter.cli.spans import read_span
from rlm_exporter.cli.whole_cluster import whole_cluster
from rlm_exporter.cli.written import write_for_somebody
from rlm_exporter.drill.result import Drill, to_document, to_junit
from rlm_exporter.drill.window import NEEDED, Window, parse_moment, parse_window
from rlm_exporter.errors import ApiError

if TYPE_CHECKING:
    from rlm_exporter.cli.drilling import Session
    from rlm_exporter.manifest.model import Cluster

# ruff: noqa: PLC0415 - what probes is imported when something is probed

GLANCE = 1.0
"""Seconds between two looks at the clock while it is waited for a time."""


@click.command("drill")
@click.argument("name")
@click.option(
    "--manifest", type=click.Path(path_type=Path), help="The cluster's, instead of the daemon's own."
)
@click.option("--rlmutil", type=click.Path(path_type=Path), help="The vendor's rlmutil.")
@click.option("--checkout", metavar="COMMAND", help="A program that takes a seat and gives it back.")
@click.option("--failover", is_flag=True, help="Move the clients to a standby, and back.")
@click.option("--to", metavar="SERVER", help="To this standby (default: the best).")
@click.option(
    "--stay", callback=read_span, default="10s", show_default=True, help="How long they stay there."
)
@click.option("--window", metavar="HH:MM-HH:MM", help="Move clients inside it alone.")
@click.option("--any-time", is_flag=True, help="Move clients whatever the time is.")
@click.option("--at", metavar="TIME", help="Check now, wait for that time, check again, then move.")
@click.option("--timezone", metavar="ZONE", help="Of --window and --at (default: this machine's).")
@click.option("--junit", type=click.Path(path_type=Path), help="Write the findings there as JUnit's XML.")
@url_option
def drill_command(
    name: str,
    *,
    manifest: Path | None,
    rlmutil: Path | None,
    checkout: str | None,
    failover: bool,
    to: str | None,
    stay: timedelta,
    window: str | None,
    any_time: bool,
    at: str | None,
    timezone: str | None,
    junit: Path | None,
) -> int:
    """Test cluster NAME: every server, web interface and balancer, and whether seats are free.

    With --failover clients are really moved to a standby and back, and the time that probe clients went
    without is told. That is refused outside --window, and unless everything is well before. Exit code 1 when
    anything fails.

    \b
    Examples:
      rlm-ha drill site
      rlm-ha drill site --failover --window 22:00-23:00 --at 22:05
    """
    timing = _timing(window, at, timezone, failover=failover, any_time=any_time)
    cluster, session = _session(name, manifest, rlmutil=rlmutil, checkout=shlex.split(checkout or ""))
    drill = _prepared(session, timing.at)
    if failover:
        target = None if to is None else _server_name(cluster, to)
        drill = session.fail_over(drill, to=target, stay=stay, window=timing.window)
    if junit is not None:
        write_for_somebody(junit, to_junit(drill))
    show_drill(drill)
    if drill.refused is not None:
        return ExitCode.REFUSED if not drill.failed else ExitCode.FAILED
    return ExitCode.DONE if drill.passed else ExitCode.FAILED


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When clients may be moved, and when it is to be done; None = at any time, and now."""

    window: Window | None
    at: datetime | None


def _timing(
    window: str | None, at: str | None, timezone: str | None, *, failover: bool, any_time: bool
) -> Timing:
    zone = _zone(timezone)
    opening = _window(window, zone, failover=failover, any_time=any_time)
    when = _moment(at, datetime.now(UTC), zone)
    if when is not None and opening is not None and opening.remaining(when) < NEEDED:
        raise click.UsageError(f"--at {at} is outside the window {opening}, or too near its end")
    return Timing(window=opening, at=when)


def _session(
    name: str, manifest: Path | None, *, rlmutil: Path | None, checkout: list[str]
) -> "tuple[Cluster, Session]":
    from rlm_exporter.cli.drilling import DaemonsMover, Session, from_file

    client = connect(current_manners())
    cluster = from_file(manifest, name) if manifest else whole_cluster(client, name)
    mover = DaemonsMover(client, name)
    return cluster, Session(cluster, mover, rlmutil=rlmutil, checkout=tuple(checkout))


def _prepared(session: "Session", when: datetime | None) -> Drill:
    """The checks; again at the given time if they have passed now."""
    drill = session.check()
    if when is None or not drill.passed:
        return drill
    show_drill(drill, to_stderr=True)
    click.echo(f"Everything is well now. Waiting until {when.isoformat(timespec='minutes')}.", err=True)
    _wait_until(when)
    return session.check()


def show_drill(drill: Drill, *, to_stderr: bool = False) -> None:
    """As a table or a document on stdout, or a line each on stderr."""
    if to_stderr:
        for finding in drill.findings:
            click.echo(
                printable(f"{_mark(passed=finding.passed)}  {finding.name}: {finding.detail}"), err=True
            )
        return
    emit(to_document(drill), lambda: _sheet(drill), manners=current_manners())
    if drill.refused is not None:
        click.echo(printable(f"Clients were not moved: {drill.refused}"), err=True)
    for name in drill.failed:
        click.echo(printable(f"failed: {name}"), err=True)


def _sheet(drill: Drill) -> Sheet:
    rows = tuple(
        (
            Cell(_mark(passed=finding.passed), Tone.GOOD if finding.passed else Tone.BAD),
            Cell(finding.kind.value),
            Cell(finding.subject),
            Cell(finding.detail),
        )
        for finding in drill.findings
    )
    columns = (Column(title=""), Column(title="CHECK"), Column(title="OF"), Column(title="FOUND", long=True))
    passed = len(drill.findings) - len(drill.failed)
    verdict_line = Line(cells=(Cell(f"{drill.cluster}: {passed} of {len(drill.findings)} passed"),))
    return (Table(columns=columns, rows=rows, wraps=True), verdict_line)


def _mark(*, passed: bool) -> str:
    return "ok" if passed else "FAILED"


def _zone(name: str | None) -> tzinfo:
    if name is None:
        local = datetime.now().astimezone().tzinfo
        return UTC if local is None else local
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise click.BadParameter(f"{name!r} is no time zone; write one like Europe/Berlin") from error


def _window(text: str | None, zone: tzinfo, *, failover: bool, any_time: bool) -> Window | None:
    if failover and (text is None) == (not any_time):
        raise click.UsageError("--failover moves clients: say when by --window, or --any-time")
    if text is None:
        return None
    try:
        return parse_window(text, zone)
    except ValueError as error:
        raise click.BadParameter(f"--window {text!r}: {error}") from error


def _moment(text: str | None, now: datetime, zone: tzinfo) -> datetime | None:
    if text is None:
        return None
    try:
        moment = parse_moment(text, now=now, zone=zone)
    except ValueError as error:
        raise click.BadParameter(f"--at {text!r}: {error}") from error
    if moment <= now:
        raise click.BadParameter(f"--at {text!r}: is over")
    return moment


def _wait_until(
    moment: datetime,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """By the wall clock, looked at again and again: it may be set meanwhile."""
    while (left := (moment - now()).total_seconds()) > 0:
        sleep(min(left, GLANCE))


def _server_name(cluster: "Cluster", word: str) -> str:
    server = cluster.find(word)
    if server is None:
        known = ", ".join(each.name for each in cluster.servers)
        raise ApiError(
            f"{word}: no server of this cluster; {known}", status=None, exit_code=ExitCode.NOT_FOUND
        )
    return server.name
