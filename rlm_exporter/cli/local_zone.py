"""This machine's time zone, with its changes to summer time and back."""

import time
from datetime import datetime, timedelta, tzinfo

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - clock faces are counted from it, in no zone
SECOND = timedelta(seconds=1)
DAY = 86400


class LocalZone(tzinfo):
    """What the C library knows: the offset of today would be wrong beyond the next change."""

    def utcoffset(self, moment: datetime | None) -> timedelta | None:
        """Of the time that a clock here shows."""
        return None if moment is None else _offset(moment) * SECOND

    def dst(self, moment: datetime | None) -> timedelta | None:
        """Nobody asks for it."""
        return None

    def tzname(self, moment: datetime | None) -> str | None:
        """Such as CEST."""
        return None if moment is None else time.localtime(_face(moment) - _offset(moment)).tm_zone

    def fromutc(self, moment: datetime) -> datetime:
        """What a clock here shows; in an hour that comes twice, which of the two it is."""
        offset = _offset_at(_face(moment))
        shown = moment + offset * SECOND
        return shown if _offset(shown) == offset else shown.replace(fold=1)


def _offset(moment: datetime) -> int:
    """By PEP 495: of a time that comes twice or never that before the change, and with `fold` that after it.

    What `astimezone` makes of a time that never comes changed with Python 3.12, so it is not asked.
    """
    face = _face(moment)
    before_and_after = _offset_at(face - DAY), _offset_at(face + DAY)
    likely, other = reversed(before_and_after) if moment.fold else before_and_after
    # Clocks are set between the two: both show this time, one does, or none.
    if _offset_at(face - likely) != likely and _offset_at(face - other) == other:
        return other
    return likely


def _face(moment: datetime) -> int:
    """The seconds to what the clock shows, as if it were in UTC."""
    return (moment.replace(tzinfo=None) - EPOCH) // SECOND


def _offset_at(seconds: int) -> int:
    """Of a time since 1970 in UTC, of which there is only one."""
    return time.localtime(seconds).tm_gmtoff
