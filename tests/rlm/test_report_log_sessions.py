"""What becomes of each checkout within a run, and how many seats are out."""

from datetime import datetime, timedelta

import pytest

from rlm_exporter.rlm.report_log_values import Begun, Ended, Session
from tests.rlm.report_logs import DATA, START, back, ends, in_use, log, out, read

SHUTDOWN = "SHUTDOWN admin rlm1 03/02 18:00:00"


def local(moment: str) -> datetime:
    return datetime.fromisoformat(moment)


def test_a_session_keeps_all_that_its_checkout_said() -> None:
    line = 'OUT mesher 2.0 2 bob ws2.example.com "a job" 3 5 1 1F 2a 7f3 "wing" "mesh" "2.1" 03/02 08:11:30'
    checkin = 'IN 3 mesher 9.9 root rlm1 "other" 3 1 0 1f 03/02 10:45:00'
    [session] = read(log(START, line, checkin)).sessions

    assert session == Session(
        number=0, run=0, product="mesher", version="2.0", pool=2, user="bob", host="ws2.example.com",
        isv_def="a job", seats=3, handle="1F", share_handle="2a", begun=Begun.OUT,
        out=local("2026-03-02 08:11:30"), ended=Ended.IN, back=local("2026-03-02 10:45:00"), reason=3,
        lasted=timedelta(seconds=9210), seen_since=None, not_after=None,
        project="wing",
    )  # fmt: skip


def test_a_checkin_alone_is_a_session_of_unknown_beginning() -> None:
    line = 'IN 8 mesher 2.0 bob ws2 "a job" 3 1 0 1f 03/02 10:45:00'
    [session] = read(log(START, line)).sessions

    assert session == Session(
        number=0, run=0, product="mesher", version="2.0", pool=None, user="bob", host="ws2", isv_def="a job",
        seats=3, handle="1f", share_handle=None, begun=Begun.UNKNOWN, out=None, ended=Ended.IN,
        back=local("2026-03-02 10:45:00"), reason=8, lasted=None, seen_since=None, not_after=None,
    )  # fmt: skip


@pytest.mark.parametrize("why", range(14))
def test_every_reason_is_kept_as_it_is(why: int) -> None:
    found = read(log(START, out("1", "08:10:00"), back("1", "08:20:00", why), back("2", "08:20:00", why)))

    assert [each.reason for each in found.sessions] == [why, why]


def test_a_seat_in_use_at_the_start_is_known_since_then() -> None:
    found = read(log(START, in_use("a", "17:30:00", day="03/01"), back("a", "09:00:00")))

    [session] = found.sessions
    assert (session.begun, session.out, session.lasted) == (Begun.IN_USE, None, None)
    assert session.seen_since == local("2026-03-01 17:30:00")
    assert (session.ended, session.back) == (Ended.IN, local("2026-03-02 09:00:00"))
    assert found.peak_seats == {"solver": 1}


def test_a_seat_in_use_at_the_end_is_the_session_that_is_known() -> None:
    found = read(log(START, out("1", "08:10:00"), in_use("1", "18:00:00"), SHUTDOWN))

    [session] = found.sessions
    assert (session.begun, session.version, session.ended) == (Begun.OUT, "2.5", Ended.SHUTDOWN)
    assert found.peak_seats == {"solver": 1}


def test_a_list_after_the_shutdown_tells_what_that_ended() -> None:
    found = read(DATA / "shutdown-before-the-last-list.log")

    assert ends(found.sessions) == [(0, "c", "shutdown"), (0, "d", "shutdown")]
    assert found.sessions[1].begun is Begun.IN_USE
    assert {each.back for each in found.sessions} == {local("2026-03-02 18:00:00")}


def test_a_seat_in_use_of_another_product_has_taken_over_the_handle() -> None:
    found = read(log(START, out("1", "08:10:00"), in_use("1", "12:00:00", product="mesher")))

    assert ends(found.sessions) == [(0, "1", "open"), (0, "1", "open")]
    assert found.sessions[0].not_after == local("2026-03-02 12:00:00")
    assert found.sessions[1].not_after is None


def test_a_handle_that_is_given_out_anew_leaves_an_open_end() -> None:
    found = read(log(START, out("1", "08:10:00"), out("1", "09:10:00"), back("1", "10:10:00")))

    assert ends(found.sessions) == [(0, "1", "open"), (0, "1", "in")]
    assert found.sessions[0].not_after == local("2026-03-02 09:10:00")
    assert found.sessions[1].lasted == timedelta(hours=1)
    assert found.peak_seats == {"solver": 1}


class TestOneCheckoutFromSeveralPools:
    """It is written as several records with one handle."""

    BOTH = (out("1", "08:10:00", count=3), out("1", "08:10:00", count=2, pool=3))

    def test_each_is_a_session(self) -> None:
        found = read(log(START, *self.BOTH))

        assert [(each.pool, each.seats) for each in found.sessions] == [(1, 3), (3, 2)]
        assert found.peak_seats == {"solver": 5}

    def test_the_count_says_which_comes_back(self) -> None:
        found = read(log(START, *self.BOTH, back("1", "09:10:00", count=2), back("1", "10:10:00", count=3)))

        assert [(each.pool, each.back) for each in found.sessions] == [
            (1, local("2026-03-02 10:10:00")),
            (3, local("2026-03-02 09:10:00")),
        ]

    def test_their_sum_is_all_of_them(self) -> None:
        found = read(log(START, *self.BOTH, back("1", "09:10:00", count=5), out("2", "09:11:00", count=4)))

        assert ends(found.sessions) == [(0, "1", "in"), (0, "1", "in"), (0, "2", "open")]
        assert found.peak_seats == {"solver": 5}

    def test_any_other_count_is_the_first(self) -> None:
        found = read(log(START, *self.BOTH, back("1", "09:10:00", count=1)))

        assert [each.ended for each in found.sessions] == [Ended.IN, Ended.OPEN]

    def test_a_shutdown_ends_both(self) -> None:
        found = read(log(START, *self.BOTH, SHUTDOWN))

        assert [each.ended for each in found.sessions] == [Ended.SHUTDOWN, Ended.SHUTDOWN]

    def test_another_user_is_another_checkout(self) -> None:
        found = read(log(START, self.BOTH[0], out("1", "08:10:00", who="bob ws2")))

        assert found.peak_seats == {"solver": 3}

    def test_there_are_not_more_than_there_are_pools(self) -> None:
        found = read(log(START, *(out("1", "08:10:00") for _ in range(100))))

        assert len(found.sessions) == 100
        assert found.peak_seats["solver"] < 40


class TestSharedSeats:
    """Handles that name another one's handle sit on its seat."""

    def test_count_once(self) -> None:
        found = read(log(START, out("1", "08:10:00"), *(out(h, "08:11:00", share="1") for h in "2345")))

        assert len(found.sessions) == 5
        assert found.peak_seats == {"solver": 1}

    def test_are_taken_until_the_last_is_back(self) -> None:
        lines = (
            out("1", "08:10:00"), out("2", "08:11:00", share="1"), back("1", "08:12:00"),
            out("3", "08:13:00", who="bob ws2"), back("2", "08:14:00"), out("4", "08:15:00"),
        )  # fmt: skip
        assert read(log(START, *lines)).peak_seats == {"solver": 2}

    @pytest.mark.parametrize("name", ["1", "2"])
    def test_may_be_joined_after_the_first_is_back_by_either_name(self, name: str) -> None:
        lines = (
            out("1", "08:10:00"), out("2", "08:11:00", share="1"), back("1", "08:12:00"),
            out("3", "08:13:00", share=name), back("2", "08:14:00"), out("4", "08:15:00"),
        )  # fmt: skip
        assert read(log(START, *lines)).peak_seats == {"solver": 2}

    def test_may_be_led_by_a_handle_that_the_log_does_not_know(self) -> None:
        lines = (out("2", "08:11:00", share="1"), out("3", "08:12:00", share="1"))
        assert read(log(START, *lines)).peak_seats == {"solver": 1}

    def test_are_as_many_as_the_largest_takes(self) -> None:
        lines = (out("1", "08:10:00", count=2), out("2", "08:11:00", count=5, share="1"))
        assert read(log(START, *lines)).peak_seats == {"solver": 5}

    def test_are_never_of_two_products(self) -> None:
        lines = (out("1", "08:10:00"), out("2", "08:11:00", product="mesher", share="1"))
        assert read(log(START, *lines)).peak_seats == {"mesher": 1, "solver": 1}

    def test_keep_no_name_for_ever(self) -> None:
        lines = [out("1", "08:10:00")]
        for number in range(2, 300):
            lines += [
                out(f"{number:x}", "08:11:00", share=f"{number - 1:x}"),
                back(f"{number - 1:x}", "08:11:00"),
            ]
        lines += [back(f"{299:x}", "08:12:00"), out("fff", "08:13:00", count=2)]
        assert read(log(START, *lines)).peak_seats == {"solver": 2}


def test_peaks_hold_over_runs_but_do_not_add_up() -> None:
    crash = "START rlm1 03/02/2026 10:00:00"
    found = read(log(START, out("1", "08:10:00", count=3), crash, out("1", "10:10:00", count=2)))

    assert found.peak_seats == {"solver": 3}


def test_what_came_back_before_does_not_count() -> None:
    lines = [line for h in "12345" for line in (out(h, "08:10:00"), back(h, "08:10:00"))]
    assert read(log(START, *lines)).peak_seats == {"solver": 1}


QUEUED = 'QUE solver 3.0 dave ws5 "" 8 {} "" "solver" "3.0" 03/02 10:01:00'
DEQUEUED = 'DEQUE 6 solver 3.0 dave ws5 "" 8 {} 03/02 10:02:00'


@pytest.mark.parametrize(
    "lines",
    [
        (QUEUED.format(4), back("4", "10:02:00", 6)),
        (QUEUED.format(4), DEQUEUED.format(4), back("4", "10:02:00", 6)),
        (DEQUEUED.format(4), back("4", "10:02:00", 6)),
        (QUEUED.format(4), DEQUEUED.format(4)),
    ],
)
def test_a_request_that_only_waited_is_no_session(lines: tuple[str, ...]) -> None:
    found = read(log(START, *lines))

    assert (found.sessions, found.warnings) == ((), ())


def test_a_request_that_waited_and_was_granted_is_a_session() -> None:
    lines = (QUEUED.format(4), out("4", "10:02:00"), back("4", "10:03:00"), back("4", "10:04:00", 6))
    found = read(log(START, *lines))

    assert [(each.begun, each.ended) for each in found.sessions] == [
        (Begun.OUT, Ended.IN),
        (Begun.UNKNOWN, Ended.IN),
    ]


def test_waiting_belongs_to_a_run() -> None:
    found = read(log(START, QUEUED.format(4), START, back("4", "10:02:00", 6)))

    assert [each.begun for each in found.sessions] == [Begun.UNKNOWN]


def test_times_without_seconds_never_make_a_session_negative() -> None:
    found = read(log(START, out("1", "08:10:30"), "SHUTDOWN admin rlm1 03/02 08:10"))

    [session] = found.sessions
    assert (session.back, session.lasted) == (local("2026-03-02 08:10:00"), timedelta())


def test_a_clock_that_went_back_unannounced_leaves_the_length_unknown() -> None:
    [session] = read(DATA / "summer-time-ends.log").sessions

    assert (session.ended, session.lasted) == (Ended.IN, None)


def test_a_clock_that_was_set_back_is_made_good() -> None:
    first, second = read(DATA / "time-jump.log").sessions

    assert first.lasted == timedelta(minutes=30)
    assert second.back == local("2027-03-02 09:41:00")
