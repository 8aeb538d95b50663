"""What a report log tells, as rows of the usage log."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest

from rlm_exporter.manifest.model import Privacy
from rlm_exporter.rlm.report_log_reader import ReportLogReader
from rlm_exporter.rlm.report_log_values import Ended, Event, Session
from rlm_exporter.store.usage_records import Denied, EndReason, Told, UsageSource
from rlm_exporter.usage.privacy import Veil
from rlm_exporter.usage.report_log_usage import AT_ONCE, LogUsage, ReportLogUsage, moments, zone_of

BERLIN = ZoneInfo("Europe/Berlin")
HEAD = """
RLM Report Log Format 0, version 15.2
ISV: Siemens, RLM version 15.2 BL3

START rlm1 10/24/2026 22:00:00
"""


def events(text: str, *, head: str = HEAD) -> list[Event]:
    reader = ReportLogReader()
    return [*reader.feed(f"{head}{text}".encode()), *reader.end_file()]


def taken(
    text: str, *, tz: tzinfo = UTC, minutes_west: int | None = None, head: str = HEAD
) -> tuple[tuple[Told, ...], tuple[Denied, ...]]:
    usage = ReportLogUsage(cluster="prod", server="rlm1", isv="siemens", tz=tz, veil=Veil(Privacy.NONE))
    found = usage.take(events(text, head=head), minutes_west=minutes_west, now=utc(2026, 11, 1))
    return found.tellings, found.denials


def out(handle: str, at: str, *, seats: int = 1) -> str:
    return f'OUT STARCCM 2023.1 1 alice ws1 "" {seats} 1 0 {handle} {handle} 4d2 "" "STARCCM" "2023.1" {at}\n'


def back(handle: str, at: str, *, why: int = 1, seats: int = 1) -> str:
    return f'IN {why} STARCCM 2023.1 alice ws1 "" {seats} 0 0 {handle} {at}\n'


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]  # year to second


def test_a_session_is_told_whole_and_called_as_polling_calls_it() -> None:
    (told,), _ = taken(out("1A", "10/24 22:10:07", seats=3) + back("1A", "10/24 22:12:01", seats=3))
    session = told.session
    assert session.key == "prod/rlm1/siemens/2026-10-24T22:10/1a/starccm"
    assert (session.feature, session.user, session.host, session.count) == ("STARCCM", "alice", "ws1", 3)
    assert (session.out, session.source) == (utc(2026, 10, 24, 22, 10, 7), UsageSource.REPORT_LOG)
    assert (told.end.at, told.end.reason, told.end.is_exact) == (
        utc(2026, 10, 24, 22, 12, 1),
        EndReason.RETURNED,
        True,
    )
    assert told.end.lasted == timedelta(seconds=114)


def test_a_session_has_the_project_that_its_client_told() -> None:
    told = out("1", "10/24 22:10:07").replace('4d2 ""', '4d2 "wing of the A1"')
    (first, second), _ = taken(
        told + out("2", "10/24 22:11:07") + back("1", "10/24 22:12:01") + back("2", "10/24 22:13:01")
    )
    assert (first.session.project, second.session.project) == ("wing of the A1", None)


@pytest.mark.parametrize(
    ("why", "reason"),
    [
        (1, EndReason.RETURNED),
        (2, EndReason.RETURNED),
        (3, EndReason.REMOVED),
        (4, EndReason.TIMED_OUT),
        (8, EndReason.FAILED_OVER),
        (77, EndReason.RETURNED),
    ],
)
def test_why_a_seat_came_back_is_told(why: int, reason: EndReason) -> None:
    (told,), _ = taken(out("1", "10/24 22:10:07") + back("1", "10/24 22:12:01", why=why))
    assert told.end.reason is reason


def test_a_shutdown_ends_sessions_at_its_moment() -> None:
    (told,), _ = taken(out("1", "10/24 22:10:07") + "SHUTDOWN root rlm1 10/24 23:00:00\n")
    assert (told.end.at, told.end.reason) == (utc(2026, 10, 24, 23, 0, 0), EndReason.SERVER_DOWN)
    assert told.end.is_exact


def test_after_a_crash_it_is_known_by_when_a_session_had_ended() -> None:
    (told,), _ = taken(out("1", "10/24 22:10:07") + HEAD.replace("22:00:00", "23:30:00"))
    assert (told.end.at, told.end.reason) == (utc(2026, 10, 24, 23, 30, 0), EndReason.SERVER_RESTARTED)
    assert not told.end.is_exact


def test_a_handle_that_is_given_out_anew_was_free() -> None:
    text = out("1", "10/24 22:10:07") + out("1", "10/24 22:30:00") + back("1", "10/24 22:40:00")
    (lost, told), _ = taken(text)
    assert (lost.end.at, lost.end.reason) == (utc(2026, 10, 24, 22, 30, 0), EndReason.UNKNOWN)
    assert not lost.end.is_exact
    assert told.session.out == utc(2026, 10, 24, 22, 30, 0)


def test_what_goes_on_in_another_log_is_not_over() -> None:
    assert taken(out("1", "10/24 22:10:07") + "SWITCH to /x\nEND 10/24/2026 22:30\n") == ((), ())


def test_an_end_alone_has_no_beginning() -> None:
    (told,), _ = taken(back("1", "10/24 22:12:01"))
    assert told.session.out is None
    assert told.session.key == "prod/rlm1/siemens/in 2026-10-24T22:12/1/starccm"
    assert told.end.at == utc(2026, 10, 24, 22, 12, 1)


def test_denials_are_told_final_or_not() -> None:
    text = "".join(
        f'DENY STARCCM 2023.1 bob ws2 "" 2 -22 {last} 10/24 22:10\n' for last in (0, 1)
    )  # fmt: skip
    _, (first, last) = taken(text, tz=BERLIN)
    assert (first.is_final, last.is_final) == (False, True)
    assert (last.feature, last.user, last.host, last.count, last.code) == ("STARCCM", "bob", "ws2", 2, -22)
    assert last.at == utc(2026, 10, 24, 20, 10)
    assert not last.is_ambiguous


def test_times_are_the_servers_and_become_utc() -> None:
    (told,), _ = taken(out("1", "10/24 22:10:07") + back("1", "10/24 22:12:01"), tz=BERLIN)
    assert told.session.key == "prod/rlm1/siemens/2026-10-24T22:10/1/starccm"
    assert (told.session.out, told.end.at) == (utc(2026, 10, 24, 20, 10, 7), utc(2026, 10, 24, 20, 12, 1))


NIGHT = "10/25/2026 00:00\n"


def test_a_session_over_the_end_of_summer_time_lasted_an_hour_longer_than_the_clock_shows() -> None:
    (told,), _ = taken(NIGHT + out("1", "10/25 01:30:00") + back("1", "10/25 04:00:00"), tz=BERLIN)
    assert told.end.at - (told.session.out or told.end.at) == timedelta(hours=3, minutes=30)
    assert told.end.lasted is None


def test_the_hour_that_exists_twice_is_marked() -> None:
    (told,), _ = taken(NIGHT + out("1", "10/25 02:10:00") + back("1", "10/25 02:20:00"), tz=BERLIN)
    assert told.session.out_is_ambiguous
    assert told.session.out == utc(2026, 10, 25, 0, 10, 0)
    assert (told.end.at, told.end.other) == (utc(2026, 10, 25, 0, 20, 0), utc(2026, 10, 25, 1, 20, 0))


def test_an_end_before_its_beginning_was_in_the_second_hour() -> None:
    (told,), _ = taken(NIGHT + out("1", "10/25 02:50:00") + back("1", "10/25 02:20:00"), tz=BERLIN)
    assert told.session.out == utc(2026, 10, 25, 0, 50, 0)
    assert (told.end.at, told.end.other) == (utc(2026, 10, 25, 1, 20, 0), None)


@pytest.mark.parametrize(
    ("minutes_west", "manifest", "offset"),
    [
        (None, BERLIN, timedelta(hours=2)),
        (-60, BERLIN, timedelta(hours=2)),  # named without summer time: the manifest's knows it
        (-120, BERLIN, timedelta(hours=2)),
        (300, BERLIN, timedelta(hours=-5)),  # the server is not where the manifest has it
        (-60, UTC, timedelta(hours=1)),
        (0, UTC, timedelta()),
        (99_999, UTC, timedelta()),
    ],
)
def test_the_logs_own_zone_comes_before_the_manifests(
    minutes_west: int | None, manifest: tzinfo, offset: timedelta
) -> None:
    summer = datetime(2026, 8, 1, tzinfo=zone_of(minutes_west, manifest, year=2026))
    assert summer.utcoffset() == offset


def test_an_hour_that_no_clock_has_shown_is_one_moment() -> None:
    local = datetime(2026, 3, 29, 2, 30)  # noqa: DTZ001 - the server's local time
    assert len(moments(local, BERLIN)) == 1


def test_a_log_tells_its_zone() -> None:
    reader = ReportLogReader()
    reader.feed(f"{HEAD}TIMEZONE -60 0 # CET\n{out('1', '10/24 22:10:07')}".encode())
    assert reader.minutes_west == -60


def test_countries_change_their_offsets() -> None:
    """Turkey's winter was at two hours until 2016, and is at three since."""
    text = out("1", "07/01 12:00:00") + back("1", "07/01 12:10:00")
    head = HEAD.replace("10/24/2026", "07/01/2015")
    (told,), _ = taken(text, tz=ZoneInfo("Europe/Istanbul"), minutes_west=-120, head=head)
    assert told.session.out == utc(2015, 7, 1, 9)


def test_times_that_cannot_be_are_not_told() -> None:
    """A server's clock was wrong for an hour: nobody wants tables of those years."""
    for year in (1970, 1999, 2027):
        text = out("1", "10/24 22:10:07") + back("1", "10/24 22:12:01")
        text += 'DENY STARCCM 2023.1 bob ws2 "" 2 -22 1 10/24 22:11\n'
        tellings, (denied,) = taken(text, head=HEAD.replace("2026", str(year)))
        assert (tellings, denied.at) == ((), None)


def test_a_zone_holds_until_the_next_run_tells_its_own() -> None:
    """A poll falls between the two lines, and the start ends the sessions of the run before."""
    reader = ReportLogReader()
    reader.feed(f"{HEAD}TIMEZONE -60 0 # CET\n{out('1', '10/24 22:10:07')}".encode())
    (session, *_) = reader.feed(HEAD.replace("22:00:00", "23:00:00").encode())
    assert isinstance(session, Session)
    assert (session.ended, reader.minutes_west) == (Ended.CRASH, -60)
    reader.feed(b"TIMEZONE 300 0 # EST\n")
    assert reader.minutes_west == 300


def test_many_sessions_are_parted_and_denials_go_with_the_place() -> None:
    (told,), (denied,) = taken(
        out("1", "10/24 22:10:07")
        + 'DENY STARCCM 2023.1 bob ws2 "" 2 -22 1 10/24 22:11\n'
        + back("1", "10/24 22:12:01")
    )
    many = LogUsage(tellings=(told,) * (2 * AT_ONCE + 1), denials=(denied,))
    parts = list(many.parts())
    assert [len(part.tellings) for part in parts] == [AT_ONCE, AT_ONCE, 1]
    assert [len(part.denials) for part in parts] == [0, 0, 1]
    assert [part.is_whole for part in parts] == [False, False, True]
    months = tuple(replace(told, session=replace(told.session, out=utc(2000 + n, 1, 1))) for n in range(30))
    assert [len(part.tellings) for part in LogUsage(tellings=months).parts()] == [12, 12, 6]
    assert list(LogUsage().parts()) == []
    assert [part.is_whole for part in LogUsage(denials=(denied,)).parts()] == [True]
