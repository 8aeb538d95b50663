"""Which seat is meant: the one that is, or none."""

from dataclasses import replace
from typing import Any

import pytest

from rlm_exporter.failover.release import (
    FoundSeat,
    NotReleased,
    SeatWish,
    find_seat,
    is_complete,
    is_held,
    last_words,
)
from rlm_exporter.rlm.status import Checkout, ErrorKind, RlmStatus
from tests.probe.parts import isv, pool, status


def line(**changes: Any) -> Checkout:
    known: dict[str, Any] = {
        "isv": "siemens", "product": "STARCCM", "version": "2023.1000", "user": "alice", "host": "ws1",
        "count": 1, "reserved": 0, "handle": "15c", "at": "03/02 07:58",
    }  # fmt: skip
    return Checkout(**known | changes)


def answer(*lines: Checkout, **changes: Any) -> RlmStatus:
    isvs = (isv("siemens", port=5055), isv("lstc", port=5056))
    return replace(status(isvs=isvs, pools=(pool(inuse=9),)), checkouts=lines, **changes)


def found(told: RlmStatus, **wish: str) -> FoundSeat:
    seat = find_seat(told, SeatWish(**{"handle": "15c"} | wish), server="rlm1")
    assert isinstance(seat, FoundSeat), seat
    return seat


def refused(told: RlmStatus, **wish: str) -> tuple[str, str]:
    why = find_seat(told, SeatWish(**{"handle": "15c"} | wish), server="rlm1")
    assert isinstance(why, NotReleased), why
    return why.kind.value, why.detail


BOB = line(handle="15d", user="bob", host="ws2")
OF_LSTC = line(isv="lstc", product="lsdyna", version="13.0", user="carol", host="ws3")


def test_a_handle_names_one_seat_and_where_it_is_freed() -> None:
    seat = found(answer(BOB, line()))
    assert (seat.isv, seat.port, seat.checkout, seat.shares) == ("siemens", 5055, line(), False)


def test_case_makes_no_difference() -> None:
    assert found(answer(line()), handle="15C", isv="SIEMENS", product="starccm").checkout == line()


def test_a_handle_that_nobody_has_is_unknown() -> None:
    kind, detail = refused(answer(BOB))
    assert (kind, detail) == (
        "unknown_handle",
        "nobody has handle 15c on rlm1; it may have been given back",
    )


@pytest.mark.parametrize(
    "wish", [{"user": "bob"}, {"host": "ws2"}, {"since": "03/02 07:59"}, {"isv": "lstc"}, {"product": "x"}]
)
def test_a_handle_that_is_somebody_elses_by_now_is_let_be(wish: dict[str, str]) -> None:
    kind, detail = refused(answer(line()), **wish)
    assert kind == "unknown_handle"
    assert detail == (
        "handle 15c on rlm1 is another seat than the one that is meant: STARCCM v2023.1000 of siemens, "
        "alice@ws1 since 03/02 07:58"
    )


def test_one_handle_of_two_isvs_is_told_apart_by_isv_or_product() -> None:
    both = answer(line(), OF_LSTC)
    kind, detail = refused(both)
    assert kind == "ambiguous_handle"
    assert "alice@ws1" in detail
    assert "carol@ws3" in detail
    assert found(both, isv="lstc").port == 5056
    assert found(both, product="lsdyna").checkout == OF_LSTC
    assert found(both, product="STARCCM").checkout == line()


def test_two_products_of_one_isv_under_one_handle_are_never_freed() -> None:
    """RLM would take the handle alone, so either could come back, or both."""
    both = answer(line(), line(product="NXCAE", user="bob"))
    for wish in ({}, {"product": "NXCAE"}, {"user": "alice"}):
        assert refused(both, **wish)[0] == "ambiguous_handle"


def test_one_checkout_in_two_lines_is_one_seat() -> None:
    """RLM prints the parts of a checkout from two pools one by one."""
    seat = found(answer(line(count=2), line(count=0, reserved=3)))
    assert (seat.checkout.count, seat.checkout.reserved) == (2, 3)


def test_without_the_isv_servers_port_nothing_can_be_freed() -> None:
    for isvs in ((), (isv("siemens", port=None),)):
        assert refused(answer(line(), isvs=isvs))[0] == "isv_unknown"
    assert refused(answer(line(isv=None)))[0] == "isv_unknown"


def test_more_lines_than_seats_are_handles_that_share() -> None:
    lines = (line(count=5), line(count=5, handle="15d"))
    assert found(answer(*lines)).shares is True


def test_it_is_held_as_long_as_the_same_one_has_it() -> None:
    seat = found(answer(line()))
    assert is_held(answer(BOB, line()), seat)
    for other in (line(at="03/02 08:01"), line(user="bob"), line(handle="15e"), line(product="NXCAE")):
        assert not is_held(answer(BOB, other), seat)


def test_an_answer_that_cannot_have_the_line_proves_nothing() -> None:
    seat = found(answer(line()))
    assert is_complete(answer(), seat)
    assert not is_complete(answer(error_kind=ErrorKind.TRUNCATED), seat)
    assert not is_complete(answer(isvs=(isv("lstc"),)), seat)
    assert not is_complete(answer(isvs=(isv("siemens", running=False),)), seat)


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (b"", ""),
        (b"rlmutil v12.2\nCopyright (C) 2006-2017, Reprise Software, Inc. All rights reserved.\n\n", ""),
        (b"rlmutil v12.2\nCopyright (C) 2006\n\nToo early (-99)\r\n\n", "Too early (-99)"),
        (b"\xff" * 300, "�" * 200),
    ],
)
def test_what_rlmutil_said_is_not_its_banner(output: bytes, words: str) -> None:
    assert last_words(output) == words


def test_names_are_told_only_where_they_may_be() -> None:
    seat = found(answer(line()))
    assert "alice@ws1" in seat.told(names=True)
    assert "alice" not in seat.told(names=False)
    assert "ws1" not in seat.told(names=False)
