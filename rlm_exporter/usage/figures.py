"""The figures of a report, from what the usage log tells (pure).

- **peak**: the most seats that were in use at once.
- **average**: seat-seconds divided by the length of the window.
- **at the ceiling**: for how long at least as many seats were in use as there were.
- **unused**: seats that there were at the end of the window, and that even the peak left free.
- **idle reservations**: reserved seats that were certainly never used, because even the peak was lower. The
  log does not tell which sessions took reserved seats, so there may be more.
- **denial rate**: refusals that users felt, divided by those and the checkouts that began in the window.

What is not known is None and never 0: without a known number of seats there is no ceiling. Of it, only the
part of the window counts in which the number is known. Without a report log nobody knows who was refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rlm_exporter.store.report_records import Level, UsageLine, Window
from rlm_exporter.store.usage_records import Seats


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Of one feature, or of one user, host, server or group of it."""

    isv: str | None
    feature: str
    who: str | None
    sessions: int
    checkouts: int
    """Sessions that began inside of the window."""
    peak: int
    average: float
    seat_hours: float
    seats: int | None
    """At the end of the window; None where it is unknown or unlimited."""
    ceiling_hours: float | None
    unused: int | None
    reserved: int | None
    idle_reserved: int | None
    """At the least."""
    denied: int | None
    """None where no report log tells of refusals."""
    passed_on: int | None
    reasons: Mapping[str, int]
    last_denied: datetime | None

    @property
    def denial_rate(self) -> float | None:
        """None where nobody asked, or nobody knows who was refused."""
        if self.denied is None:
            return None
        asked = self.denied + self.checkouts
        return self.denied / asked if asked else None


def figures_of(line: UsageLine, window: Window) -> Figures:
    """The figures of one line."""
    peak = max((level.seats for level in line.levels), default=0)
    seat_seconds = sum(level.seats * level.seconds for level in line.levels)
    last = line.seats[-1] if line.seats else None
    seats = None if last is None else last.seats
    return Figures(
        isv=line.isv,
        feature=line.feature,
        who=line.who,
        sessions=line.sessions,
        checkouts=line.begun,
        peak=peak,
        average=seat_seconds / window.seconds,
        seat_hours=seat_seconds / 3600,
        seats=seats,
        ceiling_hours=_hours_at_the_ceiling(line, window),
        unused=None if seats is None else max(seats - peak, 0),
        reserved=None if last is None else last.reserved,
        idle_reserved=None if last is None else max(last.reserved - peak, 0),
        denied=line.denied,
        passed_on=line.passed_on,
        reasons=line.reasons,
        last_denied=line.last_denied,
    )


def _hours_at_the_ceiling(line: UsageLine, window: Window) -> float | None:
    """Seats change only at the edges of levels, so a level has one ceiling."""
    known = [row for row in line.seats if row.seats is not None]
    if not known:
        return None
    seconds = sum(level.seconds for level in line.levels if _is_at_the_ceiling(level, line.seats, window))
    return seconds / 3600


def _is_at_the_ceiling(level: Level, seats: Sequence[Seats], window: Window) -> bool:
    row = seats_at(seats, level.since)
    return row is not None and row.seats is not None and row.seats > 0 and level.seats >= row.seats


def seats_at(seats: Sequence[Seats], moment: datetime) -> Seats | None:
    """Of rows in order of time, the one that held at that moment."""
    before = [row for row in seats if row.since.replace(microsecond=0) <= moment]
    return before[-1] if before else None


def last(what: str, now: datetime) -> Window:
    """The last `day`, `week` or `month` (of 30 days) until now."""
    lengths = {"day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=30)}
    end = now.replace(microsecond=0)
    return Window(start=end - lengths[what], end=end)
