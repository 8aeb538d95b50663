"""A feature hour by hour, by the clocks of a zone."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_exporter.store.report_records import Level, UsageLine, Window
from rlm_exporter.store.usage_records import Seats
from rlm_exporter.usage.profile import full_hours, hour_by_hour, shares_of_time

START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = Window(start=START, end=START + timedelta(days=1))
HOUR = timedelta(hours=1)


def level(count: int, hours: float, *, since: datetime = START) -> Level:
    return Level(since=since, seats=count, seconds=int(hours * 3600))


def line(*levels: Level, **changes: Any) -> UsageLine:
    fields: dict[str, Any] = {"isv": "siemens", "feature": "solver", "who": None, "reasons": {}}
    return UsageLine(**fields | {"levels": levels} | changes)


def test_shares_of_time_are_the_whole() -> None:
    shares = shares_of_time(line(level(2, 6), level(5, 1), level(2, 5)), DAY)
    assert [seats for seats, _ in shares] == [0, 2, 5]
    assert [share for _, share in shares] == pytest.approx([12 / 24, 11 / 24, 1 / 24])


def test_full_hours_are_those_of_the_zone() -> None:
    window = Window(start=START + timedelta(minutes=10), end=START + timedelta(hours=2))
    assert full_hours(window, UTC) == (START + HOUR,)
    kolkata = full_hours(window, ZoneInfo("Asia/Kolkata"))
    assert kolkata == (START + HOUR / 2, START + HOUR * 1.5)


@given(
    st.integers(0, 7000),
    st.integers(1, 400),
    st.sampled_from(["UTC", "Asia/Kolkata", "Europe/Berlin", "America/New_York"]),
)
def test_full_hours_are_all_there_are(start: int, length: int, zone: str) -> None:
    begin = datetime(2026, 3, 27, tzinfo=UTC) + timedelta(minutes=start)
    window = Window(start=begin, end=begin + timedelta(minutes=length))
    tz = ZoneInfo(zone)
    minutes = [begin + timedelta(minutes=each) for each in range(1, length)]
    assert full_hours(window, tz) == tuple(at for at in minutes if at.astimezone(tz).minute == 0)


def test_an_hour_has_its_average_its_peak_and_the_seats_at_its_beginning() -> None:
    window = Window(start=START + HOUR / 2, end=START + 3 * HOUR)
    change = START + timedelta(minutes=90)
    rows = tuple(
        Seats(
            cluster="prod", isv="siemens", feature="solver", since=since, seats=seats, reserved=0,
            server="rlm1",
        )
        for since, seats in ((START + HOUR, 4), (change, 6))
    )  # fmt: skip
    used = line(
        level(2, 0.25, since=window.start),
        level(1, 0.5, since=START + HOUR),
        level(3, 0.5, since=change),
        seats=rows,
    )
    hours = hour_by_hour(used, full_hours(window, UTC), window)
    assert [(hour.start, hour.average, hour.peak, hour.seats) for hour in hours] == [
        (window.start, 1.0, 2, None),
        (START + HOUR, 2.0, 3, 4),
        (START + 2 * HOUR, 0.0, 0, 6),
    ]
