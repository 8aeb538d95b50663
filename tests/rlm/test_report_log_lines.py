"""Each record in each of its layouts, whole and broken."""

from datetime import datetime, time

import pytest

from rlm_exporter.rlm.report_log_fields import DAYS
from rlm_exporter.rlm.report_log_lines import is_whole, read_record
from rlm_exporter.rlm.report_log_records import (
    Blank,
    Damaged,
    Dated,
    Deny,
    Format,
    In,
    InUse,
    Isv,
    Other,
    Out,
    Queue,
    Record,
    Shutdown,
    Start,
    Switch,
    TimeJump,
    TimeZone,
    Unknown,
)

OUT = 'OUT solver 2.5 1 alice ws1 "job 7" 2 3 1 1f 2a 7f2 "wing" "solver" "2.0" 03/02 08:10:05'
OUT_SMALL = 'OUT solver 2.5 alice ws1 "job 7" 2 1f 2a 08:10'
IN = 'IN 4 solver 2.5 alice ws1 "job 7" 2 1 0 1f 03/02 09:40:15'
IN_USE = 'INUSE solver 3.0 1 alice ws1 "job 7" 2 1f 2a 7f2 03/02 18:00:00'
DENY = 'DENY solver 3.0 carol ws4 "" 9 -22 0 03/02 08:32'
MOMENT = datetime(2026, 3, 2, 8)  # noqa: DTZ001 - the server's local time
MARCH = (3, 2)
_OUT = Out(
    "solver", "2.5", 1, "alice", "ws1", "job 7", 2, "1f", "2a", 0x1F, 0x2A, MARCH, time(8, 10, 5), "wing"
)  # fmt: skip
_IN = In(4, "solver", "2.5", "alice", "ws1", "job 7", 2, "1f", 0x1F, MARCH, time(9, 40, 15))
_IN_USE = InUse(
    "solver", "3.0", 1, "alice", "ws1", "job 7", 2, "1f", "2a", 0x1F, 0x2A, MARCH, time(18)
)  # fmt: skip
_DENY = Deny("solver", "3.0", "carol", "ws4", "", 9, -22, 0, MARCH, time(8, 32))

READ: list[tuple[str, Record]] = [
    (OUT, _OUT),
    (f"{OUT}.1250", _OUT._replace(time=time(8, 10, 5, 125000))),
    (f'{OUT}.1250 "Linux 5" "/bin/a -x" 0 0', _OUT._replace(time=time(8, 10, 5, 125000))),
    (f'{OUT}.1250 "Linux 5" "/bin/a" 5 a7 192.0.2.7', _OUT._replace(time=time(8, 10, 5, 125000))),
    (f"{OUT} ", _OUT),
    (OUT.replace("wing", ""), _OUT._replace(project=None)),
    (OUT.replace("alice ws1", '"" ""'), _OUT._replace(user="", host="")),
    (OUT.replace(" 03/02 ", " 3/2 "), _OUT),
    (OUT.replace(" 03/02 08:", " 03/02 8:"), _OUT),
    (OUT_SMALL, _OUT._replace(pool=None, day=None, time=time(8, 10), project=None)),
    (IN, _IN),
    (f"{IN}.0001", _IN._replace(time=time(9, 40, 15, 100))),
    ("IN 2 3 1f 09:40", In(2, None, None, None, None, None, 3, "1f", 0x1F, None, time(9, 40))),
    (IN_USE, _IN_USE),
    (IN_USE.replace(" 2a 7f2", " 7f2"), _IN_USE._replace(share_handle=None, share_key=0)),
    (DENY, _DENY),
    (DENY.replace(" 0 03/02", " 1 9a1 03/02"), _DENY._replace(last_attempt=1)),
    (f"{DENY}:07.1234", _DENY._replace(time=time(8, 32, 7, 123400))),
    ('QUE solver 3.0 dave ws5 "" 8 4 "" "solver" "3.0" 03/02 10:01:00', Queue(4, MARCH, time(10, 1))),
    ('QUE solver 3.0 dave ws5 "" 8 4 10:03', Queue(4, None, time(10, 3))),
    ('DEQUE 1 solver 3.0 dave ws5 "" 8 4 03/02 10:02:00', Queue(4, MARCH, time(10, 2))),
    ("DEQUE 1 8 4 03/02 10:02:00", Other(MARCH, time(10, 2))),
    ("START rlm1 03/02/2026 08:00", Start("rlm1", MOMENT)),
    ("START rlm1.example.com 03/02/2026 08:00:00", Start("rlm1.example.com", MOMENT)),
    ('START "" 03/02/2026 08:00', Start("", MOMENT)),
    ("END 03/02/2026 08:00", Dated(MOMENT, ends=True)),
    ("03/02/2026 08:00", Dated(MOMENT, ends=False)),
    ("3/2/2026 8:00:00", Dated(MOMENT, ends=False)),
    ("SHUTDOWN admin rlm1 03/02 18:00:00", Shutdown(MARCH, time(18))),
    ('SHUTDOWN "an admin" "" 03/02 18:00', Shutdown(MARCH, time(18))),
    ("TIMEJUMP -60 03/02 09:05:00", TimeJump(-60, MARCH, time(9, 5))),
    ("TIMEJUMP +5 03/02 09:05", TimeJump(5, MARCH, time(9, 5))),
    ("SWITCH to /var/log/rlm/acme 2.rl", Switch(leaves=True, name="/var/log/rlm/acme 2.rl")),
    ("SWITCH from a.rl", Switch(leaves=False, name="a.rl")),
    ("TIMEZONE -60 0 0 # CET, no summer time now", TimeZone(-60)),
    ("TIMEZONE 300 1 some rules # EST5EDT", TimeZone(300)),
    ("TIMEZONE 300", TimeZone(300)),
    ("RLM Report Log Format 2, version 9.3", Format(2, "9.3", authenticated=False)),
    ("RLM Report Log Format 0, version 15.2, authenticated", Format(0, "15.2", authenticated=True)),
    ("ISV: acme, RLM version 15.2 BL3", Isv("acme", "15.2 BL3")),
    ("", Blank()),
    (" \t ", Blank()),
]
PASSED = [
    'PRODUCT solver 3.0 1 10 2 10 "" "" "" "" "" "" 0 0 0 0',
    'PRODUCT mesher 2.1 2 4 0 4 "ANY" "c-77" "A Customer" "acme" "line 1" "opts" 3 0 0 0 0 0 0 0 0',
    "LICENSE FILE /opt/rlm/a b.lic",
    "REPROCESSED with rlmanon v9.3",
    "AUTH: 1 3f2a99",
    "AUTH section signature",
]
TIMED = [
    "REREAD admin rlm1 03/02 10:00:00",
    'ROAM_EXTEND mesher 2.0 2 bob ws2 "a job" 4 2 7f3 03/02 10:00:00',
    'DYNRES create bob ws2 2 1 "one for bob" 03/02 10:00:00',
    "METER_DEC 2 1 5 03/02 10:00:00",
    'TEMP create solver 3.0 1 bob ws2 "" 04/01 00:00 9 03/02 10:00:00',
    "TEMP expired 9 03/02 10:00:00",
    "log 03/02 10:00:00 what the program has to say",
    "log 03/02 10:00:00",
]
BROKEN = [
    OUT.replace('"job 7"', '"job 7'),
    OUT.replace("ws1 ", ""),
    OUT.replace(" 2 3 ", " two 3 "),
    OUT.replace("1f", "1g"),
    OUT.replace("03/02", "02/30"),
    OUT.replace("03/02", "13/02"),
    OUT.replace("08:10:05", "24:10:05"),
    OUT.replace(":05", ""),
    OUT + IN,
    OUT[:20] + IN,
    IN.replace(" 1f", ""),
    IN.replace("IN 4", "IN four"),
    "IN 2 3 1f 09:60",
    IN_USE.replace("INUSE solver 3.0 1", "INUSE solver 3.0 one"),
    DENY.replace("-22", "all"),
    "START rlm1 13/02/2026 08:00:00",
    "START rlm1 02/29/2026 08:00:00",
    "START rlm1",
    "END 03/02/1026 08:00",
    "SHUTDOWN admin rlm1 03/02",
    "SWITCH over there",
    "SWITCH to ",
    "TIMEJUMP soon 03/02 12:00:00",
    "TIMEZONE west",
    "REREAD admin rlm1",
    'PRODUCT solver 3.0 1 ten 2 10 "" "" "" "" "" "" 0 0 0 0',
    'PRODUCT solver 3.0 1 10 2 10 "" "" ""',
    "QUE solver 3.0",
    "log 03/02",
    "ISV: acme",
]


@pytest.mark.parametrize(("line", "record"), READ, ids=[line[:40] for line, _ in READ])
def test_reads(line: str, record: Record) -> None:
    found = read_record(line)
    assert (type(found), found) == (type(record), record)


@pytest.mark.parametrize("line", PASSED)
def test_passes_over_what_tells_nothing_of_use(line: str) -> None:
    assert read_record(line) == Other(None, None)


@pytest.mark.parametrize("line", TIMED)
def test_takes_but_the_time_of_others(line: str) -> None:
    assert read_record(line) == Other(MARCH, time(10))


@pytest.mark.parametrize("line", BROKEN)
def test_a_broken_record_is_none(line: str) -> None:
    found = read_record(line)
    assert isinstance(found, Damaged)
    assert found.word == line.partition(" ")[0]
    assert line[:20].strip() in found.text


@pytest.mark.parametrize("line", ["#$%&!", "out solver", "OUTER space", "03/02", "RLM Report Log Format x"])
def test_anything_else_is_no_record(line: str) -> None:
    assert isinstance(read_record(line), Unknown)


def test_equal_days_are_one_object() -> None:
    for text in ("03/02", "3/2", "03/2", "3/02"):
        record = read_record(OUT.replace("03/02", text))
        assert isinstance(record, Out)
        assert record.day is DAYS["03/02"]


WHOLE = [
    OUT, f"{OUT} ", OUT_SMALL, IN, IN_USE, DENY, "03/02/2026 08:00", "END 03/02/2026 08:00", "AUTH: 1 ff",
    "SHUTDOWN admin rlm1 03/02 18:00:00", "SWITCH to a.rl", "START rlm1 03/02/2026 08:00",
    "TIMEZONE 0 0 0 # UTC", "REREAD admin rlm1 03/02 10:00:00", "",
]  # fmt: skip
CUT = [
    OUT[:-1], OUT[:-3], OUT_SMALL[:-1], IN[:-1], IN[:-3], IN_USE[:-3], DENY[:-1], "03/02/2026 08:0",
    "SHUTDOWN admin rlm1 03/02 18:00", "TIMEZONE -6", "RLM Report Log Format 0, version 15.2", "SWIT",
    "ISV: acme, RLM version 15.2 BL", "START rlm1 03/02/2026 08:00:0",
]  # fmt: skip


@pytest.mark.parametrize("line", WHOLE)
def test_a_last_line_without_end_may_be_whole(line: str) -> None:
    assert is_whole(read_record(line), line, detailed=False)


@pytest.mark.parametrize("line", CUT)
def test_a_last_line_may_be_cut(line: str) -> None:
    assert not is_whole(read_record(line), line, detailed=False)


DETAILED_OUT = f'{OUT}.1250 "Linux 5" "/bin/a" 0 0'


@pytest.mark.parametrize(
    ("line", "whole"),
    [
        (DETAILED_OUT, True),
        (f"{DETAILED_OUT} 192.0.2.7", True),
        (DETAILED_OUT[:-2], False),
        (f"{OUT}.1250", False),
        (f"{IN}.1250", True),
        (f"{IN}.125", False),
        (IN, False),
        (f"{DENY}:07.0001", True),
        (f"{DENY}:07", True),
        (DENY, False),
    ],
)
def test_the_detailed_format_tells_more_of_its_last_line(line: str, *, whole: bool) -> None:
    assert is_whole(read_record(line), line, detailed=True) is whole
