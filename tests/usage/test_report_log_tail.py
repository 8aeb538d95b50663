"""No record is lost or told twice, whatever is done to a growing log."""

import errno
import os
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import pytest

from rlm_exporter.rlm.report_log_place import TailPosition
from rlm_exporter.usage import report_log_cursor, report_log_tail
from rlm_exporter.usage.report_log_search import find_again
from rlm_exporter.usage.report_log_tail import ReportLogTail
from tests.usage.growing_log import GrowingLog, Reader


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GrowingLog]:
    log = GrowingLog(tmp_path / "acme.rl")
    log.start()
    try:
        yield log
    finally:
        log.stop()


@pytest.fixture
def reader(server: GrowingLog) -> Iterator[Reader]:
    reader = Reader(server.path)
    try:
        yield reader
    finally:
        reader.follower.close()


def all_of(server: GrowingLog) -> list[int]:
    return list(range(1, server.number + 1))


def test_tells_what_was_written_and_then_what_is_added(server: GrowingLog, reader: Reader) -> None:
    server.deny(3)
    assert reader.read() == [1, 2, 3]
    assert reader.read() == [1, 2, 3]
    server.deny(2)
    assert reader.read() == [1, 2, 3, 4, 5]


def test_a_line_that_is_half_written_waits_for_its_end(server: GrowingLog, reader: Reader) -> None:
    record = server.record()
    for letter in record[:-1]:
        server.raw(letter)
        assert reader.read() == []
    server.raw(record[-1])
    assert reader.read() == [1]


def test_a_half_written_line_at_the_end_of_a_file_is_never_joined_to_the_next_one(
    server: GrowingLog, reader: Reader
) -> None:
    server.deny()
    server.raw(server.record()[:20])
    reader.read()
    server.rename("acme.rl.1")
    server.start()
    server.deny()
    assert reader.read(4) == [1, 3]


def test_a_last_line_without_an_end_is_told_when_nothing_can_end_it(
    server: GrowingLog, reader: Reader
) -> None:
    server.raw(server.record().rstrip("\n"))
    assert reader.read(3) == []
    server.rename("acme.rl.1")
    server.start()
    assert reader.read(3) == [1]


def renamed(server: GrowingLog) -> None:
    server.rename(f"{server.path.name}.{server.tick()}")
    server.start()


def renamed_with_a_date(server: GrowingLog) -> None:
    server.rename(f"{server.path.stem}-{20260000 + server.tick()}{server.path.suffix}")
    server.start()


def copied_and_cut(server: GrowingLog) -> None:
    server.copy_and_cut(f"{server.path.name}.{server.tick()}")


def switched(server: GrowingLog) -> None:
    server.switch(server.path.with_name(f"acme {server.tick()}.rl"))


def started_again(server: GrowingLog) -> None:
    server.start()


ROTATIONS = [renamed, renamed_with_a_date, copied_and_cut, switched, started_again]
Rotation = Callable[[GrowingLog], None]


@pytest.mark.parametrize("rotate", ROTATIONS)
@pytest.mark.parametrize("behind", [False, True], ids=["", "while behind"])
@pytest.mark.parametrize("restarts", [False, True], ids=["", "with a restart"])
def test_a_rotation_loses_and_doubles_nothing(
    server: GrowingLog, reader: Reader, rotate: Rotation, behind: bool, restarts: bool
) -> None:
    for _ in range(4):
        server.deny(5)
        reader.read()
        server.deny(0 if not behind else 3)
        if restarts:
            reader.restart()
        rotate(server)
        if restarts:
            reader.restart()
        server.deny(2)
        reader.read(4)
        assert reader.told == all_of(server)
    assert reader.gaps == 0


@pytest.mark.parametrize("rotate", [renamed, renamed_with_a_date, switched, started_again])
def test_several_rotations_between_two_readings_lose_nothing(
    server: GrowingLog, reader: Reader, rotate: Rotation
) -> None:
    server.deny(5)
    reader.read()
    for _ in range(4):
        server.deny(3)
        rotate(server)
        server.deny(2)
    assert reader.read(20) == all_of(server)
    assert reader.gaps == 0


@pytest.mark.parametrize("rotate", [renamed, renamed_with_a_date, switched])
def test_nor_do_they_while_nobody_reads(server: GrowingLog, reader: Reader, rotate: Rotation) -> None:
    server.deny(5)
    reader.read()
    reader.follower.close()
    for _ in range(3):
        server.deny(3)
        rotate(server)
        server.deny(2)
    reader.restart()
    assert reader.read(20) == all_of(server)
    assert reader.gaps == 0


def test_files_beside_a_log_that_were_never_read_stay_unread(server: GrowingLog, reader: Reader) -> None:
    server.deny(5)
    renamed(server)
    server.deny(2)
    assert reader.read(4) == [6, 7]
    renamed(server)
    server.deny(2)
    assert reader.read(4) == [6, 7, 8, 9]


def test_last_lines_written_after_the_next_file_is_there_are_told(server: GrowingLog, reader: Reader) -> None:
    server.deny()
    reader.read()
    server.rename("acme.rl.1")
    following = GrowingLog(server.path)
    following.number, following._now = 100, server._now
    following.start()
    following.deny()
    reader.read()
    server.deny()
    assert reader.read(4) == [1, 2, 101]
    following.stop()


def test_an_empty_file_in_the_place_is_not_yet_the_next_one(server: GrowingLog, reader: Reader) -> None:
    server.deny()
    reader.read()
    server.rename("acme.rl.1")
    server.path.touch()
    for _ in range(5):
        server.deny()
        reader.read()
    assert reader.told == all_of(server)


def test_a_log_that_is_removed_is_waited_for(server: GrowingLog, reader: Reader) -> None:
    server.deny()
    reader.read()
    server.path.unlink()
    server.deny()
    assert reader.read(3) == [1, 2]
    server.start()
    server.deny()
    assert reader.read(3) == [1, 2, 3]


def test_a_log_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    reader, server = Reader(tmp_path / "later" / "acme.rl"), GrowingLog(tmp_path / "later" / "acme.rl")
    assert reader.read(2) == []
    assert reader.follower.position is None
    reader.restart()
    server.path.parent.mkdir()
    server.start()
    server.deny()
    assert reader.read() == [1]
    server.stop()


def test_a_server_that_overwrites_its_log_is_followed_and_the_gap_is_told(
    server: GrowingLog, reader: Reader
) -> None:
    server.deny(2)
    reader.read()
    server.deny()
    server.start(anew=True)
    server.deny(2)
    assert reader.read(3) == [1, 2, 4, 5]
    assert reader.gaps == 1


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("in_place", [False, True], ids=["by rename", "in place"])
def test_a_file_of_the_same_size_in_the_place_is_another_one(
    server: GrowingLog, reader: Reader, in_place: bool, restarts: bool
) -> None:
    server.deny(3)
    reader.read()
    size = server.path.stat().st_size
    other = GrowingLog(server.path.with_name("other"))
    other.number, other._now = 5, server._now
    other.start()
    other.deny(3)
    other.stop()
    assert other.path.stat().st_size == size
    if in_place:
        server.path.write_bytes(other.path.read_bytes())
    else:
        other.path.rename(server.path)
    if restarts:
        reader.restart()
    assert reader.read(3) == [1, 2, 3, 6, 7, 8]


@pytest.mark.parametrize("restarts", [False, True])
def test_a_copy_of_itself_in_the_place_is_the_same_log(
    server: GrowingLog, reader: Reader, restarts: bool
) -> None:
    server.deny(3)
    reader.read()
    server.stop()
    shutil.copyfile(server.path, server.path.with_name("copy"))
    server.path.with_name("copy").rename(server.path)
    if restarts:
        reader.restart()
    reader.read(3)
    server._file = os.open(server.path, os.O_WRONLY | os.O_APPEND)
    server.deny()
    assert reader.read(3) == [1, 2, 3, 4]
    assert reader.gaps == 0


def test_copies_beside_the_log_are_not_told_again(server: GrowingLog, reader: Reader) -> None:
    server.deny(3)
    reader.read()
    shutil.copyfile(server.path, server.path.with_name("acme.rl.saved"))
    renamed(server)
    server.deny()
    shutil.copyfile(server.path.with_name("acme.rl.1"), server.path.with_name("acme.rl.saved-too"))
    reader.read(3)
    renamed(server)
    server.deny()
    assert reader.read(3) == all_of(server)


def test_a_cut_log_whose_writer_does_not_append_has_a_hole(tmp_path: Path) -> None:
    server, reader = GrowingLog(tmp_path / "acme.rl", appends=False), Reader(tmp_path / "acme.rl")
    server.start()
    for _ in range(3):
        server.deny(3)
        reader.read()
        server.deny(2)
        server.copy_and_cut(f"acme.rl.{server.number}")
        server.deny(2)
        reader.read(4)
        reader.restart()
    assert server.path.read_bytes()[:100] == b"\0" * 100
    assert reader.told == all_of(server)
    server.stop()


@pytest.mark.parametrize("leaves", ["nothing", "a copy"])
def test_a_log_that_was_moved_to_another_folder_is_known_by_what_it_holds(
    server: GrowingLog, reader: Reader, leaves: str
) -> None:
    """Or the file system was mounted elsewhere, and the manifest says so. Its rotation goes on as ever."""
    server.deny()
    reader.read()
    folder = server.path.with_name("elsewhere")
    folder.mkdir()
    before = server.path
    server.path = server.path.rename(folder / server.path.name)
    if leaves == "a copy":
        shutil.copyfile(server.path, before)
    reader.path = server.path
    reader.restart()
    server.deny()
    assert reader.read(2) == [1, 2]
    server.rename("acme.rl.1")
    server.start()
    server.deny()
    assert reader.read(4) == [1, 2, 3]
    reader.restart()
    server.deny()
    assert (reader.read(2), reader.gaps) == ([1, 2, 3, 4], 0)


def test_a_log_that_was_moved_and_rotated_there_is_found_among_the_rotated_ones(
    server: GrowingLog, reader: Reader
) -> None:
    server.deny()
    reader.read()
    folder = server.path.with_name("elsewhere")
    folder.mkdir()
    server.path = server.path.rename(folder / server.path.name)
    server.deny()
    server.rename("acme.rl.1")
    server.start()
    server.deny()
    reader.path = server.path
    reader.restart()
    assert (reader.read(4), reader.gaps) == ([1, 2, 3], 0)


def test_a_log_that_was_just_switched_to_is_not_taken_for_the_one_before(
    server: GrowingLog, tmp_path: Path
) -> None:
    """Both began in one minute, and nothing was read of the new one yet."""
    server.deny()
    begins = datetime(2024, 12, 31, 20, 7)  # noqa: DTZ001 - the server's local time
    new = tmp_path / "b.rl"
    shutil.copyfile(server.path, new)
    nothing = TailPosition(
        name=str(new), device=1, inode=2, offset=0, first="", last="", begins=begins, dated=None
    )
    found = find_again(nothing, home=server.path)
    assert found is not None
    found.file.close()
    assert found.name == new


def test_it_is_known_whether_there_is_a_file_to_go_on_with(server: GrowingLog, reader: Reader) -> None:
    server.deny()
    reader.read()
    seen = [reader.follower.is_missing]
    away = server.path.rename(server.path.with_name("gone"))
    reader.restart()
    reader.read(3)
    seen.append(reader.follower.is_missing)
    away.rename(server.path)
    server.deny()
    assert reader.read() == [1, 2]
    assert [*seen, reader.follower.is_missing] == [False, True, False]


@pytest.mark.parametrize("target", [".", "/", "x" * 5000, " ", "a\0", "/dev/null"])
def test_a_switch_to_what_is_no_file_stops_nothing(server: GrowingLog, reader: Reader, target: str) -> None:
    server.deny()
    server.lines(f"SWITCH to {target}")
    server.deny()
    assert reader.read(3) == [1, 2]


@pytest.mark.parametrize("target", ["/elsewhere/b.rl", "C:\\rlm\\b.rl", "b.rl", "../logs/b.rl"])
def test_a_switch_is_found_beside_the_log_whatever_the_servers_folder_is_called(
    server: GrowingLog, reader: Reader, target: str
) -> None:
    server.deny()
    server.lines(f"SWITCH to {target}", "END 12/31/2024 20:10")
    server.path = server.path.with_name("b.rl")
    server.start("SWITCH from a.rl")
    server.deny()
    assert reader.read(3) == [1, 2]


def test_a_switch_waits_for_the_file_that_it_names(server: GrowingLog, reader: Reader) -> None:
    server.deny()
    server.lines(f"SWITCH to {server.path.with_name('b.rl')}")
    assert reader.read(3) == [1]
    server.path = server.path.with_name("b.rl")
    server.start()
    server.deny()
    reader.restart()
    assert reader.read(3) == [1, 2]


@pytest.mark.parametrize("anew", [False, True], ids=["appending", "overwriting"])
@pytest.mark.parametrize("restarts", [False, True])
def test_a_server_that_starts_again_after_a_switch_returns_to_its_first_log(
    server: GrowingLog, reader: Reader, anew: bool, restarts: bool
) -> None:
    home = server.path
    for _ in range(3):
        server.deny(2)
        reader.read(3)
        server.switch(home.with_name(f"b{server.number}.rl"))
        server.deny(2)
        reader.read(3)
        if restarts:
            reader.restart()
            reader.read(2)
        server.deny()
        server.path = home
        server.start(anew=anew)
        server.deny(2)
        reader.read(4)
        assert reader.told == all_of(server)


def test_logs_of_others_in_the_folder_are_not_mistaken_for_rotated_ones(tmp_path: Path) -> None:
    server, reader = GrowingLog(tmp_path / "acme.rl"), Reader(tmp_path / "acme.rl")
    server.start()
    server.deny()
    reader.read()
    for name, isv, host in (
        ("acme.rl.other", "other", "rlm1"), ("acme-2.rl", "acme", "rlm2"), ("acme2.rl", "acme", "rlm1"),
        ("acme", "acme", "rlm1"),
    ):  # fmt: skip
        other = GrowingLog(tmp_path / name, isv=isv, server=host)
        other.number, other._now = 1000, server._now
        other.start()
        other.deny()
        other.stop()
    (tmp_path / "acme.rl.d").mkdir()
    os.mkfifo(tmp_path / "acme.rl.pipe")
    (tmp_path / "acme.rl.gz").write_bytes(b"\x1f\x8b\x08" + bytes(range(256)) * 10)
    renamed(server)
    renamed(server)
    server.deny()
    assert reader.read(5) == [1, 2]
    server.stop()


def test_a_clock_that_was_set_back_does_not_stop_it(server: GrowingLog, reader: Reader) -> None:
    server.deny()
    reader.read()
    server._now = server._now.replace(hour=3)
    renamed(server)
    server.deny()
    assert reader.read(3) == [1, 2]


def test_a_file_that_is_gone_before_it_was_read_is_a_gap(server: GrowingLog, reader: Reader) -> None:
    server.deny(2)
    reader.read()
    reader.follower.close()
    server.deny()
    renamed(server)
    server.deny()
    renamed(server)
    server.deny()
    server.path.with_name("acme.rl.1").unlink()
    reader.restart()
    assert reader.read(5) == [1, 2, 4, 5]
    assert reader.gaps == 1


def test_from_the_end_tells_only_what_is_new(server: GrowingLog) -> None:
    server.deny(3)
    server.raw(server.record()[:-1])
    reader = Reader(server.path, from_end=True)
    assert reader.read(2) == []
    server.raw("\n")
    server.deny()
    assert reader.read() == [4, 5]
    renamed(server)
    server.deny()
    assert reader.read(3) == [4, 5, 6]
    reader.follower.close()


def test_from_the_end_reads_no_more_of_a_large_log_than_it_needs(server: GrowingLog) -> None:
    while server.path.stat().st_size < 3 * report_log_cursor.PIECE:
        server.deny(1000)
    tail = ReportLogTail(server.path, from_end=True)
    read = sum(len(piece.data) for piece in tail.poll())
    assert read <= report_log_cursor.PIECE
    server.deny()
    [piece] = tail.poll()
    assert piece.is_new
    assert f" {server.number} ".encode() in piece.data
    tail.close()


def test_from_the_end_of_a_log_without_dates_tells_nothing_old(tmp_path: Path) -> None:
    path = tmp_path / "acme.rl"
    path.write_text('DENY solver 2.5 1 ws1 "" 1 -22 1 12/31 23:50\n')
    reader = Reader(path, from_end=True)
    reader.read()
    with path.open("a") as file:
        file.write('12/31/2024 23:55\nDENY solver 2.5 2 ws1 "" 1 -22 1 12/31 23:56\n')
    assert reader.read() == [2]
    reader.follower.close()


def test_from_the_end_tells_all_of_a_log_that_appears_later(tmp_path: Path) -> None:
    server, reader = GrowingLog(tmp_path / "acme.rl"), Reader(tmp_path / "acme.rl", from_end=True)
    reader.read()
    server.start()
    server.deny()
    assert reader.read() == [1]
    server.stop()


def test_letting_go_of_the_file_changes_nothing(server: GrowingLog, reader: Reader) -> None:
    for rotate in (renamed, switched, started_again):
        for _ in range(3):
            server.deny()
            reader.follower.close()
            reader.read(2)
            reader.follower.close()
        rotate(server)
    assert reader.read(3) == all_of(server)


@pytest.mark.parametrize("what", ["folder", "pipe"])
def test_what_is_no_file_is_an_error_and_is_tried_again(tmp_path: Path, what: str) -> None:
    path = tmp_path / "acme.rl"
    if what == "folder":
        path.mkdir()
    else:
        os.mkfifo(path)
    reader = Reader(path)
    for _ in range(2):
        with pytest.raises(OSError, match=r"no regular file|directory") as raised:
            reader.read()
        assert raised.value.errno in {errno.EINVAL, errno.EISDIR}
    path.rmdir() if what == "folder" else path.unlink()
    server = GrowingLog(path)
    server.start()
    server.deny()
    assert reader.read() == [1]
    server.stop()


def test_a_poll_hands_out_a_bounded_part(server: GrowingLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_log_cursor, "PIECE", 4096)
    monkeypatch.setattr(report_log_tail, "_AT_ONCE", 16384)
    server.deny(2000)
    tail = ReportLogTail(server.path)
    parts: list[bytes] = []
    while pieces := tail.poll():
        assert sum(len(piece.data) for piece in pieces) <= 16384 + 4096
        assert all(piece.data.endswith(b"\n") for piece in pieces)
        parts += [piece.data for piece in pieces]
    assert b"".join(parts) == server.path.read_bytes()
    tail.close()


def test_a_line_that_never_ends_does_not_stop_it(server: GrowingLog, reader: Reader) -> None:
    server.raw("x" * 3_000_000)
    reader.read()
    reader.restart()
    server.raw("\n")
    server.deny()
    assert reader.read(2) == [1]


def test_a_place_can_be_kept_as_plain_values(server: GrowingLog, reader: Reader) -> None:
    server.deny()
    reader.read()
    kept = asdict(reader.follower.position) if reader.follower.position else {}
    assert {type(value) for value in kept.values()} <= {str, int, tuple, type(None), type(server._now)}
    again = Reader(server.path, since=TailPosition(**kept))
    server.deny()
    assert again.read() == [2]
    again.follower.close()


@pytest.mark.parametrize("seed", range(60))
def test_any_story_is_told_once(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    server, reader = GrowingLog(tmp_path / "acme.rl"), Reader(tmp_path / "acme.rl")
    server.start()
    reader.read()
    unread_cuts = 0
    for _ in range(60):
        match chance.randrange(8):
            case 0 if not unread_cuts:
                chance.choice([renamed, renamed_with_a_date, started_again])(server)
            case 1 if not unread_cuts:
                copied_and_cut(server)
                unread_cuts += 1
            case 2 if not unread_cuts:
                switched(server)
            case 3:
                server.deny()
                record = server.record()
                server.raw(record[:30])
                reader.read()
                server.raw(record[30:])
                unread_cuts = 0
            case 4:
                reader.restart()
            case 5 | 6:
                reader.read(chance.randrange(1, 4))
                unread_cuts = 0
            case _:
                server.deny(chance.randrange(30))
    assert reader.read(120) == all_of(server)
    assert reader.gaps == 0
    reader.follower.close()
    server.stop()
