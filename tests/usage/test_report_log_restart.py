"""A session that goes on over rotations and over a restart of its reader is whole."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from rlm_exporter.rlm.report_log_place import TailPosition
from rlm_exporter.rlm.report_log_values import Begun, Session
from rlm_exporter.usage import report_log_follower, report_log_tail
from rlm_exporter.usage.report_log_follower import ReportLogFollower
from rlm_exporter.usage.report_log_wire import read_place, written_place
from tests.usage.growing_log import LogOfSessions

SMALL = "RLM Report Log Format 1, version 15.2"


class SmallLog(LogOfSessions):
    """Neither day nor product stands in a checkin."""

    def checkout(self) -> None:
        self.handles += 1
        n = self.handles
        self.lines(f"{self._now:%m/%d/%Y %H:%M}", f'OUT solver 2.5 user{n} ws1 "" 1 {n:x} {n:x} {self.at()}')

    def checkin(self, handle: int | None = None) -> None:
        self.lines(f"IN 1 1 {handle or self.handles:x} {self.at()}")

    def at(self) -> str:
        return f"{self._now:%H:%M}"


class StandardLog(LogOfSessions):
    """Of any handle."""

    def checkin(self, handle: int | None = None) -> None:
        n = handle or self.handles
        self.lines(f'IN 1 solver 2.5 user{n} ws1 "" 1 0 0 {n:x} {self.at()}')


Log = SmallLog | StandardLog


@pytest.fixture(params=[SmallLog, StandardLog])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Log]:
    made: Log = request.param(tmp_path / "acme.rl")
    made.start()
    yield made
    made.stop()


class Life:
    """One reader after another."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.told: list[Session] = []
        self._since: TailPosition | None = None
        self.follower = ReportLogFollower(path)

    def read(self, times: int = 4) -> list[tuple[str | None, Begun]]:
        """All sessions until now; the place is kept as a daemon keeps it."""
        for _ in range(times):
            for step in self.follower.steps():
                self.told += [event for event in step.events if isinstance(event, Session)]
                self._since = read_place(written_place(step.position))
        return [(session.user, session.begun) for session in self.told]

    def restart(self) -> None:
        self.follower.close()
        self.follower = ReportLogFollower(self.path, since=self._since)

    @property
    def earlier(self) -> int:
        """How many files stand in the place."""
        return 0 if self._since is None else len(self._since.earlier)


@pytest.fixture
def life(log: Log) -> Iterator[Life]:
    made = Life(log.path)
    yield made
    made.follower.close()


def rotate(log: Log, number: int) -> None:
    log.rename(f"acme.rl.{number}")
    log.lines(f"SWITCH to {log.path}", f"END {log._now:%m/%d/%Y %H:%M}")
    log.start(f"SWITCH from {log.path}")


def test_its_beginning_is_found_in_a_file_before(log: Log, life: Life) -> None:
    log.checkout()
    life.read()
    rotate(log, 1)
    log.session()
    assert life.read() == [("user2", Begun.OUT)]
    life.restart()
    log.checkin(1)
    assert life.read() == [("user2", Begun.OUT), ("user1", Begun.OUT)]
    first = life.told[-1]
    assert (first.product, first.out) == ("solver", datetime(2024, 12, 31, 20, 7, first.out.second))  # type: ignore[union-attr]  # noqa: DTZ001 - it was told, in the server's time


def test_several_rotations_and_restarts_lose_nothing(log: Log, life: Life) -> None:
    log.checkout()
    for number in range(1, 6):
        life.read()
        rotate(log, number)
        log.session()
        life.restart()
    life.read()
    assert life.earlier == 5
    log.checkin(1)
    assert life.read()[-1] == ("user1", Begun.OUT)
    assert len(life.told) == 6


def test_only_files_in_which_something_began_that_is_out_are_kept(log: Log, life: Life) -> None:
    log.session()
    log.checkout()
    life.read()
    rotate(log, 1)
    log.checkout()
    life.read()
    assert life.earlier == 1
    rotate(log, 2)
    log.checkin(2)
    life.read()
    assert life.earlier == 1
    log.checkin(3)
    life.read()
    assert life.earlier == 0


def test_a_restart_reads_a_bounded_part_of_what_was(
    log: Log, life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_log_follower, "MOST_FILES", 2)
    log.checkout()
    for number in range(1, 5):
        life.read()
        rotate(log, number)
        log.session()
    life.read()
    assert life.earlier == 2


def test_a_file_that_is_gone_is_passed_over(log: Log, life: Life) -> None:
    log.checkout()
    life.read()
    rotate(log, 1)
    log.checkout()
    life.read()
    rotate(log, 2)
    log.session()
    life.read()
    log.path.with_name("acme.rl.1").unlink()
    life.restart()
    log.checkin(2)
    assert life.read()[-1] == ("user2", Begun.OUT)


def test_files_before_are_read_in_pieces(log: Log, life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    """And another restart comes before they are."""
    monkeypatch.setattr("rlm_exporter.usage.report_log_cursor.PIECE", 100)
    monkeypatch.setattr(report_log_tail, "_AT_ONCE", 100)
    log.checkout()
    life.read(20)
    rotate(log, 1)
    log.session()
    life.read(20)
    for times in (1, 1, 40):
        life.restart()
        life.read(times)
    log.checkin(1)
    assert life.read(40)[-1] == ("user1", Begun.OUT)
    assert len(life.told) == 2
