"""Windows by the clock of a place, also on the two days on which that clock is changed."""

from datetime import UTC, datetime, time

import pytest

from rlm_exporter.failover.window import is_open
from rlm_exporter.manifest.model import FailbackWindow

NIGHT = FailbackWindow(start=time(22), end=time(6), timezone="Europe/Berlin")
SHORT = FailbackWindow(start=time(2, 30), end=time(3, 0), timezone="Europe/Berlin")


def test_without_a_window_it_is_always_open() -> None:
    assert is_open(None, datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("hour", "minute", "expected"),
    [(20, 59, False), (21, 0, True), (23, 30, True), (4, 59, True), (5, 0, False), (12, 0, False)],
)
def test_a_window_over_midnight_in_winter(hour: int, minute: int, expected: bool) -> None:
    assert is_open(NIGHT, datetime(2026, 1, 15, hour, minute, tzinfo=UTC)) is expected


@pytest.mark.parametrize(("hour", "expected"), [(19, False), (20, True), (3, True), (4, False)])
def test_the_same_window_comes_an_hour_sooner_in_utc_in_summer(hour: int, expected: bool) -> None:
    assert is_open(NIGHT, datetime(2026, 7, 15, hour, 0, tzinfo=UTC)) is expected


def test_a_night_that_skips_an_hour_ends_by_the_new_clock() -> None:
    """29 March 2026: after 01:59:59 comes 03:00:00."""
    assert is_open(NIGHT, datetime(2026, 3, 29, 3, 59, tzinfo=UTC))
    assert not is_open(NIGHT, datetime(2026, 3, 29, 4, 0, tzinfo=UTC))


def test_a_window_inside_the_skipped_hour_does_not_open() -> None:
    minutes = [datetime(2026, 3, 29, hour, minute, tzinfo=UTC) for hour in range(24) for minute in range(60)]
    assert not any(is_open(SHORT, minute) for minute in minutes)


def test_a_window_inside_the_doubled_hour_opens_twice() -> None:
    """25 October 2026: after 02:59:59 comes 02:00:00 again."""
    minutes = [datetime(2026, 10, 25, hour, minute, tzinfo=UTC) for hour in range(24) for minute in range(60)]
    assert sum(is_open(SHORT, minute) for minute in minutes) == 60
