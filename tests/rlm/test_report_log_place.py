"""How a place in a growing log is known again, and which file comes after another."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_exporter.rlm.report_log_place import (
    FIRST_BYTES,
    LAST_BYTES,
    Candidate,
    Course,
    Footprint,
    LogHead,
    fingerprint,
    next_log,
    read_head,
    spans,
)
from tests.rlm.report_logs import DATA, HEAD, START, out, text

EIGHT = datetime(2026, 3, 2, 8)  # noqa: DTZ001 - the server's local time


@given(st.binary(max_size=3000), st.data())
def test_a_footprint_is_of_the_bytes_and_not_of_how_they_came(data: bytes, draw: st.DataObject) -> None:
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(data)), max_size=6)))
    mark = Footprint()
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        mark.take(data[start:end])
    (start, number), (last, rest) = spans(mark.offset)
    assert (mark.offset, start, number) == (len(data), 0, min(len(data), FIRST_BYTES))
    assert rest == min(len(data), LAST_BYTES)
    assert mark.first == fingerprint(data[:number])
    assert mark.last == fingerprint(data[last : last + rest])
    again = Footprint.of(data[:number], data[last:], len(data))
    assert (again.first, again.last, again.offset) == (mark.first, mark.last, mark.offset)


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("std-a-day.log", LogHead(isv="acme", server="rlm1", begins=EIGHT + timedelta(seconds=5))),
        ("switch-2.log", LogHead(isv="acme", server="rlm1", begins=EIGHT.replace(hour=12))),
        ("hole.log", LogHead(isv="acme", server="rlm1", begins=EIGHT.replace(day=3, hour=0))),
        ("headless.log", LogHead(begins=datetime(2027, 1, 1))),  # noqa: DTZ001
        ("no-dates.log", LogHead()),
        ("crlf-utf-8.log", LogHead(isv="acme", server="rlm1", begins=EIGHT)),
    ],
)
def test_a_head_tells_whose_log_it_is_and_since_when(name: str, head: LogHead) -> None:
    assert read_head((DATA / name).read_bytes()) == head


def test_a_head_that_is_not_whole_tells_what_is_there() -> None:
    assert read_head(text(*HEAD)) == LogHead(isv="acme")
    assert read_head(text(*HEAD) + START.encode()) == LogHead(isv="acme")
    assert read_head(b"\x1f\x8b" + bytes(range(256))) == LogHead()


def candidate(name: str, minutes: int | None, *, changed: int = 0, **head: str) -> Candidate:
    begins = None if minutes is None else EIGHT + timedelta(minutes=minutes)
    said: dict[str, str] = {"isv": "acme", "server": "rlm1"} | head
    return Candidate(
        path=name, head=LogHead(**said, begins=begins), changed_ns=changed, first=name.partition(" ")[0]
    )


READ = candidate("a", 0, changed=5)


@pytest.mark.parametrize(
    ("candidates", "chosen"),
    [
        ([], None),
        ([candidate("b", 1), candidate("c", 2)], "b"),
        ([candidate("c", 2), candidate("b", 1)], "b"),
        ([candidate("older", -1)], None),
        ([candidate("b", None)], None),
        ([candidate("b", 0, changed=6)], "b"),
        ([candidate("b", 0, changed=4)], None),
        ([candidate("a copy", 0, changed=6)], None),
        ([candidate("a later", 1, changed=6)], "a later"),
        ([candidate("c", 1, changed=9), candidate("b", 1, changed=8)], "b"),
        ([candidate("b", 1, isv="other")], None),
        ([candidate("b", 1, server="rlm2")], None),
    ],
)
def test_the_next_log_is_the_first_that_begins_later(candidates: list[Candidate], chosen: str | None) -> None:
    found = next_log(READ, candidates)
    assert (found and found.path) == chosen


def test_nothing_is_later_than_a_moment_that_is_not_known() -> None:
    assert next_log(candidate("a", None), [candidate("b", 1)]) is None


@pytest.mark.parametrize(
    ("lines", "target"),
    [
        ((), "before"),
        ((out("1", "08:10:00"),), "before"),
        (("SWITCH to /var/log/a b.rl", "END 03/02/2026 12:00", "AUTH: 1 ff"), "/var/log/a b.rl"),
        (("SWITCH to a.rl\r",), "a.rl"),
        (("SWITCH to a.rl", "SWITCH to b.rl"), "b.rl"),
        (("SWITCH to a.rl", START), None),
        ((START, "SWITCH to a.rl"), "a.rl"),
        ((START,), None),
        (("SWITCH from a.rl",), "before"),
        ((out("1", "08:10:00", who="SWITCH to"),), "before"),
    ],
)
def test_a_log_may_end_by_naming_the_next_one(lines: tuple[str, ...], target: str | None) -> None:
    assert Course(switched_to="before").after(text(*lines)).switched_to == target


@pytest.mark.parametrize(
    ("lines", "dated"),
    [
        ((), None),
        ((out("1", "08:10:00"),), None),
        ((START,), EIGHT),
        (("03/02/2026 08:00", START.replace("08:00:00", "07:00")), EIGHT.replace(hour=7)),
        (("END 03/02/2026 08:00",), EIGHT),
        (("03/02/2026 08:00", "99/99/2026 08:00"), EIGHT),
    ],
)
def test_the_newest_dated_line_is_kept(lines: tuple[str, ...], dated: datetime | None) -> None:
    assert Course().after(text(*lines)).dated == dated


@given(st.binary(max_size=300))
def test_any_bytes_may_stand_in_a_log(data: bytes) -> None:
    read_head(data)
    Course().after(data)
    Course().after(b"SWITCH to " + data)
