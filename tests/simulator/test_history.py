"""The checker of histories finds what it must, and nothing in a history that is right."""

from dataclasses import replace

import pytest

from rlm_exporter.errors import FormatError
from rlm_exporter.simulator.event import ClientKind, Event, EventKind, to_line
from rlm_exporter.simulator.history import (
    Commit,
    Gap,
    Wanted,
    answers,
    answers_from,
    first_session_on,
    longest_gap,
    read_events,
    returns_without_commit,
    sessions_on,
    split_sessions,
    wrong_answers,
)


def session(server: str, started: float, *, isv: str | None = None, took: float = 0.02) -> Event:
    """A session begun at `started`, whose two answers took half of `took` each."""
    ended = started + took
    return Event(
        t=ended,
        wall=ended,
        kind=EventKind.SESSION,
        client=ClientKind.VISIT,
        endpoint="5053@lb",
        started=started,
        ended=ended,
        main=server,
        main_started=started,
        main_answered=started + took / 2,
        isv_server=isv or server,
        isv_started=started + took / 2,
        isv_answered=ended,
    )


def failed(started: float, *, main: str | None = None) -> Event:
    """An attempt that got no seat, perhaps after an answer on the main port."""
    return Event(
        t=started + 1,
        wall=started + 1,
        kind=EventKind.FAILED,
        client=ClientKind.VISIT,
        endpoint="5053@lb",
        started=started,
        ended=started + 1,
        main=main,
        main_started=started,
        main_answered=None if main is None else started + 0.5,
        error="refused",
    )


def run(*servers: str) -> list[Event]:
    """One session a second, on these servers in turn."""
    return [session(server, float(second)) for second, server in enumerate(servers)]


def test_reads_back_what_was_written_but_not_a_cut_last_line() -> None:
    written = (session("rlm1", 1.0), failed(2.0))
    text = "".join(to_line(event) for event in written)
    assert read_events(text + text[:40]) == written


def test_a_line_that_is_no_event_is_an_error() -> None:
    with pytest.raises(FormatError, match="not an event"):
        read_events('{"t": 1}\n')


def test_first_session_counts_only_connections_begun_afterwards() -> None:
    events = [session("rlm2", 4.99), session("rlm1", 5.5), session("rlm2", 6.0)]
    first = first_session_on(events, "rlm2", after=5.0)
    assert first is not None
    assert first.started == 6.0
    assert first_session_on(events, "rlm3", after=0.0) is None


def test_sessions_on_counts_a_server_that_answered_on_either_port() -> None:
    events = [session("rlm1", 1.0), session("rlm2", 2.0, isv="rlm1"), session("rlm2", 3.0)]
    assert [event.started for event in sessions_on(events, "rlm1", after=0.0)] == [1.0, 2.0]


def test_split_sessions_are_those_sent_to_another_servers_isv_port() -> None:
    events = [session("rlm1", 1.0), session("rlm1", 2.0, isv="rlm2")]
    assert split_sessions(events) == (events[1],)


def test_a_session_that_a_move_fell_into_is_no_split_one() -> None:
    """Its first connection came before, its second after; only the new server has given it a seat."""
    into = session("rlm1", 2.0, isv="rlm2")
    assert split_sessions([session("rlm1", 1.0), into, session("rlm2", 3.0)]) == ()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["rlm1"], ["rlm1"]),  # nobody else was sent elsewhere
        (["rlm2"], ["rlm2"]),  # the move was over
        (["rlm2"], ["rlm1"]),  # the wrong way
        (["rlm1"], []),  # nobody shows that it was a move
        ([], ["rlm2"]),
        (["rlm1"], ["rlm1", "rlm2"]),  # the move came later
        (["rlm1", "rlm2"], ["rlm2"]),
    ],
)
def test_without_a_move_in_that_moment_it_is(before: list[str], after: list[str]) -> None:
    into = session("rlm1", 5.0, isv="rlm2")
    earlier = [session(server, 1.0 + number) for number, server in enumerate(before)]
    later = [session(server, 6.0 + number) for number, server in enumerate(after)]
    assert split_sessions([*later, into, *earlier]) == (into,)


def test_a_move_seen_through_another_balancer_excuses_nothing() -> None:
    into = session("rlm1", 2.0, isv="rlm2")
    elsewhere = replace(session("rlm2", 3.0), endpoint="5053@lb2")
    assert split_sessions([session("rlm1", 1.0), into, elsewhere]) == (into,)


def test_an_attempt_that_failed_later_still_shows_who_answered_on_the_main_port() -> None:
    events = [failed(1.0), failed(2.0, main="rlm1")]
    assert [answer.started for answer in answers_from(events, "rlm1", after=0.0)] == [2.0]


def test_the_loss_of_a_seat_is_no_answer() -> None:
    lost = Event(
        t=9.0, wall=9.0, kind=EventKind.LOST, client=ClientKind.HOLDER, endpoint="5053@lb", started=1.0,
        ended=9.0, main="rlm1", main_started=0.9, main_answered=0.95, isv_server="rlm1", isv_started=0.95,
        isv_answered=1.0,
    )  # fmt: skip
    assert answers([lost]) == ()


def test_longest_gap_counts_from_the_beginning_and_to_the_end() -> None:
    events = [session("rlm1", 3.0, took=0.0), session("rlm1", 4.0, took=0.0), session("rlm2", 9.0, took=0.0)]
    assert longest_gap(events, since=0.0, until=10.0) == Gap(since=4.0, until=9.0)
    assert longest_gap(events, since=0.0, until=20.0).seconds == 11.0
    assert longest_gap([], since=1.0, until=3.0).seconds == 2.0


def test_a_split_session_is_no_service() -> None:
    events = [session("rlm1", 1.0, isv="rlm2", took=0.0)]
    assert longest_gap(events, since=0.0, until=3.0).seconds == 3.0


def test_wrong_answers_spare_connections_that_straddle_a_change() -> None:
    wanted = [
        Wanted(server="rlm1", since=0.0, until=5.0),
        Wanted(server="rlm2", since=5.0, until=10.0),
    ]
    right = [session("rlm1", 1.0), session("rlm1", 4.99), session("rlm2", 4.99), session("rlm2", 6.0)]
    assert wrong_answers(right, wanted) == ()
    wrong = wrong_answers([*right, session("rlm1", 7.0), session("rlm3", 1.0)], wanted)
    assert {(answer.server, answer.port) for answer in wrong} == {
        ("rlm1", "main"), ("rlm1", "isv"), ("rlm3", "main"), ("rlm3", "isv"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("servers", "commits"),
    [
        pytest.param(["rlm1", "rlm1"], [], id="one server alone"),
        pytest.param(["rlm1", "rlm2", "rlm2"], [], id="moved once, by the balancer itself"),
        pytest.param(["rlm1", "rlm2", "rlm3"], [], id="moved on to a third"),
        pytest.param(["rlm1", "rlm2", "rlm1"], [Commit(active="rlm1", time=1.5)], id="given back by commit"),
        pytest.param(
            ["rlm1", "rlm2", "rlm1", "rlm1"],
            [Commit(active="rlm1", time=2.5, begun=1.5)],
            id="steered back before the commit was written",
        ),
        pytest.param(
            ["rlm1", "rlm2", "rlm1", "rlm2"],
            [Commit(active="rlm1", time=1.5), Commit(active="rlm2", time=2.5)],
            id="there and back, each committed",
        ),
        pytest.param([], [], id="nothing at all"),
    ],
)
def test_no_breach_in(servers: list[str], commits: list[Commit]) -> None:
    assert returns_without_commit(run(*servers), commits) == ()


@pytest.mark.parametrize(
    ("servers", "commits", "breaches"),
    [
        pytest.param(["rlm1", "rlm2", "rlm1"], [], 1, id="came back by itself"),
        pytest.param(
            ["rlm1", "rlm2", "rlm1"], [Commit(active="rlm2", time=1.5)], 1, id="the commit names another"
        ),
        pytest.param(
            ["rlm1", "rlm2", "rlm1"],
            [Commit(active="rlm1", time=0.5)],
            1,
            id="commit before the move",
        ),
        pytest.param(
            ["rlm1", "rlm2", "rlm1"],
            [Commit(active="rlm1", time=9.0)],
            1,
            id="commit after the return",
        ),
        pytest.param(["rlm1", "rlm2", "rlm1", "rlm2"], [], 2, id="to and fro"),
        pytest.param(
            ["rlm1", "rlm2", "rlm1", "rlm2", "rlm1"],
            [Commit(active="rlm1", time=1.5), Commit(active="rlm2", time=2.5)],
            1,
            id="an old commit excuses no later return",
        ),
    ],
)
def test_tells_each_breach_in(servers: list[str], commits: list[Commit], breaches: int) -> None:
    found = returns_without_commit(run(*servers), commits)
    assert len(found) == 2 * breaches  # the main port's answer and the ISV port's
    assert all("no commit since then names" in words for words in found)


def test_says_in_words_who_returned_after_whom() -> None:
    words = returns_without_commit(run("rlm1", "rlm2", "rlm1"), [])[0]
    assert words == (
        "rlm1 answered on its main port at 2.010 (connection begun 2.000) after rlm2 had served at 1.020, "
        "and no commit since then names rlm1"
    )


def test_connections_that_ran_at_the_same_time_prove_nothing() -> None:
    slow = session("rlm1", 1.0, took=1.5)
    assert returns_without_commit([session("rlm1", 0.0), slow, session("rlm2", 2.0)], []) == ()


def test_a_main_answer_without_a_seat_is_a_return_too() -> None:
    events = [session("rlm1", 0.0), session("rlm2", 1.0), failed(2.0, main="rlm1")]
    assert len(returns_without_commit(events, [])) == 1
