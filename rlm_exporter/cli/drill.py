"""`rlm-ha drill`: whether the cluster would hold, up to a real failover and the return."""

import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rlm_exporter.cli.client import connect
from rlm_exporter.cli.drill_sheet import show_drill
from rlm_exporter.cli.drill_timing import read_timing
from rlm_exporter.cli.exit_codes import ExitCode
from rlm_exporter.cli.local_zone import LocalZone
from rlm_exporter.cli.manners import current_manners, url_option
from rlm_exporter.cli.phrases import seconds_in_words
from rlm_exporter.cli.spans import read_span
from rlm_exporter.cli.whole_cluster import whole_cluster
from rlm_exporter.cli.written import write_for_somebody
from rlm_exporter.drill.result import Drill, to_junit
from rlm_exporter.drill.trip import Trip
from rlm_exporter.errors import ApiError

if TYPE_CHECKING:
    from rlm_exporter.cli.drilling import Session
    from rlm_exporter.manifest.model import Cluster

# ruff: noqa: PLC0415 - what probes is imported when something is probed

GLANCE = 1.0
"""Seconds between two looks at the clock while it is waited for a time."""
LATE = timedelta(minutes=5)
"""After the time that was given; a machine that slept over it moves nobody in the middle of the next day."""


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
@click.option("--with-fence", is_flag=True, help="Move clients even if that stops servers.")
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
    with_fence: bool,
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
    if not failover and (to is not None or any_time or with_fence or window is not None):
        raise click.UsageError(
            "--to, --window, --any-time and --with-fence go with --failover: without it nobody is moved"
        )
    timing = read_timing(window, at, timezone, stay=stay, failover=failover, any_time=any_time)
    programs = Programs(rlmutil=rlmutil, checkout=tuple(_words(checkout)))
    if junit is not None and not junit.absolute().parent.is_dir():
        raise click.UsageError(f"--junit {junit}: there is no folder {junit.absolute().parent}")
    trip = Trip(to=to, stay=stay, window=timing.window, with_fence=with_fence) if failover else None
    drill = _drill(name, manifest, programs, at=timing.at, trip=trip)
    try:
        if junit is not None:
            write_for_somebody(junit, to_junit(drill))
    finally:
        show_drill(drill)
    if drill.stopped is not None:
        return ExitCode.INTERRUPTED
    if drill.failed:
        return ExitCode.FAILED
    return ExitCode.DONE if drill.passed else ExitCode.REFUSED


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """What is started for the checks."""

    rlmutil: Path | None
    checkout: tuple[str, ...]


def _drill(
    name: str, manifest: Path | None, programs: Programs, *, at: datetime | None, trip: Trip | None
) -> Drill:
    """The checks, the waiting and the checks again, and the move."""
    cluster, session = _session(name, manifest, programs)
    if trip is not None and trip.to is not None:
        trip = replace(trip, to=_server_name(cluster, trip.to))
    drill = session.check()
    if at is not None:
        # The window is shut now: it was looked at for the time that was given.
        refused = None if trip is None else session.refusal(drill, replace(trip, window=None))
        if refused is not None or not drill.passed:
            return replace(drill, refused=refused)
        show_drill(drill, to_stderr=True)
        _wait(at)
        if trip is not None and (late := datetime.now(UTC) - at) > LATE:
            span = seconds_in_words(late.total_seconds())
            return replace(drill, refused=f"this machine slept over the time: it is {span} later")
        # Read anew: what is looked after may be another cluster by now.
        try:
            _, session = _session(name, manifest, programs)
        except ApiError as error:
            return replace(drill, refused=f"the daemon cannot be asked: {error}")
        drill = session.check()
    return drill if trip is None else session.fail_over(drill, trip)


def _session(name: str, manifest: Path | None, programs: Programs) -> "tuple[Cluster, Session]":
    from rlm_exporter.cli.drilling import DaemonsMover, Session, from_file

    client = connect(current_manners())
    cluster = from_file(manifest, name) if manifest else whole_cluster(client, name)
    mover = DaemonsMover(client, name)
    return cluster, Session(cluster, mover, rlmutil=programs.rlmutil, checkout=programs.checkout)


def _words(command: str | None) -> list[str]:
    try:
        return shlex.split(command or "")
    except ValueError as error:
        raise click.BadParameter(f"--checkout {command!r}: a quote is not closed") from error


def _wait(moment: datetime) -> None:
    shown = moment.astimezone(LocalZone()).strftime("%Y-%m-%d %H:%M %Z")
    click.echo(f"Everything is well now. Waiting until {shown}; Ctrl-C ends it, and moves nobody.", err=True)
    try:
        _wait_until(moment)
    except KeyboardInterrupt:
        click.echo("\nStopped waiting: nobody was moved.", err=True)
        raise click.exceptions.Exit(ExitCode.INTERRUPTED) from None


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
