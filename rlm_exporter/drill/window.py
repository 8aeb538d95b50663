"""When clients may be moved for a drill. Pure."""

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo

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
        local = now.astimezone(self.zone)
        for days in (-1, 0):
            day = local.date() + timedelta(days=days)
            opens = datetime.combine(day, self.start, self.zone)
            last = day if self.start < self.end else day + timedelta(days=1)
            closes = datetime.combine(last, self.end, self.zone)
            if opens <= local < closes:
                return closes - local
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
        local = now.astimezone(zone)
        moment = datetime.combine(local.date(), time(int(match[1]), int(match[2])), zone)
        return moment if moment > local else moment + timedelta(days=1)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError("write it as 22:30 or 2026-03-04T22:30") from error
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
