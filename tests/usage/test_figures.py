"""The figures of a report, by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rlm_exporter.store.report_records import Level, UsageLine, Window
from rlm_exporter.store.usage_records import Seats
from rlm_exporter.usage.figures import figures_of, last

START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = Window(start=START, end=START + timedelta(days=1))
HOUR = 3600


def seats(count: int | None, *, since: datetime = START - timedelta(days=3), reserved: int = 0) -> Seats:
    return Seats(
        cluster="prod", isv="siemens", feature="solver", since=since, seats=count, reserved=reserved,
        server="rlm1",
    )  # fmt: skip


def level(count: int, hours: float, *, since: datetime = START) -> Level:
    return Level(since=since, seats=count, seconds=int(hours * HOUR))


def line(*levels: Level, **changes: Any) -> UsageLine:
    fields: dict[str, Any] = {"isv": "siemens", "feature": "solver", "who": None, "reasons": {}}
    return UsageLine(**fields | {"levels": levels} | changes)


def test_peak_average_and_hours() -> None:
    found = figures_of(line(level(2, 6), level(5, 1)), DAY)
    assert (found.peak, found.seat_hours) == (5, 17)
    assert found.average == pytest.approx(17 / 24)


def test_nothing_used_is_known_to_be_nothing() -> None:
    found = figures_of(line(seats=(seats(4),)), DAY)
    assert (found.peak, found.average, found.ceiling_hours, found.unused) == (0, 0, 0, 4)


def test_at_the_ceiling_all_seats_are_taken_or_more() -> None:
    found = figures_of(line(level(3, 6), level(4, 2), level(5, 1), seats=(seats(4, reserved=1),)), DAY)
    assert (found.ceiling_hours, found.seats, found.unused, found.reserved) == (3, 4, 0, 1)


@pytest.mark.parametrize(("peak", "idle"), [(0, 3), (2, 1), (3, 0), (8, 0)])
def test_reserved_seats_above_the_peak_were_never_used(peak: int, idle: int) -> None:
    found = figures_of(line(level(peak, 1), seats=(seats(10, reserved=3),)), DAY)
    assert found.idle_reserved == idle
    assert figures_of(line(level(peak, 1)), DAY).idle_reserved is None


def test_without_a_known_number_of_seats_there_is_no_ceiling() -> None:
    found = figures_of(line(level(3, 6)), DAY)
    assert (found.seats, found.ceiling_hours, found.unused, found.reserved) == (None, None, None, None)
    endless = figures_of(line(level(3, 6), seats=(seats(None),)), DAY)
    assert (endless.seats, endless.ceiling_hours, endless.unused) == (None, None, None)


def test_the_ceiling_is_the_one_of_its_time() -> None:
    noon = START + timedelta(hours=12)
    found = figures_of(
        line(level(3, 2), level(3, 5, since=noon), seats=(seats(4), seats(3, since=noon))), DAY
    )
    assert (found.ceiling_hours, found.seats) == (5, 3)
    unknown_before = figures_of(
        line(level(3, 2), level(3, 5, since=noon), seats=(seats(3, since=noon),)), DAY
    )
    assert unknown_before.ceiling_hours == 5


def test_the_part_that_was_refused() -> None:
    assert figures_of(line(begun=9, denied=1, passed_on=5), DAY).denial_rate == pytest.approx(0.1)
    assert figures_of(line(begun=9, denied=None, passed_on=None), DAY).denial_rate is None
    assert figures_of(line(), DAY).denial_rate is None


@pytest.mark.parametrize(("what", "days"), [("day", 1), ("week", 7), ("month", 30)])
def test_the_last_of_it_ends_now(what: str, days: int) -> None:
    now = START + timedelta(seconds=1, microseconds=5)
    window = last(what, now)
    assert (window.end, window.end - window.start) == (START + timedelta(seconds=1), timedelta(days=days))
