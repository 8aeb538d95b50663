"""The options of `rlm-ha drill` that say when: windows and times, by the clocks of a zone."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import click

from rlm_exporter.cli.local_zone import LocalZone
from rlm_exporter.drill.window import NEEDED, Window, parse_moment, parse_window


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When clients may be moved, and when it is to be done; None = at any time, and now."""

    window: Window | None
    at: datetime | None


def read_timing(
    window: str | None,
    at: str | None,
    timezone: str | None,
    *,
    stay: timedelta,
    failover: bool,
    any_time: bool,
) -> Timing:
    """Raises UsageError."""
    zone = _zone(timezone)
    opening = _window(window, zone, failover=failover, any_time=any_time)
    when = _moment(at, datetime.now(UTC), zone)
    if when is not None and opening is not None and opening.remaining(when) < NEEDED + stay:
        raise click.UsageError(f"--at {at} is outside the window {opening}, or too near its end")
    return Timing(window=opening, at=when)


def _zone(name: str | None) -> tzinfo:
    if name is None:
        return LocalZone()
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
