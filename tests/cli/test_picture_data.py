"""The numbers behind pictures."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_exporter.cli.picture_data import all_shares, by_hour_and_weekday, file_names, whole_days
from rlm_exporter.cli.usage_answers import HourView, ShareView

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


def hours(count: int) -> list[HourView]:
    return [
        HourView(at=MONDAY + timedelta(hours=number), average=float(number), peak=number, seats=None)
        for number in range(count)
    ]


def test_an_hour_of_the_week_is_the_mean_of_its_weeks() -> None:
    grid = by_hour_and_weekday(hours(7 * 24 + 2))
    assert [len(day) for day in grid] == [24] * 7
    assert (grid[0][0], grid[0][1], grid[0][2], grid[6][23]) == ((0 + 168) / 2, (1 + 169) / 2, 2, 167)


def test_an_hour_that_the_time_does_not_have_is_unknown() -> None:
    grid = by_hour_and_weekday(hours(3))
    assert list(grid[0][:4]) == [0, 1, 2, None]
    assert all(each is None for each in grid[1])
    assert whole_days(hours(25)) == 1


def test_shares_have_the_numbers_in_between() -> None:
    shares = all_shares([ShareView(in_use=0, share=0.25), ShareView(in_use=3, share=0.75)])
    assert list(shares.in_use) == [0, 1, 2, 3]
    assert list(shares.exactly) == [25, 0, 0, 75]
    assert shares.at_least == pytest.approx((100, 75, 75, 75))


@given(st.lists(st.tuples(st.one_of(st.none(), st.text(max_size=4)), st.text(max_size=6)), max_size=8))
def test_no_two_features_have_one_file(features: list[tuple[str | None, str]]) -> None:
    names = file_names(features)
    assert len({name.casefold() for name in names}) == len(names) == len(features)
    assert all(name and name.isascii() and "/" not in name and not name.startswith(".") for name in names)


def test_names_are_plain_where_they_can_be() -> None:
    assert file_names([("s", "STARCCM"), ("a", "starccm"), (None, "../x y")]) == (
        "STARCCM",
        "a-starccm",
        "x_y",
    )
