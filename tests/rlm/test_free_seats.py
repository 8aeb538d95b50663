"""Free seats out of what rlmstat prints."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_exporter.rlm.free_seats import FeatureSeats, NoNumber, feature_seats
from rlm_exporter.rlm.rlmstat import parse_rlmstat

HEAD = """\
rlmutil v12.2
Copyright (C) 2006-2017, Reprise Software, Inc. All rights reserved.

\trlm status on h1 (port 5053), up 1d 00:00:01
\trlm software version v12.2 (build:2)
\t------------------------
\tacme license pool status on h1 (port 49152)
"""
USAGE = "\t------------------------\n\tacme license usage status on h1 (port 49152)\n"


def pool(product: str, version: str, count: int, reserved: int, in_use: int) -> str:
    return (
        f"\t{product} v{version}\n"
        f"\t\tcount: {count}, # reservations: {reserved}, inuse: {in_use}, exp: permanent\n"
        "\t\tobsolete: 0, min_remove: 120, total checkouts: 12\n"
    )


def line(who: str, seats: str, handle: str, *, product: str = "solver", version: str = "3.0") -> str:
    return f"\t{product} v{version}: {who} {seats} at 11/01 09:01  (handle: {handle}) \n"


def seats_of(*parts: str) -> dict[str, FeatureSeats]:
    status = parse_rlmstat(HEAD + "".join(parts))
    assert status.warnings == ()
    return {each.product: each for each in feature_seats(status)}


def test_what_is_in_use_is_not_free() -> None:
    solver = seats_of(pool("solver", "3.0", 40, 0, 7))["solver"]
    assert (solver.isv, solver.whole.issued, solver.whole.in_use, solver.whole.free) == ("acme", 40, 7, 33)


def test_a_reserved_seat_is_not_free_and_one_in_use_takes_nothing_from_the_others() -> None:
    """10 for all and 5 reserved; 2 of each are out."""
    usage = line("alice@ws1", "2/0", "15c") + line("bob@ws2", "0/2", "15d")
    whole = seats_of(pool("solver", "3.0", 10, 5, 4), USAGE, usage)["solver"].whole
    assert (whole.issued, whole.reserved, whole.in_use, whole.free) == (15, 5, 4, 8)


def test_where_handles_share_seats_rather_too_few_are_free() -> None:
    """Three lines of one reserved seat say nothing of how many of the seats in use were reserved."""
    usage = "".join(line(f"alice@ws{number}", "0/1", f"1{number}") for number in range(3))
    whole = seats_of(pool("solver", "3.0", 10, 5, 1), USAGE, usage)["solver"].whole
    assert whole.free == 9


def test_more_in_use_than_there_is_leaves_none_and_never_less() -> None:
    """RLM's soft limit allows it."""
    assert seats_of(pool("solver", "3.0", 10, 0, 12))["solver"].whole.free == 0


def test_pools_of_one_product_are_added_and_its_versions_told_apart() -> None:
    """An overdraft of one version takes nothing from the other."""
    parts = (pool("Solver", "3.0", 10, 0, 12), pool("solver", "2.0", 5, 0, 1), pool("solver", "2.0", 5, 0, 1))
    solver = seats_of(*parts)["Solver"]
    assert (solver.whole.issued, solver.whole.in_use, solver.whole.free) == (20, 14, 8)
    assert [(version, count.free) for version, count in solver.versions] == [("3.0", 0), ("2.0", 8)]


@pytest.mark.parametrize(
    ("counts", "why"),
    [
        ("UNCOUNTED, inuse: 3", NoNumber.NO_LIMIT),
        ("count: unlimited, # reservations: 0, inuse: 3, exp: permanent", NoNumber.NO_LIMIT),
        ("Token-based license", NoNumber.TOKEN),
        ("count: 4x, # reservations: 0, inuse: 3, exp: permanent", NoNumber.UNREADABLE),
        ("count: 4, # reservations: 0, inuse: -, exp: permanent", NoNumber.UNREADABLE),
    ],
)
def test_without_a_count_there_is_no_number_and_a_reason(counts: str, why: NoNumber) -> None:
    text = HEAD + f"\tsolver v3.0\n\t\t{counts}\n" + pool("solver", "2.0", 5, 0, 1)
    (solver,) = feature_seats(parse_rlmstat(text))
    assert (solver.whole.free, solver.whole.issued, solver.whole.no_number) == (None, None, why)
    assert [count.free for _, count in solver.versions] == [None, 4]


def test_holders_are_those_of_the_product() -> None:
    usage = line("alice@ws1", "2/0", "15c") + line("bob@ws2", "1/0", "15d", product="mesher")
    found = seats_of(pool("solver", "3.0", 9, 0, 2), pool("mesher", "3.0", 9, 0, 1), USAGE, usage)
    assert [holder.host for holder in found["solver"].holders] == ["ws1"]
    assert [holder.host for holder in found["mesher"].holders] == ["ws2"]


@given(
    count=st.integers(0, 50), reserved=st.integers(0, 50), in_use=st.integers(0, 150),
    seats=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=5),
)  # fmt: skip
def test_free_is_never_negative_and_never_more_than_the_pool_has_for_all(
    count: int, reserved: int, in_use: int, seats: list[tuple[int, int]]
) -> None:
    usage = [line(f"u@h{n}", f"{ordinary}/{taken}", f"{n:x}") for n, (ordinary, taken) in enumerate(seats)]
    whole = seats_of(pool("solver", "3.0", count, reserved, in_use), USAGE, *usage)["solver"].whole
    assert whole.free is not None
    assert 0 <= whole.free <= count
    assert count - in_use <= whole.free
