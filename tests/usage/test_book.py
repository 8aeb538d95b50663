"""What each answer of a server changes in the usage log."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_exporter.rlm.status import ErrorKind, IsvServer
from rlm_exporter.store.usage_records import (
    Closed,
    EndReason,
    Opened,
    Recounted,
    Reopened,
    UsageChange,
)
from rlm_exporter.usage.book import Book, session_key
from rlm_exporter.usage.local_time import moment_of
from tests.usage.statuses import ISV, NOON, answer, later, line, pool, uptime

BERLIN = ZoneInfo("Europe/Berlin")
KEY = "prod/rlm1/siemens/2026-03-02T12:00/1/solver"


def book(tz: ZoneInfo | None = None) -> Book:
    return Book(cluster="prod", server="rlm1", tz=tz or ZoneInfo("UTC"))


def opened(made: Book, *, seconds: float = 10) -> Book:
    """A book with one session."""
    made.seen(answer(line()), at=later(seconds))
    return made


def closed(at: datetime, reason: EndReason) -> Closed:
    return Closed(key=KEY, at=at, reason=reason, out=NOON)


def test_a_new_line_is_a_session_that_began_when_the_server_says() -> None:
    (change,) = book().seen(answer(line(reserved=2)), at=later(10))
    assert isinstance(change, Opened)
    session = change.session
    assert (session.key, session.count, session.out) == (KEY, 3, NOON)
    assert (session.server, session.feature, session.user, session.host) == ("rlm1", "solver", "alice", "ws1")
    assert not session.out_is_ambiguous


def test_the_same_answer_changes_nothing() -> None:
    assert opened(book()).seen(answer(line()), at=later(40)) == []


def test_lines_of_one_handle_are_one_session_and_add_up() -> None:
    (change,) = book().seen(answer(line(count=1), line(count=3)), at=later(10))
    assert isinstance(change, Opened)
    assert change.session.count == 4


def test_another_number_of_seats_is_told() -> None:
    assert opened(book()).seen(answer(line(count=2)), at=later(40)) == [Recounted(key=KEY, count=2)]


def test_one_handle_of_two_products_is_two_sessions() -> None:
    lines = line(), line(product="mesher")
    assert len(book().seen(answer(*lines), at=later(10))) == 2


def test_names_that_differ_in_case_alone_are_one_session() -> None:
    made = opened(book())
    again = line(isv="Siemens", product="Solver", handle="1")
    assert made.seen(answer(again), at=later(40)) == []


def test_a_line_that_is_gone_was_returned_by_then() -> None:
    made = opened(book())
    other = line("2")
    (gone, new) = sorted(made.seen(answer(other), at=later(40)), key=lambda change: type(change).__name__)
    assert gone == closed(later(40), EndReason.RETURNED)
    assert isinstance(new, Opened)
    assert [session.handle for session in made.sessions] == ["2"]


def test_nobody_left_is_believed_where_the_pool_says_so() -> None:
    assert opened(book()).seen(answer(), at=later(40)) == [closed(later(40), EndReason.RETURNED)]


@pytest.mark.parametrize(
    "changes",
    [
        {"pools": (pool(inuse=1),)},
        {"pools": ()},
        {"pools": (pool(inuse=None),)},
        {"pools": (pool("mesher"),)},
        {"error_kind": ErrorKind.TRUNCATED},
    ],
    ids=["seats-in-use", "no-pools", "unknown", "another-product", "cut"],
)
def test_an_answer_that_may_lack_lines_ends_nothing(changes: dict[str, object]) -> None:
    made = opened(book())
    assert made.seen(answer(**changes), at=later(40)) == []
    assert made.seen(answer(line()), at=later(70)) == []


def test_a_server_that_does_not_answer_has_no_sessions() -> None:
    made = opened(book())
    assert made.unanswered(since=later(50)) == [closed(later(50), EndReason.SERVER_DOWN)]
    assert made.unanswered(since=later(50)) == []
    assert made.sessions == ()


def test_sessions_that_are_still_there_when_it_answers_again_go_on() -> None:
    made = opened(book())
    made.unanswered(since=later(50))
    assert made.seen(answer(line()), at=later(80)) == [Reopened(key=KEY, closed_at=later(50))]
    assert made.seen(answer(line()), at=later(110)) == []


def test_sessions_that_are_gone_when_it_answers_again_stay_closed() -> None:
    made = opened(book())
    made.unanswered(since=later(50))
    assert made.seen(answer(), at=later(80)) == []
    assert made.seen(answer(line()), at=later(110)) != []


def test_an_isv_server_that_does_not_run_has_no_sessions() -> None:
    stopped = (IsvServer(name=ISV, port=None, running=False, restarts=0),)
    changes = opened(book()).seen(answer(isvs=stopped, pools=()), at=later(40))
    assert changes == [closed(later(40), EndReason.SERVER_DOWN)]


def test_a_restart_of_the_isv_server_ends_its_sessions() -> None:
    made = opened(book())
    again = (IsvServer(name=ISV, port=5060, running=True, restarts=1),)
    changes = made.seen(answer(line("1", at="03/02 12:05", user="bob"), isvs=again), at=later(400))
    assert changes[0] == closed(later(400), EndReason.SERVER_RESTARTED)
    assert isinstance(changes[1], Opened)
    assert changes[1].session.user == "bob"


def test_a_restart_of_rlm_ends_all_sessions_when_it_started() -> None:
    made = book()
    made.seen(answer(line(), server=uptime(7200)), at=later(10))
    assert made.seen(answer(line(), server=uptime(7230)), at=later(40)) == []
    changes = made.seen(answer(server=uptime(60), pools=()), at=later(400))
    assert changes == [closed(later(340), EndReason.SERVER_RESTARTED)]


def test_the_uptime_may_be_rounded() -> None:
    made = book()
    for second in range(0, 600, 30):
        rounded = 7200 + second // 60 * 60
        changes = made.seen(answer(line(), server=uptime(rounded)), at=later(second))
        assert len(changes) == (second == 0)


def test_the_same_handle_in_the_minute_of_a_restart_is_another_session() -> None:
    made = opened(book())
    again = (IsvServer(name=ISV, port=5060, running=True, restarts=1),)
    first, second = made.seen(answer(line(), isvs=again), at=later(40))
    assert first == closed(later(40), EndReason.SERVER_RESTARTED)
    assert isinstance(second, Opened)
    assert second.session.key == f"{KEY}#2"
    assert made.seen(answer(line(), isvs=again), at=later(70)) == []


def test_a_failover_ends_the_sessions_on_the_old_server_for_good() -> None:
    made = opened(book())
    assert made.cut(at=later(30)) == [closed(later(30), EndReason.FAILED_OVER)]
    # It has not noticed, and will not for minutes.
    assert made.seen(answer(line()), at=later(40)) == []
    assert made.seen(answer(line(), line("2")), at=later(70)) != []
    assert [session.handle for session in made.sessions] == ["2"]


def test_a_hung_server_that_wakes_after_the_failover_has_nobody_back() -> None:
    made = opened(book())
    made.unanswered(since=later(20))
    assert made.cut(at=later(30)) == []
    assert made.seen(answer(line()), at=later(60)) == []


def test_after_a_restart_of_ours_answers_are_compared_with_the_log() -> None:
    before = opened(book())
    after = book()
    after.restore(before.sessions)
    assert after.seen(answer(line()), at=later(100)) == []
    assert after.seen(answer(), at=later(130)) == [closed(later(130), EndReason.RETURNED)]


def test_a_line_without_a_readable_time_is_a_session_of_an_unknown_beginning() -> None:
    (change,) = book().seen(answer(line(at="13/45 99:99")), at=later(10))
    assert isinstance(change, Opened)
    assert change.session.out is None


def test_times_are_those_of_the_servers_zone() -> None:
    (change,) = book(BERLIN).seen(answer(line(at="03/02 12:59")), at=later(10))
    assert isinstance(change, Opened)
    assert change.session.out == later(-60)
    assert "2026-03-02T12:59" in change.session.key


# ---- the hour that exists twice


@pytest.mark.parametrize(
    ("now", "hour"),
    [
        (datetime(2026, 10, 25, 0, 31, tzinfo=UTC), 0),
        (datetime(2026, 10, 25, 1, 31, tzinfo=UTC), 1),
        (datetime(2026, 10, 25, 1, 29, tzinfo=UTC), 1),
        (datetime(2026, 10, 26, 12, 0, tzinfo=UTC), 1),
    ],
)
def test_an_hour_that_exists_twice_is_marked(now: datetime, hour: int) -> None:
    (change,) = book(BERLIN).seen(answer(line(at="10/25 02:30")), at=now)
    assert isinstance(change, Opened)
    assert change.session.out == datetime(2026, 10, 25, hour, 30, tzinfo=UTC)
    assert change.session.out_is_ambiguous


def test_an_hour_that_is_left_out_is_not() -> None:
    told = moment_of(datetime(2026, 3, 29, 2, 30), tz=BERLIN, not_after=later(10**7))  # noqa: DTZ001 - a wall clock's
    assert told.at == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert not told.is_ambiguous


# ---- whatever comes, the log adds up

LINES = st.lists(
    st.builds(
        lambda handle, product, count: line(str(handle), product=product, count=count),
        st.integers(1, 4),
        st.sampled_from(["solver", "mesher"]),
        st.integers(1, 3),
    ),
    max_size=5,
)
STEPS = st.lists(
    st.one_of(
        LINES.map(lambda lines: ("seen", lines)),
        st.just(("unanswered", [])),
        st.just(("cut", [])),
        LINES.map(lambda lines: ("restarted", lines)),
        LINES.map(lambda lines: ("truncated", lines)),
    ),
    max_size=12,
)


@given(STEPS)
def test_what_the_changes_add_up_to_is_what_the_book_has_open(steps: list[tuple[str, list[object]]]) -> None:
    made = book()
    log: dict[str, bool] = {}
    restarts = 0
    for number, (what, lines) in enumerate(steps):
        at = later(30 * number + 10)
        isvs = (IsvServer(name=ISV, port=5060, running=True, restarts=restarts),)
        changes: list[UsageChange]
        match what:
            case "unanswered":
                changes = made.unanswered(since=at)
            case "cut":
                changes = made.cut(at=at)
            case "truncated":
                changes = made.seen(answer(*lines, isvs=isvs, error_kind=ErrorKind.TRUNCATED), at=at)  # type: ignore[arg-type]
            case _:
                restarts += what == "restarted"
                isvs = (IsvServer(name=ISV, port=5060, running=True, restarts=restarts),)
                changes = made.seen(answer(*lines, isvs=isvs), at=at)  # type: ignore[arg-type]
        for change in changes:
            key = change.session.key if isinstance(change, Opened) else change.key
            match change:
                case Opened():
                    assert key not in log, "opened twice"
                    log[key] = True
                case Closed():
                    assert log[key], "closed twice"
                    assert change.at <= at
                    log[key] = False
                case Reopened():
                    assert not log[key], "opened though it was open"
                    log[key] = True
                case Recounted():
                    assert log[key], "counted though it was closed"
        assert {key for key, is_open in log.items() if is_open} == {each.key for each in made.sessions}


def test_keys_of_different_sessions_differ() -> None:
    parts = {"cluster": "c", "server": "s", "isv": "i", "minute": "m", "handle": "h", "product": "p"}
    keys = {session_key(**{**parts, name: "x"}) for name in parts}
    assert len(keys) == len(parts)


def test_a_session_lasts_from_its_beginning_and_never_less_than_nothing() -> None:
    """A clock that is ahead: the end is before the beginning, and the store makes that no time at all."""
    made = book()
    made.seen(answer(line(at="03/02 12:03")), at=later(10))
    (change,) = made.seen(answer(), at=later(40))
    assert isinstance(change, Closed)
    assert change.out is not None
    assert change.at - change.out < timedelta()
