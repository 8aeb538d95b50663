"""What a drill makes of what it saw."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import pytest

from rlm_exporter.cli.local_zone import LocalZone
from rlm_exporter.drill.free import free_seats
from rlm_exporter.drill.ports import Standing
from rlm_exporter.drill.result import Drill, Finding, Kind, Sample, to_document, to_junit, worst_wait
from rlm_exporter.drill.trip import FENCES, Trip, refusal
from rlm_exporter.drill.window import parse_moment, parse_window

NOW = datetime(2026, 3, 4, 22, 30, tzinfo=UTC)
WELL = Standing(active="rlm1", ready=True, because=(), standbys=("rlm2", "rlm3"))


def finding(*, passed: bool, detail: str = "fine") -> Finding:
    return Finding(kind=Kind.WEB, subject="rlm1", passed=passed, detail=detail, seconds=0.1)


def sample(began: float, ended: float, *, answered: bool = True, at: str = "lb1") -> Sample:
    return Sample(at=at, began=began, ended=ended, answered=answered)


@pytest.mark.row(46)
@pytest.mark.parametrize(
    ("samples", "wait"),
    [
        ([], None),
        ([sample(0, 0.1), sample(1, 1.1)], 0.1),
        ([sample(0, 0.1), sample(1, 1.1, answered=False), sample(2, 2.2)], 1.2),
        ([sample(0, 4, answered=False), sample(1, 1.5)], 1.5),
        ([sample(0, 3)], 3),
        ([sample(0, 0.1), sample(1, 1.1, answered=False)], None),
        # One balancer that is fine says nothing of the other.
        ([sample(0, 0.1), sample(0, 0.1, answered=False, at="lb2"), sample(3, 3.1, at="lb2")], 3.1),
    ],
)
def test_a_client_waits_for_the_first_answer_to_one_that_came_no_earlier(
    samples: list[Sample], wait: float | None
) -> None:
    assert worst_wait(samples) == pytest.approx(wait)


@pytest.mark.row(46)
@pytest.mark.parametrize(
    ("text", "free"),
    [
        ("\tSTARCCM v2023.1000: 12 available\n", 12),
        ("STARCCM v1.0 on rlm1: 0 available", 0),
        ("\tstarccm v1.0: 3 available\n\tSTARCCM v2.0: 4 available\n", 7),
        ("\tSTARCCM v2023.1000: uncounted available\n", 1),
        ("\tSTARCCM-PLUS v1.0: 9 available\n", None),
        ("Setting license file path to 5053@10.0.0.1\n", None),
        ("", None),
    ],
)
def test_free_seats_are_read_from_lines_that_name_the_product(text: str, free: int | None) -> None:
    assert free_seats(text, "STARCCM") == free


@pytest.mark.row(46)
@pytest.mark.parametrize(
    ("standing", "passed", "window", "to", "said"),
    [
        (WELL, True, "22:00-23:00", None, None),
        (WELL, True, "22:00-23:00", "rlm3", None),
        (WELL, True, None, None, None),
        (WELL, True, "01:00-02:00", None, "the window 01:00-02:00 is closed"),
        (WELL, True, "22:00-22:31", None, "closes in 60 s"),
        (WELL, True, "22:00-22:32", None, "a move, the stay and the return need 130 s"),
        (replace(WELL, held=("failovers are paused",)), True, None, None, "failovers are paused"),
        (WELL, False, None, None, "not everything is well before it: web rlm1"),
        (WELL, True, None, "rlm1", "rlm1 is active already"),
        (WELL, True, None, "rlm4", "rlm4 is no healthy standby; those are rlm2, rlm3"),
        (
            Standing(active="rlm1", ready=False, because=("no standby",), standbys=()),
            True,
            None,
            None,
            "the cluster is not ready: no standby",
        ),
        (
            Standing(active=None, ready=True, because=(), standbys=("rlm2",)),
            True,
            None,
            None,
            "nobody is known to be active",
        ),
        (
            Standing(active="rlm1", ready=True, because=(), standbys=()),
            True,
            None,
            None,
            "no standby is healthy",
        ),
    ],
)
def test_clients_are_not_moved_outside_the_window_or_when_something_is_ill(
    standing: Standing, passed: bool, window: str | None, to: str | None, said: str | None
) -> None:
    opening = None if window is None else parse_window(window, UTC)
    trip = Trip(to=to, stay=timedelta(seconds=10), window=opening)
    why = refusal(standing, (finding(passed=passed),), trip, fences=False, now=NOW)
    assert why is None if said is None else said in (why or "")


@pytest.mark.row(46)
@pytest.mark.parametrize("fences", [False, True])
@pytest.mark.parametrize("asked", [False, True])
def test_servers_are_stopped_for_a_drill_only_where_that_is_asked_for(fences: bool, asked: bool) -> None:
    trip = Trip(stay=timedelta(seconds=10), with_fence=asked)
    why = refusal(WELL, (finding(passed=True),), trip, fences=fences, now=NOW)
    assert why == (FENCES if fences and not asked else None)


def test_a_window_goes_over_midnight_and_by_the_clock_of_its_place() -> None:
    night = parse_window("22:00-02:00", ZoneInfo("Europe/Berlin"))
    assert night.remaining(NOW) == timedelta(hours=2, minutes=30)
    assert night.remaining(NOW - timedelta(hours=2)) == timedelta(0)
    for wrong in ("22:00", "22:00-22:00", "24:00-01:00", "2:00-3:00"):
        with pytest.raises(ValueError, match=r"write it as 22:00-23:30|begins when it ends"):
            parse_window(wrong, UTC)


def test_a_time_is_the_next_one_and_a_date_is_itself() -> None:
    assert parse_moment("22:45", now=NOW, zone=UTC) == NOW + timedelta(minutes=15)
    assert parse_moment("22:15", now=NOW, zone=UTC) == NOW + timedelta(hours=23, minutes=45)
    assert parse_moment("2026-03-05T01:00", now=NOW, zone=UTC) == datetime(2026, 3, 5, 1, tzinfo=UTC)
    with pytest.raises(ValueError, match="write it as 22:30"):
        parse_moment("tonight", now=NOW, zone=UTC)


BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "now", "left"),
    [
        # On this night it is two o'clock twice, and the window is an hour longer than its clock faces say.
        ("22:00-06:00", datetime(2026, 10, 24, 21, tzinfo=UTC), timedelta(hours=8)),
        ("22:00-06:00", datetime(2026, 10, 25, 1, 30, tzinfo=UTC), timedelta(hours=3, minutes=30)),
        # On this one the hour after two o'clock is left out.
        ("22:00-06:00", datetime(2026, 3, 28, 22, tzinfo=UTC), timedelta(hours=6)),
        ("22:00-06:00", datetime(2026, 3, 29, 1, 30, tzinfo=UTC), timedelta(hours=2, minutes=30)),
    ],
)
def test_a_window_is_as_long_as_it_is_where_clocks_are_set(text: str, now: datetime, left: timedelta) -> None:
    assert parse_window(text, BERLIN).remaining(now.astimezone(BERLIN)) == left


@pytest.mark.parametrize(
    ("text", "now", "moment"),
    [
        ("02:30", "2026-10-25T00:15Z", "2026-10-25T00:30Z"),
        ("02:30", "2026-10-25T00:45Z", "2026-10-25T01:30Z"),
        ("02:30", "2026-10-25T01:45Z", "2026-10-26T01:30Z"),
        ("05:00", "2026-03-28T22:00Z", "2026-03-29T03:00Z"),
        # Not on the day that has no such time.
        ("02:30", "2026-03-28T22:00Z", "2026-03-30T00:30Z"),
        ("2026-10-25T02:30", "2026-10-25T00:45Z", "2026-10-25T01:30Z"),
        ("2026-10-25T02:30+02:00", "2026-10-25T00:00Z", "2026-10-25T00:30Z"),
    ],
)
def test_a_time_is_right_where_clocks_are_set(text: str, now: str, moment: str) -> None:
    found = parse_moment(text, now=datetime.fromisoformat(now), zone=BERLIN)
    assert found == datetime.fromisoformat(moment)


def test_a_time_that_a_day_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="no such time on that day: clocks are set forward"):
        parse_moment("2026-03-29T02:30", now=NOW, zone=BERLIN)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalZone]:
    """This machine's zone, with Berlin's rules of today for all years."""
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield LocalZone()
    monkeypatch.undo()
    time.tzset()


def test_this_machines_zone_knows_of_summer_time(here: LocalZone) -> None:
    for hour in range(24 * 3):  # from before the change to after it, both ways
        for day in (datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 10, 24, tzinfo=UTC)):
            moment = day + timedelta(hours=hour)
            shown, wanted = moment.astimezone(here), moment.astimezone(BERLIN)
            assert (shown.replace(tzinfo=None), shown.fold) == (wanted.replace(tzinfo=None), wanted.fold)
            assert shown.astimezone(UTC) == moment
    assert f"{datetime(2026, 7, 1, tzinfo=here):%Z}" == "CEST"
    assert f"{datetime(2026, 10, 25, 2, 30, tzinfo=here, fold=1):%Z}" == "CET"


@pytest.mark.parametrize("change", [datetime(2026, 3, 29), datetime(2026, 10, 25)])  # noqa: DTZ001 - faces
def test_this_machines_zone_has_the_usual_offset_for_times_that_come_twice_or_never(
    here: LocalZone, change: datetime
) -> None:
    for minutes in range(-60, 6 * 60, 15):
        for fold in (0, 1):
            face = (change + timedelta(minutes=minutes)).replace(fold=fold)
            assert face.replace(tzinfo=here).utcoffset() == face.replace(tzinfo=BERLIN).utcoffset(), face


def test_a_window_that_begins_in_the_hour_left_out_is_not_open_before_it(here: LocalZone) -> None:
    window = parse_window("02:15-21:00", here)
    assert window.remaining(datetime(2026, 3, 29, 0, 57, tzinfo=UTC)) == timedelta(0)
    assert window.remaining(datetime(2026, 3, 29, 1, 15, tzinfo=UTC)) == timedelta(hours=17, minutes=45)


def test_this_machines_zone_has_an_offset_for_the_first_and_the_last_day(here: LocalZone) -> None:
    for far in (datetime(1, 1, 1, tzinfo=here), datetime(9999, 12, 31, 23, 59, tzinfo=here)):
        assert far.utcoffset() == timedelta(hours=1)


@pytest.mark.row(46)
def test_junit_and_json_name_what_failed() -> None:
    drill = Drill(
        cluster="site", findings=(finding(passed=True), finding(passed=False, detail="no\x07 <answer>"))
    )
    suite = ET.fromstring(to_junit(drill))  # noqa: S314 - written by us
    assert [suite.get(key) for key in ("tests", "failures", "errors")] == ["2", "1", "0"]
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert failure.get("message") == "no  <answer>"
    assert (to_document(drill)["passed"], to_document(drill)["failed"]) == (False, ["web rlm1"])

    refused = Drill(cluster="site", findings=(), refused="closed")
    assert ET.fromstring(to_junit(refused)).get("errors") == "1"  # noqa: S314 - written by us
    assert not refused.passed

    stopped = Drill(cluster="site", findings=(finding(passed=True),), stopped="by a signal")
    assert ET.fromstring(to_junit(stopped)).get("errors") == "1"  # noqa: S314 - written by us
    assert (to_document(stopped)["passed"], to_document(stopped)["stopped"]) == (False, "by a signal")
