"""Whole logs, one of each kind, and what a log does to the reader that is none."""

import json
import tracemalloc
from collections.abc import Iterable
from datetime import datetime

import pytest

from bench.report_log import std
from rlm_exporter.cli.report_log_document import document
from rlm_exporter.rlm.report_log_reader import ReportLogReader
from rlm_exporter.rlm.report_log_text import LONGEST_LINE
from rlm_exporter.rlm.report_log_values import Header, LogFormat, LogWarning
from rlm_exporter.rlm.report_log_words import CHECKIN_REASONS, DENIAL_REASONS
from tests.rlm.report_logs import DATA, FILES, START, back, ends, log, out, read, text

QUIET = [path for path in FILES if path.stem not in {"damaged", "cut"}]
DENY = 'DENY solver 3.0 carol ws4 "" 9 {} {} 03/02 08:32'


@pytest.mark.parametrize("path", QUIET, ids=lambda path: path.stem)
def test_what_a_server_writes_is_read_without_a_warning(path: object) -> None:
    assert read((DATA / str(path)).read_bytes()).warnings == ()


@pytest.mark.parametrize("path", sorted(DATA.glob("*.json")), ids=lambda path: path.stem)
def test_whole_logs_mean_what_stands_beside_them(path: object) -> None:
    truth = DATA / str(path)
    parts = sorted(DATA.glob(f"{truth.stem}-[0-9].log")) or [truth.with_suffix(".log")]
    found = document(read(*parts), [part.name for part in parts])

    assert found == json.loads(truth.read_text())


def test_there_is_a_truth_for_each_format() -> None:
    formats = {json.loads(path.read_text())["header"]["format"] for path in DATA.glob("*.json")}
    assert formats == {"std", "detailed", "small"}


@pytest.mark.parametrize(
    ("number", "kind"), [(0, LogFormat.STD), (1, LogFormat.SMALL), (2, LogFormat.DETAILED), (3, None)]
)
def test_the_head_tells_the_format(number: int, kind: LogFormat | None) -> None:
    head = (f"RLM Report Log Format {number}, version 12.2", "ISV: acme, RLM version 12.2 BL2")
    assert read(text("", *head)).header == Header(
        format=kind, log_version="12.2", isv="acme", rlm_version="12.2 BL2", authenticated=False
    )


def test_without_a_head_nothing_of_it_is_known() -> None:
    assert read(text(START)).header == Header()


def test_the_first_head_of_several_files_is_the_logs() -> None:
    found = read(
        log(START), text("RLM Report Log Format 1, version 16.0", "ISV: other, RLM version 16.0 BL1")
    )
    assert (found.header.format, found.header.isv) == (LogFormat.STD, "acme")


def test_denials_are_counted_where_the_client_has_no_other_server() -> None:
    found = read(
        log(START, DENY.format(-22, 0), DENY.format(-22, 1), DENY.format(-3, 2), DENY.format(-3, -1))
    )

    assert [(each.why, each.last_attempt, each.is_final) for each in found.denials] == [
        (-22, 0, False), (-22, 1, True), (-3, 2, True), (-3, -1, True),
    ]  # fmt: skip
    assert found.denials[0].at == datetime(2026, 3, 2, 8, 32)  # noqa: DTZ001 - the server's local time
    assert (found.sessions, found.peak_seats) == ((), {})


def test_a_damaged_record_is_a_warning_and_nothing_else() -> None:
    lines = (START, out("1", "08:10:00"), back("1", "09:10:00"))
    whole = read(log(*lines))
    damaged = read(DATA / "damaged.log")

    assert [each.line for each in damaged.warnings] == [10, 11, *range(13, 29)]
    assert all(each.file == 0 and each.text for each in damaged.warnings)
    assert len(damaged.runs) == len(damaged.sessions) == 1
    assert damaged.denials == ()
    for warning in (line for line in (DATA / "damaged.log").read_text().split("\n")[12:28]):
        found = read(log(lines[0], warning, lines[1], warning, lines[2], warning))
        assert (found.runs, found.sessions, len(found.warnings)) == (whole.runs, whole.sessions, 3)


def test_a_cut_last_record_is_a_warning_and_nothing_else() -> None:
    found = read(DATA / "cut.log")

    assert [each.line for each in found.warnings] == [18]
    assert ends(found.sessions) == [(0, "1", "open"), (0, "2", "open")]


def test_a_record_that_was_cut_in_the_first_of_two_files_is_left_out() -> None:
    whole = log(START, out("1", "08:10:00"), back("1", "09:10:00"))
    found = read(whole[:-6], text("SWITCH from a.rl") + log(START, back("1", "10:10:00")))

    assert found.warnings == (
        LogWarning(0, 9, 'the last line is cut: IN 1 solver 2.5 alice ws1 "" 1 0 0 1 03/02 09:'),
    )
    assert [f"{each.back}" for each in found.sessions] == ["2026-03-02 10:10:00"]


def test_lines_are_told_by_their_file() -> None:
    found = read(log(START, "nonsense"), log(START), text("more"), b"", text("", "of it"))
    assert [(each.file, each.line) for each in found.warnings] == [(0, 8), (2, 1), (4, 2)]


def test_the_text_of_a_head_is_no_record() -> None:
    lines = ("IN which nobody looks", "Some text", "OUT of order", "END of the text")
    found = read(log(*lines, START, *lines))
    assert [each.line for each in found.warnings] == [12, 13, 14, 15]


def test_a_start_that_is_damaged_does_not_go_unseen() -> None:
    assert len(read(log("START rlm1 13/13/2026 08:00")).warnings) == 1


def test_a_line_without_end_is_bounded() -> None:
    long = b"x" * (LONGEST_LINE + 1)
    for size in (1, 3, 5, 50):
        found = read(log(START) + long * size + b"\n" + log(START) + long * size)
        lines = [(each.line, each.text) for each in found.warnings]
        assert lines == [
            (8, "a line of more than 65536 characters"),
            (16, "a line of more than 65536 characters"),
        ]
        assert len(found.runs) == 2


def most_memory(pieces: Iterable[bytes]) -> int:
    """What reading these takes at most."""
    reader = ReportLogReader()
    tracemalloc.start()
    try:
        for piece in pieces:
            reader.feed(piece)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_log() -> None:
    short, long = (text(*std(number)) for number in (4_000, 16_000))
    pieces = [[data[at : at + 8192] for at in range(0, len(data), 8192)] for data in (short, long)]
    most_memory(pieces[0])  # fills Python's free list of tuples (2,000 sessions), which it keeps for later
    assert most_memory(pieces[1]) < 1.3 * most_memory(pieces[0])


def test_memory_does_not_grow_with_a_line() -> None:
    assert most_memory(b"x" * 10_000 for _ in range(500)) < 2_000_000


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_pieces_may_end_anywhere(path: object) -> None:
    data = (DATA / str(path)).read_bytes()
    whole = read(data)
    for size in (1, 2, 7, 100):
        reader = ReportLogReader()
        events = [event for at in range(0, len(data), size) for event in reader.feed(data[at : at + size])]
        events += reader.close()
        assert sorted(map(repr, events)) == sorted(
            map(repr, (*whole.runs, *whole.sessions, *whole.denials, *whole.warnings))
        )
        assert (reader.peak_seats, reader.header) == (whole.peak_seats, whole.header)


def test_holes_line_ends_and_marks_of_windows_change_nothing() -> None:
    plain = log(START, out("1", "08:10:00"), back("1", "09:10:00"))
    windows = b"\xef\xbb\xbf" + plain.replace(b"\n", b"\r\n")
    assert read(windows) == read(plain) == read(b"\0" * 5000 + plain)


def test_every_code_of_the_vendor_has_its_words() -> None:
    assert set(range(1, 11)) <= set(CHECKIN_REASONS)
    known = (1, 2, 3, 4, 5, 6, 8, 10, 11, 12, 13, 14, 17, 20, 21, 22, 24, 25, 28, 35, 37, 39, 40, 42, 45, 46)
    assert {-code for code in known} <= set(DENIAL_REASONS)
