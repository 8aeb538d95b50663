"""The way of a log's events to the daemon: read back as they were written, or an error with its place."""

import os
import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_exporter.errors import FormatError
from rlm_exporter.rlm.report_log_place import DEEPEST, Course, TailPosition, cut_off
from rlm_exporter.rlm.report_log_reader import ReportLogReader
from rlm_exporter.rlm.report_log_values import Begun, Denial, Ended, LogWarning, Run, RunEnd, Session
from rlm_exporter.usage.report_log_wire import (
    read_denial,
    read_place,
    read_session,
    written_events,
    written_place,
)

LATER = datetime(2090, 1, 1)  # noqa: DTZ001 - as naive as the log
TODAY = datetime(2026, 3, 1, 12, 0)  # noqa: DTZ001 - as naive as the log
MOMENTS = st.datetimes(datetime(2000, 1, 1), LATER).map(  # noqa: DTZ001 - the server's time
    lambda moment: moment.replace(fold=0)
)
SPANS = st.integers(0, 10**9).map(lambda number: timedelta(microseconds=number * 1000))
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NUMBERS = st.integers(-(2**31) + 1, 2**31 - 1)
COUNTS = st.integers(0, 2**31 - 1)
HANDLES = st.text("0123456789abcdefABCDEF", min_size=1, max_size=32)
HEAD = "RLM Report Log Format 0, version 15.2\nISV: acme, RLM version 15.2 BL3\n\nSTART rlm1 {} 09:00:00\n"
SESSIONS = st.builds(
    Session,
    number=st.just(0),
    run=st.just(0),
    product=st.none() | WORDS,
    version=st.none() | WORDS,
    pool=st.none(),
    user=st.none() | WORDS,
    host=st.none() | WORDS,
    isv_def=st.none(),
    seats=COUNTS,
    handle=HANDLES,
    share_handle=st.none(),
    begun=st.sampled_from(Begun),
    out=st.none() | MOMENTS,
    ended=st.sampled_from(Ended),
    back=st.none() | MOMENTS,
    reason=st.none() | NUMBERS,
    lasted=st.none() | SPANS,
    seen_since=st.none(),
    not_after=st.none() | MOMENTS,
    project=st.none() | WORDS,
)
DENIALS = st.builds(
    Denial,
    run=st.just(0),
    product=WORDS,
    version=WORDS,
    user=WORDS,
    host=WORDS,
    isv_def=st.just(""),
    seats=COUNTS,
    why=NUMBERS,
    last_attempt=NUMBERS,
    at=st.none() | MOMENTS,
)
PLACES: st.SearchStrategy[TailPosition | None] = st.recursive(
    st.none(),
    lambda left: st.builds(
        TailPosition,
        name=WORDS,
        device=NUMBERS,
        inode=NUMBERS,
        offset=COUNTS,
        first=WORDS,
        last=WORDS,
        begins=st.none() | MOMENTS,
        dated=st.none() | MOMENTS,
        left=left,
    ),
    max_leaves=3,
).filter(lambda place: place is not None)


PLACE = TailPosition(name="/x", device=1, inode=2, offset=3, first="", last="", begins=None, dated=None)


@given(st.lists(SESSIONS | DENIALS, max_size=5))
def test_events_come_back_as_they_were(events: list[Any]) -> None:
    sessions, denials = orjson.loads(orjson.dumps(written_events(events, now=LATER)))
    read = [read_session(each, where="x") for each in sessions] + [read_denial(e, where="x") for e in denials]
    assert sorted(map(repr, read)) == sorted(map(repr, events))


@pytest.mark.parametrize("start", ["01/01/1970", "03/01/2026", "03/01/2150"])
def test_whatever_a_log_has_can_be_taken(start: str) -> None:
    """A clock that was never set, names of a thousand letters, a number of seats that nobody has."""
    name, day = "x" * 3000, start[:5]
    text = HEAD.format(start) + (
        f'DENY {name} {name} "{name}" {name} "" 999999999 -22 1 12/31 23:59\n'
        f'OUT {name} {name} 1 {name} {name} "" 999999999 1 0 1a 1a 4d2 "" "s" "2" {day} 09:05:00\n'
        f'IN 1 {name} {name} {name} {name} "" 999999999 0 0 1a {day} 09:06:00\n'
    )
    sessions, denials = written_events(ReportLogReader().feed(text.encode()), now=TODAY)
    session = read_session(orjson.loads(orjson.dumps(sessions[0])), where="sessions[0]")
    denial = read_denial(orjson.loads(orjson.dumps(denials[0])), where="denials[0]")
    assert session.product == denial.user == "x" * 1024
    known = datetime(2026, 3, 1, 9, 5) if start.endswith("2026") else None  # noqa: DTZ001 - the server's time
    assert session.out == known


def test_a_span_that_no_session_has_is_not_sent() -> None:
    """The clock was set back by a thousand years in the meantime, says the log."""
    session = Session(
        0, 0, "p", "1", None, "u", "h", None, 1, "1", None, Begun.OUT, TODAY, Ended.IN, TODAY, 1,
        timedelta(days=365_000), None, None,
    )  # fmt: skip
    ((told,), _) = written_events([session], now=TODAY)
    assert told["lasted"] is None


def test_what_is_not_for_the_usage_log_is_not_sent() -> None:
    run = Run(0, "rlm1", None, None, RunEnd.CUT, None)
    assert written_events([run, LogWarning(0, 1, "x")], now=LATER) == ([], [])


@given(PLACES)
def test_a_place_comes_back_as_it_was(place: TailPosition | None) -> None:
    assert place is not None
    assert read_place(written_place(place)) == place


def test_a_place_may_be_a_file_whose_name_is_no_text() -> None:
    course = Course().after(b"SWITCH to /logs/f\xe4\0.rl\n")
    assert course.switched_to == os.fsdecode(b"/logs/f\xe4.rl")
    place = replace(PLACE, name=course.switched_to)
    text = written_place(place)
    assert text.isascii()
    assert read_place(text) == place


def test_a_place_names_only_some_of_the_logs_before() -> None:
    place: TailPosition | None = PLACE
    for _ in range(1000):
        place = cut_off(replace(PLACE, left=place))
    depth = 0
    while place is not None:
        place, depth = place.left, depth + 1
    assert depth == DEEPEST


BELOW = written_place(
    TailPosition(name="", device=0, inode=0, offset=-1, first="", last="", begins=None, dated=None)
)


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", "null", "x", '{"name": 1}', "[" * 100_000, BELOW, BELOW.replace("-1", "Infinity")],
)
def test_what_is_no_place_is_an_error(text: str) -> None:
    with pytest.raises(FormatError, match="no place in a report log"):
        read_place(text)


def _session() -> dict[str, Any]:
    session = Session(
        0,
        0,
        "p",
        "1",
        None,
        "u",
        "h",
        None,
        1,
        "1",
        None,
        Begun.OUT,
        None,
        Ended.IN,
        None,
        1,
        None,
        None,
        None,
    )
    return dict(orjson.loads(orjson.dumps(written_events([session], now=LATER)))[0][0])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"seats": "1"}, "x.seats: not a whole number, or too large"),
        ({"seats": True}, "x.seats: not a whole number, or too large"),
        ({"seats": 2**40}, "x.seats: not a whole number, or too large"),
        ({"seats": -1}, "x.seats: less than no seat"),
        ({"handle": "x"}, "x.handle: not a handle of at most 32 hexadecimal digits"),
        ({"handle": "a" * 33}, "x.handle: not a handle of at most 32 hexadecimal digits"),
        ({"lasted": -1}, "x.lasted: shorter than nothing, or longer than any session"),
        ({"lasted": 4e9}, "x.lasted: shorter than nothing, or longer than any session"),
        ({"back": "1999-12-31T23:59:59"}, "x.back: outside of all years that a log can have"),
        ({"out": "yesterday"}, "x.out: Invalid isoformat string: 'yesterday'"),
        ({"out": "2026-03-01T00:00:00+00:00"}, "x.out: a time with a zone; the server's own is wanted"),
        ({"out": "0001-01-01T00:00:00"}, "x.out: outside of all years that a log can have"),
        ({"ended": "never"}, "x.ended: 'never' is not a valid Ended"),
        ({"user": "a" * 2000}, "x.user: not a text of at most 1024 characters"),
        ({"lasted": "long"}, "x.lasted: not a number of seconds"),
        ({"lasted": 1e300}, "x.lasted: "),
        ({"more": 1}, "x: without nothing, and with ['more'] unknown"),
    ],
)
def test_what_cannot_be_read_has_its_place(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(FormatError, match=f"^{re.escape(told)}"):
        read_session(_session() | changes, where="x")


def test_what_shippers_of_older_versions_do_not_send_is_unknown() -> None:
    told = _session()
    del told["project"]
    assert read_session(told, where="x").project is None


def test_what_is_missing_is_named() -> None:
    told = _session()
    del told["back"]
    with pytest.raises(FormatError, match=re.escape("x: without ['back'], and with nothing unknown")):
        read_session(told, where="x")
    with pytest.raises(FormatError, match="x: not a mapping"):
        read_denial([], where="x")
