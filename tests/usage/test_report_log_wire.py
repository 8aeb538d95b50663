"""The way of a log's events to the daemon: read back as they were written, or an error with its place."""

import re
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_exporter.errors import FormatError
from rlm_exporter.rlm.report_log_place import TailPosition
from rlm_exporter.rlm.report_log_values import Begun, Denial, Ended, LogWarning, Run, RunEnd, Session
from rlm_exporter.usage.report_log_wire import (
    read_denial,
    read_place,
    read_session,
    written_events,
    written_place,
)

MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)).map(  # noqa: DTZ001 - the server's time
    lambda moment: moment.replace(fold=0)
)
SPANS = st.integers(0, 10**9).map(lambda number: timedelta(microseconds=number * 1000))
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NUMBERS = st.integers(-(2**31) + 1, 2**31 - 1)
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
    seats=NUMBERS,
    handle=WORDS,
    share_handle=st.none(),
    begun=st.sampled_from(Begun),
    out=st.none() | MOMENTS,
    ended=st.sampled_from(Ended),
    back=st.none() | MOMENTS,
    reason=st.none() | NUMBERS,
    lasted=st.none() | SPANS,
    seen_since=st.none(),
    not_after=st.none() | MOMENTS,
)
DENIALS = st.builds(
    Denial,
    run=st.just(0),
    product=WORDS,
    version=WORDS,
    user=WORDS,
    host=WORDS,
    isv_def=st.just(""),
    seats=NUMBERS,
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
        offset=NUMBERS,
        first=WORDS,
        last=WORDS,
        begins=st.none() | MOMENTS,
        dated=st.none() | MOMENTS,
        left=left,
    ),
    max_leaves=3,
).filter(lambda place: place is not None)


@given(st.lists(SESSIONS | DENIALS, max_size=5))
def test_events_come_back_as_they_were(events: list[Any]) -> None:
    sessions, denials = orjson.loads(orjson.dumps(written_events(events)))
    read = [read_session(each, where="x") for each in sessions] + [read_denial(e, where="x") for e in denials]
    assert sorted(map(repr, read)) == sorted(map(repr, events))


def test_what_is_not_for_the_usage_log_is_not_sent() -> None:
    run = Run(0, "rlm1", None, None, RunEnd.CUT, None)
    assert written_events([run, LogWarning(0, 1, "x")]) == ([], [])


@given(PLACES)
def test_a_place_comes_back_as_it_was(place: TailPosition | None) -> None:
    assert place is not None
    assert read_place(written_place(place)) == place


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "x", '{"name": 1}'])
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
    return dict(orjson.loads(orjson.dumps(written_events([session])))[0][0])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"seats": "1"}, "x.seats: not a whole number, or too large"),
        ({"seats": True}, "x.seats: not a whole number, or too large"),
        ({"seats": 2**40}, "x.seats: not a whole number, or too large"),
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


def test_what_is_missing_is_named() -> None:
    told = _session()
    del told["back"]
    with pytest.raises(FormatError, match=re.escape("x: without ['back'], and with nothing unknown")):
        read_session(told, where="x")
    with pytest.raises(FormatError, match="x: not a mapping"):
        read_denial([], where="x")
