"""What a report log tells, within what can be true (pure).

A server's clock that was not set yet, or was set wrong, writes times of other decades. They would make tables
of months that never were. Such a time counts as not told.
"""

from datetime import datetime, timedelta
from typing import TypeVar

from rlm_exporter.rlm.report_log_values import Denial, Event, Session

FIRST_YEAR, LAST_YEAR = 2000, 2999
"""RLM is younger than the first, and no log is from after the last."""

AHEAD = timedelta(days=1)
"""By so much a server's clock may be ahead of ours; time zones differ by less."""

FARTHEST = timedelta(days=2)
"""By so much the clock of a machine that ships a log may be ahead of ours."""

LONGEST = timedelta(days=36_525)
"""Of any session."""

T = TypeVar("T", Session, Denial)


def bounded(event: T, *, now: datetime) -> T:
    """The event without times that cannot be; `now` is naive, as they are."""
    if isinstance(event, Denial):
        return event if _is_sane(event.at, now) else event._replace(at=None)
    lasted = event.lasted
    if lasted is not None and not timedelta() <= lasted <= LONGEST:
        event = event._replace(lasted=None)
    if all(_is_sane(moment, now) for moment in (event.out, event.back, event.not_after)):
        return event
    out, back, not_after = (
        moment if _is_sane(moment, now) else None for moment in (event.out, event.back, event.not_after)
    )
    return event._replace(out=out, back=back, not_after=not_after, lasted=None)


def too_late(event: Event, *, now: datetime) -> datetime | None:
    """A time that only a clock that is far ahead of ours can have written."""
    times: tuple[datetime | None, ...] = ()
    if isinstance(event, Session):
        times = event.out, event.back, event.not_after
    elif isinstance(event, Denial):
        times = (event.at,)
    return next((each for each in times if each is not None and each > now + FARTHEST), None)


def _is_sane(moment: datetime | None, now: datetime) -> bool:
    return moment is None or (moment.year >= FIRST_YEAR and moment <= now + AHEAD)
