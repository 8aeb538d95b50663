"""When clients may be moved for a drill. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

NEEDED = timedelta(minutes=2)
"""What a move and the return take at the most; a window that closes sooner is as good as closed."""

_CLOCK = r"([01][0-9]|2[0-3]):([0-5][0-9])"
_WINDOW = re.compile(rf"{_CLOCK}-{_CLOCK}")
_TIME = re.compile(_CLOCK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """From one time of day to another, perhaps over midnight."""

    start: time
    end: time
    zone: tzinfo

    def remaining(self, now: datetime) -> timedelta:
        """How long it stays open; 0 where it is closed."""
        today = now.astimezone(self.zone).date()
        for day in (today - timedelta(days=1), today):
            last = day if self.start < self.end else day + timedelta(days=1)
            # In UTC: of two times with one zone Python compares clock faces, also where an hour was skipped.
            opens = datetime.combine(day, self.start, self.zone).astimezone(UTC)
            closes = datetime.combine(last, self.end, self.zone).astimezone(UTC)
            if opens <= now < closes:
                return closes - now.astimezone(UTC)
        return timedelta(0)

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}"


def parse_window(text: str, zone: tzinfo) -> Window:
    """Read `22:00-23:30`. Raises ValueError."""
    match = _WINDOW.fullmatch(text)
    if match is None:
        raise ValueError("write it as 22:00-23:30")
    numbers = [int(part) for part in match.groups()]
    start, end = time(numbers[0], numbers[1]), time(numbers[2], numbers[3])
    if start == end:
        raise ValueError("it begins when it ends")
    return Window(start=start, end=end, zone=zone)


def parse_moment(text: str, *, now: datetime, zone: tzinfo) -> datetime:
    """Read `22:30` as the next such time, or a whole date with its time. Raises ValueError."""
    if match := _TIME.fullmatch(text):
        face = time(int(match[1]), int(match[2]))
        today = now.astimezone(zone).date()
        faces = [datetime.combine(today + timedelta(days=days), face) for days in range(3)]
        return next(moment for each in faces for moment in _moments(each, zone) if moment > now)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError("write it as 22:30 or 2026-03-04T22:30") from error
    if moment.tzinfo is not None:
        return moment.astimezone(UTC)
    moments = tuple(_moments(moment, zone))
    if not moments:
        raise ValueError("there is no such time on that day: clocks are set forward over it")
    return next((each for each in moments if each > now), moments[-1])


def _moments(face: datetime, zone: tzinfo) -> Iterator[datetime]:
    """When a clock of that zone shows it, in UTC: once; twice or never where clocks are set."""
    found = {face.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
    for moment in sorted(found):
        if moment.astimezone(zone).replace(tzinfo=None, fold=0) == face:
            yield moment
