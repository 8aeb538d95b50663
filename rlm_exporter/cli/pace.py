"""How often a command looks again, and by which clocks; they can be put in other hands."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import click

from rlm_exporter.manifest.durations import parse_duration

AnyCallable = TypeVar("AnyCallable", bound=Callable[..., Any])

DEFAULT_INTERVAL = timedelta(seconds=2)
"""Only the daemon is asked, which answers from what it saw last; license servers are not asked for it."""
SHORTEST = timedelta(milliseconds=100)
LONGEST = timedelta(hours=1)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The time between two looks, and the clocks."""

    interval: timedelta = DEFAULT_INTERVAL
    now: Callable[[], datetime] = _now
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def wait(self) -> None:
        """Until the next look."""
        self.sleep(self.interval.total_seconds())


def _read_interval(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> timedelta | None:
    if value is None:
        return None
    try:
        interval = parse_duration(value)
    except ValueError as error:
        raise click.BadParameter(f"{value!r}: {error}") from error
    if not SHORTEST <= interval <= LONGEST:
        raise click.BadParameter(f"{value!r}: from 100ms to 1h")
    return interval


def interval_option(function: AnyCallable) -> AnyCallable:
    """`--interval`, for commands that look again and again; None where it is not given."""
    return click.option(
        "--interval",
        metavar="TIME",
        callback=_read_interval,
        help="How often the daemon is asked (default: 2s).",
    )(function)
