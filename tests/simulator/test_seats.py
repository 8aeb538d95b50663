"""Who gets a seat, and with which of RLM's codes the others are refused."""

from datetime import UTC, date, datetime

import pytest

from rlm_exporter.rlm.status import Permanent
from rlm_exporter.simulator.plan import ProductPlan
from rlm_exporter.simulator.protocol import ALL_IN_USE, BAD_VERSION, EXPIRED, NO_PRODUCT
from rlm_exporter.simulator.seats import Denial, Seat, Seats, Wish

NOW = datetime(2025, 3, 8, 9, 1, tzinfo=UTC)


def plan(
    product: str = "STARCCM", version: str = "2023.1000", count: int = 2,
    expires: date | Permanent = Permanent.PERMANENT,
) -> ProductPlan:  # fmt: skip
    return ProductPlan(product=product, version=version, count=count, expires=expires)


def wish(product: str = "STARCCM", version: str = "2023.1", count: int = 1) -> Wish:
    return Wish(product=product, version=version, count=count, user="alice", host="ws1", pid=7)


def taken(seats: Seats, asked: Wish) -> Seat:
    seat = seats.check_out(asked, at=NOW)
    assert isinstance(seat, Seat)
    return seat


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        pytest.param(wish("NXCAE"), NO_PRODUCT, id="unknown product"),
        pytest.param(wish(version="2024.1"), BAD_VERSION, id="newer than the license"),
        pytest.param(wish(count=3), ALL_IN_USE, id="more than there are"),
        pytest.param(wish("OLD"), EXPIRED, id="expired yesterday"),
    ],
)
def test_refuses(asked: Wish, code: int) -> None:
    seats = Seats(isv="siemens", products=(plan(), plan("OLD", expires=date(2025, 3, 7))))
    assert seats.check_out(asked, at=NOW) == Denial(code=code)


def test_a_license_serves_on_its_last_day() -> None:
    seats = Seats(isv="siemens", products=(plan(expires=NOW.date()),))
    taken(seats, wish())


def test_versions_compare_as_decimal_numbers() -> None:
    seats = Seats(isv="siemens", products=(plan(version="1.10"),))
    assert seats.check_out(wish(version="1.2"), at=NOW) == Denial(code=BAD_VERSION)


def test_a_seat_that_comes_back_can_be_given_again() -> None:
    seats = Seats(isv="siemens", products=(plan(count=1),))
    first = taken(seats, wish())
    assert seats.check_out(wish(), at=NOW) == Denial(code=ALL_IN_USE)
    assert seats.check_in(first.handle) == first
    assert seats.check_in(first.handle) is None
    assert taken(seats, wish()).handle != first.handle
    assert [(pool.inuse, pool.total_checkouts) for pool in seats.pools()] == [(1, 2)]


def test_takes_from_the_next_pool_of_that_product_when_the_first_is_empty() -> None:
    seats = Seats(isv="siemens", products=(plan(count=1), plan(version="2024.0", count=1)))
    assert [taken(seats, wish()).pool_version for _ in range(2)] == ["2023.1000", "2024.0"]


def test_shows_handles_in_hexadecimal_with_the_pools_version() -> None:
    seats = Seats(isv="siemens", products=(plan(count=20),))
    for _ in range(10):
        taken(seats, wish())
    last = seats.checkouts()[-1]
    assert (last.handle, last.version, last.at, last.reserved) == ("a", "2023.1000", "03/08 09:01", 0)


def test_withdrawn_pools_are_gone_until_restored() -> None:
    seats = Seats(isv="siemens", products=(plan(),))
    seats.withdraw()
    assert seats.pools() == ()
    assert seats.check_out(wish(), at=NOW) == Denial(code=NO_PRODUCT)
    seats.restore()
    taken(seats, wish())
