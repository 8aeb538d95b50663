"""Who gets a seat, and with which of RLM's codes the others are refused."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_exporter.rlm.status import Permanent
from rlm_exporter.simulator.plan import Counting, ProductPlan, Reservation
from rlm_exporter.simulator.protocol import (
    ALL_IN_USE,
    BAD_VERSION,
    EXPIRED,
    NO_PRODUCT,
    TOO_MANY,
    TOO_YOUNG,
    UNKNOWN_HANDLE,
)
from rlm_exporter.simulator.seats import Denial, Seat, Seats
from rlm_exporter.simulator.wish import Wish

NOW = datetime(2025, 3, 8, 9, 1, tzinfo=UTC)


def plan(
    product: str = "STARCCM", version: str = "2023.1000", count: int = 2,
    expires: date | Permanent = Permanent.PERMANENT,
) -> ProductPlan:  # fmt: skip
    return ProductPlan(product=product, version=version, count=count, expires=expires)


def wish(
    product: str = "STARCCM", version: str = "2023.1", count: int = 1, user: str = "alice", host: str = "ws1"
) -> Wish:
    return Wish(product=product, version=version, count=count, user=user, host=host, pid=7)


def shown(seats: Seats) -> list[tuple[int | None, int | None, int | None]]:
    """Count, reservations and inuse of each pool."""
    return [(line.pool.count, line.pool.reservations, line.pool.inuse) for line in seats.pools()]


def handed_out(seats: Seats) -> list[tuple[int, int]]:
    """What stands before and behind the stroke of each usage line."""
    return [(line.checkout.count, line.checkout.reserved) for line in seats.usage()]


def taken(seats: Seats, asked: Wish) -> Seat:
    seat = seats.check_out(asked, at=NOW)
    assert isinstance(seat, Seat)
    return seat


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        pytest.param(wish("NXCAE"), NO_PRODUCT, id="unknown product"),
        pytest.param(wish(version="2024.1"), BAD_VERSION, id="newer than the license"),
        pytest.param(wish(count=3), TOO_MANY, id="more than there are"),
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
    assert [(line.pool.inuse, line.pool.total_checkouts) for line in seats.pools()] == [(1, 2)]


def test_takes_from_the_next_pool_of_that_product_when_the_first_is_empty() -> None:
    seats = Seats(isv="siemens", products=(plan(count=1), plan(version="2024.0", count=1)))
    assert [taken(seats, wish()).version for _ in range(2)] == ["2023.1000", "2024.0"]


def test_shows_handles_in_hexadecimal_with_the_pools_version() -> None:
    seats = Seats(isv="siemens", products=(plan(count=20),))
    for _ in range(10):
        taken(seats, wish())
    last = seats.usage()[-1].checkout
    assert (last.handle, last.version, last.at, last.reserved) == ("a", "2023.1000", "03/08 09:01", 0)


def test_withdrawn_pools_are_gone_until_restored() -> None:
    seats = Seats(isv="siemens", products=(plan(),))
    seats.withdraw()
    assert seats.pools() == ()
    assert seats.check_out(wish(), at=NOW) == Denial(code=NO_PRODUCT)
    seats.restore()
    taken(seats, wish())


def test_reserved_seats_go_to_those_they_are_reserved_for() -> None:
    reserved = (Reservation(count=2, user="bob"), Reservation(count=1, host="ws7"))
    seats = Seats(isv="siemens", products=(replace(plan(count=1), reservations=reserved),))
    taken(seats, wish(user="bob"))
    taken(seats, wish(user="bob", host="ws7"))
    taken(seats, wish(user="carol", host="ws7"))
    taken(seats, wish())

    assert handed_out(seats) == [(0, 1), (0, 1), (0, 1), (1, 0)]
    assert shown(seats) == [(1, 3, 4)]
    assert seats.check_out(wish(user="bob"), at=NOW) == Denial(code=ALL_IN_USE)


def test_a_reservation_that_is_too_small_is_filled_up_with_ordinary_seats() -> None:
    reserved = (Reservation(count=2, user="bob"),)
    seats = Seats(isv="siemens", products=(replace(plan(count=3), reservations=reserved),))
    seat = taken(seats, wish(user="bob", count=4))

    assert handed_out(seats) == [(2, 2)]
    assert [line.free for line in seats.pools()] == [1]
    seats.check_in(seat.handle)
    assert shown(seats) == [(3, 2, 0)]


def test_who_shares_a_seat_gets_handles_but_no_more_seats() -> None:
    seats = Seats(isv="siemens", products=(replace(plan(count=2), share="uh"),))
    handles = [taken(seats, wish()) for _ in range(4)]
    taken(seats, wish(host="ws2"))

    assert shown(seats) == [(2, 0, 2)]
    assert len(seats.usage()) == 5
    assert {seat.share_handle for seat in handles} == {"1"}
    assert seats.check_out(wish(user="bob"), at=NOW) == Denial(code=ALL_IN_USE)
    for seat in handles[:3]:
        seats.check_in(seat.handle)
    assert shown(seats) == [(2, 0, 2)]
    seats.check_in(handles[3].handle)
    assert shown(seats) == [(2, 0, 1)]


def test_the_largest_of_those_who_share_counts() -> None:
    seats = Seats(isv="siemens", products=(replace(plan(count=3), share="u"),))
    taken(seats, wish())
    large = taken(seats, wish(count=3))

    assert shown(seats) == [(3, 0, 3)]
    seats.check_in(large.handle)
    assert shown(seats) == [(3, 0, 1)]


@pytest.mark.parametrize("counting", [Counting.UNCOUNTED, Counting.UNLIMITED])
def test_seats_without_a_count_have_no_end(counting: Counting) -> None:
    seats = Seats(isv="siemens", products=(replace(plan(count=0), counting=counting),))
    for _ in range(100):
        taken(seats, wish())

    assert [(count, inuse) for count, _, inuse in shown(seats)] == [(None, 100)]


def test_a_token_license_takes_seats_of_another_product() -> None:
    tokens = plan("tokens", version="1.0", count=60)
    solver = replace(plan(count=0), counting=Counting.TOKEN, takes="tokens", each=25)
    seats = Seats(isv="siemens", products=(tokens, solver))
    seat = taken(seats, wish(count=2))

    assert (seat.product, seat.wish.product, seat.count) == ("tokens", "STARCCM", 50)
    assert shown(seats) == [(60, 0, 50), (None, None, None)]
    assert seats.check_out(wish(), at=NOW) == Denial(code=ALL_IN_USE)
    seats.check_in(seat.handle)
    assert shown(seats)[0] == (60, 0, 0)


def test_equal_pools_stay_apart() -> None:
    seats = Seats(isv="siemens", products=(plan(count=1), plan(count=2)))
    for _ in range(2):
        taken(seats, wish())

    assert shown(seats) == [(1, 0, 1), (2, 0, 1)]
    assert [line.pool.pool for line in seats.pools()] == [1, 2]


def test_an_administrator_has_to_wait() -> None:
    seats = Seats(isv="siemens", products=(plan(),))
    seat = taken(seats, wish())

    assert seats.remove("99", at=NOW) == Denial(code=UNKNOWN_HANDLE)
    assert seats.remove(seat.handle, at=NOW + timedelta(seconds=119)) == Denial(code=TOO_YOUNG)
    assert seats.remove(seat.handle, at=NOW + timedelta(seconds=120)) == seat
    assert seats.usage() == ()


def test_a_reread_drops_what_has_expired_and_keeps_the_seats_of_what_has_not() -> None:
    dated = replace(plan("OLD", count=1), expires=date(2025, 3, 8))
    seats = Seats(isv="siemens", products=(dated, plan()))
    old, new = taken(seats, wish("OLD")), taken(seats, wish())
    seats.reread(seats.products, today=date(2025, 3, 9))

    assert [
        (line.pool.product, line.pool.count, line.pool.inuse, line.obsolete) for line in seats.pools()
    ] == [
        ("STARCCM", 2, 1, 0),
        ("OLD", 0, 1, 1),
    ]
    assert seats.check_out(wish("OLD"), at=NOW) == Denial(code=NO_PRODUCT)
    assert seats.check_in(old.handle) is not None
    assert [line.pool.product for line in seats.pools()] == ["STARCCM"]
    assert seats.check_in(new.handle) is not None


def test_a_reread_takes_up_other_counts() -> None:
    seats = Seats(isv="siemens", products=(plan(count=1),))
    taken(seats, wish())
    seats.reread((plan(count=5), plan("NEW")), today=NOW.date())

    assert shown(seats) == [(5, 0, 1), (2, 0, 0)]
    assert seats.pools()[0].pool.total_checkouts == 1


WISHES = st.builds(
    wish,
    product=st.sampled_from(["a", "b", "t"]),
    version=st.just("1.0"),
    count=st.integers(1, 4),
    user=st.sampled_from(["u1", "u2"]),
    host=st.sampled_from(["h1", "h2"]),
)


@given(st.lists(WISHES | st.integers(0, 20), max_size=40))
def test_what_is_out_never_exceeds_what_there_is_and_all_comes_back(steps: list[Wish | int]) -> None:
    products = (
        replace(plan("a", "1.0", count=4), share="uh", reservations=(Reservation(count=2, user="u1"),)),
        plan("b", "1.0", count=3),
        plan("b", "1.0", count=2),
        replace(plan("t", "1.0", count=0), counting=Counting.TOKEN, takes="b", each=2),
    )
    seats = Seats(isv="siemens", products=products)
    held: list[str] = []
    for step in steps:
        if isinstance(step, Wish):
            outcome = seats.check_out(step, at=NOW)
            held += [outcome.handle] if isinstance(outcome, Seat) else []
        elif held:
            assert seats.check_in(held.pop(step % len(held))) is not None
        for line in seats.pools():
            assert line.pool.token or 0 <= (line.pool.inuse or 0) <= (line.pool.issued or 0)
    for handle in held:
        seats.check_in(handle)
    assert [inuse for _, _, inuse in shown(seats)] == [0, 0, 0, None]
