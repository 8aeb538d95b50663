"""One feature over time: hour by hour, and for how long each number of seats was in use (pure)."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from rlm_exporter.store.report_records import SECOND, UsageLine, Window
from rlm_exporter.usage.figures import seats_at

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """One hour, or what of it lies inside of the window."""

    start: datetime
    average: float
    peak: int
    seats: int | None
    """How many there were when it began; None where that is unknown or without limit."""


def full_hours(window: Window, zone: tzinfo) -> tuple[datetime, ...]:
    """The full hours of the zone's clocks inside of a window."""
    local = window.start.astimezone(zone)
    first = window.start - timedelta(minutes=local.minute, seconds=local.second) + HOUR
    count = max(-((first - window.end) // HOUR), 0)
    return tuple(first + number * HOUR for number in range(count) if first + number * HOUR < window.end)


def hour_by_hour(line: UsageLine, edges: Sequence[datetime], window: Window) -> tuple[Hour, ...]:
    """The window in the stretches between these edges, at which the line's levels must have been parted."""
    starts = [window.start, *edges]
    seat_seconds, peaks = [0] * len(starts), [0] * len(starts)
    for level in line.levels:
        place = bisect_right(starts, level.since) - 1
        seat_seconds[place] += level.seats * level.seconds
        peaks[place] = max(peaks[place], level.seats)
    return tuple(
        Hour(
            start=start,
            average=seat_seconds[place] / ((end - start) // SECOND),
            peak=peaks[place],
            seats=None if (row := seats_at(line.seats, start)) is None else row.seats,
        )
        for place, (start, end) in enumerate(zip(starts, [*edges, window.end], strict=True))
    )


def shares_of_time(line: UsageLine, window: Window) -> tuple[tuple[int, float], ...]:
    """For each number of seats the part of the window in which so many were in use, none included."""
    seconds: dict[int, int] = {}
    for level in line.levels:
        seconds[level.seats] = seconds.get(level.seats, 0) + level.seconds
    idle = window.seconds - sum(seconds.values())
    found = {0: idle, **seconds}
    return tuple((seats, found[seats] / window.seconds) for seats in sorted(found))
