"""Whatever a log holds, it is read; and what is written is read back."""

import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bench.report_log import FORMATS, HOSTILE, read_bytes, seconds
from rlm_exporter.rlm.report_log import ReportLog
from rlm_exporter.rlm.report_log_reader import ReportLogReader
from rlm_exporter.rlm.report_log_totals import Totals
from rlm_exporter.rlm.report_log_values import Begun, Denial, Ended, LogFormat, LogWarning, Run, Session
from rlm_exporter.simulator import report_lines
from rlm_exporter.simulator.plan import ReportFormat
from rlm_exporter.simulator.report_lines import Move
from rlm_exporter.simulator.style import Style
from rlm_exporter.simulator.wish import Wish
from tests.rlm.report_logs import FILES, HEAD, SHAPES, read, text


def judge(data: bytes) -> ReportLog:
    """Read it, and hold the answer to what may be said of any log."""
    found = read(data)
    lines = data.count(b"\n") + 1
    assert len(found.sessions) + len(found.denials) + len(found.warnings) <= lines
    assert all(1 <= each.line <= lines for each in found.warnings)
    assert [run.number for run in found.runs] == list(range(len(found.runs)))
    assert [each.number for each in found.sessions] == list(range(len(found.sessions)))
    assert {each.run for each in found.sessions} <= set(range(len(found.runs)))
    assert {each.run for each in found.denials} <= set(range(len(found.runs)))
    for session in found.sessions:
        assert (session.out is None) or session.begun is Begun.OUT
        assert (session.reason is not None) == (session.ended is Ended.IN)
        assert session.lasted is None or session.lasted >= timedelta()
    taken = Counter[str]()
    for session in found.sessions:
        if session.begun is not Begun.UNKNOWN and session.product is not None:
            taken[session.product] += session.seats
    assert all(0 <= seats <= taken[product] for product, seats in found.peak_seats.items())
    return found


@given(st.binary(max_size=400))
@example(b"\xff\xfeH")
@example(b"\xef\xbb\xbf")
@example(b"\0")
@example(b"\n\r")
def test_any_bytes_are_read(data: bytes) -> None:
    judge(data)


@given(st.lists(st.sampled_from(SHAPES), max_size=60), st.booleans())
def test_any_records_in_any_order_are_read(lines: list[str], dated: bool) -> None:
    judge(text(*(HEAD if dated else ()), *lines))


@given(st.lists(st.sampled_from(SHAPES), max_size=30), st.data())
def test_pieces_and_files_may_end_anywhere(lines: list[str], data: st.DataObject) -> None:
    whole = text(*lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    reader = ReportLogReader()
    events = [
        e for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True) for e in reader.feed(whole[a:b])
    ]
    events += reader.close()
    once = ReportLogReader()
    assert events == once.feed(whole) + once.close()


@given(st.sampled_from(FILES), st.data())
def test_a_log_that_is_cut_anywhere_tells_no_more_than_the_whole(path: Path, data: st.DataObject) -> None:
    whole = path.read_bytes()
    cut = judge(whole[: data.draw(st.integers(0, len(whole)))])
    full = judge(whole)
    assert cut.denials == full.denials[: len(cut.denials)]
    assert len(cut.warnings) <= len(full.warnings) + 1
    assert len(cut.sessions) <= len(full.sessions)
    for before, after in zip(cut.sessions, full.sessions, strict=False):
        if after.out is not None and full.runs[0].start is not None:
            assert (before.handle, before.user, before.out) == (after.handle, after.user, after.out)


@given(st.lists(st.sampled_from(SHAPES), max_size=60))
def test_sums_are_those_of_the_parts(lines: list[str]) -> None:
    data = text(*HEAD, *lines)
    totals, found, reader = Totals(), read(data), ReportLogReader()
    totals.add(reader.feed(data))
    totals.add(reader.close())
    assert (totals.sessions, totals.denials, totals.warnings) == (
        len(found.sessions), len(found.denials), len(found.warnings),
    )  # fmt: skip
    assert tuple(totals.runs) == found.runs
    assert sum(each.sessions for each in totals.products.values()) == totals.sessions
    assert sum(totals.refusals.values()) == totals.denials
    lasted = sum((each.lasted for each in found.sessions if each.lasted is not None), timedelta())
    assert sum(each.microseconds for each in totals.products.values()) == lasted // timedelta(microseconds=1)


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=12)
NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.~-]{0,12}", fullmatch=True)
WISHES = st.builds(
    Wish, product=NAMES, version=st.sampled_from(["1.0", "2025.1", "400"]), count=st.integers(1, 9999),
    user=WORDS, host=WORDS, pid=st.integers(1, 2**31), isv_def=WORDS, last_attempt=st.booleans(),
)  # fmt: skip
STARTS = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - as it wants them


def word(name: str) -> str:
    """As RLM writes a name."""
    return "_".join(name.replace('"', "'").split())


@given(
    st.sampled_from(ReportFormat),
    st.sampled_from(Style),
    STARTS,
    st.lists(st.tuples(WISHES, st.integers(0, 5_000), st.one_of(st.none(), st.integers(1, 10))), max_size=8),
)
def test_what_the_simulator_writes_is_read_back(
    format_: ReportFormat, style: Style, start: datetime, wishes: list[tuple[Wish, int, int | None]]
) -> None:
    lines = [
        *report_lines.head("acme", format_, style.wording, switched_from=None),
        *report_lines.start("rlm1", style.wording, start),
        *report_lines.licenses("acme.lic", ()),
        report_lines.timestamp(start),
    ]
    sessions: list[tuple[object, ...]] = []
    denials: list[tuple[object, ...]] = []
    at, step = start, timedelta(minutes=1) if format_ is ReportFormat.SMALL else timedelta(microseconds=100)
    at = at.replace(second=0, microsecond=0)
    for number, (wish, later, why) in enumerate(wishes, 1):
        at += timedelta(minutes=1)
        lines += [report_lines.timestamp(at), report_lines.deny(wish, format_, why=-22, at=at)]
        denials.append(
            (
                wish.product,
                wish.version,
                word(wish.user),
                word(wish.host),
                wish.count,
                -22,
                at.replace(microsecond=0),
            )
        )
        move = Move(
            wish=wish, product=wish.product, version="9999", pool=number, count=wish.count, in_use=1,
            reserved_in_use=0, handle=f"{number:x}", share_handle=f"{number:x}", at=at,
        )  # fmt: skip
        lines.append(report_lines.out(move, format_))
        begun, ended = at, None
        if why is not None:
            at += later % 1000 * step
            if format_ is ReportFormat.STD:
                at = at.replace(microsecond=0)
            ended = at
            lines += [report_lines.timestamp(at), report_lines.back(_at(move, at), format_, why=why)]
        sessions.append((word(wish.user), word(wish.host), word(wish.isv_def), wish.count, begun, ended, why))
    lines += report_lines.shutdown("admin", "rlm1", at + timedelta(minutes=1))

    found = judge(text(*lines))
    [run] = found.runs
    assert found.warnings == ()
    assert (run.server, run.start) == ("rlm1", start.replace(microsecond=0, tzinfo=None))
    assert found.header.format == LogFormat(format_.value)
    assert [_told(each) for each in found.sessions] == [
        (*row[:4], _local(row[4]), _local(row[5]), row[6]) for row in sessions
    ]
    assert [
        (each.product, each.version, each.user, each.host, each.seats, each.why) for each in found.denials
    ] == [row[:6] for row in denials]
    assert [each.at for each in found.denials] == [_local(row[6]) for row in denials]
    assert [each.is_final for each in found.denials] == [wish.last_attempt for wish, *_ in wishes]


def _at(move: Move, at: datetime) -> Move:
    return Move(**{name: getattr(move, name) for name in Move.__slots__} | {"at": at})


def _local(moment: object) -> datetime | None:
    return moment.replace(tzinfo=None) if isinstance(moment, datetime) else None


def _told(session: Session) -> tuple[object, ...]:
    back = session.back if session.ended is Ended.IN else None
    return (
        session.user, session.host, session.isv_def, session.seats, session.out, back, session.reason,
    )  # fmt: skip


def test_sums_bear_whatever_a_forged_log_tells() -> None:
    lines = [
        line
        for number in range(4_000)
        for line in (
            "01/01/1970 00:00",
            f'OUT solver 2.5 1 alice ws1 "" 1 1 0 {number:x} 1 7f2 "" "solver" "2.5" 01/01 00:00:00',
            "12/31/2999 00:00",
            f'IN 1 solver 2.5 alice ws1 "" 1 0 0 {number:x} 12/31 00:00:00',
        )
    ]
    totals, reader = Totals(), ReportLogReader()
    totals.add(reader.feed(text(*lines)))
    assert totals.products["solver"].seconds > 1e14


@pytest.mark.parametrize("shape", [*FORMATS, *HOSTILE], ids=lambda shape: shape.__name__)
def test_time_grows_with_the_size_alone(shape: Callable[[int], list[str]]) -> None:
    small, large = (seconds(read_bytes, text(*shape(number))) for number in (500, 8_000))
    assert large < 64 * max(small, 0.001)  # sixteen times the text; a square would be 256


def test_a_shuffled_day_is_read() -> None:
    lines = [line for path in FILES for line in path.read_text("utf-8", "replace").split("\n")]
    for seed in range(20):
        random.Random(seed).shuffle(lines)
        found = judge(text(*lines))
        assert {type(each) for each in (*found.runs, *found.sessions, *found.denials, *found.warnings)} <= {
            Run, Session, Denial, LogWarning,
        }  # fmt: skip
