"""The year of a usage line: from the server's own dated lines, and never last year for a little skew."""

from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_exporter.rlm.rlmstat import parse_rlmstat
from rlm_exporter.rlm.usage_time import UsageTime, when

DATA = Path(__file__).parent.parent / "data" / "rlmstat"


def at(text: str, *, now: str, dated: tuple[str, ...] = (), tz: tzinfo = UTC) -> UsageTime:
    found = when(
        text,
        dated=[datetime.fromisoformat(one) for one in dated],
        now=datetime.fromisoformat(now).replace(tzinfo=UTC),
        tz=tz,
    )
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "now", "dated", "day"),
    [
        ("03/08 09:01", "2025-03-08 11:24", (), "2025-03-08"),
        ("12/31 23:58", "2025-01-01 00:05", (), "2024-12-31"),
        ("03/09 09:01", "2025-03-08 11:24", (), "2025-03-09"),
        ("03/10 09:01", "2025-03-08 11:24", (), "2024-03-10"),
        ("03/08 09:01", "2031-07-01 00:00", ("2025-03-03 08:15", "2025-03-08 11:24"), "2025-03-08"),
        ("12/30 09:01", "2031-07-01 00:00", ("2025-03-03 08:15", "2025-03-08 11:24"), "2024-12-30"),
        ("01/01 00:00", "2024-12-31 23:59", ("2024-12-31 23:59:30",), "2025-01-01"),
        ("03/07 09:01", "2025-03-08 11:24", ("2025-03-03 08:15",), "2025-03-07"),
        ("02/29 09:01", "2025-03-08 11:24", (), "2024-02-29"),
        ("02/29 09:01", "2024-03-08 11:24", (), "2024-02-29"),
        ("02/29 09:01", "1903-03-08 11:24", (), "1896-02-29"),
        ("12/31 09:01", "2025-03-08 11:24", ("9999-12-31 23:59:59",), "9999-12-31"),
        ("12/31 09:01", "2025-03-08 11:24", ("0001-12-31 23:59:59",), "0001-12-31"),
    ],
    ids=[
        "today", "last year's end", "less than a day ahead", "more than a day ahead",
        "the server lives in another year", "and there it was last year", "the year turns ahead of us",
        "after an old start", "leap day in a plain year", "leap day in a leap year",
        "leap day over a century", "the last year", "the first year",
    ],
)  # fmt: skip
def test_finds_the_year(text: str, now: str, dated: tuple[str, ...], day: str) -> None:
    assert at(text, now=now, dated=dated).moment.date() == date.fromisoformat(day)


def test_a_few_minutes_ahead_is_skew() -> None:
    found = at("03/08 11:30", now="2025-03-08 11:24:10")

    assert (found.age, found.moment.year) == (timedelta(), 2025)
    assert found.warning == ("03/08 11:30 is 6 min ahead of our clock: the clocks or the time zones differ")


def test_the_age_is_by_the_servers_time_zone() -> None:
    found = at("03/08 11:24", now="2025-03-08 11:24", tz=ZoneInfo("Europe/Berlin"))

    assert (found.age, found.warning) == (timedelta(hours=1), None)


@pytest.mark.parametrize("text", ["02/30 09:01", "13/01 09:01", "03/08 24:00", "03/08", "", "3.8. 09:01"])
def test_what_is_no_moment_of_any_year_is_none(text: str) -> None:
    assert when(text, dated=(), now=datetime(2025, 3, 8, tzinfo=UTC), tz=UTC) is None


def test_an_answer_tells_its_own_moment() -> None:
    status = parse_rlmstat((DATA / "12.2-two-pools-in-use.txt").read_bytes())

    assert max(status.dated) == datetime(2025, 3, 8, 11, 24, 3)  # noqa: DTZ001 - the server's local time
    years = [
        found.moment.year
        for one in status.checkouts
        if (found := when(one.at, dated=status.dated, now=datetime(2031, 7, 1, tzinfo=UTC), tz=UTC))
    ]
    assert years == [2025, 2025, 2025]


MOMENTS = st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2090, 1, 1))  # noqa: DTZ001 - local


@given(MOMENTS, st.timedeltas(timedelta(), timedelta(days=360)), st.integers(-14, 14))
def test_reads_back_what_a_server_wrote(now: datetime, age: timedelta, hours: int) -> None:
    tz = timezone(timedelta(hours=hours))
    taken = (now - age).replace(second=0, microsecond=0)
    found = when(f"{taken:%m/%d %H:%M}", dated=(now,), now=now.replace(tzinfo=tz), tz=tz)

    assert found is not None
    assert found.moment == taken.replace(tzinfo=tz)
    assert found.warning is None


@given(st.text(), st.lists(st.datetimes(), max_size=3), st.datetimes(timezones=st.just(UTC)))
def test_takes_anything(text: str, dated: list[datetime], now: datetime) -> None:
    when(text, dated=dated, now=now, tz=UTC)


@given(st.datetimes(), st.lists(st.datetimes(), max_size=3), st.datetimes())
def test_takes_any_clock(taken: datetime, dated: list[datetime], now: datetime) -> None:
    found = when(f"{taken:%m/%d %H:%M}", dated=dated, now=now.replace(tzinfo=UTC), tz=UTC)

    assert found is None or found.age >= timedelta()
