"""Another number of seats: the ledger played again, by hand and beside a slower way of counting."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_exporter.store.report_records import Held, Ledger, Refused
from rlm_exporter.usage.what_if import typical_length, what_if

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
END = NOON + timedelta(hours=1)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def held(out: float, ended: float | None, *, user: str | None = "alice", seats: int = 1) -> Held:
    return Held(
        server="rlm1", isv="siemens", feature="solver", version="3.0", user=user, host="ws1", seats=seats,
        out=at(out), ended=None if ended is None else at(ended),
    )  # fmt: skip


def refused(minutes: float, *, user: str | None = "bob", seats: int = 1) -> Refused:
    return Refused(at=at(minutes), user=user, host="ws1", seats=seats, reason="all_in_use")


def ledger(*requests: Held | Refused) -> Ledger:
    return Ledger(
        sessions=tuple(each for each in requests if isinstance(each, Held)),
        refused=tuple(each for each in requests if isinstance(each, Refused)),
        seats=(),
        is_whole=True,
    )


def played(seats: int, *requests: Held | Refused) -> tuple[int, int, int, int, int]:
    """Granted, refused, newly granted, newly refused, peak."""
    found = what_if(ledger(*requests), seats, until=END)
    return found.granted, found.refused, found.newly_granted, found.newly_refused, found.peak


def test_as_many_seats_as_were_in_use_change_nothing() -> None:
    assert played(2, held(0, 10), held(5, 15, user="bob"), held(20, None)) == (3, 0, 0, 0, 2)


def test_who_finds_no_seat_is_refused_and_comes_no_more() -> None:
    assert played(1, held(0, 10), held(5, 15, user="bob"), held(10, 20)) == (2, 1, 0, 1, 1)


def test_a_seat_that_comes_back_at_that_moment_is_free() -> None:
    assert played(1, held(0, 10), held(10, 20)) == (2, 0, 0, 0, 1)


def test_who_was_refused_gets_a_seat_for_as_long_as_is_usual() -> None:
    """The median of ten minutes: so at minute 14 there is none, and at minute 15 there is one."""
    sessions = (held(0, 10), held(20, 30), held(40, 50))
    assert played(1, *sessions, refused(5)) == (3, 1, 0, 0, 1)
    assert played(2, *sessions, refused(5), held(14, 16, user="c"), held(14, 16, user="d")) == (5, 1, 1, 1, 2)
    assert played(2, *sessions, refused(5), held(15, 16, user="c"), held(15, 16, user="d")) == (6, 0, 1, 0, 2)


def test_who_comes_again_and_again_has_one_wish() -> None:
    """He got a seat at last: that ends what he would have had instead."""
    sessions = (held(0, 10), held(20, 30), held(40, 50))
    tries = (refused(5), refused(6), refused(7))
    assert played(2, *sessions, *tries) == (4, 0, 1, 0, 2)
    assert played(1, *sessions, *tries) == (3, 1, 0, 0, 1)
    assert played(2, *sessions, *tries, held(8, 18, user="Bob")) == (5, 0, 1, 0, 2)


def test_of_those_whose_names_were_not_stored_each_refusal_is_a_wish() -> None:
    assert played(1, held(0, 10), refused(5, user=None), refused(6, user=None)) == (1, 2, 0, 0, 1)


def test_what_is_out_stays_out_to_the_end() -> None:
    assert played(1, held(0, None), held(59, 60, user="bob")) == (1, 1, 0, 1, 1)


def test_wishes_for_many_seats_need_them_all() -> None:
    assert played(3, held(0, 10, seats=2), held(5, 6, user="b", seats=2), held(7, 8, user="c")) == (
        2,
        1,
        0,
        1,
        3,
    )


def test_without_a_session_that_is_over_nobody_knows_how_long_one_lasts() -> None:
    assert typical_length([held(0, None)]) == timedelta()
    assert played(1, refused(5), refused(5, user="c")) == (2, 0, 2, 0, 1)


@pytest.mark.parametrize(
    ("requests", "rate"), [((), None), ((held(0, 1),), 0.0), ((refused(1, seats=9),), 1.0)]
)
def test_the_rate_of_refusals_is_unknown_where_nobody_asked(
    requests: tuple[Held | Refused, ...], rate: float | None
) -> None:
    assert what_if(ledger(*requests), 2, until=END).rate == rate


MINUTES = st.integers(0, 59)
SESSIONS = st.lists(
    st.builds(
        lambda out, lasts, user, seats: held(out, min(out + lasts, 60), user=user, seats=seats),
        MINUTES, st.integers(0, 40), st.sampled_from("abcdef"), st.integers(1, 3),
    ),
    max_size=25,
)  # fmt: skip


def most_at_once(sessions: Sequence[Held]) -> int:
    """By looking at each minute; what comes back in a minute is free in it."""
    return max(
        (
            sum(
                each.seats
                for each in sessions
                if each.out is not None and each.ended is not None and each.out <= at(minute) < each.ended
            )
            for minute in range(61)
        ),
        default=0,
    )


@given(SESSIONS)
def test_with_the_peak_of_then_everybody_gets_his_seat(sessions: list[Held]) -> None:
    # A session that lasts no time needs its seats all the same.
    room = most_at_once(sessions) + sum(each.seats for each in sessions if each.out == each.ended)
    found = what_if(ledger(*sessions), room, until=END)
    assert (found.granted, found.newly_refused) == (len(sessions), 0)


@given(
    SESSIONS,
    st.lists(st.builds(refused, MINUTES, user=st.sampled_from("xyz")), max_size=10),
    st.integers(0, 20),
)
def test_never_more_seats_than_there_are_and_nobody_is_forgotten(
    sessions: list[Held], refusals: list[Refused], seats: int
) -> None:
    found = what_if(ledger(*sessions, *refusals), seats, until=END)
    assert found.peak <= seats
    assert found.granted - found.newly_granted + found.newly_refused == len(sessions)
    assert found.newly_granted + found.refused - found.newly_refused <= len(refusals)
