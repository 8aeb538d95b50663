"""Gives a report log's records their year and, in the small format, their day (pure).

Moments are the server's wall time, which is all that a log tells; they carry no time zone. Only a log's
first and last line and its timestamps, every half hour and at midnight, have a year, and a record of a day's
first minute stands before the line that tells the day.
"""

from datetime import date, datetime, time, timedelta

from rlm_exporter.rlm.report_log_fields import FIRST_YEAR, LAST_YEAR
from rlm_exporter.rlm.report_log_records import Day

_DAY = timedelta(days=1)
_BACK = timedelta(hours=2)
"""What a clock that only tells hours may go back: summer time ends, or a line was written late."""
_LEAPS = 8
"""Years from one 29 February to the next where a century lies between."""
_FAR = timedelta(days=365_000)


class LogClock:
    """Follows a log's time. Without a dated line yet it knows no year, and answers None."""

    __slots__ = ("_anchor", "_date", "_day", "_now", "set_back")

    def __init__(self, dated: datetime | None = None) -> None:
        self._anchor = dated
        """The newest line with a year."""
        self._now = dated
        self._day: Day | None = None
        """The day that `_date` is the date of."""
        self._date: date | None = None
        self.set_back = timedelta()
        """By how much the server's clock was set back in all."""

    def set(self, moment: datetime) -> None:
        """A line with a year."""
        self._anchor = self._now = moment
        self._day = None

    def look_back(self, at: time) -> None:
        """The records that come next are older than the dated line, and begin at that time of a day."""
        if self._now is not None:
            self._now = _near(self._now - _DAY + 2 * _BACK, at)

    def jump(self, minutes: int, day: Day, at: time) -> datetime | None:
        """The server's clock was set, or it slept; the moment after it."""
        if self._now is None:
            return None
        if minutes < 0:
            self.set_back = min(self.set_back - timedelta(minutes=minutes), _FAR)
        expected = self._now + timedelta(minutes=minutes)
        if not FIRST_YEAR <= expected.year <= LAST_YEAR:
            expected = self._now
        moment = datetime.combine(_nearest(day, expected.date()), at)
        self.set(moment)
        return moment

    def at(self, day: Day | None, at: time) -> datetime | None:
        """When a record was written."""
        if day is None:
            return self._at_time(at)
        if day is not self._day or self._date is None:
            if self._anchor is None:
                return None
            self._date = _nearest(day, self._anchor.date())
            self._day = day
        self._now = moment = datetime.combine(self._date, at)
        return moment

    def not_after(self, day: Day, at: time) -> datetime | None:
        """The last time that day and hour were: the moment of a record about what may be long past."""
        if self._anchor is None:
            return None
        return datetime.combine(_latest(day, (self._anchor + _DAY).date()), at)

    def _at_time(self, at: time) -> datetime | None:
        if self._now is None:
            return None
        self._now = _near(self._now, at)
        return self._now


def _near(now: datetime, at: time) -> datetime:
    """That time of day, in the day that begins a little before now."""
    moment = datetime.combine(now.date(), at)
    if moment < now - _BACK and now.year <= LAST_YEAR:
        return moment + _DAY
    if moment >= now - _BACK + _DAY and now.year >= FIRST_YEAR:
        return moment - _DAY
    return moment


def _nearest(day: Day, to: date) -> date:
    """29 February is one of a leap year, whatever the year of the dated line."""
    return min(_dates(day, to, _LEAPS), key=lambda each: abs(each - to))


def _latest(day: Day, by: date) -> date:
    return max((each for each in _dates(day, by, 0) if each <= by), default=by)


def _dates(day: Day, about: date, after: int) -> list[date]:
    found: list[date] = []
    for year in range(about.year - _LEAPS, about.year + after + 1):
        try:
            found.append(date(year, *day))
        except ValueError:
            continue
    return found
