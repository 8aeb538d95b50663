"""When a seat was taken: rlmstat's usage lines give month, day and minute, but no year."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

_AT = re.compile(r"([0-9]{1,2})/([0-9]{1,2}) ([0-9]{1,2}):([0-9]{2})")
_LEAD = timedelta(days=1)
"""What lies ahead by less is not last year's: that is a clock or a time zone which is not ours."""
_HALF_A_YEAR = timedelta(days=183)
_LONGEST_LEAP = 8
"""Years from one 29 February to the next where a century lies between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageTime:
    """A usage line's moment, and what of it is odd."""

    moment: datetime
    """Aware, in the server's time zone."""
    age: timedelta
    """0 where the moment lies ahead of our clock."""
    warning: str | None


def when(at: str, *, dated: Iterable[datetime], now: datetime, tz: tzinfo) -> UsageTime | None:
    """The moment of `MM/DD HH:MM`; None if there is no such day or minute in any year.

    The year comes from the server's own dated lines (`RlmStatus.dated`), which its clock wrote as it wrote
    `at`; from `now` only where there are none, or where they are old. `tz` is the server's.
    """
    found = _AT.fullmatch(at)
    if found is None:
        return None
    month, day, hour, minute = (int(part) for part in found.groups())
    local = _latest(month, day, hour, minute, by=_newest(dated, now, tz))
    if local is None:
        return None
    moment = local.replace(tzinfo=tz)
    ahead = moment - now
    if ahead <= timedelta():
        return UsageTime(moment=moment, age=-ahead, warning=None)
    warning = f"{at} is {_minutes(ahead)} min ahead of our clock: the clocks or the time zones differ"
    return UsageTime(moment=moment, age=timedelta(), warning=warning)


def _newest(dated: Iterable[datetime], now: datetime, tz: tzinfo) -> datetime:
    """The newest moment known in the server's time; ours, unless one of the two clocks is plainly wrong."""
    ours = now.astimezone(tz).replace(tzinfo=None)
    newest = max(dated, default=ours)
    return ours if timedelta() < ours - newest < _HALF_A_YEAR else newest


def _latest(month: int, day: int, hour: int, minute: int, *, by: datetime) -> datetime | None:
    for year in range(min(by.year + 1, 9999), max(by.year - _LONGEST_LEAP, 0), -1):
        try:
            moment = datetime(year, month, day, hour, minute)  # noqa: DTZ001 - compared with others of the server's
        except ValueError:
            continue
        if moment - by <= _LEAD:
            return moment
    return None


def _minutes(span: timedelta) -> int:
    """Begun minutes."""
    return -(-span // timedelta(minutes=1))
