"""The fields of a report log's records: names, numbers, days and times (pure)."""

import re
from datetime import date, datetime, time

from rlm_exporter.rlm.report_log_records import Day

FIRST_YEAR, LAST_YEAR = 1970, 2999
"""No server's clock tells others; so no reckoning with times leaves the calendar."""
_LENGTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
DAYS: dict[str, Day] = {}
"""Every day of a year as it is written: equal ones are the same object, and looking up is quick."""
for _month, _length in enumerate(_LENGTHS, 1):
    for _day in range(1, _length + 1):
        for _text in (
            f"{_month:02}/{_day:02}",
            f"{_month}/{_day}",
            f"{_month:02}/{_day}",
            f"{_month}/{_day:02}",
        ):
            DAYS.setdefault(_text, DAYS.get(f"{_month:02}/{_day:02}", (_month, _day)))
_SMALL = {str(number): number for number in range(4096)}


def name_of(field: str) -> str:
    """What is named, without quotes."""
    return field[1:-1] if field[0] == '"' else field


def number_of(field: str) -> int:
    """A number of digits alone."""
    number = _SMALL.get(field)
    return int(field) if number is None else number


def time_of(field: str) -> time | None:
    """A time of day; None if there is none such."""
    try:
        return time.fromisoformat(field if field[1] != ":" else f"0{field}")
    except ValueError:
        return None


def moment_of(found: re.Match[str] | None) -> tuple[Day, time] | None:
    """The day and the time that an expression's last two groups hold."""
    if found is None:
        return None
    *_, on, clock = found.groups()
    day, at = DAYS.get(on), time_of(clock)
    return None if day is None or at is None else (day, at)


def dated(month: str, day: str, year: str, clock: str) -> datetime | None:
    """A moment with a year; None where there is none such, or none that a server's clock would tell."""
    at = time_of(clock)
    if at is None or not FIRST_YEAR <= int(year) <= LAST_YEAR:
        return None
    try:
        return datetime.combine(date(int(year), int(month), int(day)), at)
    except ValueError:
        return None
