"""RLM's dates, and the moment at which a license ends."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_exporter.rlm.expiry import good_until, parse_expiry
from rlm_exporter.rlm.status import Permanent


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("1-jul-2027", date(2027, 7, 1)),
        ("01-JUL-2027", date(2027, 7, 1)),
        ("29-feb-2028", date(2028, 2, 29)),
        ("permanent", Permanent.PERMANENT),
        ("PERMANENT", Permanent.PERMANENT),
        ("1-jan-0", Permanent.PERMANENT),
        ("31-dec-0000", Permanent.PERMANENT),
    ],
)
def test_reads_dates_as_rlm_writes_them(text: str, day: date | Permanent) -> None:
    assert parse_expiry(text) == day


@pytest.mark.parametrize(
    "text",
    [
        "",
        "never",
        "2027-07-01",
        "1-jul-27",
        "1/jul/2027",
        "29-feb-2027",
        "0-jul-2027",
        "1-jly-2027",
        "1-jul-20277",
        "\u0661-jul-2027",
        " 1-jul-2027",
        "1-jul-2027\n",
    ],
)
def test_takes_nothing_else_for_a_date(text: str) -> None:
    assert parse_expiry(text) is None


@given(st.dates(min_value=date(1000, 1, 1)))
def test_every_date_is_read_as_it_is_written(day: date) -> None:
    assert parse_expiry(f"{day.day}-{day:%b}-{day.year}") == day


@pytest.mark.parametrize(
    ("zone", "end"),
    [
        ("UTC", datetime(2027, 11, 1, 0, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2027, 10, 31, 23, tzinfo=UTC)),  # the day on which its clocks go back
        ("America/Los_Angeles", datetime(2027, 11, 1, 7, tzinfo=UTC)),
        ("Pacific/Kiritimati", datetime(2027, 10, 31, 10, tzinfo=UTC)),
    ],
)
def test_a_license_is_good_to_the_end_of_the_servers_day(zone: str, end: datetime) -> None:
    assert good_until(date(2027, 10, 31), ZoneInfo(zone)) == end


def test_a_day_whose_last_hour_comes_twice_ends_with_the_second() -> None:
    # At midnight the clocks in Nuuk went back to 23:00 of the same day.
    assert good_until(date(2022, 10, 29), ZoneInfo("America/Nuuk")) == datetime(2022, 10, 30, 3, tzinfo=UTC)


def test_the_last_day_there_is_has_an_end_too() -> None:
    assert good_until(date.max, ZoneInfo("America/Los_Angeles")).year == 9999
