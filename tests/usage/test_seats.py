"""How many seats there are, from one answer to the next."""

from typing import Any

from rlm_exporter.rlm.status import ErrorKind, IsvServer, RlmStatus
from rlm_exporter.store.usage_records import Seats
from rlm_exporter.usage.seats import SeatBook
from tests.usage.statuses import NOON, answer, later, pool


def book() -> SeatBook:
    """One that knows of four seats of solver."""
    made = SeatBook("prod")
    made.seen(answer(), server="rlm1", at=NOON)
    return made


def changed(status: RlmStatus, known: SeatBook | None = None) -> list[tuple[str, int | None, int]]:
    found = (known or book()).seen(status, server="rlm1", at=later(30))
    return [(each.feature, each.seats, each.reserved) for each in found]


def pools(*found: Any) -> RlmStatus:
    return answer(pools=found)


def test_the_first_answer_tells_all() -> None:
    (found,) = SeatBook("prod").seen(answer(), server="rlm1", at=NOON)
    assert found == Seats(
        cluster="prod", isv="siemens", feature="solver", since=NOON, seats=4, reserved=0, server="rlm1"
    )


def test_the_same_again_is_no_news_whoever_tells_it() -> None:
    known = book()
    assert known.seen(answer(), server="rlm2", at=later(30)) == ()
    other = pools(pool("SOLVER", isv="Siemens"))
    assert changed(other, known) == []


def test_pools_and_versions_of_a_product_are_one_sum() -> None:
    found = pools(pool(), pool(pool=2, count=3, reservations=2), pool(version="4.0", count=1))
    assert changed(found) == [("solver", 10, 2)]


def test_a_pool_without_a_limit_leaves_none_to_the_whole() -> None:
    assert changed(pools(pool(), pool(pool=2, count=None))) == [("solver", None, 0)]


def test_what_an_answer_no_longer_has_nobody_can_get() -> None:
    known = book()
    known.seen(pools(pool(), pool("mesher")), server="rlm1", at=later(10))
    assert changed(pools(pool("mesher")), known) == [("solver", 0, 0)]
    assert changed(pools(pool("mesher"), pool()), known) == [("solver", 4, 0)]


def test_an_answer_that_lacks_a_part_says_nothing_of_it() -> None:
    mesher = (pool("mesher"),)
    assert changed(answer(pools=mesher, error_kind=ErrorKind.TRUNCATED)) == [("mesher", 4, 0)]
    stopped = (IsvServer(name="siemens", port=5060, running=False, restarts=0),)
    assert changed(answer(pools=(), isvs=stopped)) == []
    assert changed(answer(pools=())) == []
    assert changed(pools(pool("mesher", isv="acme"))) == [("mesher", 4, 0)]
    assert changed(pools(pool("mesher", isv=None))) == []


def test_what_was_written_before_is_where_it_begins() -> None:
    known = SeatBook("prod")
    known.restore(book().seen(pools(pool(count=7)), server="rlm1", at=NOON))
    assert changed(pools(pool(count=7)), known) == []
