"""The years and days that records do not name."""

from datetime import datetime, time, timedelta

import pytest

from rlm_exporter.rlm.report_log_clock import LogClock
from tests.rlm.report_logs import DATA, HEAD, back, in_use, log, out, read, text

# ruff: noqa: DTZ001 - the server's local time


def clock(moment: datetime) -> LogClock:
    made = LogClock()
    made.set(moment)
    return made


NEW_YEAR = datetime(2026, 12, 31, 23, 30)


@pytest.mark.parametrize(
    ("anchor", "day", "year"),
    [
        (NEW_YEAR, (12, 31), 2026),
        (NEW_YEAR, (1, 1), 2027),
        (datetime(2027, 1, 1), (12, 31), 2026),
        (datetime(2027, 1, 1), (1, 1), 2027),
        (datetime(2028, 2, 28, 23, 30), (2, 29), 2028),
        (datetime(2029, 2, 28, 23, 30), (2, 29), 2028),
        (datetime(2027, 3, 1), (2, 29), 2028),
        (datetime(1970, 1, 1), (2, 29), 1968),
        (datetime(2999, 12, 31), (1, 1), 3000),
    ],
)
def test_a_day_is_in_the_year_that_is_nearest(anchor: datetime, day: tuple[int, int], year: int) -> None:
    assert clock(anchor).at(day, time(0, 0)) == datetime(year, *day)


@pytest.mark.parametrize(
    ("anchor", "day", "date"),
    [
        (NEW_YEAR, (12, 30), "2026-12-30"),
        (NEW_YEAR, (1, 1), "2027-01-01"),
        (NEW_YEAR, (1, 2), "2026-01-02"),
        (datetime(2027, 1, 1), (12, 31), "2026-12-31"),
        (datetime(2027, 1, 1), (2, 29), "2024-02-29"),
    ],
)
def test_what_may_be_long_past_is_never_ahead(anchor: datetime, day: tuple[int, int], date: str) -> None:
    assert clock(anchor).not_after(day, time(9)) == datetime.fromisoformat(f"{date} 09:00")


@pytest.mark.parametrize(
    ("now", "at", "then"),
    [
        ("2026-03-02 08:00", "08:00", "2026-03-02 08:00"),
        ("2026-03-02 08:00", "23:59", "2026-03-02 23:59"),
        ("2026-03-02 08:00", "06:30", "2026-03-02 06:30"),
        ("2026-03-02 08:00", "05:59", "2026-03-03 05:59"),
        ("2026-03-02 23:30", "00:00", "2026-03-03 00:00"),
        ("2026-03-03 00:00", "23:59", "2026-03-02 23:59"),
        ("2026-12-31 23:59", "00:10", "2027-01-01 00:10"),
    ],
)
def test_a_time_alone_is_of_the_day_about_now(now: str, at: str, then: str) -> None:
    assert clock(datetime.fromisoformat(now)).at(None, time.fromisoformat(at)) == datetime.fromisoformat(then)


def test_knows_nothing_before_the_first_dated_line() -> None:
    made = LogClock()
    assert made.at((3, 2), time(8)) is None
    assert made.at(None, time(8)) is None
    assert made.not_after((3, 2), time(8)) is None
    assert made.jump(5, (3, 2), time(8)) is None


def test_stays_within_the_calendar_whatever_a_log_tells() -> None:
    late, early = clock(datetime(2999, 12, 31, 23)), clock(datetime(1970, 1, 1))
    for hour in (3, 0, 21, 18, 15, 12, 9, 6) * 2000:
        late.at(None, time(hour))
    for hour in (23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1) * 2000:
        early.at(None, time(hour))
    for made in (late, early):
        for minutes in (999_999_999, -999_999_999) * 100:
            made.jump(minutes, (2, 29), time(8))
        moment = made.at((1, 1), time(8))
        assert moment is not None
        assert 1950 < moment.year < 3020
    assert late.set_back <= timedelta(days=400_000)


def test_the_first_minute_of_a_year_precedes_the_line_that_tells_it() -> None:
    found = read(DATA / "new-year.log")

    assert [f"{each.out}" for each in found.sessions] == [
        "2027-12-31 23:59:50", "2028-01-01 00:00:40", "2028-02-29 00:00:10",
    ]  # fmt: skip
    assert f"{found.sessions[0].back}" == "2028-01-01 00:00:20"


def test_records_before_the_first_dated_line_wait_for_it() -> None:
    first, second = read(DATA / "headless.log").sessions

    assert f"{first.back}" == "2026-12-31 23:59:30"
    assert f"{second.out}" == "2026-12-31 23:59:40"


def test_so_do_those_of_the_small_format() -> None:
    first, second = read(DATA / "headless-small.log").sessions

    assert [f"{first.out}", f"{first.back}"] == ["2026-12-31 23:45:00", "2026-12-31 23:58:00"]
    assert f"{second.out}" == "2027-01-01 00:00:00"


def test_without_any_dated_line_there_is_no_year() -> None:
    [session] = read(DATA / "no-dates.log").sessions

    assert (session.out, session.back, session.lasted) == (None, None, None)


def test_a_log_without_dates_does_not_wait_for_ever() -> None:
    lines = [line for _ in range(10_001) for line in (out("1", "08:10:00"), back("1", "08:11:00"))]
    found = read(text(*lines, "03/02/2026 09:00", in_use("2", "09:00:00")))

    assert len(found.sessions) == 10_002
    assert found.sessions[0].out is None
    assert f"{found.sessions[-1].seen_since}" == "2026-03-02 09:00:00"


def test_the_small_format_goes_over_midnight() -> None:
    found = read(DATA / "small-over-midnight.log")

    assert [(f"{each.out}", f"{each.back}") for each in found.sessions] == [
        ("2026-12-31 22:55:00", "2027-01-01 00:00:00"),
        ("2026-12-31 23:59:00", "2027-01-01 00:31:00"),
        ("None", "2027-01-01 00:40:00"),
        ("2027-01-01 00:41:00", "None"),
    ]
    assert f"{found.denials[0].at}" == "2027-01-01 00:00:00"


@pytest.mark.parametrize(
    ("line", "minutes"),
    [("TIMEZONE -60 0 0 # CET", -60), ("TIMEZONE 0 0 0 # UTC", 0), ("TIMEZONE 480 1 0 # PST8PDT", 480)],
)
def test_a_run_tells_its_time_zone(line: str, minutes: int) -> None:
    [run] = read(log("START rlm1 03/02/2026 08:00", line)).runs

    assert run.timezone_minutes_west == minutes


def test_before_12_3_no_run_tells_its_time_zone() -> None:
    [run] = read(text(*HEAD, "START rlm1 03/02/2026 08:00")).runs

    assert run.timezone_minutes_west is None
