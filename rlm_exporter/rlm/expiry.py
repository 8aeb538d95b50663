"""Dates as RLM writes them (`1-jul-2027`, `permanent`), and the moment at which a license ends."""

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from rlm_exporter.rlm.status import Permanent

_DATE = re.compile(r"([0-9]{1,2})-([A-Za-z]{3})-([0-9]{4}|0{1,3})")
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_LAST_SECOND = time(23, 59, 59, fold=1)
"""Where a change of clocks makes it happen twice, the day ends with the second one."""


def parse_expiry(text: str) -> date | Permanent | None:
    """The last good day; any date of the year 0 never comes. None for what is no date."""
    if text.lower() == "permanent":
        return Permanent.PERMANENT
    found = _DATE.fullmatch(text)
    month = _MONTHS.get(found[2].lower()) if found else None
    if found is None or month is None:
        return None
    if int(found[3]) == 0:
        return Permanent.PERMANENT
    try:
        return date(int(found[3]), month, int(found[1]))
    except ValueError:
        return None


def good_until(expires: date, zone: tzinfo) -> datetime:
    """When a license with this last day ends, in UTC: with the server's day; `zone` is where it stands."""
    last = datetime.combine(expires, _LAST_SECOND, zone)
    try:
        return last.astimezone(UTC) + timedelta(seconds=1)
    except OverflowError:  # in the last day that a date can be
        return datetime.max.replace(tzinfo=UTC)
